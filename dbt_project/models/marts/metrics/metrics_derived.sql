{{ figures_of(coverage_figures() + confidence_figures()) }}
