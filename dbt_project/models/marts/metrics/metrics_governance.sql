{{ figures_of(governance_figures()) }}
