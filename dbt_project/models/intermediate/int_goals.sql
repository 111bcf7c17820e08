-- Goals of the quarter's fiscal year that were on record by its last day. A goal that was dropped is still a goal.
select
    quarters.fiscal_quarter,
    goals.record_id,
    goals.theme,
    goals.status <> 'UNKNOWN' as is_status_known,
    goals.status in ('ACHIEVED', 'ON_TRACK') as is_on_track
from {{ ref('stg_register__goal') }} as goals
inner join {{ ref('int_quarters') }} as quarters
    on
        goals.fiscal_year = 'FY' || cast(quarters.fiscal_year as {{ dbt.type_string() }})
        and goals.recorded_on <= quarters.quarter_end
