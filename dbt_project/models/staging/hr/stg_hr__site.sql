-- Rendered by dbt_project/render.py from ingest/contracts/hr/site.yaml.
with

delivered as (
    {{ resolve_deliveries(source('hr', 'site'), 'snapshot', ['site_code', 'valid_from']) }}
)

select
    site_code,
    valid_from,
    entity_code,
    country_iso2,
    work_languages,
    contact_point_since,
    valid_to,
    _extract_id as extract_id
from delivered
