-- Rendered by dbt_project/render.py from ingest/contracts/hotline/case.yaml.
with

delivered as (
    {{ resolve_deliveries(source('hotline', 'case'), 'upsert', ['case_id']) }}
)

select
    case_id,
    received_quarter,
    received_day,
    opened_quarter,
    opened_day,
    alleged_incident_quarter,
    alleged_incident_day,
    region,
    entity_code,
    legal_class,
    status,
    determination,
    closed_quarter,
    closed_day,
    first_reply_quarter,
    first_reply_day,
    feedback_quarter,
    feedback_day,
    committee_report_id,
    severity,
    cause_code,
    _extract_id as extract_id
from delivered
