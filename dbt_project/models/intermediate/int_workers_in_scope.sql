{%- set is_at_work = "workers.employment_status not in ('TERMINATED', 'NOT_STARTED')" -%}
-- Who is at work on a quarter's last day, or may be, for no list has the status: those every figure leaves out by name.
with

-- Most people have one post: only the others are ranked, and they are few.
several_posts as (
    select
        workers.as_of_date,
        workers.person_key
    from {{ ref('int_posts') }} as workers
    inner join {{ ref('int_rosters') }} as quarters
        on workers.as_of_date = quarters.quarter_end
    group by workers.as_of_date, workers.person_key
    having count(*) > 1
),

ranked as (
    select
        workers.as_of_date,
        workers.worker_key,
        perimeters.perimeter,
        -- Concurrent posts and both sides of a secondment are one person, under the relationship that brings the
        -- training duty.
        row_number() over (
            partition by workers.as_of_date, perimeters.perimeter, workers.person_key
            order by
                case workers.employment_status when 'UNKNOWN' then 2 else 1 end nulls last,
                categories.category_order nulls last,
                case workers.home_or_host when 'HOME' then 1 else 2 end nulls last,
                workers.worker_key nulls last
        ) as standing
    from several_posts
    inner join {{ ref('int_posts') }} as workers
        on
            several_posts.as_of_date = workers.as_of_date
            and several_posts.person_key = workers.person_key
    inner join {{ ref('int_companies_or_unknown') }} as perimeters
        on
            workers.entity_code = perimeters.entity_code
            and workers.as_of_date between perimeters.valid_from and perimeters.valid_to
    inner join {{ ref('worker_category') }} as categories
        on workers.worker_category = categories.worker_category
    where {{ is_at_work }}
)

select
    quarters.fiscal_quarter,
    perimeters.perimeter,
    workers.person_key,
    workers.worker_key,
    workers.entity_code,
    workers.worker_category,
    workers.country_iso2,
    workers.work_language,
    perimeters.region,
    workers.org_unit_code,
    workers.employment_status <> 'UNKNOWN' as is_status_known,
    categories.is_in_training_scope,
    categories.reporter_type,
    coalesce(workers.has_collective_agreement, false) as has_collective_agreement,
    coalesce(workers.birth_year_band = 'UNDER_MIN', false) as is_under_minimum_age,
    coalesce(companies.policy_adopted_on <= quarters.quarter_end, false) as is_under_policy,
    coalesce(surveyed.has_management_system, false) as is_under_management_system
from {{ ref('int_posts') }} as workers
inner join {{ ref('int_rosters') }} as quarters
    on workers.as_of_date = quarters.quarter_end
inner join {{ ref('int_companies_or_unknown') }} as perimeters
    on
        workers.entity_code = perimeters.entity_code
        and quarters.quarter_end between perimeters.valid_from and perimeters.valid_to
inner join {{ ref('worker_category') }} as categories
    on workers.worker_category = categories.worker_category
left join {{ ref('stg_hr__entity') }} as companies
    on
        workers.entity_code = companies.entity_code
        and {{ is_valid_on('quarters.quarter_end', 'companies.valid_from', 'companies.valid_to') }}
left join {{ ref('int_companies') }} as surveyed
    on
        quarters.fiscal_quarter = surveyed.fiscal_quarter
        and perimeters.perimeter = surveyed.perimeter
        and workers.entity_code = surveyed.entity_code
left join ranked
    on
        workers.as_of_date = ranked.as_of_date
        and workers.worker_key = ranked.worker_key
        and perimeters.perimeter = ranked.perimeter
where
    {{ is_at_work }}
    and coalesce(ranked.standing, 1) = 1
