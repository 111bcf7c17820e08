select
    fiscal_quarter,
    fiscal_year,
    quarter_number,
    quarter_start,
    quarter_end,
    year_start,
    trailing_year_start,
    is_release_quarter
from {{ ref('int_rosters') }}
where is_kept
