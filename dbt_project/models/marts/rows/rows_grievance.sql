{{ rows_of(grievance_figures()) }}
