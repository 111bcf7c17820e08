{{ rows_of(governance_figures() + coverage_figures()) }}
