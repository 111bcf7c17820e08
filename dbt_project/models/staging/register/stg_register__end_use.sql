-- Rendered by dbt_project/render.py from ingest/contracts/register/end_use.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'end_use'), 'append', ['record_id']) }}
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
    transaction_key,
    customer_key,
    country_iso2,
    product_class,
    contract_date,
    checked_on,
    decision,
    reason,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
