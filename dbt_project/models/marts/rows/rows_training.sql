{{ rows_of(training_figures()) }}
