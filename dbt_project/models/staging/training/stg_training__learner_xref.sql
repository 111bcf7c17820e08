-- Rendered by dbt_project/render.py from ingest/contracts/training/learner_xref.yaml.
with

delivered as (
    {{ resolve_deliveries(source('training', 'learner_xref'), 'snapshot', ['source', 'learner_id']) }}
)

select
    source,
    learner_id,
    worker_key,
    person_key,
    valid_from,
    _extract_id as extract_id
from delivered
