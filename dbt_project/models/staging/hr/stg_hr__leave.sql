-- Rendered by dbt_project/render.py from ingest/contracts/hr/leave.yaml.
with

delivered as (
    {{ resolve_deliveries(source('hr', 'leave'), 'upsert', ['worker_key', 'leave_start']) }}
)

select
    worker_key,
    leave_start,
    leave_class,
    leave_end,
    expected_return,
    _extract_id as extract_id
from delivered
