{# The figures of training and awareness; what each word means stands in macros/figures.sql. #}
{% macro training_figures() -%}
{%- set first_session = 'select min(held_on) from ' ~ ref('int_training_sessions') ~ ' where is_held' -%}
{%- set annual_course = {
    'rows': 'int_training_population',
    'key': 'counted.person_key',
    'bases': ['ytd'],
    'perimeters': 'all',
    'left_out': {'on leave all the while the course was offered': 'counted.is_on_leave'},
    'counts': 'counted.has_passed',
    'of': '1',
} -%}
{#- Attendance is given for one perimeter: a second one beside it would tell a difference of a few persons. -#}
{%- set attendance = {
    'rows': 'int_training_attendees',
    'key': 'counted.attendee',
    'bases': ['ytd'],
    'since': first_session,
} -%}
{{ return([
    dict(annual_course, metric='trn_bhr_completion_rate', dimensions={
        'worker_category': 'counted.worker_category',
        'country_iso2': 'counted.country_iso2',
        'work_language': 'counted.work_language',
    }),
    dict(annual_course, metric='trn_bhr_completion_rate_excl_dispatched', left_out={
        'on leave all the while the course was offered': 'counted.is_on_leave',
        'dispatched by an agency': "counted.worker_category = 'DISPATCHED'",
    }),
    dict(annual_course, metric='trn_bhr_gap_pp'),
    {
        'metric': 'trn_hotline_staff_sessions',
        'rows': 'int_training_sessions',
        'key': 'counted.session_id',
        'bases': ['qtr', 'ytd'],
        'day': 'coalesce(counted.held_on, counted.planned_on)',
        'perimeter': 'jp',
        'left_out': {
            'of another programme': "counted.programme_code <> 'HOTLINE_STAFF'",
            'not held': 'not counted.is_held',
        },
        'dimensions': {'desk': 'counted.desk'},
        'since': first_session,
    },
    dict(attendance, metric='trn_interviewer_attendance', perimeters=['corp'], left_out={
        'of another programme': "counted.programme_code <> 'INTERVIEWER'",
    }),
    dict(attendance, metric='trn_officer_attendance', perimeters=['jp'], left_out={
        'of another programme': "counted.programme_code <> 'NEW_OFFICER'",
    }),
]) }}
{%- endmacro %}
