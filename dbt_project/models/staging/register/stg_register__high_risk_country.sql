-- Rendered by dbt_project/render.py from ingest/contracts/register/high_risk_country.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'high_risk_country'), 'append', ['record_id']) }}
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
    list,
    version,
    country_iso2,
    valid_from,
    dimension,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
