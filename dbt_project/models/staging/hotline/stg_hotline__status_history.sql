-- Rendered by dbt_project/render.py from ingest/contracts/hotline/status_history.yaml.
with

delivered as (
    {{ resolve_deliveries(source('hotline', 'status_history'), 'append', ['case_id', 'changed_tick']) }}
)

select
    case_id,
    changed_quarter,
    changed_day,
    changed_tick,
    from_status,
    to_status,
    _extract_id as extract_id
from delivered
