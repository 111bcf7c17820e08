{{ exclusions_of(grievance_figures()) }}
