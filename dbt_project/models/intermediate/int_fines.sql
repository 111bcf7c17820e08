-- Fines, penalties and compensation in yen, at the average rate of the month in which they were recognized.
select
    fines.record_id,
    fines.entity_code,
    fines.incident_class,
    fines.kind,
    fines.recognised_on,
    fines.currency,
    cast(fines.amount as decimal(20, 2))
    * cast(case when fines.currency = 'JPY' then 1 else rates.avg_rate end as decimal(18, 8)) as amount_jpy
from {{ ref('stg_register__fine') }} as fines
left join {{ ref('stg_procurement__fx_rate') }} as rates
    on
        fines.currency = rates.currency
        and cast({{ dbt.date_trunc('month', 'fines.recognised_on') }} as date) = rates.month
