-- Nobody is counted in a numerator who is not in its denominator.
select
    figures.metric_id,
    figures.perimeter,
    figures.basis,
    figures.fiscal_quarter,
    figures.dimension,
    figures.dimension_value
from {{ ref('fct_metric_value') }} as figures
inner join {{ ref('dim_metric') }} as metrics
    on figures.metric_id = metrics.metric_id
where
    figures.is_person_count
    and metrics.value_rule in ('share', 'gap')
    and (figures.numerator < 0 or figures.numerator > figures.denominator)
