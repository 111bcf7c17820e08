select
    fiscal_quarter,
    extract,
    extract_id,
    vanished_rows
from {{ source('own', 'vanished') }}
