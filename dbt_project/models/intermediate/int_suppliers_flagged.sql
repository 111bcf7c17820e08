-- Suppliers that a questionnaire of the last twelve months put at high risk, and whether they were followed up since:
-- an action was agreed against a finding of a questionnaire, on the day of the flag or later.
with

flagged as (
    select
        quarters.fiscal_quarter,
        quarters.quarter_end,
        suppliers.supplier_key,
        min(suppliers.submitted_on) as flagged_on,
        max(case when suppliers.is_human_rights then 1 else 0 end) as is_human_rights,
        max(case when suppliers.is_labour then 1 else 0 end) as is_labour
    from {{ ref('int_suppliers_high_risk') }} as suppliers
    inner join {{ ref('int_quarters') }} as quarters
        on suppliers.submitted_on between quarters.trailing_year_start and quarters.quarter_end
    group by quarters.fiscal_quarter, quarters.quarter_end, suppliers.supplier_key
)

select
    flagged.fiscal_quarter,
    flagged.supplier_key,
    case
        when min(flagged.is_human_rights) = 1 and min(flagged.is_labour) = 1 then 'HUMAN_RIGHTS_AND_LABOUR'
        when min(flagged.is_human_rights) = 1 then 'HUMAN_RIGHTS'
        else 'LABOUR'
    end as topic,
    count(actions.action_id) > 0 as is_followed_up
from flagged
left join {{ ref('int_supplier_corrective_actions') }} as actions
    on
        flagged.supplier_key = actions.supplier_key
        and actions.assessment_id is not null
        and actions.agreed_on between flagged.flagged_on and flagged.quarter_end
group by flagged.fiscal_quarter, flagged.supplier_key
