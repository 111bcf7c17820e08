-- Rendered by dbt_project/render.py from ingest/contracts/register/site_contact.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'site_contact'), 'append', ['record_id']) }}
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
    site_code,
    kind,
    contact_role,
    appointed_on,
    until,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
