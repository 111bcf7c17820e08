-- Rendered by dbt_project/render.py from ingest/contracts/training/attendance.yaml.
with

delivered as (
    {{ resolve_deliveries(source('training', 'attendance'), 'append', ['session_id', 'sign_in_no']) }}
)

select
    session_id,
    sign_in_no,
    learner_id,
    signed_in,
    signed_out,
    _extract_id as extract_id
from delivered
