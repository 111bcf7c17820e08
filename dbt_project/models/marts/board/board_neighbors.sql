-- How far a headline moves with its definition. A variant that differs from it by a few persons would tell of them, so
-- it is left out.
with

headlines as (
    select
        figures.metric_id,
        metrics.title,
        metrics.unit,
        figures.perimeter,
        figures.basis,
        figures.fiscal_quarter,
        metrics.value_rule,
        figures.is_person_count,
        figures.numerator,
        figures.denominator,
        figures.value,
        compared.target_value as gap_target
    from {{ ref('fct_metric_value') }} as figures
    inner join {{ ref('dim_metric') }} as metrics
        on figures.metric_id = metrics.metric_id
    left join {{ ref('dim_metric') }} as compared
        on metrics.gap_to = compared.metric_id
    where
        {{ is_headline() }}
        and figures.fiscal_quarter = '{{ var("quarter") }}'
        and figures.value is not null
),

valued as (
    select
        headlines.metric_id,
        headlines.title,
        headlines.unit,
        headlines.perimeter,
        headlines.basis,
        headlines.fiscal_quarter,
        neighbors.rule,
        neighbors.variant,
        neighbors.numerator,
        neighbors.denominator,
        {{ metric_value('headlines.value_rule', 'neighbors', 'headlines.gap_target') }} as value,
        headlines.value as headline_value
    from headlines
    inner join {{ ref('metrics_neighbors') }} as neighbors
        on
            headlines.metric_id = neighbors.metric_id
            and headlines.perimeter = neighbors.perimeter
            and headlines.basis = neighbors.basis
            and headlines.fiscal_quarter = neighbors.fiscal_quarter
    where
        not headlines.is_person_count
        or (
            {{ tells_nobody('neighbors.numerator', 'headlines.numerator') }}
            and {{ tells_nobody('neighbors.denominator', 'headlines.denominator') }}
        )
)

select
    metric_id,
    title,
    unit,
    perimeter,
    basis,
    fiscal_quarter,
    rule,
    variant,
    numerator,
    denominator,
    value,
    headline_value,
    least(headline_value, min(value) over (partition by metric_id)) as low_value,
    greatest(headline_value, max(value) over (partition by metric_id)) as high_value
from valued
order by metric_id, rule
