-- Who was trained for which programme on which day: by signing in to a session that was held, or may have been, for its
-- status is unknown; or by passing a course. The
-- attendance list and the assignments do not say which training system numbered the learner: a number that means one
-- person in all systems is that person, any other stands for itself. Guests have no number and cannot be told apart.
with

persons as (
    select
        learner_id,
        min(person_key) as person_key
    from {{ ref('stg_training__learner_xref') }}
    group by learner_id
    having count(distinct person_key) = 1
)

select distinct
    sessions.programme_code,
    sessions.held_on as trained_on,
    persons.person_key,
    coalesce(persons.person_key, attendance.learner_id) as attendee,
    'LIVE' as mode,
    sessions.is_status_known
from {{ ref('stg_training__attendance') }} as attendance
inner join {{ ref('int_training_sessions') }} as sessions
    on
        attendance.session_id = sessions.session_id
        and sessions.held_on is not null
        and (sessions.is_held or not sessions.is_status_known)
left join persons
    on attendance.learner_id = persons.learner_id
where attendance.learner_id is not null
union
select distinct
    programme_code,
    completed_on as trained_on,
    person_key,
    person_key as attendee,
    mode,
    true as is_status_known
from {{ ref('int_training_completions') }}
where programme_code <> 'BHR_ANNUAL'
