-- Rendered by dbt_project/render.py from ingest/contracts/register/hria.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'hria'), 'append', ['record_id']) }}
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
    business,
    region,
    affiliate_type,
    trigger,
    in_scope_from,
    started,
    completed,
    finding,
    next_due,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
