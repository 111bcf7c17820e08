{{ rows_of(case_figures()) }}
