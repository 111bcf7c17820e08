with

entities as (
    select
        entity_code,
        country_iso2,
        region,
        valid_from,
        coalesce(valid_to, {{ end_of_time() }}) as valid_to,
        entity_code = '{{ var("parent_entity_code") }}' as is_parent
    from {{ ref('stg_hr__entity') }}
    where is_consolidated or entity_code = '{{ var("parent_entity_code") }}'
)

select 'corp' as perimeter, entity_code, region, valid_from, valid_to from entities where is_parent
union all
select 'jp' as perimeter, entity_code, region, valid_from, valid_to from entities where is_parent or region = 'JP'
union all
select 'grp' as perimeter, entity_code, region, valid_from, valid_to from entities
union all
select 'emea' as perimeter, entity_code, region, valid_from, valid_to from entities where region = 'EMEA'
union all
select 'au' as perimeter, entity_code, region, valid_from, valid_to from entities where country_iso2 = 'AU'
