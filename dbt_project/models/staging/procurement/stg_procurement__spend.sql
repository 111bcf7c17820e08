-- Rendered by dbt_project/render.py from ingest/contracts/procurement/spend.yaml.
with

delivered as (
    {{ resolve_deliveries(source('procurement', 'spend'), 'append', ['source_system', 'invoice_id', 'line']) }}
)

select
    source_system,
    invoice_id,
    line,
    posting_date,
    supplier_id,
    buying_entity,
    amount,
    currency,
    category_unspsc,
    document_type,
    po_number,
    contract_id,
    ship_from_country,
    _extract_id as extract_id
from delivered
where {{ is_within_reach('procurement', 'spend', 'posting_date') }}
