{{ config(materialized='view') }}
-- What companies of the group bought, line by line. A view: whole lines are looked up only behind a figure.
with

companies as (
    select distinct entity_code
    from {{ ref('stg_hr__entity') }}
)

select
    spend.source_system,
    spend.invoice_id,
    spend.line,
    spend.posting_date,
    cast({{ dbt.date_trunc('month', 'spend.posting_date') }} as date) as posting_month,
    spend.supplier_id,
    buyers.entity_code as buying_entity,
    -- A company's entry of the day: it says to which perimeters the company belonged.
    buyers.valid_from as buyer_valid_from,
    -- The segment of the classification.
    {{ or_unknown('substring(spend.category_unspsc, 1, 2)') }} as category,
    coalesce(contracts.human_rights_clause in ('STANDARD', 'NEGOTIATED'), false) as has_clause,
    spend.currency,
    spend.amount
from {{ ref('stg_procurement__spend') }} as spend
left join companies
    on spend.buying_entity = companies.entity_code
inner join {{ ref('int_companies_or_unknown') }} as buyers
    on
        buyers.perimeter = 'grp'
        and coalesce(companies.entity_code, 'UNKNOWN') = buyers.entity_code
        and spend.posting_date between buyers.valid_from and buyers.valid_to
left join {{ ref('stg_procurement__contract') }} as contracts
    on
        spend.contract_id = contracts.contract_id
        and {{ is_valid_on('spend.posting_date', 'contracts.valid_from', 'contracts.valid_to') }}
