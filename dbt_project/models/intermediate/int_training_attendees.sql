-- Persons who were at a session, live or by its recording, once for each fiscal year to date and perimeter. Who passed a
-- course on a screen of their own was at no session.
with

attended as (
    select
        programme_code,
        trained_on,
        person_key,
        attendee,
        is_status_known,
        mode = 'LIVE' and is_status_known as is_live
    from {{ ref('int_training_events') }}
    where mode <> 'ELEARNING'
),

-- An attendee belongs to a perimeter through any roster of the fiscal year so far: who left later still attended.
rosters as (
    select distinct
        quarters.fiscal_quarter,
        perimeters.perimeter,
        workers.person_key,
        workers.employment_status <> 'UNKNOWN' as is_status_known
    from {{ ref('int_posts') }} as workers
    inner join {{ ref('int_quarters') }} as quarters
        on workers.as_of_date between quarters.year_start and quarters.quarter_end
    inner join {{ ref('int_companies_or_unknown') }} as perimeters
        on
            workers.entity_code = perimeters.entity_code
            and workers.as_of_date between perimeters.valid_from and perimeters.valid_to
    where
        workers.employment_status <> 'NOT_STARTED'
        and workers.person_key in (select attended.person_key from attended)
)

select
    quarters.fiscal_quarter,
    rosters.perimeter,
    attended.programme_code,
    attended.attendee,
    -- One session and one roster of known status are enough.
    max(case when attended.is_status_known and rosters.is_status_known then 1 else 0 end) = 1 as is_status_known,
    max(case when attended.is_live then 1 else 0 end) = 1 as was_live
from attended
inner join {{ ref('int_quarters') }} as quarters
    on attended.trained_on between quarters.year_start and quarters.quarter_end
inner join rosters
    on
        quarters.fiscal_quarter = rosters.fiscal_quarter
        and attended.person_key = rosters.person_key
group by
    quarters.fiscal_quarter,
    rosters.perimeter,
    attended.programme_code,
    attended.attendee
