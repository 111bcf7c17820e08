-- Who works for the group on the quarter's last day, and whether the version of the Code of Conduct in force on that
-- day was acknowledged: a completion on or after the first day of the version.
with

version_in_force as (
    select
        quarters.fiscal_quarter,
        max(courses.valid_from) as valid_from
    from {{ ref('int_course_programmes') }} as courses
    inner join {{ ref('int_quarters') }} as quarters
        on courses.valid_from <= quarters.quarter_end
    where courses.programme_code = 'CODE_OF_CONDUCT'
    group by quarters.fiscal_quarter
),

acknowledged as (
    select distinct
        quarters.fiscal_quarter,
        completions.person_key
    from {{ ref('int_training_completions') }} as completions
    inner join {{ ref('int_quarters') }} as quarters
        on completions.completed_on <= quarters.quarter_end
    inner join version_in_force
        on
            quarters.fiscal_quarter = version_in_force.fiscal_quarter
            and completions.completed_on >= version_in_force.valid_from
    where completions.programme_code = 'CODE_OF_CONDUCT'
)

select
    workers.fiscal_quarter,
    workers.person_key,
    workers.worker_category,
    workers.entity_code,
    workers.is_status_known,
    acknowledged.person_key is not null as has_acknowledged
from {{ ref('int_workers_in_scope') }} as workers
inner join version_in_force
    on workers.fiscal_quarter = version_in_force.fiscal_quarter
left join acknowledged
    on
        workers.fiscal_quarter = acknowledged.fiscal_quarter
        and workers.person_key = acknowledged.person_key
where workers.perimeter = 'grp'
