-- Rendered by dbt_project/render.py from ingest/contracts/hr/entity.yaml.
with

delivered as (
    {{ resolve_deliveries(source('hr', 'entity'), 'snapshot', ['entity_code', 'valid_from']) }}
)

select
    entity_code,
    valid_from,
    name,
    country_iso2,
    consolidated as is_consolidated,
    region,
    policy_adopted_on,
    valid_to,
    _extract_id as extract_id
from delivered
