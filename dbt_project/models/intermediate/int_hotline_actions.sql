-- Actions that were due by a quarter's last day. Of the day only the quarter is kept, so what was due on the very last
-- day is past due like the rest.
select
    quarters.fiscal_quarter,
    cases.perimeter,
    actions.case_id || ' ' || cast(actions.action_no as {{ dbt.type_string() }}) as row_key,
    actions.owner_division,
    coalesce(actions.done_quarter <= quarters.quarter_start, false) as is_done
from {{ ref('stg_hotline__action') }} as actions
inner join {{ ref('int_hotline_cases_in_perimeter') }} as cases
    on actions.case_id = cases.case_id
inner join {{ ref('int_quarters') }} as quarters
    on actions.due_quarter <= quarters.quarter_start
where actions.type <> 'NONE'
