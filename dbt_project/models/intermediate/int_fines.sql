-- Fines, penalties and compensation in yen, at the average rate of the month in which they were recognized. An amount in a
-- currency that has no rate at all is in no sum, and says so: is_valued.
with

companies as (
    select distinct entity_code
    from {{ ref('stg_hr__entity') }}
)

select
    fines.record_id,
    coalesce(companies.entity_code, 'UNKNOWN') as entity_code,
    fines.incident_class,
    fines.kind,
    fines.recognised_on,
    fines.currency,
    fines.currency = 'JPY' or rates.avg_rate is not null as is_valued,
    cast(fines.amount as decimal(20, 2))
    * cast(case when fines.currency = 'JPY' then 1 else rates.avg_rate end as decimal(18, 8)) as amount_jpy
from {{ ref('stg_register__fine') }} as fines
left join companies
    on fines.entity_code = companies.entity_code
left join {{ ref('stg_procurement__fx_rate') }} as rates
    on
        fines.currency = rates.currency
        and cast({{ dbt.date_trunc('month', 'fines.recognised_on') }} as date) = rates.month
