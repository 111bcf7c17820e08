-- Rendered by dbt_project/render.py from ingest/contracts/procurement/contract.yaml.
with

delivered as (
    {{ resolve_deliveries(source('procurement', 'contract'), 'upsert', ['contract_id']) }}
)

select
    contract_id,
    source_system,
    supplier_id,
    buying_entity,
    human_rights_clause,
    signed_on,
    valid_from,
    valid_to,
    _extract_id as extract_id
from delivered
