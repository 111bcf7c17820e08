-- Rendered by dbt_project/render.py from ingest/contracts/training/session.yaml.
with

delivered as (
    {{ resolve_deliveries(source('training', 'session'), 'upsert', ['session_id']) }}
)

select
    session_id,
    programme_code,
    course_code,
    planned_on,
    held_on,
    status,
    desk,
    _extract_id as extract_id
from delivered
