-- Rendered by dbt_project/render.py from ingest/contracts/register/goal.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'goal'), 'append', ['record_id']) }}
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
    fiscal_year,
    theme,
    goal,
    metric_id,
    status,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
