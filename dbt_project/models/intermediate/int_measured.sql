{#- What extracts say; figures about figures are not among it. -#}
{%- set themes = [
    'training', 'grievance', 'supply_chain', 'workforce', 'geopolitics', 'ai', 'governance', 'cases'
] -%}
{% for theme in themes -%}
select * from {{ ref('metrics_' ~ theme) }}
{%- if not loop.last %}
union all
{% endif %}
{%- endfor %}
