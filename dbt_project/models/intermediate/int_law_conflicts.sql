-- Conflicts found in the fiscal year so far, as they stood on the quarter's last day.
select
    quarters.fiscal_quarter,
    conflicts.record_id,
    conflicts.country_iso2,
    conflicts.right_code,
    case when conflicts.settled_on <= quarters.quarter_end then coalesce(conflicts.settlement, 'UNKNOWN') else 'OPEN' end
        as state
from {{ ref('stg_register__law_conflict') }} as conflicts
inner join {{ ref('int_quarters') }} as quarters
    on conflicts.found_on between quarters.year_start and quarters.quarter_end
