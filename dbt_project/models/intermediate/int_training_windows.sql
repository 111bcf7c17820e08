-- The days of the fiscal year, up to the quarter's end, on which the annual course was offered.
with

offered as (
    select
        quarters.fiscal_quarter,
        quarters.year_start,
        quarters.quarter_end,
        min(courses.valid_from) as offered_from,
        max(coalesce(courses.valid_to, {{ end_of_time() }})) as offered_to
    from {{ ref('int_quarters') }} as quarters
    inner join {{ ref('int_course_programmes') }} as courses
        on
            courses.programme_code = 'BHR_ANNUAL'
            and courses.valid_from <= quarters.quarter_end
            and coalesce(courses.valid_to, {{ end_of_time() }}) >= quarters.year_start
    group by quarters.fiscal_quarter, quarters.year_start, quarters.quarter_end
)

select
    fiscal_quarter,
    year_start,
    quarter_end,
    greatest(year_start, offered_from) as window_start,
    least(quarter_end, offered_to) as window_end
from offered
