-- Attempts that were passed. Re-takes stay: who counts persons looks for one in the period.
select
    completions.source,
    completions.completion_id,
    learners.person_key,
    courses.programme_code,
    coalesce(completions.mode, 'ELEARNING') as mode,
    {{ local_date('completions.completed_at') }} as completed_on
from {{ ref('stg_training__completion') }} as completions
inner join (
    select distinct course_code, programme_code from {{ ref('int_course_programmes') }}
) as courses
    on completions.course_code = courses.course_code
inner join {{ ref('stg_training__learner_xref') }} as learners
    on
        completions.source = learners.source
        and completions.learner_id = learners.learner_id
where
    completions.is_passed
    -- The annual course is looked at within its year, and every other one since ever.
    and (
        courses.programme_code <> 'BHR_ANNUAL'
        or {{ local_date('completions.completed_at') }} >= {{ oldest_year_start() }}
    )
