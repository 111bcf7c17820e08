{{ config(materialized='view') }}
-- The lines that int_supplier_spend adds up: the rows behind what is said of lines.
select
    lines.source_system,
    lines.invoice_id,
    lines.line,
    lines.source_system || ' ' || lines.invoice_id || ' ' || cast(lines.line as {{ dbt.type_string() }}) as row_key,
    lines.posting_date,
    lines.posting_month,
    lines.buying_entity,
    lines.buyer_valid_from,
    lines.category,
    lines.has_clause,
    spend.supplier_key,
    spend.is_matched,
    spend.is_valued,
    cast(lines.amount as decimal(20, 2)) * spend.rate as amount_jpy
from {{ ref('int_invoice_lines') }} as lines
inner join {{ ref('int_supplier_spend') }} as spend
    on
        lines.source_system = spend.source_system
        and lines.supplier_id = spend.supplier_id
        and lines.buying_entity = spend.buying_entity
        and lines.buyer_valid_from = spend.buyer_valid_from
        and lines.posting_month = spend.posting_month
        and lines.category = spend.category
        and lines.has_clause = spend.has_clause
        and lines.currency = spend.currency
