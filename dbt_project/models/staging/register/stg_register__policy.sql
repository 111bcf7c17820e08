-- Rendered by dbt_project/render.py from ingest/contracts/register/policy.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'policy'), 'append', ['record_id']) }}
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
    document,
    version,
    document_approved_on,
    reviewed_on,
    languages,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
