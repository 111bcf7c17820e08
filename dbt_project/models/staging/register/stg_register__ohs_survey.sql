-- Rendered by dbt_project/render.py from ingest/contracts/register/ohs_survey.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'ohs_survey'), 'append', ['record_id']) }}
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
    region,
    opened_on,
    submitted_on,
    has_management_system,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
