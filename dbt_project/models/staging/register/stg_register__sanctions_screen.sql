-- Rendered by dbt_project/render.py from ingest/contracts/register/sanctions_screen.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'sanctions_screen'), 'append', ['record_id']) }}
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
    customer_key,
    country_iso2,
    contract_date,
    list_set_version,
    screened_at,
    result,
    program,
    decision,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
