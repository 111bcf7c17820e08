-- Leaves that follow each other without a working day between them are one absence.
with

leaves as (
    select
        worker_key,
        leave_start,
        coalesce(leave_end, {{ end_of_time() }}) as leave_end,
        max(coalesce(leave_end, {{ end_of_time() }})) over (
            partition by worker_key
            order by leave_start nulls last
            rows between unbounded preceding and 1 preceding
        ) as earlier_leave_end
    from {{ ref('stg_hr__leave') }}
),

numbered as (
    select
        worker_key,
        leave_start,
        leave_end,
        sum(
            case
                when leave_start <= cast({{ dbt.dateadd('day', 1, 'earlier_leave_end') }} as date) then 0
                else 1
            end
        ) over (
            partition by worker_key
            order by leave_start nulls last
            rows between unbounded preceding and current row
        ) as absence_no
    from leaves
),

absences as (
    select
        worker_key,
        min(leave_start) as absent_from,
        max(leave_end) as absent_to
    from numbered
    group by worker_key, absence_no
)

select distinct
    windows.fiscal_quarter,
    absences.worker_key
from absences
inner join {{ ref('int_training_windows') }} as windows
    on
        absences.absent_from <= windows.window_start
        and absences.absent_to >= windows.window_end
