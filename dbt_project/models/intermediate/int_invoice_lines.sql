{{ config(materialized='view') }}
-- What companies of the group bought, line by line. A view: whole lines are looked up only behind a figure.
select
    spend.source_system,
    spend.invoice_id,
    spend.line,
    spend.posting_date,
    cast({{ dbt.date_trunc('month', 'spend.posting_date') }} as date) as posting_month,
    spend.supplier_id,
    spend.buying_entity,
    -- A company's entry of the day: it says to which perimeters the company belonged.
    companies.valid_from as buyer_valid_from,
    -- The segment of the classification.
    {{ or_unknown('substring(spend.category_unspsc, 1, 2)') }} as category,
    coalesce(contracts.human_rights_clause in ('STANDARD', 'NEGOTIATED'), false) as has_clause,
    spend.currency,
    spend.amount
from {{ ref('stg_procurement__spend') }} as spend
inner join {{ ref('int_entities_in_perimeter') }} as companies
    on
        companies.perimeter = 'grp'
        and spend.buying_entity = companies.entity_code
        and spend.posting_date between companies.valid_from and companies.valid_to
left join {{ ref('stg_procurement__contract') }} as contracts
    on
        spend.contract_id = contracts.contract_id
        and {{ is_valid_on('spend.posting_date', 'contracts.valid_from', 'contracts.valid_to') }}
