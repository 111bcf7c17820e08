select
    fiscal_quarter,
    extract,
    age_business_days
from {{ source('own', 'freshness') }}
