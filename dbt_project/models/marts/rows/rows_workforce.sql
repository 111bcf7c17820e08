{{ rows_of(workforce_figures()) }}
