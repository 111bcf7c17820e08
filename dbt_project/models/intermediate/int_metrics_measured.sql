select
    measured.fiscal_quarter,
    metrics.metric_id,
    metrics.theme,
    metrics.confidence
from {{ ref('int_measured') }} as measured
inner join {{ ref('dim_metric') }} as metrics
    on
        measured.metric_id = metrics.metric_id
        and measured.perimeter = metrics.headline_perimeter
        and measured.basis = metrics.basis
where
    measured.dimension = 'total'
    and measured.is_measured
