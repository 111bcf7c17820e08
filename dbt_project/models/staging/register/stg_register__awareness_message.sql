-- Rendered by dbt_project/render.py from ingest/contracts/register/awareness_message.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'awareness_message'), 'append', ['record_id']) }}
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
    issued_on,
    officer_role,
    channel,
    topic,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
