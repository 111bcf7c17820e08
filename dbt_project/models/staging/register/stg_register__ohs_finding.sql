-- Rendered by dbt_project/render.py from ingest/contracts/register/ohs_finding.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'ohs_finding'), 'append', ['record_id']) }}
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
    finding_key,
    entity_code,
    site_code,
    found_on,
    severity,
    due_on,
    closed_on,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
