{# The figures about the figures; what each word means stands in macros/figures.sql. #}
{% macro quality_figures() -%}
{%- set records = {'bases': ['qtr'], 'perimeter': 'grp'} -%}
{#- Cells are withheld after the build: of qa_suppressed_cells there is nothing to look at yet. -#}
{{ return([
    {
        'metric': 'qa_person_match_rate',
        'rows': 'int_training_records',
        'bases': ['qtr', 'ytd'],
        'day': 'counted.completed_on',
        'perimeter': 'grp',
        'counts': 'counted.is_matched',
        'of': '1',
        'dimensions': {'source': 'counted.source'},
    },
    dict(records, metric='qa_source_freshness_days', rows='stg_own__freshness', key='counted.extract',
        oldest='counted.age_business_days', dimensions={'extract': 'counted.extract'}),
    dict(records, metric='qa_vanished_rows', rows='stg_own__vanished', key='counted.extract_id',
        adds='counted.vanished_rows', is_measured='count(counted.extract_id) > 0',
        dimensions={'extract': 'counted.extract'}),
    dict(records, metric='qa_restated_figures', rows='int_figures_published_before', key='counted.cell',
        left_out={'as it was published': 'not counted.is_restated'}, is_measured='count(counted.cell) > 0',
        dimensions={'size': 'counted.size'}),
    dict(records, metric='qa_gate_pass_rate', rows='stg_own__check',
        key="counted.extract_id || ' ' || counted.check_name", counts='counted.is_passed', of='1',
        dimensions={'suite': 'counted.suite'}),
    dict(records, metric='qa_signoff_lead_days', rows='stg_own__signoff', key='counted.role',
        oldest='counted.lead_days', dimensions={'role': 'counted.role'}),
    dict(records, metric='qa_suppressed_cells', rows='int_quarters', key='counted.fiscal_quarter', among='false',
        is_measured='false'),
]) }}
{%- endmacro %}
