-- Rendered by dbt_project/render.py from ingest/contracts/training/assignment.yaml.
with

delivered as (
    {{ resolve_deliveries(source('training', 'assignment'), 'upsert', ['learner_id', 'course_code', 'assigned_on']) }}
)

select
    learner_id,
    course_code,
    assigned_on,
    due_on,
    origin,
    waived_on,
    waiver_reason,
    _extract_id as extract_id
from delivered
where {{ is_within_reach('training', 'assignment', 'assigned_on') }}
