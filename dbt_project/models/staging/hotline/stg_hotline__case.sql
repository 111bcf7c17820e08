-- Rendered by dbt_project/render.py from ingest/contracts/hotline/case.yaml.
with

delivered as (
    {{ resolve_deliveries(source('hotline', 'case'), 'upsert', ['case_id']) }}
)

select
    case_id,
    received_date,
    opened_date,
    alleged_incident_month,
    region,
    entity_code,
    legal_class,
    status,
    determination,
    closed_date,
    first_reply_date,
    feedback_date,
    committee_report_id,
    severity,
    _extract_id as extract_id
from delivered
