select
    {{ headline_columns() }}
from {{ ref('fct_metric_value') }} as figures
inner join {{ ref('dim_metric') }} as metrics
    on figures.metric_id = metrics.metric_id
where {{ is_headline() }}
order by figures.metric_id, figures.fiscal_quarter
