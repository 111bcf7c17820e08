{# A value as the board reads it; the rule for each metric stands in the catalog. #}
{% macro display_value() -%}
    case
        when figures.value is null then 'not measured'
        when metrics.display_rule = 'n_of_m'
            then {{ written_number('figures.numerator', 0) }} || ' of ' || {{ written_number('figures.denominator', 0) }}
        when metrics.display_rule = 'approx_hundreds'
            then 'approx. ' || {{ written_number('round(figures.value / 100, 0) * 100', 0) }}
        when metrics.unit = '%' then {{ written_number('figures.value', 'metrics.decimals') }} || ' %'
        when metrics.unit = 'pp' then {{ written_number('figures.value', 'metrics.decimals') }} || ' pp'
        else {{ written_number('figures.value', 'metrics.decimals') }}
    end
{%- endmacro %}


{# The columns of tables/headline.csv, in its order. #}
{% macro headline_columns() -%}
    figures.metric_id,
    metrics.title,
    metrics.unit,
    figures.perimeter,
    figures.basis,
    figures.fiscal_quarter,
    figures.numerator,
    figures.denominator,
    figures.value,
    {{ display_value() }} as display_value,
    figures.target_value,
    figures.target_status,
    figures.value_state
{%- endmacro %}


{# Whether a row is the one figure that stands for its metric in its quarter. #}
{% macro is_headline() -%}
    figures.perimeter = metrics.headline_perimeter
    and figures.basis = metrics.basis
    and figures.dimension = 'total'
{%- endmacro %}


{# One theme's figures of the release's quarter: totals first, then other perimeters and one-way dimensions. #}
{% macro board_theme(theme) -%}
select
    {{ headline_columns() }},
    figures.dimension,
    figures.dimension_value,
    metrics.theme_order,
    figures.is_person_count
from {{ ref('fct_metric_value') }} as figures
inner join {{ ref('dim_metric') }} as metrics
    on figures.metric_id = metrics.metric_id
where
    metrics.theme = '{{ theme }}'
    and figures.fiscal_quarter = '{{ var("quarter") }}'
order by
    metrics.theme_order,
    case when {{ is_headline() }} then 1 when figures.dimension = 'total' then 2 else 3 end,
    figures.perimeter,
    figures.basis,
    figures.dimension,
    figures.dimension_value
{%- endmacro %}


{# Whether two counts of persons are the same, or differ by so many that the difference speaks of nobody. #}
{% macro tells_nobody(count, other) -%}
    coalesce(abs({{ count }} - {{ other }}) not between 1 and {{ var('smallest_difference') - 1 }}, true)
{%- endmacro %}
