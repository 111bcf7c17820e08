-- The fiscal quarters themselves come from pipeline/quarter.py, the only place with calendar arithmetic.
with

calendar as (
    {% for quarter in var('quarters') -%}
    select
        '{{ quarter.fiscal_quarter }}' as fiscal_quarter,
        cast({{ quarter.fiscal_year }} as integer) as fiscal_year,
        cast({{ quarter.quarter_number }} as integer) as quarter_number,
        cast('{{ quarter.quarter_start }}' as date) as quarter_start,
        cast('{{ quarter.quarter_end }}' as date) as quarter_end,
        cast('{{ quarter.year_start }}' as date) as year_start,
        cast('{{ quarter.trailing_year_start }}' as date) as trailing_year_start,
        {{ quarter.is_kept | lower }} as is_kept
    {%- if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}
),

-- The roster on a quarter's last day is what nearly every figure is measured against.
rosters as (
    select distinct as_of_date from {{ ref('stg_hr__worker_month') }}
)

select
    calendar.*,
    calendar.fiscal_quarter = '{{ var("quarter") }}' as is_release_quarter
from calendar
left join rosters
    on calendar.quarter_end = rosters.as_of_date
where
    rosters.as_of_date is not null
    or calendar.fiscal_quarter = '{{ var("quarter") }}'
