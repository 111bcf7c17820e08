-- Passes of courses about a theme of human rights, for hours and themes: the first one of each person and course in a
-- fiscal year, whatever language, revision or other title the course had.
with

courses as (
    select
        course_code,
        coalesce(alias_of, course_code) as course,
        theme,
        revision,
        nominal_minutes,
        max(nominal_minutes) over (partition by course_code) as longest_minutes
    from {{ ref('stg_training__course') }}
    where theme is not null
),

about as (
    select
        course_code,
        min(course) as course,
        min(theme) as theme,
        max(longest_minutes) as longest_minutes
    from courses
    group by course_code
),

passed as (
    select
        learners.person_key,
        about.course,
        about.theme,
        coalesce(courses.nominal_minutes, about.longest_minutes, 0) as minutes,
        {{ local_date('completions.completed_at') }} as completed_on,
        completions.source || ' ' || completions.completion_id as row_key
    from {{ ref('stg_training__completion') }} as completions
    inner join about
        on completions.course_code = about.course_code
    left join courses
        on
            completions.course_code = courses.course_code
            and completions.revision = courses.revision
    inner join {{ ref('stg_training__learner_xref') }} as learners
        on
            completions.source = learners.source
            and completions.learner_id = learners.learner_id
    where
        completions.is_passed
        and {{ local_date('completions.completed_at') }} >= {{ oldest_year_start() }}
),

numbered as (
    select
        years.year_start,
        passed.*,
        row_number() over (
            partition by years.year_start, passed.person_key, passed.course
            order by passed.completed_on nulls last, passed.row_key nulls last
        ) as attempt_no
    from passed
    inner join (
        select
            year_start,
            max(quarter_end) as year_end
        from {{ ref('int_quarters') }}
        group by year_start
    ) as years
        on passed.completed_on between years.year_start and years.year_end
)

select
    row_key,
    person_key,
    course,
    theme,
    minutes,
    completed_on,
    attempt_no = 1 as is_first_of_the_year
from numbered
