-- Every work relationship on the roster of the quarter's last day: counted as passed, counted as not, or left out.
with

roster as (
    select
        workers.worker_key,
        workers.legal_entity_code,
        workers.person_key,
        workers.employment_status,
        entities.entity_code is not null as is_in_perimeter,
        categories.is_in_training_scope,
        counted.person_key is not null as is_the_one_that_counts,
        counted.is_status_known,
        population.is_on_leave,
        population.has_passed
    from stg_hr__worker_month as workers
    inner join dim_quarter as quarters
        on workers.as_of_date = quarters.quarter_end
    left join worker_category as categories on workers.worker_category = categories.worker_category
    left join int_entities_in_perimeter as entities
        on workers.legal_entity_code = entities.entity_code
        and entities.perimeter = 'corp'
        and quarters.quarter_end between entities.valid_from and entities.valid_to
    left join int_workers_in_scope as counted
        on counted.fiscal_quarter = quarters.fiscal_quarter
        and counted.perimeter = 'corp'
        and counted.person_key = workers.person_key
        and counted.worker_key = workers.worker_key
        and counted.entity_code = workers.legal_entity_code
    left join int_training_population as population
        on population.fiscal_quarter = quarters.fiscal_quarter
        and population.perimeter = 'corp'
        and population.person_key = counted.person_key
    where quarters.fiscal_quarter = $fiscal_quarter
)

select
    worker_key || ' ' || legal_entity_code as row_key,
    case
        when population_part is not null then population_part
        else 'left out'
    end as part,
    case
        when population_part is not null then null
        when not is_in_perimeter then 'of another perimeter'
        when employment_status in ('TERMINATED', 'NOT_STARTED') then 'not at work on the day'
        when not is_the_one_that_counts then 'another relationship of the same person counts'
        when not coalesce(is_in_training_scope, false) then 'the course is no duty of this kind of relationship'
        when not is_status_known then 'of unknown status'
        else 'on leave all the while the course was offered'
    end as reason
from (
    select
        *,
        case
            when is_status_known and has_passed and not is_on_leave then 'numerator'
            when is_status_known and not has_passed and not is_on_leave then 'denominator only'
        end as population_part
    from roster
) as relationships
