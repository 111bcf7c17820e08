-- Rendered by dbt_project/render.py from ingest/contracts/hotline/category_history.yaml.
with

delivered as (
    {{ resolve_deliveries(source('hotline', 'category_history'), 'append', ['case_id', 'allegation_no', 'changed_tick']) }}
)

select
    case_id,
    allegation_no,
    changed_quarter,
    changed_day,
    changed_tick,
    from_category,
    to_category,
    _extract_id as extract_id
from delivered
