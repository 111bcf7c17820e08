-- A course counts toward its own programme or, under another code, toward that of the course it stands for.
with

programmes as (
    select
        course_code,
        programme_code,
        alias_of,
        valid_from,
        valid_to
    from {{ ref('stg_training__course') }}
)

select distinct
    courses.course_code,
    coalesce(courses.programme_code, originals.programme_code) as programme_code,
    courses.valid_from,
    courses.valid_to
from programmes as courses
left join programmes as originals
    on
        courses.alias_of = originals.course_code
        and originals.programme_code is not null
where coalesce(courses.programme_code, originals.programme_code) is not null
