-- Every company of a perimeter on a quarter's last day, and what it has.
with

older_assignments as (
    {{ records_before_reach('training', 'assignment', 'assigned_on') }}
),

assignments as (
    select
        learner_id,
        course_code,
        assigned_on
    from {{ ref('stg_training__assignment') }}
    union all
    select
        learner_id,
        course_code,
        assigned_on
    from older_assignments
),

first_enrolled as (
    select
        learners.person_key,
        min(assignments.assigned_on) as assigned_on
    from assignments
    inner join {{ ref('int_course_programmes') }} as courses
        on
            assignments.course_code = courses.course_code
            and courses.programme_code = 'BHR_ANNUAL'
    inner join {{ ref('stg_training__learner_xref') }} as learners
        on assignments.learner_id = learners.learner_id
    group by learners.person_key
),

-- When the first of those who work for the company on a day was enrolled in the annual course.
enrolled as (
    select
        workers.as_of_date,
        workers.legal_entity_code as entity_code,
        min(case when workers.employment_status <> 'UNKNOWN' then first_enrolled.assigned_on end) as first_assigned_on,
        min(first_enrolled.assigned_on) as perhaps_assigned_on
    from {{ ref('stg_hr__worker_month') }} as workers
    inner join {{ ref('int_quarters') }} as quarters
        on workers.as_of_date = quarters.quarter_end
    inner join first_enrolled
        on workers.person_key = first_enrolled.person_key
    where workers.employment_status not in ('TERMINATED', 'NOT_STARTED')
    group by workers.as_of_date, workers.legal_entity_code
),

-- The latest round of the survey of human rights, safety and health that the company answered, by then.
surveys as (
    select
        quarters.fiscal_quarter,
        surveys.entity_code,
        surveys.has_management_system,
        surveys.opened_on between quarters.year_start and quarters.quarter_end as is_of_this_year,
        row_number() over (
            partition by quarters.fiscal_quarter, surveys.entity_code
            order by surveys.submitted_on desc nulls last, surveys.record_id desc nulls last
        ) as standing
    from {{ ref('stg_register__ohs_survey') }} as surveys
    inner join {{ ref('int_quarters') }} as quarters
        on surveys.submitted_on <= quarters.quarter_end
)

select
    quarters.fiscal_quarter,
    companies.perimeter,
    companies.entity_code,
    companies.region,
    companies.entity_code = '{{ var("parent_entity_code") }}' as is_parent,
    {{ known_or_null(
        'enrolled.first_assigned_on <= quarters.quarter_end', 'enrolled.perhaps_assigned_on <= quarters.quarter_end'
    ) }} as has_course_access,
    coalesce(surveys.is_of_this_year, false) as has_answered_survey,
    coalesce(surveys.has_management_system, false) as has_management_system
from {{ ref('int_quarters') }} as quarters
inner join {{ ref('int_entities_in_perimeter') }} as companies
    on quarters.quarter_end between companies.valid_from and companies.valid_to
left join enrolled
    on
        quarters.quarter_end = enrolled.as_of_date
        and companies.entity_code = enrolled.entity_code
left join surveys
    on
        quarters.fiscal_quarter = surveys.fiscal_quarter
        and companies.entity_code = surveys.entity_code
        and surveys.standing = 1
