-- Rendered by dbt_project/render.py from ingest/contracts/register/outreach.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'outreach'), 'append', ['record_id']) }}
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
    party_type,
    source_system,
    party_key,
    document,
    version,
    delivered_on,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
