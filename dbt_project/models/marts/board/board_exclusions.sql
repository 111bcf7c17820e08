-- What the headline figures of the release's quarter leave out, and how much of it; publish/ decides what may be printed.
-- Cases were counted by themselves: no query reads the rows of the hotline and those of people.
with

left_out as (
    select * from {{ ref('metrics_cases_left_out') }}
    union all
    select *
    from (
        {{ exclusions_of(
            training_figures() + supply_chain_figures() + workforce_figures() + geopolitics_figures() + ai_figures()
            + governance_figures() + quality_figures()
        ) }}
    ) as of_other_themes
)

select
    left_out.metric_id,
    metrics.title,
    left_out.perimeter,
    left_out.basis,
    left_out.fiscal_quarter,
    left_out.reason,
    left_out.left_out,
    'MEASURED' as value_state,
    metrics.is_person_count
from left_out
inner join {{ ref('dim_metric') }} as metrics
    on left_out.metric_id = metrics.metric_id
order by left_out.metric_id, left_out.reason
