select
    metric_id,
    perimeter,
    basis,
    fiscal_quarter,
    numerator,
    denominator
from {{ source('own', 'published') }}
