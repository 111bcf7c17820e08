{{ figures_of(quality_figures()) }}
