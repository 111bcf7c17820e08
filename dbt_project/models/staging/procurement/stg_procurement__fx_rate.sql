-- Rendered by dbt_project/render.py from ingest/contracts/procurement/fx_rate.yaml.
with

delivered as (
    {{ resolve_deliveries(source('procurement', 'fx_rate'), 'upsert', ['month', 'currency']) }}
)

select
    month,
    currency,
    avg_rate,
    source,
    table_version,
    _extract_id as extract_id
from delivered
