-- Who holds a role that brings a training of its own, and whether the training was done. A role that HR flags began on
-- the day that it names; managers are those of the grade who were not newly appointed in the fiscal year.
{%- set holders = {
    'HOTLINE_STAFF': array_has('posts.role_flags', "'HOTLINE_STAFF'"),
    'NEW_MANAGER': array_has('posts.role_flags', "'NEW_MANAGER'") ~ ' and posts.is_role_new',
    'MANAGER': "posts.grade_group = 'MANAGER' and not (" ~ array_has('posts.role_flags', "'NEW_MANAGER'") ~ ' and posts.is_role_new)',
    'INTERVIEWER': array_has('posts.role_flags', "'INTERVIEWER'"),
    'NEW_OFFICER': array_has('posts.role_flags', "'NEW_OFFICER'"),
    'SECURITY': "posts.worker_category = 'SECURITY_CONTRACTOR' or " ~ array_has('posts.role_flags', "'SECURITY'"),
    'INTL_HIGH_RISK': array_has('posts.role_flags', "'INTL_HIGH_RISK'"),
    'LEGAL_COMPLIANCE': array_has('posts.role_flags', "'LEGAL_COMPLIANCE'"),
    'PROCUREMENT': array_has('posts.role_flags', "'PROCUREMENT'"),
} -%}
{%- set programmes = {
    'MANAGER': 'MANAGER_REFRESH',
    'INTL_HIGH_RISK': 'HIGH_RISK_WORKSHOP',
} %}
with

-- The posts that can bring a role, before they are looked for among those who count: few of many.
posts as (
    select
        quarters.fiscal_quarter,
        quarters.quarter_start,
        quarters.quarter_end,
        quarters.year_start,
        workers.worker_key,
        workers.worker_category,
        workers.site_code,
        workers.grade_group,
        workers.role_flags,
        workers.role_flag_since,
        coalesce(workers.role_flag_since between quarters.year_start and quarters.quarter_end, false) as is_role_new
    from {{ ref('stg_hr__worker_month') }} as workers
    inner join {{ ref('int_quarters') }} as quarters
        on workers.as_of_date = quarters.quarter_end
    where
        workers.role_flags is not null
        or workers.grade_group = 'MANAGER'
        or workers.worker_category = 'SECURITY_CONTRACTOR'
),

holders as (
    {% for role, condition in holders.items() -%}
    select
        posts.*,
        '{{ role }}' as role,
        '{{ programmes.get(role, role) }}' as programme_code
    from posts
    where coalesce({{ condition }}, false)
    {%- if not loop.last %}
    union all
    {% endif -%}
    {%- endfor %}
),

persons as (
    select
        holders.*,
        workers.perimeter,
        workers.person_key,
        workers.entity_code,
        workers.region,
        workers.org_unit_code,
        workers.is_status_known
    from holders
    inner join {{ ref('int_workers_in_scope') }} as workers
        on
            holders.fiscal_quarter = workers.fiscal_quarter
            and holders.worker_key = workers.worker_key
            and workers.perimeter in ('corp', 'jp', 'grp')
),

trained as (
    select
        sought.fiscal_quarter,
        sought.person_key,
        sought.programme_code,
        min(case when events.is_status_known then events.trained_on end) as first_trained_on,
        max(case when events.is_status_known then events.trained_on end) as last_trained_on,
        min(events.trained_on) as perhaps_first_trained_on,
        max(events.trained_on) as perhaps_last_trained_on
    from (select distinct fiscal_quarter, quarter_end, person_key, programme_code from persons) as sought
    inner join {{ ref('int_training_events') }} as events
        on
            sought.person_key = events.person_key
            and sought.programme_code = events.programme_code
            and events.trained_on <= sought.quarter_end
    group by sought.fiscal_quarter, sought.person_key, sought.programme_code
)

select
    persons.fiscal_quarter,
    persons.perimeter,
    persons.role,
    persons.person_key,
    persons.entity_code,
    persons.region,
    persons.org_unit_code,
    persons.site_code,
    persons.worker_category,
    persons.is_status_known,
    persons.is_role_new,
    {{ known_or_null(
        'trained.last_trained_on >= persons.quarter_start', 'trained.perhaps_last_trained_on >= persons.quarter_start'
    ) }} as was_trained_in_quarter,
    {{ known_or_null(
        'trained.last_trained_on >= persons.year_start', 'trained.perhaps_last_trained_on >= persons.year_start'
    ) }} as was_trained_in_year,
    -- On the very day is in time.
    {{ known_or_null(
        'trained.first_trained_on <= persons.role_flag_since', 'trained.perhaps_first_trained_on <= persons.role_flag_since'
    ) }} as was_trained_before
from persons
left join trained
    on
        persons.fiscal_quarter = trained.fiscal_quarter
        and persons.person_key = trained.person_key
        and persons.programme_code = trained.programme_code
