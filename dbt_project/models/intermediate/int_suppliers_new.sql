-- Suppliers registered in the fiscal year so far. Screened in time: before the day of the first invoice, and by the
-- quarter's last day.
with

older_lines as (
    {{ records_before_reach('procurement', 'spend', 'posting_date') }}
),

screened as (
    select
        {{ supplier_key('screenings') }} as supplier_key,
        min(screenings.submitted_on) as screened_on
    from {{ ref('stg_procurement__assessment') }} as screenings
    left join {{ ref('int_suppliers') }} as suppliers
        on
            screenings.source_system = suppliers.source_system
            and screenings.supplier_id = suppliers.supplier_id
    where screenings.kind = 'SCREENING'
    group by {{ supplier_key('screenings') }}
),

-- A number can be older than its entry in the list.
invoices as (
    select
        supplier_key,
        first_posting_date
    from {{ ref('int_supplier_spend') }}
    union all
    select
        suppliers.supplier_key,
        older_lines.posting_date as first_posting_date
    from older_lines
    inner join {{ ref('int_suppliers') }} as suppliers
        on
            older_lines.source_system = suppliers.source_system
            and older_lines.supplier_id = suppliers.supplier_id
    inner join (select min(year_start) as year_start from {{ ref('int_quarters') }}) as oldest
        on suppliers.created_on >= oldest.year_start
),

ordered as (
    select
        supplier_key,
        min(first_posting_date) as first_invoice_on
    from invoices
    group by supplier_key
)

select
    quarters.fiscal_quarter,
    identities.supplier_key,
    identities.region,
    coalesce(
        screened.screened_on <= quarters.quarter_end
        and screened.screened_on < coalesce(ordered.first_invoice_on, {{ end_of_time() }}),
        false
    ) as is_screened
from {{ ref('int_supplier_identities') }} as identities
inner join {{ ref('int_quarters') }} as quarters
    on identities.created_on between quarters.year_start and quarters.quarter_end
left join screened
    on identities.supplier_key = screened.supplier_key
left join ordered
    on identities.supplier_key = ordered.supplier_key
where identities.is_external
