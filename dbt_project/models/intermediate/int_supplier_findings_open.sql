-- Past due: an action against it should have been closed before the quarter's last day, and was not closed on it.
with

due as (
    select
        quarters.fiscal_quarter,
        actions.finding_id
    from {{ ref('int_supplier_corrective_actions') }} as actions
    inner join {{ ref('int_quarters') }} as quarters
        on
            actions.due_on < quarters.quarter_end
            and coalesce(actions.closed_on, {{ end_of_time() }}) > quarters.quarter_end
    group by quarters.fiscal_quarter, actions.finding_id
)

select
    quarters.fiscal_quarter,
    findings.finding_id,
    findings.supplier_key,
    findings.severity,
    findings.topic_code,
    case
        when due.finding_id is null then 'NOT_PAST_DUE'
        when findings.severity = 'CRITICAL' then 'CRITICAL_PAST_DUE'
        else 'OTHER_PAST_DUE'
    end as due_state
from {{ ref('int_supplier_findings') }} as findings
inner join {{ ref('int_quarters') }} as quarters
    on
        findings.found_on <= quarters.quarter_end
        and coalesce(findings.closed_on, {{ end_of_time() }}) > quarters.quarter_end
left join due
    on
        quarters.fiscal_quarter = due.fiscal_quarter
        and findings.finding_id = due.finding_id
where findings.is_from_audit
