-- Rendered by dbt_project/render.py from ingest/contracts/procurement/finding.yaml.
with

delivered as (
    {{ resolve_deliveries(source('procurement', 'finding'), 'upsert', ['finding_id']) }}
)

select
    finding_id,
    audit_id,
    assessment_id,
    source_system,
    supplier_id,
    found_on,
    severity,
    topic_code,
    confirmed as is_confirmed,
    closed_on,
    _extract_id as extract_id
from delivered
