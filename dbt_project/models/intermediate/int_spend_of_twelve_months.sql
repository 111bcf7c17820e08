-- External spend of the twelve months that end with the quarter, with what is known of its suppliers.
-- A supplier whose credits outweigh its invoices has a country and a declaration, but it is not an active one.
with

by_buyer as (
    select
        quarters.fiscal_quarter,
        spend.supplier_key,
        spend.buying_entity,
        spend.buyer_valid_from,
        spend.category,
        spend.has_clause,
        spend.is_valued,
        sum(spend.invoice_lines) as invoice_lines,
        sum(spend.amount_jpy) as amount_jpy
    from {{ ref('int_supplier_spend') }} as spend
    inner join {{ ref('int_quarters') }} as quarters
        on spend.posting_month between quarters.trailing_year_start and quarters.quarter_end
    group by
        quarters.fiscal_quarter,
        spend.supplier_key,
        spend.buying_entity,
        spend.buyer_valid_from,
        spend.category,
        spend.has_clause,
        spend.is_valued
),

spend as (
    select
        by_buyer.fiscal_quarter,
        perimeters.perimeter,
        by_buyer.supplier_key,
        perimeters.region as buying_region,
        by_buyer.buying_entity,
        by_buyer.category,
        by_buyer.has_clause,
        by_buyer.is_valued,
        sum(by_buyer.invoice_lines) as invoice_lines,
        sum(by_buyer.amount_jpy) as amount_jpy
    from by_buyer
    inner join {{ ref('int_companies_or_unknown') }} as perimeters
        on
            by_buyer.buying_entity = perimeters.entity_code
            and by_buyer.buyer_valid_from = perimeters.valid_from
    group by
        by_buyer.fiscal_quarter,
        perimeters.perimeter,
        by_buyer.supplier_key,
        perimeters.region,
        by_buyer.buying_entity,
        by_buyer.category,
        by_buyer.has_clause,
        by_buyer.is_valued
)

select
    spend.fiscal_quarter,
    spend.perimeter,
    spend.supplier_key || ' ' || spend.buying_entity || ' ' || spend.category
    || case when spend.has_clause then ' clause' else '' end
    || case when spend.is_valued then '' else ' not valued' end
        as row_key,
    spend.supplier_key,
    spend.buying_region,
    spend.buying_entity,
    spend.category,
    identities.country_iso2,
    identities.tier,
    spend.has_clause,
    spend.is_valued,
    cast(spend.invoice_lines as bigint) as invoice_lines,
    spend.amount_jpy,
    {{ known_or_null('declared.is_status_known', 'declared.supplier_key is not null') }} as is_declared,
    active.supplier_key is not null as is_active,
    coalesce(active.is_declaration_expiring, false) as is_declaration_expiring,
    coalesce(active.has_questionnaire, false) as has_questionnaire,
    coalesce(active.is_in_high_risk_country, false) as is_in_high_risk_country
from spend
left join {{ ref('int_supplier_identities') }} as identities
    on spend.supplier_key = identities.supplier_key
left join {{ ref('int_suppliers_with_declaration') }} as declared
    on
        spend.fiscal_quarter = declared.fiscal_quarter
        and spend.supplier_key = declared.supplier_key
left join {{ ref('int_suppliers_active') }} as active
    on
        spend.fiscal_quarter = active.fiscal_quarter
        and spend.supplier_key = active.supplier_key
