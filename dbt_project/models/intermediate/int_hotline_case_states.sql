-- Every case that had been received by a quarter's last day, and whether it was open on it: as its history of states
-- says, or, where it has none, by the day of closing.
with

histories as (
    select
        quarters.fiscal_quarter,
        states.case_id,
        states.to_status,
        row_number() over (
            partition by quarters.fiscal_quarter, states.case_id
            order by states.changed_tick desc nulls last, states.to_status desc nulls last
        ) as standing
    from {{ ref('stg_hotline__status_history') }} as states
    inner join {{ ref('int_quarters') }} as quarters
        on states.changed_quarter <= quarters.quarter_start
)

select
    quarters.fiscal_quarter,
    cases.perimeter,
    cases.case_id,
    case
        when cases.received_quarter = quarters.quarter_start then 'RECEIVED_IN_THE_QUARTER'
        when cases.received_quarter >= {{ dbt.dateadd('month', -3, 'quarters.quarter_start') }}
            then 'RECEIVED_THE_QUARTER_BEFORE'
        else 'RECEIVED_EARLIER'
    end as age_band,
    coalesce(histories.to_status, cases.status) <> 'UNKNOWN' as is_status_known,
    coalesce(
        histories.to_status <> 'CLOSED',
        cases.closed_quarter is null or cases.closed_quarter > quarters.quarter_start
    ) as is_open
from {{ ref('int_hotline_cases_in_perimeter') }} as cases
inner join {{ ref('int_quarters') }} as quarters
    on cases.received_quarter <= quarters.quarter_start
left join histories
    on
        quarters.fiscal_quarter = histories.fiscal_quarter
        and cases.case_id = histories.case_id
        and histories.standing = 1
