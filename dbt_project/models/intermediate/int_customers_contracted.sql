-- Customers contracted in the quarter, as any register of contracts knows them, and whether each contract had a
-- screening on or before its day.
with

contracts as (
    select customer_key, country_iso2, contract_date from {{ ref('stg_register__end_use') }}
    union
    select customer_key, country_iso2, contract_date from {{ ref('stg_register__customer_check') }}
    union
    select customer_key, country_iso2, contract_date from {{ ref('stg_register__sanctions_screen') }}
),

screened as (
    select
        customer_key,
        min({{ local_date('screened_at') }}) as first_screened_on
    from {{ ref('stg_register__sanctions_screen') }}
    group by customer_key
)

select
    quarters.fiscal_quarter,
    contracts.customer_key,
    min(contracts.country_iso2) as country_iso2,
    min(case when screened.first_screened_on <= contracts.contract_date then 1 else 0 end) = 1 as is_screened
from contracts
inner join {{ ref('int_quarters') }} as quarters
    on contracts.contract_date between quarters.quarter_start and quarters.quarter_end
left join screened
    on contracts.customer_key = screened.customer_key
group by quarters.fiscal_quarter, contracts.customer_key
