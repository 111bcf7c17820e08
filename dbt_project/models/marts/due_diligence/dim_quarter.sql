select
    fiscal_quarter,
    fiscal_year,
    quarter_number,
    quarter_start,
    quarter_end,
    year_start,
    trailing_year_start,
    is_release_quarter,
    cast('{{ var("cutoff_at") }}' as timestamp) as cutoff_at
from {{ ref('int_quarters') }}
