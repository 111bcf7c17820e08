-- Rendered by dbt_project/render.py from ingest/contracts/register/mitigation.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'mitigation'), 'append', ['record_id']) }}
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
    mitigation_key,
    source_kind,
    source_record_id,
    measure,
    started_on,
    completed_on,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
