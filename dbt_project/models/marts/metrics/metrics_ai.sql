{{ share_of_register('ai_review_rate', 'qtr', 'int_ai_projects_released', 'is_reviewed', dimension='domain') }}
