-- External spend. A supplier that no list knows counts as external: leaving it out would flatter the rate.
select
    spend.source_system,
    spend.invoice_id,
    spend.line,
    spend.posting_date,
    perimeters.perimeter,
    perimeters.region as buying_region,
    spend.buying_entity,
    -- The segment of the classification.
    {{ or_unknown('substring(spend.category_unspsc, 1, 2)') }} as category,
    {{ supplier_key('spend') }} as supplier_key,
    suppliers.canonical_supplier_id is not null as is_matched,
    coalesce(contracts.human_rights_clause in ('STANDARD', 'NEGOTIATED'), false) as has_clause,
    spend.currency,
    spend.amount,
    -- Exact: the product of the two widest values still fits.
    cast(spend.amount as decimal(20, 2))
    * cast(case when spend.currency = 'JPY' then 1 else rates.avg_rate end as decimal(18, 8)) as amount_jpy
from {{ ref('stg_procurement__spend') }} as spend
inner join {{ ref('int_entities_in_perimeter') }} as perimeters
    on
        spend.buying_entity = perimeters.entity_code
        and spend.posting_date between perimeters.valid_from and perimeters.valid_to
left join {{ ref('int_suppliers') }} as suppliers
    on
        spend.source_system = suppliers.source_system
        and spend.supplier_id = suppliers.supplier_id
left join {{ ref('stg_procurement__fx_rate') }} as rates
    on
        spend.currency = rates.currency
        and cast({{ dbt.date_trunc('month', 'spend.posting_date') }} as date) = rates.month
left join {{ ref('stg_procurement__contract') }} as contracts
    on
        spend.contract_id = contracts.contract_id
        and {{ is_valid_on('spend.posting_date', 'contracts.valid_from', 'contracts.valid_to') }}
where coalesce(suppliers.supplier_type, 'UNKNOWN') <> 'INTRAGROUP'
