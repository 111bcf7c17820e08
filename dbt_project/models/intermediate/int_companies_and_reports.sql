-- Companies of a perimeter with their numbers of workers and of cases of twelve months: counts on both sides. A case
-- without a company on record is of none, and stands under UNKNOWN.
with

headcount as (
    select
        quarters.fiscal_quarter,
        workers.perimeter,
        workers.entity_code,
        max(workers.region) as region,
        sum(case when workers.fiscal_quarter = quarters.fiscal_quarter then workers.workers else 0 end) as workers,
        sum(workers.workers) as workers_of_all_quarters
    from {{ ref('int_quarters') }} as quarters
    inner join {{ ref('int_rosters') }} as earlier
        on earlier.quarter_end between quarters.trailing_year_start and quarters.quarter_end
    inner join {{ ref('int_headcount_by_language') }} as workers
        on earlier.fiscal_quarter = workers.fiscal_quarter
    where
        workers.perimeter in ('jp', 'grp')
        and workers.is_status_known
    group by quarters.fiscal_quarter, workers.perimeter, workers.entity_code
),

rosters as (
    select
        quarters.fiscal_quarter,
        count(*) as quarters_with_roster
    from {{ ref('int_quarters') }} as quarters
    inner join {{ ref('int_rosters') }} as earlier
        on earlier.quarter_end between quarters.trailing_year_start and quarters.quarter_end
    group by quarters.fiscal_quarter
),

reports as (
    select
        quarters.fiscal_quarter,
        cases.perimeter,
        coalesce(cases.entity_code, 'UNKNOWN') as entity_code,
        sum(case when cases.is_human_rights_hotline then 1 else 0 end) as hotline_cases,
        count(*) as cases
    from {{ ref('int_hotline_cases_in_perimeter') }} as cases
    inner join {{ ref('int_quarters') }} as quarters
        on cases.received_quarter between quarters.trailing_year_start and quarters.quarter_end
    group by quarters.fiscal_quarter, cases.perimeter, coalesce(cases.entity_code, 'UNKNOWN')
)

select
    coalesce(headcount.fiscal_quarter, reports.fiscal_quarter) as fiscal_quarter,
    coalesce(headcount.perimeter, reports.perimeter) as perimeter,
    coalesce(headcount.entity_code, reports.entity_code) as entity_code,
    coalesce(headcount.region, 'UNKNOWN') as region,
    coalesce(headcount.workers, 0) as workers,
    -- Exact to four places, so that the sum does not depend on its order.
    cast(
        round(cast(coalesce(headcount.workers_of_all_quarters, 0) as double) / rosters.quarters_with_roster, 4)
        as decimal(18, 4)
    ) as average_workers,
    coalesce(reports.hotline_cases, 0) as hotline_cases,
    coalesce(reports.cases, 0) as cases
from headcount
full outer join reports
    on
        headcount.fiscal_quarter = reports.fiscal_quarter
        and headcount.perimeter = reports.perimeter
        and headcount.entity_code = reports.entity_code
inner join rosters
    on coalesce(headcount.fiscal_quarter, reports.fiscal_quarter) = rosters.fiscal_quarter
