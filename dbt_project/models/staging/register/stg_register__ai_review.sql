-- Rendered by dbt_project/render.py from ingest/contracts/register/ai_review.yaml.
with

delivered as (
    {{ resolve_deliveries(source('register', 'ai_review'), 'append', ['record_id']) }}
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
    project_key,
    domain,
    region,
    released_on,
    reviewed_on,
    outcome,
    _extract_id as extract_id
from delivered
where {{ counts_in_register('delivered') }}
