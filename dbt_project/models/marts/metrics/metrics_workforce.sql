with

quarters as (
    {{ quarters_and_perimeters() }}
)

select
    {{ measured(
        'wrk_headcount', 'quarters.perimeter', 'asof', 'count(workers.person_key)',
        is_measured='count(workers.person_key) > 0'
    ) }}
from quarters
left join {{ ref('int_workers_in_scope') }} as workers
    on
        quarters.fiscal_quarter = workers.fiscal_quarter
        and quarters.perimeter = workers.perimeter
group by quarters.fiscal_quarter, quarters.perimeter
{% for dimension in ['worker_category', 'country_iso2', 'entity_code'] -%}
union all
select
    {{ measured(
        'wrk_headcount', 'quarters.perimeter', 'asof', 'count(*)',
        dimension="'" ~ dimension ~ "'", dimension_value='quarters.' ~ dimension
    ) }}
from {{ ref('int_workers_in_scope') }} as quarters
group by quarters.fiscal_quarter, quarters.perimeter, quarters.{{ dimension }}
{% endfor -%}
{% for metric_id, condition in {
    'wrk_policy_coverage_rate': 'quarters.is_under_policy',
    'wrk_collective_coverage_rate': 'quarters.has_collective_agreement',
}.items() -%}
union all
select
    {{ measured(metric_id, 'quarters.perimeter', 'asof', count_if(condition), 'count(*)') }}
from {{ ref('int_workers_in_scope') }} as quarters
where quarters.perimeter = 'grp'
group by quarters.fiscal_quarter, quarters.perimeter
{% endfor -%}
union all
select
    {{ measured('wrk_under_min_age', 'quarters.perimeter', 'asof', count_if('quarters.is_under_minimum_age')) }}
from {{ ref('int_workers_in_scope') }} as quarters
where quarters.perimeter = 'grp'
group by quarters.fiscal_quarter, quarters.perimeter
union all
select
    {{ measured(
        'wrk_ohs_selfcheck_response_rate', "'grp'", 'ytd',
        count_if('companies.has_returned'), 'count(companies.entity_code)',
        is_measured='count(companies.entity_code) > 0'
    ) }}
from {{ ref('int_quarters') }} as quarters
left join {{ ref('int_ohs_companies') }} as companies
    on
        quarters.fiscal_quarter = companies.fiscal_quarter
        and companies.perimeter = 'grp'
group by quarters.fiscal_quarter
union all
select
    {{ measured(
        'wrk_ohs_selfcheck_response_rate', "'grp'", 'ytd', count_if('quarters.has_returned'), 'count(*)',
        dimension="'region'", dimension_value='quarters.region'
    ) }}
from {{ ref('int_ohs_companies') }} as quarters
where quarters.perimeter = 'grp'
group by quarters.fiscal_quarter, quarters.region
