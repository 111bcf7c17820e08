{# The figures of the workforce, its safety and health; what each word means stands in macros/figures.sql. #}
{% macro workforce_figures() -%}
{%- set workers = {
    'rows': 'int_workers_in_scope',
    'key': 'counted.person_key',
    'bases': ['asof'],
    'perimeters': ['grp'],
} -%}
{%- set companies = {
    'rows': 'int_ohs_companies',
    'key': 'counted.entity_code',
    'bases': ['ytd'],
    'perimeters': ['grp'],
    'of': '1',
    'dimensions': {'region': 'counted.region'},
} -%}
{{ return([
    dict(workers, metric='wrk_headcount', perimeters='all', is_measured='count(counted.person_key) > 0', dimensions={
        'worker_category': 'counted.worker_category',
        'country_iso2': 'counted.country_iso2',
        'entity_code': 'counted.entity_code',
    }),
    dict(workers, metric='wrk_policy_coverage_rate', counts='counted.is_under_policy', of='1'),
    dict(workers, metric='wrk_collective_coverage_rate', counts='counted.has_collective_agreement', of='1'),
    dict(workers, metric='wrk_under_min_age', left_out={
        'of age': 'not counted.is_under_minimum_age',
    }, since=first_roster()),
    dict(companies, metric='wrk_ohs_selfcheck_response_rate', counts='counted.has_returned'),
]) }}
{%- endmacro %}


{# The first roster on record: a day before it cannot be counted. #}
{% macro first_roster() -%} select min(as_of_date) from {{ ref('stg_hr__worker_month') }} {%- endmacro %}
