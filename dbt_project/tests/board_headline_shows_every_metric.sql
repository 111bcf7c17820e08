-- The headline has one row for every core metric of the catalog.
select metrics.metric_id
from {{ ref('dim_metric') }} as metrics
left join {{ ref('board_headline') }} as headline
    on metrics.metric_id = headline.metric_id
where
    metrics.is_core
    and headline.metric_id is null
