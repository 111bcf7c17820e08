{{ rows_of(geopolitics_figures()) }}
