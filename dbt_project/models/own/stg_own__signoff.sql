select
    fiscal_quarter,
    role,
    lead_days
from {{ source('own', 'signoff') }}
