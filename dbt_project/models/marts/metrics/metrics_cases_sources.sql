{{ extracts_behind(grievance_figures() + case_figures()) }}
