-- A currency that has a rate in any month has one in the month of every amount. Without it the rate is missing, and not
-- the currency unknown: nobody may take what the quarter bought in dollars for a small rest.
select distinct
    spend.currency,
    spend.posting_month
from {{ ref('int_supplier_spend') }} as spend
inner join {{ ref('stg_procurement__fx_rate') }} as rates
    on spend.currency = rates.currency
where not spend.is_valued
