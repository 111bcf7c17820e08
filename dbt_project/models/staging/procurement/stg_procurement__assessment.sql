-- Rendered by dbt_project/render.py from ingest/contracts/procurement/assessment.yaml.
with

delivered as (
    {{ resolve_deliveries(source('procurement', 'assessment'), 'upsert', ['assessment_id']) }}
)

select
    assessment_id,
    source_system,
    supplier_id,
    tier,
    kind,
    questionnaire_version,
    sent_on,
    due_on,
    submitted_on,
    score,
    result,
    topic_flags,
    valid_to,
    nonresponse_reason,
    _extract_id as extract_id
from delivered
