-- Rendered by dbt_project/render.py from ingest/contracts/procurement/supplier.yaml.
with

delivered as (
    {{ resolve_deliveries(source('procurement', 'supplier'), 'snapshot', ['source_system', 'supplier_id']) }}
)

select
    source_system,
    supplier_id,
    canonical_supplier_id,
    duplicate_of,
    parent_supplier_id,
    parent_name_raw,
    name,
    duns,
    lei,
    country_iso2,
    status,
    supplier_type,
    size_band,
    created_on,
    tier,
    _extract_id as extract_id
from delivered
