-- Each person on the roster whose duty the course is, once in a quarter and perimeter: no join doubles or drops one.
with

counted as (
    select
        fiscal_quarter,
        perimeter,
        sum(persons) as persons
    from {{ ref('int_training_cube') }}
    group by fiscal_quarter, perimeter
),

on_the_roster as (
    select
        workers.fiscal_quarter,
        workers.perimeter,
        sum(workers.workers) as persons
    from {{ ref('int_headcount_cube') }} as workers
    inner join {{ ref('int_training_windows') }} as windows
        on workers.fiscal_quarter = windows.fiscal_quarter
    where workers.is_in_training_scope
    group by workers.fiscal_quarter, workers.perimeter
)

select
    coalesce(counted.fiscal_quarter, on_the_roster.fiscal_quarter) as fiscal_quarter,
    coalesce(counted.perimeter, on_the_roster.perimeter) as perimeter
from counted
full outer join on_the_roster
    on
        counted.fiscal_quarter = on_the_roster.fiscal_quarter
        and counted.perimeter = on_the_roster.perimeter
where coalesce(counted.persons, 0) <> coalesce(on_the_roster.persons, 0)
