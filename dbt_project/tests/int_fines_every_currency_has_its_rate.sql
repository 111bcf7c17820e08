-- As int_supplier_spend_every_currency_has_its_rate: a rate that is missing is no unknown currency.
select distinct
    fines.currency,
    fines.recognised_on
from {{ ref('int_fines') }} as fines
inner join {{ ref('stg_procurement__fx_rate') }} as rates
    on fines.currency = rates.currency
where not fines.is_valued
