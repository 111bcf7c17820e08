-- Rendered by dbt_project/render.py from ingest/contracts/register/fine.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'fine'), 'append', ['record_id']) }}
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
    incident_class,
    kind,
    recognised_on,
    amount,
    currency,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
