{{ config(materialized='view') }}
-- The lines that int_spend_of_twelve_months adds up: the rows behind what is said of lines.
select
    spend.fiscal_quarter,
    spend.perimeter,
    lines.row_key,
    spend.has_clause,
    spend.is_valued,
    spend.is_declared,
    lines.amount_jpy
from {{ ref('int_spend_of_twelve_months') }} as spend
inner join {{ ref('int_quarters') }} as quarters
    on spend.fiscal_quarter = quarters.fiscal_quarter
inner join {{ ref('int_companies_or_unknown') }} as perimeters
    on
        spend.perimeter = perimeters.perimeter
        and spend.buying_entity = perimeters.entity_code
inner join {{ ref('int_supplier_spend_lines') }} as lines
    on
        spend.supplier_key = lines.supplier_key
        and spend.buying_entity = lines.buying_entity
        and perimeters.valid_from = lines.buyer_valid_from
        and spend.category = lines.category
        and spend.has_clause = lines.has_clause
        and spend.is_valued = lines.is_valued
        and lines.posting_month between quarters.trailing_year_start and quarters.quarter_end
