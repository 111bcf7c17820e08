{# Words that engines spell differently; everything else in this project is plain SQL. #}

{% macro array_has(array, value) -%} {{ return(adapter.dispatch('array_has')(array, value)) }} {%- endmacro %}
{% macro default__array_has(array, value) -%} array_contains({{ array }}, {{ value }}) {%- endmacro %}
{% macro duckdb__array_has(array, value) -%} list_contains({{ array }}, {{ value }}) {%- endmacro %}

{# A number as people write it: 12,345 or 12.3. #}
{% macro written_number(number, decimals) -%} {{ return(adapter.dispatch('written_number')(number, decimals)) }} {%- endmacro %}
{% macro default__written_number(number, decimals) -%} format_number({{ number }}, {{ decimals }}) {%- endmacro %}
{% macro duckdb__written_number(number, decimals) -%}
    case {{ decimals }}
        when 0 then format('{:,.0f}', round({{ number }}, 0))
        when 1 then format('{:,.1f}', round({{ number }}, 1))
        else format('{:,.2f}', round({{ number }}, 2))
    end
{%- endmacro %}

{# The value in the middle; of two in the middle, their mean. #}
{% macro median(number) -%} {{ return(adapter.dispatch('median')(number)) }} {%- endmacro %}
{% macro default__median(number) -%} percentile({{ number }}, 0.5) {%- endmacro %}
{% macro duckdb__median(number) -%} quantile_cont(cast({{ number }} as double), 0.5) {%- endmacro %}
