{{ figures_of(ai_figures()) }}
