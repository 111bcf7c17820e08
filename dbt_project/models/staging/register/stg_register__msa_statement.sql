-- Rendered by dbt_project/render.py from ingest/contracts/register/msa_statement.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'msa_statement'), 'append', ['record_id']) }}
)

select
    record_id,
    recorded_on,
    recorded_by,
    approved_by,
    approved_on,
    evidence_uri,
    evidence_sha256,
    supersedes_record_id,
    entity_code,
    law,
    fy_start,
    board_approved_on,
    signed_by_role,
    published_on,
    url,
    status,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
