-- Rendered by dbt_project/render.py from ingest/contracts/register/customer_check.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'customer_check'), 'append', ['record_id']) }}
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
    check_date,
    result,
    agreement as has_agreement,
    committee_report_id,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
