{#
    The extracts behind each metric, as dbt's own lineage leads to them from the populations that it is declared over.
    Which quarters there are (int_quarters) is asked of the rosters, and moves no figure of a quarter that was there.
#}
{% macro extracts_behind(declarations) -%}
{%- set behind = {} -%}
{%- for figure in declarations if execute -%}
    {%- set populations = [figure.rows, figure.get('quarters', figure.rows)] -%}
    {%- for extract in _extracts_of(populations) -%}
        {%- do behind.update({(figure.metric, extract): true}) -%}
    {%- endfor -%}
{%- endfor -%}
{%- for metric, extract in behind | sort %}
select
    '{{ metric }}' as metric_id,
    '{{ extract }}' as extract
{%- if not loop.last %}
union all
{%- endif -%}
{%- else %}
select
    cast(null as {{ dbt.type_string() }}) as metric_id,
    cast(null as {{ dbt.type_string() }}) as extract
{%- endfor -%}
{%- endmacro %}


{% macro _extracts_of(models) -%}
{%- set reached = [] -%}
{%- set extracts = [] -%}
{%- for model in models -%}
    {%- do reached.append('model.' ~ project_name ~ '.' ~ model) -%}
{%- endfor -%}
{#- The list grows while it is walked. -#}
{%- for node in reached -%}
    {%- if node in graph.sources -%}
        {%- do extracts.append(graph.sources[node].source_name ~ '/' ~ graph.sources[node].name) -%}
    {%- elif not node.endswith('.int_quarters') -%}
        {%- for parent in graph.nodes[node].depends_on.nodes if parent not in reached -%}
            {%- do reached.append(parent) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endfor -%}
{{ return(extracts) }}
{%- endmacro %}
