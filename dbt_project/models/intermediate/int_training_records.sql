-- Every record of a training system, and whether it belongs to a person whom HR or an agency ledger knows.
with

older_rosters as (
    {{ records_before_reach('hr', 'worker_month', 'as_of_date') }}
),

persons as (
    select person_key
    from {{ ref('stg_hr__worker_month') }}
    union
    select person_key
    from older_rosters
),

learners as (
    select distinct
        learners.source,
        learners.learner_id
    from {{ ref('stg_training__learner_xref') }} as learners
    inner join persons
        on learners.person_key = persons.person_key
)

select
    completions.source || ' ' || completions.completion_id as row_key,
    completions.source,
    {{ local_date('completions.completed_at') }} as completed_on,
    learners.learner_id is not null as is_matched
from {{ ref('stg_training__completion') }} as completions
left join learners
    on
        completions.source = learners.source
        and completions.learner_id = learners.learner_id
where {{ local_date('completions.completed_at') }} >= {{ oldest_year_start() }}
