{# Which issues, steps and conventions other figures track, and what they rest on. #}
{% macro coverage_figures() -%}
{%- set passages = {
    'rows': 'int_framework_passages',
    'key': 'counted.passage',
    'bases': ['qtr'],
    'perimeter': 'grp',
    'of': '1',
} -%}
{{ return([
    {
        'metric': 'gov_salient_kpi_rate',
        'rows': 'int_salient_issues_with_measures',
        'key': 'counted.issue',
        'bases': ['qtr'],
        'perimeter': 'grp',
        'counts': 'counted.has_measure',
        'of': '1',
        'dimensions': {'issue': 'counted.issue'},
    },
    dict(passages, metric='gov_oecd_step_coverage', among="counted.frame = 'OECD'", counts='counted.has_measured_metric',
        dimensions={'step': 'counted.passage'}),
    dict(passages, metric='gov_ilo_coverage', among="counted.frame = 'ILO'", counts='counted.has_metric', bases=['asof'],
        dimensions={'convention': 'counted.passage'}),
]) }}
{%- endmacro %}


{% macro confidence_figures() -%}
{{ return([
    {
        'metric': 'qa_estimated_share',
        'rows': 'int_metrics_measured',
        'key': 'counted.metric_id',
        'bases': ['qtr'],
        'perimeter': 'grp',
        'counts': "counted.confidence <> 'MEASURED'",
        'of': '1',
        'dimensions': {'theme': 'counted.theme'},
    },
]) }}
{%- endmacro %}
