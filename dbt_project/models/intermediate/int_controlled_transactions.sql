-- Controlled transactions contracted in the quarter. The intended use was confirmed if a record of it is of a day
-- before that of the contract: on the same day nobody can tell which came first.
select
    quarters.fiscal_quarter,
    transactions.transaction_key,
    min(transactions.customer_key) as customer_key,
    min(transactions.country_iso2) as country_iso2,
    min(transactions.product_class) as product_class,
    max(case when transactions.checked_on < transactions.contract_date then 1 else 0 end) = 1 as is_confirmed
from {{ ref('stg_register__end_use') }} as transactions
inner join {{ ref('int_quarters') }} as quarters
    on transactions.contract_date between quarters.quarter_start and quarters.quarter_end
group by quarters.fiscal_quarter, transactions.transaction_key
