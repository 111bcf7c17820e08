-- Rendered by dbt_project/render.py from ingest/contracts/procurement/supplier_exit.yaml.
with

delivered as (
    {{ resolve_deliveries(source('procurement', 'supplier_exit'), 'upsert', ['exit_id']) }}
)

select
    exit_id,
    source_system,
    supplier_id,
    decided_on,
    decision,
    reason,
    _extract_id as extract_id
from delivered
