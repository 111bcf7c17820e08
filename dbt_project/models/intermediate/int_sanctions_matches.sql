select
    record_id,
    customer_key,
    {{ local_date('screened_at') }} as screened_on,
    list_set_version,
    program,
    decision,
    result = 'TRUE_MATCH' as is_true_match
from {{ ref('stg_register__sanctions_screen') }}
