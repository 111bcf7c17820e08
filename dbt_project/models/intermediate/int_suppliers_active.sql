-- External suppliers with a positive amount in the twelve months that end with the quarter, or with one that nobody can
-- value: it adds nothing to a sum, and its supplier counts.
with

spend as (
    select
        quarters.fiscal_quarter,
        quarters.quarter_end,
        quarters.trailing_year_start,
        spend.supplier_key,
        coalesce(sum(spend.amount_jpy), 0) as amount_jpy
    from {{ ref('int_supplier_spend') }} as spend
    inner join {{ ref('int_quarters') }} as quarters
        on spend.posting_month between quarters.trailing_year_start and quarters.quarter_end
    group by
        quarters.fiscal_quarter,
        quarters.quarter_end,
        quarters.trailing_year_start,
        spend.supplier_key
    having coalesce(sum(spend.amount_jpy), 0) > 0 or count(*) > count(spend.amount_jpy)
),

guidelines as (
    select
        quarters.fiscal_quarter,
        max(declarations.guideline_version) as current_version
    from {{ ref('stg_procurement__declaration') }} as declarations
    inner join {{ ref('int_quarters') }} as quarters
        on declarations.signed_on <= quarters.quarter_end
    group by quarters.fiscal_quarter
),

-- A questionnaire or an audit speaks for a supplier for twelve months.
assessed as (
    select
        quarters.fiscal_quarter,
        suppliers.supplier_key,
        max(case when looks.kind = 'QUESTIONNAIRE' then 1 else 0 end) as by_questionnaire
    from (
        select
            source_system,
            supplier_id,
            submitted_on as done_on,
            'QUESTIONNAIRE' as kind
        from {{ ref('stg_procurement__assessment') }}
        where kind in ('SAQ', 'SEDEX_SAQ')
        union all
        select
            source_system,
            supplier_id,
            completed_on as done_on,
            'AUDIT' as kind
        from {{ ref('stg_procurement__audit') }}
    ) as looks
    inner join {{ ref('int_suppliers') }} as suppliers
        on
            looks.source_system = suppliers.source_system
            and looks.supplier_id = suppliers.supplier_id
    inner join {{ ref('int_quarters') }} as quarters
        on looks.done_on between quarters.trailing_year_start and quarters.quarter_end
    group by quarters.fiscal_quarter, suppliers.supplier_key
),

-- Who received the version of the guidelines that is the current one.
reached as (
    select distinct
        quarters.fiscal_quarter,
        suppliers.supplier_key
    from {{ ref('stg_register__outreach') }} as outreach
    inner join {{ ref('int_suppliers') }} as suppliers
        on
            outreach.source_system = suppliers.source_system
            and outreach.party_key = suppliers.supplier_id
    inner join {{ ref('int_quarters') }} as quarters
        on outreach.delivered_on <= quarters.quarter_end
    inner join guidelines
        on
            quarters.fiscal_quarter = guidelines.fiscal_quarter
            and outreach.version = guidelines.current_version
    where
        outreach.party_type = 'SUPPLIER'
        and outreach.document = 'SUPPLIER_GUIDELINES'
),

countries as (
    select distinct
        quarters.fiscal_quarter,
        suppliers.supplier_key
    from {{ ref('int_suppliers') }} as suppliers
    inner join {{ ref('int_high_risk_countries') }} as listed
        on suppliers.country_iso2 = listed.country_iso2
    inner join {{ ref('int_quarters') }} as quarters
        on
            quarters.quarter_end >= listed.valid_from
            and quarters.quarter_end < listed.replaced_on
)

select
    spend.fiscal_quarter,
    spend.supplier_key,
    spend.amount_jpy,
    coalesce(identities.country_iso2, 'UNKNOWN') as country_iso2,
    coalesce(identities.region, 'UNKNOWN') as region,
    coalesce(identities.tier, 'UNKNOWN') as tier,
    coalesce(identities.size_band, 'UNKNOWN') as size_band,
    declared.guideline_version,
    {{ known_or_null('declared.is_status_known', 'declared.supplier_key is not null') }} as is_declared,
    coalesce(
        declared.valid_to <= cast({{ dbt.dateadd('day', 90, 'spend.quarter_end') }} as date), false
    ) as is_declaration_expiring,
    coalesce(declared.guideline_version < guidelines.current_version, false) as is_declaration_outdated,
    coalesce(assessed.by_questionnaire = 1, false) as has_questionnaire,
    assessed.supplier_key is not null as is_assessed,
    countries.supplier_key is not null as is_in_high_risk_country,
    reached.supplier_key is not null as has_guidelines
from spend
left join {{ ref('int_supplier_identities') }} as identities
    on spend.supplier_key = identities.supplier_key
left join reached
    on
        spend.fiscal_quarter = reached.fiscal_quarter
        and spend.supplier_key = reached.supplier_key
left join guidelines
    on spend.fiscal_quarter = guidelines.fiscal_quarter
left join {{ ref('int_suppliers_with_declaration') }} as declared
    on
        spend.fiscal_quarter = declared.fiscal_quarter
        and spend.supplier_key = declared.supplier_key
left join assessed
    on
        spend.fiscal_quarter = assessed.fiscal_quarter
        and spend.supplier_key = assessed.supplier_key
left join countries
    on
        spend.fiscal_quarter = countries.fiscal_quarter
        and spend.supplier_key = countries.supplier_key
