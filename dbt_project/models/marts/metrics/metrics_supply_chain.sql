with

spend as (
    select
        quarters.fiscal_quarter,
        spend.perimeter,
        spend.buying_region,
        sum(spend.amount_jpy) as amount_jpy,
        sum(case when declared.supplier_key is not null then spend.amount_jpy else 0 end) as declared_jpy
    from {{ ref('int_supplier_spend') }} as spend
    inner join {{ ref('int_quarters') }} as quarters
        on spend.posting_date between quarters.trailing_year_start and quarters.quarter_end
    left join {{ ref('int_suppliers_with_declaration') }} as declared
        on
            quarters.fiscal_quarter = declared.fiscal_quarter
            and spend.supplier_key = declared.supplier_key
    group by quarters.fiscal_quarter, spend.perimeter, spend.buying_region
)

select
    {{ measured(
        'sup_declaration_spend_rate', 'quarters.perimeter', 't12m',
        'sum(quarters.declared_jpy)', 'sum(quarters.amount_jpy)', is_measured='sum(quarters.amount_jpy) > 0'
    ) }}
from spend as quarters
group by quarters.fiscal_quarter, quarters.perimeter
union all
select
    {{ measured(
        'sup_declaration_spend_rate', 'quarters.perimeter', 't12m',
        'sum(quarters.declared_jpy)', 'sum(quarters.amount_jpy)', is_measured='sum(quarters.amount_jpy) > 0',
        dimension="'buying_region'", dimension_value='quarters.buying_region'
    ) }}
from spend as quarters
group by quarters.fiscal_quarter, quarters.perimeter, quarters.buying_region
union all
select
    {{ measured(
        'sup_declaration_spend_rate', "'grp'", 't12m', 'null', is_measured='false'
    ) }}
from {{ ref('int_quarters') }} as quarters
where quarters.fiscal_quarter not in (select fiscal_quarter from spend where perimeter = 'grp')
{% for basis in ['qtr', 'ytd'] -%}
union all
select
    {{ measured(
        'sup_saq_high_risk', "'grp'", basis, 'count(distinct suppliers.supplier_key)',
        is_measured='coalesce(quarters.quarter_end >= (select min(sent_on) from ' ~ ref('stg_procurement__assessment') ~ '), false)'
    ) }}
from {{ ref('int_quarters') }} as quarters
left join {{ ref('int_suppliers_high_risk') }} as suppliers
    on suppliers.submitted_on between {{ period_start(basis) }} and quarters.quarter_end
group by quarters.fiscal_quarter, quarters.quarter_end
union all
select
    {{ measured(
        'sup_third_party_audits', "'grp'", basis, 'count(audits.audit_id)',
        is_measured='coalesce(quarters.quarter_end >= (select min(planned_on) from ' ~ ref('stg_procurement__audit') ~ '), false)'
    ) }}
from {{ ref('int_quarters') }} as quarters
left join {{ ref('stg_procurement__audit') }} as audits
    on
        audits.auditor_kind = 'THIRD_PARTY'
        and audits.completed_on between {{ period_start(basis) }} and quarters.quarter_end
group by quarters.fiscal_quarter, quarters.quarter_end
{% endfor -%}
union all
select
    {{ measured(
        'sup_saq_high_risk', "'grp'", 'ytd', 'count(distinct suppliers.supplier_key)',
        dimension="'tier'", dimension_value='cast(suppliers.tier as ' ~ dbt.type_string() ~ ')'
    ) }}
from {{ ref('int_quarters') }} as quarters
inner join {{ ref('int_suppliers_high_risk') }} as suppliers
    on suppliers.submitted_on between quarters.year_start and quarters.quarter_end
group by quarters.fiscal_quarter, suppliers.tier
{% for dimension, column in {'audit_kind': 'kind', 'country_iso2': 'country_iso2'}.items() -%}
union all
select
    {{ measured(
        'sup_third_party_audits', "'grp'", 'ytd', 'count(*)',
        dimension="'" ~ dimension ~ "'", dimension_value='audits.' ~ column
    ) }}
from {{ ref('int_quarters') }} as quarters
inner join {{ ref('stg_procurement__audit') }} as audits
    on
        audits.auditor_kind = 'THIRD_PARTY'
        and audits.completed_on between quarters.year_start and quarters.quarter_end
group by quarters.fiscal_quarter, audits.{{ column }}
{% endfor %}
{#- Of the suppliers of the twelve months: the flag that is summed, of which, by amount or by number. -#}
{% for metric_id, (basis, summed, condition, whole) in {
    'sup_declaration_supplier_rate': ['asof', '1', 'suppliers.is_declared', 'true'],
    'sup_declaration_expiring_90d': [
        'asof', 'suppliers.amount_jpy', 'suppliers.is_declaration_expiring', 'suppliers.is_declared'
    ],
    'sup_declaration_outdated_version': [
        'asof', 'suppliers.amount_jpy', 'suppliers.is_declaration_outdated', 'suppliers.is_declared'
    ],
    'sup_saq_spend_rate': ['t12m', 'suppliers.amount_jpy', 'suppliers.has_questionnaire', 'true'],
    'sup_high_risk_country_spend': ['t12m', 'suppliers.amount_jpy', 'suppliers.is_in_high_risk_country', 'true'],
    'sup_high_risk_assessed_rate': ['asof', '1', 'suppliers.is_assessed', 'suppliers.is_in_high_risk_country'],
}.items() -%}
union all
select
    {{ measured(
        metric_id, "'grp'", basis,
        'sum(case when ' ~ condition ~ ' then ' ~ summed ~ ' else 0 end)', 'sum(' ~ summed ~ ')',
        is_measured='count(suppliers.supplier_key) > 0'
    ) }}
from {{ ref('int_quarters') }} as quarters
left join {{ ref('int_suppliers_active') }} as suppliers
    on
        quarters.fiscal_quarter = suppliers.fiscal_quarter
        and {{ whole }}
group by quarters.fiscal_quarter
{% endfor -%}
union all
select
    {{ measured(
        'sup_saq_response_rate', "'grp'", 'ytd',
        count_if('sent.submitted_on <= quarters.quarter_end'), 'count(sent.assessment_id)',
        is_measured='count(sent.assessment_id) > 0'
    ) }}
from {{ ref('int_quarters') }} as quarters
left join {{ ref('stg_procurement__assessment') }} as sent
    on
        sent.kind in ('SAQ', 'SEDEX_SAQ')
        and sent.due_on between quarters.year_start and quarters.quarter_end
group by quarters.fiscal_quarter
union all
select
    {{ measured(
        'sup_tier2_saq', "'grp'", 'ytd', 'count(distinct suppliers.supplier_key)',
        is_measured='coalesce(quarters.quarter_end >= (select min(sent_on) from ' ~ ref('stg_procurement__assessment') ~ '), false)'
    ) }}
from {{ ref('int_quarters') }} as quarters
left join {{ ref('stg_procurement__assessment') }} as sent
    on
        sent.kind in ('SAQ', 'SEDEX_SAQ')
        and sent.tier >= 2
        and sent.submitted_on between quarters.year_start and quarters.quarter_end
left join {{ ref('int_suppliers') }} as suppliers
    on
        sent.source_system = suppliers.source_system
        and sent.supplier_id = suppliers.supplier_id
group by quarters.fiscal_quarter, quarters.quarter_end
union all
select
    {{ measured(
        'sup_spend_matched_rate', "'grp'", 'qtr',
        'sum(case when suppliers.supplier_key is not null then spend.amount_jpy else 0 end)', 'sum(spend.amount_jpy)',
        is_measured='coalesce(sum(spend.amount_jpy), 0) > 0'
    ) }}
from {{ ref('int_quarters') }} as quarters
left join {{ ref('int_supplier_spend') }} as spend
    on
        spend.perimeter = 'grp'
        and spend.posting_date between quarters.quarter_start and quarters.quarter_end
left join (
    select distinct supplier_key
    from {{ ref('int_suppliers') }}
    where canonical_supplier_id is not null
) as suppliers
    on spend.supplier_key = suppliers.supplier_key
group by quarters.fiscal_quarter
