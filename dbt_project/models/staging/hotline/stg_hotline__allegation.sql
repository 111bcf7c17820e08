-- Rendered by dbt_project/render.py from ingest/contracts/hotline/allegation.yaml.
with

delivered as (
    {{ resolve_deliveries(source('hotline', 'allegation'), 'upsert', ['case_id', 'allegation_no']) }}
)

select
    case_id,
    allegation_no,
    category,
    is_primary,
    ground,
    right_code,
    _extract_id as extract_id
from delivered
