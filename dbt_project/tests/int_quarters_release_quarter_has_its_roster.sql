-- There is a roster on the last day of the quarter asked for; without it the year's label may be wrong.
select quarters.fiscal_quarter
from {{ ref('int_quarters') }} as quarters
left join {{ ref('stg_hr__worker_month') }} as workers
    on quarters.quarter_end = workers.as_of_date
where
    quarters.is_release_quarter
    and workers.as_of_date is null
