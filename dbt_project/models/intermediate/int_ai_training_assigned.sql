-- Who was assigned the course on biometrics and AI in the fiscal year so far, by a duty that was not waived.
with

assigned as (
    select distinct
        quarters.fiscal_quarter,
        learners.person_key
    from {{ ref('stg_training__assignment') }} as assignments
    inner join {{ ref('int_course_programmes') }} as courses
        on
            assignments.course_code = courses.course_code
            and courses.programme_code = 'AI_BIOMETRICS'
    inner join {{ ref('stg_training__learner_xref') }} as learners
        on assignments.learner_id = learners.learner_id
    inner join {{ ref('int_quarters') }} as quarters
        on assignments.assigned_on between quarters.year_start and quarters.quarter_end
    where coalesce(assignments.waived_on, {{ end_of_time() }}) > quarters.quarter_end
),

passed as (
    select distinct
        quarters.fiscal_quarter,
        completions.person_key
    from {{ ref('int_training_completions') }} as completions
    inner join {{ ref('int_quarters') }} as quarters
        on completions.completed_on between quarters.year_start and quarters.quarter_end
    where completions.programme_code = 'AI_BIOMETRICS'
)

select
    assigned.fiscal_quarter,
    assigned.person_key,
    workers.org_unit_code,
    workers.is_status_known,
    passed.person_key is not null as has_passed
from assigned
-- Who left before the quarter's last day has no duty any more.
inner join {{ ref('int_workers_in_scope') }} as workers
    on
        assigned.fiscal_quarter = workers.fiscal_quarter
        and assigned.person_key = workers.person_key
        and workers.perimeter = 'corp'
left join passed
    on
        assigned.fiscal_quarter = passed.fiscal_quarter
        and assigned.person_key = passed.person_key
