{#
    The columns of every metrics_<theme> row, so that all themes say the same things in the same order and type.
    A figure that nobody measured has is_measured = false and no numbers: it is never shown as zero.
    Where a part is about suppliers or customers, firms says how many: publish/ withholds parts about few of them.
#}
{% macro measured(
    metric_id, perimeter, basis, numerator, denominator='null',
    dimension="'total'", dimension_value="'ALL'", is_measured='true', is_provisional='false', firms='null'
) -%}
    '{{ metric_id }}' as metric_id,
    {{ perimeter }} as perimeter,
    '{{ basis }}' as basis,
    quarters.fiscal_quarter,
    {{ dimension }} as dimension,
    {{ dimension_value }} as dimension_value,
    case when {{ is_measured }} then cast({{ numerator }} as double) end as numerator,
    case when {{ is_measured }} then cast({{ denominator }} as double) end as denominator,
    {{ is_measured }} as is_measured,
    {{ is_provisional }} as is_provisional,
    cast({{ firms }} as bigint) as firms
{%- endmacro %}


{# How many rows fulfill a condition; portable, and zero rather than nothing over no rows. #}
{% macro count_if(condition) -%}
    coalesce(sum(case when {{ condition }} then 1 else 0 end), 0)
{%- endmacro %}


{# The start of the period that a basis speaks of; its end is the quarter's last day. #}
{% macro period_start(basis) -%}
    {%- if basis == 'qtr' -%} quarters.quarter_start
    {%- elif basis == 'ytd' -%} quarters.year_start
    {%- elif basis == 't12m' -%} quarters.trailing_year_start
    {%- endif -%}
{%- endmacro %}


{# Every quarter with every perimeter that has an entity in it on the quarter's last day. #}
{% macro quarters_and_perimeters() -%}
    select distinct
        quarters.*,
        perimeters.perimeter
    from {{ ref('int_quarters') }} as quarters
    inner join {{ ref('int_entities_in_perimeter') }} as perimeters
        on quarters.quarter_end between perimeters.valid_from and perimeters.valid_to
{%- endmacro %}


{#
    A value from its numerator and denominator: a count, a share in percent, a share less a target, a ratio as it is or
    for each hundred or million, or a median, which is the numerator itself.
#}
{% macro metric_value(value_rule, of, gap_target) -%}
    case {{ value_rule }}
        when 'count' then {{ of }}.numerator
        when 'share' then 100.0 * {{ of }}.numerator / nullif({{ of }}.denominator, 0)
        when 'gap' then 100.0 * {{ of }}.numerator / nullif({{ of }}.denominator, 0) - {{ gap_target }}
        when 'ratio' then {{ of }}.numerator / nullif({{ of }}.denominator, 0)
        when 'per_hundred' then 100.0 * {{ of }}.numerator / nullif({{ of }}.denominator, 0)
        when 'per_million' then 1000000.0 * {{ of }}.numerator / nullif({{ of }}.denominator, 0)
        when 'median' then {{ of }}.numerator
    end
{%- endmacro %}
