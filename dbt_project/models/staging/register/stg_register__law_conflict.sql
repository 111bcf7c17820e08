-- Rendered by dbt_project/render.py from ingest/contracts/register/law_conflict.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'law_conflict'), 'append', ['record_id']) }}
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
    country_iso2,
    right_code,
    found_on,
    settled_on,
    settlement,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
