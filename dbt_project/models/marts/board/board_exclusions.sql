-- What the headline figures of the release's quarter leave out, and how much of it. What may be printed, publish/ decides.
select *
from (
    {{ exclusions_of(
        training_figures() + grievance_figures() + supply_chain_figures() + workforce_figures() + geopolitics_figures()
        + ai_figures() + governance_figures() + quality_figures()
    ) }}
) as exclusions
order by metric_id, reason
