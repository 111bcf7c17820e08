-- A list's version is in force from its first day until the next version of the same list begins.
with

versions as (
    select
        list,
        version,
        min(valid_from) as valid_from
    from {{ ref('stg_register__high_risk_country') }}
    group by list, version
),

in_force as (
    select
        list,
        version,
        valid_from,
        lead(valid_from) over (partition by list order by valid_from nulls last, version nulls last) as replaced_on
    from versions
)

select distinct
    countries.country_iso2,
    countries.list || ' ' || countries.version as list_version,
    countries.dimension as risk_dimension,
    in_force.valid_from,
    coalesce(in_force.replaced_on, {{ end_of_time() }}) as replaced_on
from {{ ref('stg_register__high_risk_country') }} as countries
inner join in_force
    on
        countries.list = in_force.list
        and countries.version = in_force.version
