{{ extracts_behind(
    training_figures() + grievance_figures() + supply_chain_figures() + workforce_figures() + geopolitics_figures()
    + ai_figures() + governance_figures() + case_figures() + quality_figures() + coverage_figures()
    + confidence_figures()
) }}
