-- Persons who signed in to a held session, once for each fiscal year to date and perimeter. Guests have no number
-- and cannot be told apart, so they do not count. The attendance list does not say which training system numbered
-- the learner: a number that means one person in all systems is that person, any other stands for itself.
with

persons as (
    select
        learner_id,
        min(person_key) as person_key
    from {{ ref('stg_training__learner_xref') }}
    group by learner_id
    having count(distinct person_key) = 1
),

sign_ins as (
    select distinct
        sessions.programme_code,
        sessions.held_on,
        persons.person_key,
        coalesce(persons.person_key, attendance.learner_id) as attendee
    from {{ ref('stg_training__attendance') }} as attendance
    inner join {{ ref('int_training_sessions') }} as sessions
        on
            attendance.session_id = sessions.session_id
            and sessions.is_held
    left join persons
        on attendance.learner_id = persons.learner_id
    where attendance.learner_id is not null
),

-- An attendee belongs to a perimeter through any roster of the fiscal year so far: who left later still attended.
rosters as (
    select distinct
        quarters.fiscal_quarter,
        perimeters.perimeter,
        workers.person_key
    from {{ ref('stg_hr__worker_month') }} as workers
    inner join {{ ref('int_quarters') }} as quarters
        on workers.as_of_date between quarters.year_start and quarters.quarter_end
    inner join {{ ref('int_entities_in_perimeter') }} as perimeters
        on
            workers.legal_entity_code = perimeters.entity_code
            and workers.as_of_date between perimeters.valid_from and perimeters.valid_to
    where
        workers.employment_status <> 'NOT_STARTED'
        and workers.person_key in (select person_key from sign_ins)
)

select distinct
    quarters.fiscal_quarter,
    rosters.perimeter,
    sign_ins.programme_code,
    sign_ins.attendee
from sign_ins
inner join {{ ref('int_quarters') }} as quarters
    on sign_ins.held_on between quarters.year_start and quarters.quarter_end
inner join rosters
    on
        quarters.fiscal_quarter = rosters.fiscal_quarter
        and sign_ins.person_key = rosters.person_key
