{#
    The company's calendar date of an instant in UTC. The offsets come from the time zone's own rules
    (dbt_project/build.py), oldest first, so that no engine needs time zone data of its own.
#}
{% macro local_date(instant) -%}
    cast(
        case
            {%- for offset in var('utc_offsets') | reverse %}
            when {{ instant }} >= cast('{{ offset.since }}' as timestamp)
                then {{ dbt.dateadd('minute', offset.minutes, instant) }}
            {%- endfor %}
        end as date
    )
{%- endmacro %}


{% macro end_of_time() -%} cast('9999-12-31' as date) {%- endmacro %}


{# The first day of the oldest fiscal year of which figures are computed. #}
{% macro oldest_year_start() -%} (select min(quarters.year_start) from {{ ref('int_quarters') }} as quarters) {%- endmacro %}


{# Whether a row is valid on a day; both ends belong to it, and an open end lasts. #}
{% macro is_valid_on(day, valid_from, valid_to) -%}
    {{ valid_from }} <= {{ day }} and coalesce({{ valid_to }}, {{ end_of_time() }}) >= {{ day }}
{%- endmacro %}
