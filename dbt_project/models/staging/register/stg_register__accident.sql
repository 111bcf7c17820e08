-- Rendered by dbt_project/render.py from ingest/contracts/register/accident.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'accident'), 'append', ['record_id']) }}
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
    month_end,
    worker_category,
    fatalities,
    recordable_accidents,
    lost_days,
    hours_worked,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
