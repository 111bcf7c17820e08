{{ figures_of(case_figures()) }}
