-- Figures of cases say it by themselves: no model knows cases and people, not even by name.
select
    metric_id,
    extract
from {{ ref('metrics_cases_sources') }}
union all
select
    metric_id,
    extract
from (
    {{ extracts_behind(
        training_figures() + supply_chain_figures() + workforce_figures() + geopolitics_figures() + ai_figures()
        + governance_figures() + quality_figures() + coverage_figures() + confidence_figures()
    ) }}
) as of_other_figures
