-- Customers contracted in the quarter in a country that was on a list's version in force on the day of the contract.
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
        lead(valid_from) over (partition by list order by valid_from, version) as replaced_on
    from versions
),

listed as (
    select distinct
        countries.country_iso2,
        in_force.valid_from,
        coalesce(in_force.replaced_on, {{ end_of_time() }}) as replaced_on
    from {{ ref('stg_register__high_risk_country') }} as countries
    inner join in_force
        on
            countries.list = in_force.list
            and countries.version = in_force.version
),

contracts as (
    select distinct
        quarters.fiscal_quarter,
        checks.record_id,
        checks.customer_key,
        coalesce(checks.check_date <= checks.contract_date, false) as is_checked_before
    from {{ ref('stg_register__customer_check') }} as checks
    inner join {{ ref('int_quarters') }} as quarters
        on checks.contract_date between quarters.quarter_start and quarters.quarter_end
    inner join listed
        on
            checks.country_iso2 = listed.country_iso2
            and checks.contract_date >= listed.valid_from
            and checks.contract_date < listed.replaced_on
)

select
    fiscal_quarter,
    customer_key,
    min(case when is_checked_before then 1 else 0 end) = 1 as is_checked
from contracts
group by fiscal_quarter, customer_key
