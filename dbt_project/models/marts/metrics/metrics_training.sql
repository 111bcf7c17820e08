{{ figures_of(training_figures()) }}
