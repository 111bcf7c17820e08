{{ share_of_register('geo_high_risk_customer_check_rate', 'qtr', 'int_high_risk_customers', 'is_checked') }}
union all
{{ share_of_register('geo_hria_coverage_rate', 'asof', 'int_businesses_in_scope', 'is_assessed', dimension='affiliate_type') }}
