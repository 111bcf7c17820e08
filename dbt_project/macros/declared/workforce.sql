{# The figures of the workforce, its safety and health; what each word means stands in macros/figures.sql. #}
{% macro workforce_figures() -%}
{%- set by_person = {'rows': 'int_workers_in_scope', 'key': 'counted.person_key', 'adds': '1'} -%}
{%- set workers = {
    'rows': 'int_headcount_cube',
    'key': 'counted.workers',
    'adds': 'counted.workers',
    'stands_for': 'counted.workers',
    'bases': ['asof'],
    'perimeters': ['grp'],
    'left_out': of_unknown_status(),
    'behind': by_person,
} -%}
{%- set shares = dict(workers, of='counted.workers', behind=dict(by_person, of='1')) -%}
{%- set companies = {
    'rows': 'int_ohs_companies',
    'key': 'counted.entity_code',
    'bases': ['ytd'],
    'perimeters': ['grp'],
    'of': '1',
    'dimensions': {'region': 'counted.region'},
} -%}
{{ return([
    dict(workers, metric='wrk_headcount', perimeters='all', is_measured='count(counted.workers) > 0', dimensions={
        'worker_category': 'counted.worker_category',
        'country_iso2': 'counted.country_iso2',
        'entity_code': 'counted.entity_code',
    }),
    dict(shares, metric='wrk_policy_coverage_rate', counts='counted.is_under_policy',
        dimensions={'entity_code': 'counted.entity_code', 'region': 'counted.region'}),
    dict(shares, metric='wrk_collective_coverage_rate', counts='counted.has_collective_agreement',
        dimensions={'country_iso2': 'counted.country_iso2'}),
    dict(workers, metric='wrk_under_min_age', left_out=dict(workers.left_out, **{
        'of age': 'not counted.is_under_minimum_age',
    }), since=first_roster(), dimensions={'country_iso2': 'counted.country_iso2'}),
    dict(companies, metric='wrk_ohs_selfcheck_response_rate', counts='counted.has_returned'),
    dict(companies, metric='wrk_hr_ohs_survey_rate', rows='int_companies', counts='counted.has_answered_survey',
        since='select min(opened_on) from ' ~ ref('stg_register__ohs_survey')),
    dict(shares, metric='wrk_ohs_system_coverage_rate', counts='counted.is_under_management_system',
        since='select min(submitted_on) from ' ~ ref('stg_register__ohs_survey'),
        dimensions={'entity_code': 'counted.entity_code', 'worker_category': 'counted.worker_category'}),
    {
        'metric': 'wrk_ohs_findings_open',
        'rows': 'int_ohs_findings',
        'key': 'counted.finding_key',
        'bases': ['asof'],
        'perimeter': 'grp',
        'left_out': {
            'closed by then': 'counted.is_closed',
            'not due yet': 'not counted.is_past_due',
        },
        'dimensions': {'entity_code': 'counted.entity_code', 'severity': 'counted.severity'},
        'since': 'select min(found_on) from ' ~ ref('stg_register__ohs_finding'),
    },
    {
        'metric': 'wrk_recordable_accidents',
        'rows': 'stg_register__accident',
        'key': 'counted.record_id',
        'bases': ['ytd'],
        'day': 'counted.month_end',
        'perimeter': 'grp',
        'adds': 'counted.recordable_accidents',
        'of': 'counted.hours_worked',
        'dimensions': {'worker_category': 'counted.worker_category', 'entity_code': 'counted.entity_code'},
    },
]) }}
{%- endmacro %}


{# The first roster on record: a day before it cannot be counted. #}
{% macro first_roster() -%} select min(as_of_date) from {{ ref('stg_hr__worker_month') }} {%- endmacro %}
