-- Rendered by dbt_project/render.py from ingest/contracts/training/course.yaml.
with

delivered as (
    {{ resolve_deliveries(source('training', 'course'), 'snapshot', ['course_code', 'revision']) }}
)

select
    course_code,
    revision,
    programme_code,
    title,
    language,
    theme,
    nominal_minutes,
    pass_mark,
    valid_from,
    valid_to,
    alias_of,
    _extract_id as extract_id
from delivered
