select
    fiscal_quarter,
    suite,
    extract_id,
    check_name,
    is_passed
from {{ source('own', 'check') }}
