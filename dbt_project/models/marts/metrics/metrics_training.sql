{%- set course_metrics = {
    'trn_bhr_completion_rate': 'not population.is_on_leave',
    'trn_bhr_completion_rate_excl_dispatched':
        "not population.is_on_leave and population.worker_category <> 'DISPATCHED'",
    'trn_bhr_gap_pp': 'not population.is_on_leave',
} -%}
{#- Attendance is given for one perimeter: a second one beside it would tell a difference of a few persons. -#}
{%- set attendance_metrics = {
    'trn_interviewer_attendance': {'programme_code': 'INTERVIEWER', 'perimeter': 'corp'},
    'trn_officer_attendance': {'programme_code': 'NEW_OFFICER', 'perimeter': 'jp'},
} -%}
{%- set first_session -%} (select min(held_on) from {{ ref('int_training_sessions_held') }}) {%- endset -%}

with

quarters as (
    {{ quarters_and_perimeters() }}
)

{% for metric_id, condition in course_metrics.items() -%}
select
    {{ measured(
        metric_id, 'quarters.perimeter', 'ytd',
        count_if('population.has_passed'), 'count(population.person_key)',
        is_measured='count(population.person_key) > 0'
    ) }}
from quarters
left join {{ ref('int_training_population') }} as population
    on
        quarters.fiscal_quarter = population.fiscal_quarter
        and quarters.perimeter = population.perimeter
        and {{ condition }}
group by quarters.fiscal_quarter, quarters.perimeter
union all
{% endfor -%}

{% for dimension in ['worker_category', 'country_iso2', 'work_language'] -%}
select
    {{ measured(
        'trn_bhr_completion_rate', 'quarters.perimeter', 'ytd',
        count_if('quarters.has_passed'), 'count(*)',
        dimension="'" ~ dimension ~ "'", dimension_value="coalesce(quarters." ~ dimension ~ ", 'UNKNOWN')"
    ) }}
from {{ ref('int_training_population') }} as quarters
where not quarters.is_on_leave
group by quarters.fiscal_quarter, quarters.perimeter, coalesce(quarters.{{ dimension }}, 'UNKNOWN')
union all
{% endfor -%}

{% for basis in ['qtr', 'ytd'] -%}
select
    {{ measured(
        'trn_hotline_staff_sessions', "'jp'", basis, 'count(sessions.session_id)',
        is_measured='coalesce(quarters.quarter_end >= ' ~ first_session ~ ', false)'
    ) }}
from {{ ref('int_quarters') }} as quarters
left join {{ ref('int_training_sessions_held') }} as sessions
    on
        sessions.programme_code = 'HOTLINE_STAFF'
        and sessions.held_on between {{ period_start(basis) }} and quarters.quarter_end
group by quarters.fiscal_quarter, quarters.quarter_end
union all
select
    {{ measured(
        'trn_hotline_staff_sessions', "'jp'", basis, 'count(*)',
        dimension="'desk'", dimension_value="coalesce(sessions.desk, 'UNKNOWN')"
    ) }}
from {{ ref('int_quarters') }} as quarters
inner join {{ ref('int_training_sessions_held') }} as sessions
    on
        sessions.programme_code = 'HOTLINE_STAFF'
        and sessions.held_on between {{ period_start(basis) }} and quarters.quarter_end
group by quarters.fiscal_quarter, coalesce(sessions.desk, 'UNKNOWN')
union all
{% endfor -%}

{% for metric_id, given in attendance_metrics.items() -%}
select
    {{ measured(
        metric_id, 'quarters.perimeter', 'ytd', 'count(attendees.attendee)',
        is_measured='coalesce(quarters.quarter_end >= ' ~ first_session ~ ', false)'
    ) }}
from quarters
left join {{ ref('int_training_attendees') }} as attendees
    on
        quarters.fiscal_quarter = attendees.fiscal_quarter
        and quarters.perimeter = attendees.perimeter
        and attendees.programme_code = '{{ given.programme_code }}'
where quarters.perimeter = '{{ given.perimeter }}'
group by quarters.fiscal_quarter, quarters.perimeter, quarters.quarter_end
{%- if not loop.last %}
union all
{% endif %}
{%- endfor %}
