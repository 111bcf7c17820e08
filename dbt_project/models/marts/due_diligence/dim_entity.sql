select
    entity_code,
    name,
    country_iso2,
    region,
    is_consolidated,
    entity_code = '{{ var("parent_entity_code") }}' as is_parent,
    policy_adopted_on,
    valid_from,
    valid_to
from {{ ref('stg_hr__entity') }}
