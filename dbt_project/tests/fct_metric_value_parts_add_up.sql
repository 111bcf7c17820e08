-- The parts of a dimension add up to the total. Suppliers by tier do not: one may have been on two tiers. Nor
-- do medians, nor parts of which one has nothing to be measured by.
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
        dimension not in ('total', 'tier')
        and metric_id not in (select metric_id from {{ ref('dim_metric') }} where value_rule = 'median')
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
    abs(parts.numerator - case parts.dimension when 'category' then totals.denominator else totals.numerator end) > 0.5
