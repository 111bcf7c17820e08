-- Rendered by dbt_project/render.py from ingest/contracts/register/channel_test.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'channel_test'), 'append', ['record_id']) }}
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
    channel,
    region,
    language,
    tested_at,
    is_at_night,
    passed as is_passed,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
