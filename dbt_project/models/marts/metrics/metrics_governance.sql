{{ share_of_register('gov_salient_officer_rate', 'asof', 'int_salient_issues', 'has_officer') }}
union all
{{ share_of_register('gov_msa_statement_status', 'asof', 'int_msa_statements_due', 'is_published', dimension='law') }}
