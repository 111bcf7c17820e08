{{ share_of_register('geo_high_risk_customer_check_rate', 'qtr', 'int_high_risk_customers', 'is_checked') }}
union all
{{ share_of_register('geo_hria_coverage_rate', 'asof', 'int_businesses_in_scope', 'is_assessed', dimension='affiliate_type') }}
{%- set first_check -%} (select min(check_date) from {{ ref('stg_register__customer_check') }}) {%- endset %}
union all
select
    {{ measured(
        'geo_high_risk_country_count', "'grp'", 'asof', 'count(distinct listed.country_iso2)',
        is_measured='count(listed.country_iso2) > 0'
    ) }}
from {{ ref('int_quarters') }} as quarters
left join {{ ref('int_high_risk_countries') }} as listed
    on
        quarters.quarter_end >= listed.valid_from
        and quarters.quarter_end < listed.replaced_on
group by quarters.fiscal_quarter
union all
select
    {{ measured(
        'geo_risk_confirmed', "'grp'", 'qtr', 'count(risks.record_id)',
        is_measured='coalesce(quarters.quarter_end >= ' ~ first_check ~ ', false)'
    ) }}
from {{ ref('int_quarters') }} as quarters
left join {{ ref('int_confirmed_risks') }} as risks
    on risks.check_date between quarters.quarter_start and quarters.quarter_end
group by quarters.fiscal_quarter, quarters.quarter_end
union all
select
    {{ measured(
        'geo_mitigated_rate', "'grp'", 'asof', count_if('risks.has_agreement'), 'count(risks.record_id)',
        is_measured='count(risks.record_id) > 0'
    ) }}
from {{ ref('int_quarters') }} as quarters
left join {{ ref('int_confirmed_risks') }} as risks
    on risks.check_date <= quarters.quarter_end
group by quarters.fiscal_quarter
union all
select
    {{ measured(
        'geo_committee_reported_rate', "'grp'", 'qtr', count_if('risks.is_in_committee_report'), 'count(risks.record_id)',
        is_measured='count(risks.record_id) > 0'
    ) }}
from {{ ref('int_quarters') }} as quarters
left join {{ ref('int_confirmed_risks') }} as risks
    on risks.check_date between quarters.quarter_start and quarters.quarter_end
group by quarters.fiscal_quarter
