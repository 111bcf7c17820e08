-- Customers contracted in the quarter in a country that was on a list's version in force on the day of the contract.
with

contracts as (
    select distinct
        quarters.fiscal_quarter,
        checks.record_id,
        checks.customer_key,
        checks.country_iso2,
        coalesce(checks.check_date <= checks.contract_date, false) as is_checked_before
    from {{ ref('stg_register__customer_check') }} as checks
    inner join {{ ref('int_quarters') }} as quarters
        on checks.contract_date between quarters.quarter_start and quarters.quarter_end
    inner join {{ ref('int_high_risk_countries') }} as listed
        on
            checks.country_iso2 = listed.country_iso2
            and checks.contract_date >= listed.valid_from
            and checks.contract_date < listed.replaced_on
)

select
    fiscal_quarter,
    customer_key,
    min(country_iso2) as country_iso2,
    min(case when is_checked_before then 1 else 0 end) = 1 as is_checked
from contracts
group by fiscal_quarter, customer_key
