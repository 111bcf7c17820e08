-- Rendered by dbt_project/render.py from ingest/contracts/procurement/corrective_action.yaml.
with

delivered as (
    {{ resolve_deliveries(source('procurement', 'corrective_action'), 'upsert', ['action_id']) }}
)

select
    action_id,
    finding_id,
    agreed_on,
    due_on,
    closed_on,
    verified_by,
    _extract_id as extract_id
from delivered
