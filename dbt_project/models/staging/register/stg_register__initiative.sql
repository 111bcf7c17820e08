-- Rendered by dbt_project/render.py from ingest/contracts/register/initiative.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'initiative'), 'append', ['record_id']) }}
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
    initiative,
    entity_code,
    joined_on,
    left_on,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
