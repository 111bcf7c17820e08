-- Rendered by dbt_project/render.py from ingest/contracts/hotline/contact.yaml.
with

delivered as (
    {{ resolve_deliveries(source('hotline', 'contact'), 'upsert', ['channel', 'contact_id']) }}
)

select
    channel,
    contact_id,
    intake_method,
    submitted_quarter,
    submitted_day,
    submitted_tick,
    language,
    kind,
    reporter_type,
    identity,
    canonical_case_id,
    _extract_id as extract_id
from delivered
