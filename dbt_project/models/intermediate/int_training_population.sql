-- Whose duty the annual course is, who was away all the while it was offered, and who passed it.
with

passed as (
    select distinct
        windows.fiscal_quarter,
        completions.person_key
    from {{ ref('int_training_completions') }} as completions
    inner join {{ ref('int_training_windows') }} as windows
        on
            completions.programme_code = 'BHR_ANNUAL'
            and completions.completed_on between windows.year_start and windows.quarter_end
)

select
    workers.fiscal_quarter,
    workers.perimeter,
    workers.person_key,
    workers.entity_code,
    workers.worker_category,
    workers.country_iso2,
    workers.work_language,
    on_leave.worker_key is not null as is_on_leave,
    passed.person_key is not null as has_passed
from {{ ref('int_workers_in_scope') }} as workers
inner join {{ ref('int_training_windows') }} as windows
    on workers.fiscal_quarter = windows.fiscal_quarter
left join {{ ref('int_workers_on_leave') }} as on_leave
    on
        workers.fiscal_quarter = on_leave.fiscal_quarter
        and workers.worker_key = on_leave.worker_key
left join passed
    on
        workers.fiscal_quarter = passed.fiscal_quarter
        and workers.person_key = passed.person_key
where workers.is_in_training_scope
