-- Rendered by dbt_project/render.py from ingest/contracts/procurement/audit.yaml.
with

delivered as (
    {{ resolve_deliveries(source('procurement', 'audit'), 'upsert', ['audit_id']) }}
)

select
    audit_id,
    source_system,
    supplier_id,
    country_iso2,
    auditor_kind,
    kind,
    scheme,
    planned_on,
    completed_on,
    _extract_id as extract_id
from delivered
