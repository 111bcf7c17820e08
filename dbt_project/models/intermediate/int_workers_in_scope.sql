with

relationships as (
    select
        quarters.fiscal_quarter,
        perimeters.perimeter,
        workers.person_key,
        workers.worker_key,
        workers.legal_entity_code as entity_code,
        workers.worker_category,
        workers.country_iso2,
        workers.work_language,
        perimeters.region,
        workers.org_unit_code,
        categories.is_in_training_scope,
        categories.reporter_type,
        coalesce(workers.has_collective_agreement, false) as has_collective_agreement,
        workers.birth_year_band = 'UNDER_MIN' as is_under_minimum_age,
        coalesce(companies.policy_adopted_on <= quarters.quarter_end, false) as is_under_policy,
        coalesce(surveyed.has_management_system, false) as is_under_management_system,
        -- Concurrent posts and both sides of a secondment are one person, under the relationship that brings the
        -- training duty.
        row_number() over (
            partition by quarters.fiscal_quarter, perimeters.perimeter, workers.person_key
            order by
                categories.category_order nulls last,
                case workers.home_or_host when 'HOME' then 1 else 2 end nulls last,
                workers.worker_key nulls last,
                workers.legal_entity_code nulls last
        ) as standing
    from {{ ref('stg_hr__worker_month') }} as workers
    inner join {{ ref('int_quarters') }} as quarters
        on workers.as_of_date = quarters.quarter_end
    inner join {{ ref('int_entities_in_perimeter') }} as perimeters
        on
            workers.legal_entity_code = perimeters.entity_code
            and quarters.quarter_end between perimeters.valid_from and perimeters.valid_to
    inner join {{ ref('worker_category') }} as categories
        on workers.worker_category = categories.worker_category
    left join {{ ref('stg_hr__entity') }} as companies
        on
            workers.legal_entity_code = companies.entity_code
            and {{ is_valid_on('quarters.quarter_end', 'companies.valid_from', 'companies.valid_to') }}
    left join {{ ref('int_companies') }} as surveyed
        on
            quarters.fiscal_quarter = surveyed.fiscal_quarter
            and perimeters.perimeter = surveyed.perimeter
            and workers.legal_entity_code = surveyed.entity_code
    where workers.employment_status not in ('TERMINATED', 'NOT_STARTED')
)

select
    fiscal_quarter,
    perimeter,
    person_key,
    worker_key,
    entity_code,
    worker_category,
    country_iso2,
    work_language,
    region,
    org_unit_code,
    is_in_training_scope,
    reporter_type,
    has_collective_agreement,
    coalesce(is_under_minimum_age, false) as is_under_minimum_age,
    is_under_policy,
    is_under_management_system
from relationships
where standing = 1
