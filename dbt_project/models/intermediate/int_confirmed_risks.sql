-- Checks of customers that confirmed a risk for human rights or of corruption.
select
    record_id,
    customer_key,
    country_iso2,
    check_date,
    coalesce(has_agreement, false) as has_agreement,
    committee_report_id is not null as is_in_committee_report
from {{ ref('stg_register__customer_check') }}
where
    result = 'CONFIRMED'
    and check_date is not null
