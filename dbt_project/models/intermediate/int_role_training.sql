-- Who holds a role that brings a training of its own, and whether the training was done. A role that HR flags began on
-- the day that it names; managers are those of the grade who were not newly appointed in the fiscal year.
{%- set holders = {
    'HOTLINE_STAFF': array_has('workers.role_flags', "'HOTLINE_STAFF'"),
    'NEW_MANAGER': array_has('workers.role_flags', "'NEW_MANAGER'") ~ ' and workers.is_role_new',
    'MANAGER': "workers.grade_group = 'MANAGER' and not (" ~ array_has('workers.role_flags', "'NEW_MANAGER'") ~ ' and workers.is_role_new)',
    'INTERVIEWER': array_has('workers.role_flags', "'INTERVIEWER'"),
    'NEW_OFFICER': array_has('workers.role_flags', "'NEW_OFFICER'"),
    'SECURITY': "workers.worker_category = 'SECURITY_CONTRACTOR' or " ~ array_has('workers.role_flags', "'SECURITY'"),
    'INTL_HIGH_RISK': array_has('workers.role_flags', "'INTL_HIGH_RISK'"),
    'LEGAL_COMPLIANCE': array_has('workers.role_flags', "'LEGAL_COMPLIANCE'"),
    'PROCUREMENT': array_has('workers.role_flags', "'PROCUREMENT'"),
} -%}
{%- set programmes = {
    'MANAGER': 'MANAGER_REFRESH',
    'INTL_HIGH_RISK': 'HIGH_RISK_WORKSHOP',
} %}
with

workers as (
    select
        workers.*,
        quarters.quarter_start,
        quarters.quarter_end,
        quarters.year_start,
        coalesce(workers.role_flag_since between quarters.year_start and quarters.quarter_end, false) as is_role_new
    from {{ ref('int_workers_in_scope') }} as workers
    inner join {{ ref('int_quarters') }} as quarters
        on workers.fiscal_quarter = quarters.fiscal_quarter
    where
        workers.perimeter in ('corp', 'jp', 'grp')
        and (
            workers.role_flags is not null
            or workers.grade_group = 'MANAGER'
            or workers.worker_category = 'SECURITY_CONTRACTOR'
        )
),

holders as (
    {% for role, condition in holders.items() -%}
    select
        workers.*,
        '{{ role }}' as role,
        '{{ programmes.get(role, role) }}' as programme_code
    from workers
    where coalesce({{ condition }}, false)
    {%- if not loop.last %}
    union all
    {% endif -%}
    {%- endfor %}
)

select
    holders.fiscal_quarter,
    holders.perimeter,
    holders.role,
    holders.person_key,
    holders.entity_code,
    holders.region,
    holders.org_unit_code,
    holders.site_code,
    holders.worker_category,
    holders.is_role_new,
    max(case when events.trained_on >= holders.quarter_start then 1 else 0 end) = 1 as was_trained_in_quarter,
    max(case when events.trained_on >= holders.year_start then 1 else 0 end) = 1 as was_trained_in_year,
    -- On the very day is in time.
    max(case when events.trained_on <= holders.role_flag_since then 1 else 0 end) = 1 as was_trained_before
from holders
left join {{ ref('int_training_events') }} as events
    on
        holders.person_key = events.person_key
        and holders.programme_code = events.programme_code
        and events.trained_on <= holders.quarter_end
group by
    holders.fiscal_quarter,
    holders.perimeter,
    holders.role,
    holders.person_key,
    holders.entity_code,
    holders.region,
    holders.org_unit_code,
    holders.site_code,
    holders.worker_category,
    holders.is_role_new
