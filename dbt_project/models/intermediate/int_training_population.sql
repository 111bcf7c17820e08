{{ config(materialized='view') }}
-- Whose duty the annual course is, who was away all the while it was offered, and who passed it. A view: persons are
-- looked up only behind a figure, and int_training_cube has their counts.
with

passed as (
    select
        windows.fiscal_quarter,
        completions.person_key,
        min(completions.completed_on) as first_passed_on
    from {{ ref('int_training_completions') }} as completions
    inner join {{ ref('int_training_windows') }} as windows
        on
            completions.programme_code = 'BHR_ANNUAL'
            and completions.completed_on between windows.year_start and windows.quarter_end
    group by windows.fiscal_quarter, completions.person_key
),

-- Of several assignments in a year, the first that is due counts; one that was waived is no duty.
due as (
    select
        windows.fiscal_quarter,
        learners.person_key,
        min(assignments.due_on) as due_on
    from {{ ref('stg_training__assignment') }} as assignments
    inner join {{ ref('int_course_programmes') }} as courses
        on
            assignments.course_code = courses.course_code
            and courses.programme_code = 'BHR_ANNUAL'
    inner join {{ ref('stg_training__learner_xref') }} as learners
        on assignments.learner_id = learners.learner_id
    inner join {{ ref('int_training_windows') }} as windows
        on assignments.assigned_on between windows.year_start and windows.quarter_end
    where assignments.waived_on is null
    group by windows.fiscal_quarter, learners.person_key
),

hours as (
    select
        quarters.fiscal_quarter,
        courses.person_key,
        sum(courses.minutes) as minutes
    from {{ ref('int_theme_completions') }} as courses
    inner join {{ ref('int_quarters') }} as quarters
        on courses.completed_on between quarters.year_start and quarters.quarter_end
    where courses.is_first_of_the_year
    group by quarters.fiscal_quarter, courses.person_key
)

select
    workers.fiscal_quarter,
    workers.perimeter,
    workers.person_key,
    workers.entity_code,
    workers.worker_category,
    workers.country_iso2,
    workers.work_language,
    workers.org_unit_code,
    workers.is_status_known,
    on_leave.worker_key is not null as is_on_leave,
    passed.person_key is not null as has_passed,
    -- Who has no date by which to pass cannot have passed in time.
    coalesce(passed.first_passed_on <= due.due_on, false) as has_passed_in_time,
    coalesce(hours.minutes, 0) as human_rights_minutes
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
left join due
    on
        workers.fiscal_quarter = due.fiscal_quarter
        and workers.person_key = due.person_key
left join hours
    on
        workers.fiscal_quarter = hours.fiscal_quarter
        and workers.person_key = hours.person_key
where workers.is_in_training_scope
