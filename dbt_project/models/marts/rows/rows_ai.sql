{{ rows_of(ai_figures()) }}
