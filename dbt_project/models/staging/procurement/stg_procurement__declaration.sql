-- Rendered by dbt_project/render.py from ingest/contracts/procurement/declaration.yaml.
with

delivered as (
    {{ resolve_deliveries(source('procurement', 'declaration'), 'upsert', ['declaration_id']) }}
)

select
    declaration_id,
    source_system,
    supplier_id,
    scope,
    guideline_version,
    signed_on,
    valid_from,
    valid_to,
    status,
    signatory_role,
    document_sha256,
    equivalent_commitment as is_equivalent_commitment,
    _extract_id as extract_id
from delivered
