{#
    Figures of other themes that count cases of the hotline: no model of a theme that knows people may see a case.
    What each word means stands in macros/figures.sql.
#}
{% macro case_figures() -%}
{{ return([
    {
        'metric': 'ai_rights_complaints',
        'rows': 'int_ai_rights_cases',
        'key': 'counted.case_id',
        'bases': ['qtr'],
        'day': 'counted.received_quarter',
        'perimeter': 'grp',
        'left_out': {'about nothing of it': 'not counted.is_about_ai'},
        'since': 'select min(received_quarter) from ' ~ ref('int_ai_rights_cases'),
        'dimensions': {'channel': 'counted.channel'},
    },
    {
        'metric': 'qa_uncategorised_rate',
        'rows': 'int_hotline_cases_in_perimeter',
        'key': 'counted.case_id',
        'bases': ['qtr', 'ytd'],
        'day': 'counted.received_quarter',
        'among': 'counted.is_human_rights_hotline',
        'perimeters': ['jp'],
        'counts': "counted.primary_category = 'UNCATEGORISED'",
        'of': '1',
        'dimensions': {'channel': 'counted.channel'},
    },
]) }}
{%- endmacro %}
