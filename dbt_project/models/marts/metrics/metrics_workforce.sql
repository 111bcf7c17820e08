{{ figures_of(workforce_figures()) }}
