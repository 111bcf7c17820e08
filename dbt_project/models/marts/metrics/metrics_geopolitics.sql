{{ figures_of(geopolitics_figures()) }}
