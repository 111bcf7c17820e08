-- External spend, summed over the lines that no figure tells apart. A supplier that no list knows counts as external:
-- leaving it out would flatter the rate.
-- An amount in a currency that has no rate at all is in no sum, and says so: is_valued.
with

summed as (
    select
        lines.source_system,
        lines.supplier_id,
        lines.buying_entity,
        lines.buyer_valid_from,
        lines.posting_month,
        lines.category,
        lines.has_clause,
        lines.currency,
        min(lines.posting_date) as first_posting_date,
        count(*) as invoice_lines,
        cast(sum(lines.amount) as decimal(20, 2)) as amount
    from {{ ref('int_invoice_lines') }} as lines
    group by
        lines.source_system,
        lines.supplier_id,
        lines.buying_entity,
        lines.buyer_valid_from,
        lines.posting_month,
        lines.category,
        lines.has_clause,
        lines.currency
)

select
    spend.source_system,
    spend.supplier_id,
    spend.buying_entity,
    spend.buyer_valid_from,
    spend.posting_month,
    spend.first_posting_date,
    spend.category,
    {{ supplier_key('spend') }} as supplier_key,
    suppliers.canonical_supplier_id is not null as is_matched,
    spend.has_clause,
    spend.currency,
    spend.invoice_lines,
    spend.amount,
    cast(case when spend.currency = 'JPY' then 1 else rates.avg_rate end as decimal(18, 8)) as rate,
    spend.currency = 'JPY' or rates.avg_rate is not null as is_valued,
    -- Exact: the product of the two widest values still fits.
    spend.amount * cast(case when spend.currency = 'JPY' then 1 else rates.avg_rate end as decimal(18, 8)) as amount_jpy
from summed as spend
left join {{ ref('int_suppliers') }} as suppliers
    on
        spend.source_system = suppliers.source_system
        and spend.supplier_id = suppliers.supplier_id
left join {{ ref('stg_procurement__fx_rate') }} as rates
    on
        spend.currency = rates.currency
        and spend.posting_month = rates.month
where coalesce(suppliers.supplier_type, 'UNKNOWN') <> 'INTRAGROUP'
