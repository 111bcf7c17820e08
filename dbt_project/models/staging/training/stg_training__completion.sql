-- Rendered by dbt_project/render.py from ingest/contracts/training/completion.yaml.
with

delivered as (
    {{ resolve_deliveries(source('training', 'completion'), 'append', ['source', 'completion_id']) }}
)

select
    source,
    completion_id,
    learner_id,
    course_code,
    revision,
    completed_at,
    status_code,
    passed as is_passed,
    score,
    mode,
    recorded_at,
    _extract_id as extract_id
from delivered
