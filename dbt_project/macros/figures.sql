{#
    A figure is declared, not written. A declaration says which rows a population holds and what becomes of each, and
    from it come both the figure and the rows behind it, so the two cannot speak of different things.

    metric       its id in the catalog
    rows         the population: a model with one row for each thing that is looked at, called `counted` below
    key          what names a row (default counted.row_key); it is never printed
    bases        the time bases on which it is given
    day          the day that puts a row into a period (asof: every row up to the last day); without it the population
                 says its fiscal_quarter itself
    among        condition of the rows that it is about; the others are not looked at
    perimeters   where it is given, for a population with a perimeter; else `perimeter`, the one that it speaks of
    left_out     reason -> condition: a row that meets one is left out for the first that it meets
    counts       condition of the numerator (default: every row that is not left out)
    adds         what a row adds to the numerator (default 1), which is then divided by `divided_by`
    of           what a row adds to the denominator; without it the figure is a count
    distinct     what is counted once, however many rows say it (in place of adds)
    oldest       the numerator is the greatest of this, in days (in place of adds)
    median       the numerator is the median of this, and the denominator the number of rows (in place of adds)
    dimensions   dimension -> what a row says of it; a row that says nothing is in the part UNKNOWN
    stands_for   how many rows a row stands for, where the population is already summed (default 1)
    behind       words that the rows behind the figure say in their own way, where the population is already summed
    parts_only   true where the total is declared over another population
    firms        the supplier or customer that a row is about: publish/ withholds parts about few of them
    since        the first day on record: earlier quarters cannot be counted. Without it a count is always measured,
                 and a share where it has a row; `is_measured` says any other condition
    quarters     a model of quarters and perimeters that says `is_provisional`: whether the figure can still change
#}

{# The numerators and denominators of declared figures, in the columns of a metrics_<theme> model. #}
{% macro figures_of(declarations) -%}
with

every_perimeter as (
    {{ quarters_and_perimeters() }}
)

{% for figure in declarations -%}
{%- set outer = loop -%}
{%- for basis in figure.bases -%}
{%- if not figure.parts_only -%}
{{ _figure(figure, basis) }}
{%- endif -%}
{%- for dimension, part in figure.get('dimensions', {}).items() %}
{%- if not (figure.parts_only and loop.first) %}
union all
{%- endif %}
{{ _figure(figure, basis, dimension, part) }}
{%- endfor -%}
{%- if not (loop.last and outer.last) %}
union all
{% endif -%}
{%- endfor -%}
{%- endfor -%}
{%- endmacro %}


{#
    Every row that a declared figure looked at, in the columns of a rows_<theme> model: in which part of the figure it
    is or why it is in none, and what it adds. A figure's rows are those of its metric, perimeter, basis and quarter.
#}
{% macro rows_of(declarations) -%}
{% for figure in declarations | rejectattr('parts_only') | list -%}
{%- set outer = loop -%}
{%- set figure = dict(figure, **figure.get('behind', {})) -%}
{%- for basis in figure.bases -%}
{%- set perimeter = 'counted.perimeter' if 'perimeters' in figure else "'" ~ figure.perimeter ~ "'" -%}
{%- set counts = figure.get('counts', 'true') -%}
{%- set adds_up = 'distinct' not in figure and 'median' not in figure and 'oldest' not in figure -%}
select
    '{{ figure.metric }}' as metric_id,
    {{ perimeter }} as perimeter,
    '{{ basis }}' as basis,
    quarters.fiscal_quarter,
    cast({{ figure.get('key', 'counted.row_key') }} as {{ dbt.type_string() }}) as row_key,
    case
        when {{ _is_left_out(figure) }} then 'left out'
        when {{ counts }} then 'numerator'
        else {{ "'denominator only'" if 'of' in figure else "'left out'" }}
    end as part,
    {{ _reason(figure) }} as reason,
    {%- if adds_up %}
    cast(
        case when not {{ _is_left_out(figure) }} and {{ counts }} then {{ figure.get('adds', 1) }} else 0 end as double
    ) / {{ figure.get('divided_by', 1) }} as adds_to_numerator,
    cast(
        case when not {{ _is_left_out(figure) }} then {{ figure.get('of', 'null') }} end as double
    ) as adds_to_denominator
    {%- else %}
    cast(null as double) as adds_to_numerator,
    cast(null as double) as adds_to_denominator
    {%- endif %}
from {{ ref('int_quarters') }} as quarters
inner join {{ ref(figure.rows) }} as counted
    on
        {{ _belongs(figure, basis) }}
{%- if 'perimeters' in figure and figure.perimeters != 'all' %}
where counted.perimeter in ('{{ figure.perimeters | join("', '") }}')
{%- endif %}
{%- if not (loop.last and outer.last) %}
union all
{% endif -%}
{%- endfor -%}
{%- endfor -%}
{%- endmacro %}


{# How many rows each headline of the quarter asked for leaves out, by reason: what rows_of would count one by one. #}
{% macro exclusions_of(declarations) -%}
{%- set leaving = declarations | rejectattr('parts_only') | selectattr('left_out', 'defined') | list -%}
{% for figure in leaving -%}
{%- set outer = loop -%}
{%- for basis in figure.bases %}
select
    metrics.metric_id,
    metrics.headline_perimeter as perimeter,
    metrics.basis,
    quarters.fiscal_quarter,
    {{ _reason(figure) }} as reason,
    cast(sum({{ figure.get('stands_for', 1) }}) as bigint) as left_out
from {{ ref('int_quarters') }} as quarters
inner join {{ ref('dim_metric') }} as metrics
    on
        metrics.metric_id = '{{ figure.metric }}'
        and metrics.basis = '{{ basis }}'
        {%- if 'perimeters' not in figure %}
        and metrics.headline_perimeter = '{{ figure.perimeter }}'
        {%- elif figure.perimeters != 'all' %}
        and metrics.headline_perimeter in ('{{ figure.perimeters | join("', '") }}')
        {%- endif %}
inner join {{ ref(figure.rows) }} as counted
    on
        {{ _belongs(figure, basis) }}
        and {{ _is_left_out(figure) }}
        {%- if 'perimeters' in figure %}
        and metrics.headline_perimeter = counted.perimeter
        {%- endif %}
where quarters.is_release_quarter
group by
    metrics.metric_id,
    metrics.headline_perimeter,
    metrics.basis,
    quarters.fiscal_quarter,
    {{ _reason(figure) }}
{%- if not (loop.last and outer.last) %}
union all
{%- endif -%}
{%- endfor -%}
{%- endfor -%}
{%- endmacro %}


{# The first reason for which a row is left out. #}
{% macro _reason(figure) -%}
    case
        {%- for reason, condition in figure.get('left_out', {}).items() %}
        when {{ condition }} then '{{ reason }}'
        {%- endfor %}
        when false then ''
    end
{%- endmacro %}


{# Whether a row belongs to the quarter on a basis. #}
{% macro _belongs(figure, basis) -%}
    {%- if 'day' in figure and basis == 'asof' -%}
    {{ figure.day }} <= quarters.quarter_end
    {%- elif 'day' in figure -%}
    {{ figure.day }} between {{ period_start(basis) }} and quarters.quarter_end
    {%- else -%}
    quarters.fiscal_quarter = counted.fiscal_quarter
    {%- endif -%}
    {%- if 'among' in figure %}
        and {{ figure.among }}
    {%- endif -%}
{%- endmacro %}


{# A condition that nobody can answer leaves nobody out. #}
{% macro _is_left_out(figure) -%}
    {%- if figure.get('left_out') -%}
    coalesce(({{ figure.left_out.values() | join(') or (') }}), false)
    {%- else -%}
    false
    {%- endif -%}
{%- endmacro %}


{% macro _figure(figure, basis, dimension='total', part=none) -%}
{%- set key = figure.get('key', 'counted.row_key') -%}
{%- set whole = part is none -%}
{%- set counts = key ~ ' is not null and ' ~ figure.get('counts', 'true') -%}
{%- if 'median' in figure -%}
    {%- set numerator, denominator = median(figure.median), 'count(' ~ key ~ ')' -%}
{%- elif 'oldest' in figure -%}
    {%- set numerator, denominator = 'max(' ~ figure.oldest ~ ')', 'null' -%}
{%- elif 'distinct' in figure -%}
    {%- set numerator, denominator = 'count(distinct case when ' ~ counts ~ ' then ' ~ figure.distinct ~ ' end)', 'null' -%}
{%- else -%}
    {%- set numerator = 'coalesce(sum(case when ' ~ counts ~ ' then ' ~ figure.get('adds', 1) ~ ' else 0 end), 0)' -%}
    {%- if 'divided_by' in figure -%}
        {%- set numerator = 'cast(' ~ numerator ~ ' as double) / ' ~ figure.divided_by -%}
    {%- endif -%}
    {%- set denominator = 'null' -%}
    {%- if 'of' in figure -%}
        {%- set denominator = 'sum(case when ' ~ key ~ ' is not null then ' ~ figure.of ~ ' end)' -%}
    {%- endif -%}
{%- endif -%}
{%- if 'is_measured' in figure -%}
    {%- set is_measured = figure.is_measured -%}
{%- elif not whole -%}
    {%- set is_measured = 'true' -%}
{%- elif 'since' in figure -%}
    {%- set is_measured = 'coalesce(quarters.quarter_end >= (' ~ figure.since ~ '), false)' -%}
{%- elif 'of' in figure or 'median' in figure or 'oldest' in figure -%}
    {%- set is_measured = 'count(' ~ key ~ ') > 0' -%}
{%- else -%}
    {%- set is_measured = 'true' -%}
{%- endif -%}
{%- set perimeter = 'quarters.perimeter' if 'perimeters' in figure else "'" ~ figure.perimeter ~ "'" -%}
{%- set groups = ['quarters.fiscal_quarter', 'quarters.quarter_end', 'quarters.year_start'] -%}
{%- if 'perimeters' in figure -%} {%- do groups.append('quarters.perimeter') -%} {%- endif -%}
{%- if 'quarters' in figure -%} {%- do groups.append('quarters.is_provisional') -%} {%- endif -%}
{%- set every_quarter = 'every_perimeter' if 'perimeters' in figure else ref('int_quarters') -%}
{%- set value = or_unknown(part) -%}
{%- if not whole -%} {%- do groups.append(value) -%} {%- endif -%}
select
    {{ measured(
        figure.metric, perimeter, basis, numerator, denominator,
        dimension="'" ~ dimension ~ "'", dimension_value="'ALL'" if whole else value,
        is_measured=is_measured, is_provisional='quarters.is_provisional' if 'quarters' in figure else 'false',
        firms='count(distinct ' ~ figure.firms ~ ')' if 'firms' in figure else 'null'
    ) }}
from {{ ref(figure.quarters) if 'quarters' in figure else every_quarter }} as quarters
{{ 'left' if whole else 'inner' }} join {{ ref(figure.rows) }} as counted
    on
        {{ _belongs(figure, basis) }}
        {%- if 'perimeters' in figure %}
        and quarters.perimeter = counted.perimeter
        {%- endif %}
        {%- if figure.get('left_out') %}
        and not {{ _is_left_out(figure) }}
        {%- endif %}
{%- if 'perimeters' in figure and figure.perimeters != 'all' %}
where quarters.perimeter in ('{{ figure.perimeters | join("', '") }}')
{%- endif %}
group by {{ groups | join(', ') }}
{%- endmacro %}
