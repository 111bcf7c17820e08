{{ rows_of(quality_figures() + confidence_figures()) }}
