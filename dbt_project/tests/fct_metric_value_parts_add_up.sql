{%- set declarations = training_figures() + grievance_figures() + supply_chain_figures() + workforce_figures() + geopolitics_figures()
    + ai_figures() + governance_figures() + coverage_figures() + quality_figures()
    + case_figures() -%}
{%- set overlapping = declarations | selectattr('distinct', 'defined') | map(attribute='metric') | list -%}
{%- set no_sums = (declarations | selectattr('oldest', 'defined') | map(attribute='metric') | list)
    + (declarations | selectattr('median', 'defined') | map(attribute='metric') | list) %}
-- The parts of a dimension add up to the total. What is counted once may stand in two parts; an age is no sum.
with

parts as (
    select
        metric_id,
        perimeter,
        basis,
        fiscal_quarter,
        dimension,
        sum(numerator) as numerator
    from {{ ref('fct_metric_value') }}
    where
        dimension <> 'total'
        and metric_id not in ('{{ no_sums | join("', '") }}')
    group by metric_id, perimeter, basis, fiscal_quarter, dimension
    having count(*) = count(value)
)

select
    parts.metric_id,
    parts.perimeter,
    parts.basis,
    parts.fiscal_quarter,
    parts.dimension
from parts
inner join {{ ref('fct_metric_value') }} as totals
    on
        parts.metric_id = totals.metric_id
        and parts.perimeter = totals.perimeter
        and parts.basis = totals.basis
        and parts.fiscal_quarter = totals.fiscal_quarter
        and totals.dimension = 'total'
where
    -- By category, each part is a share of all cases; the total leaves out those without a category.
    case
        when parts.metric_id in ('{{ overlapping | join("', '") }}') then parts.numerator < totals.numerator - 0.5
        when parts.dimension = 'category' then abs(parts.numerator - totals.denominator) > 0.5
        else abs(parts.numerator - totals.numerator) > 0.5
    end
