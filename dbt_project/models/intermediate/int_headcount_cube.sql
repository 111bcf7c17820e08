-- Counts of int_workers_in_scope by all that figures tell apart: the figures add up these, and not persons.
select
    fiscal_quarter,
    perimeter,
    entity_code,
    country_iso2,
    region,
    work_language,
    worker_category,
    reporter_type,
    is_status_known,
    is_in_training_scope,
    has_collective_agreement,
    is_under_minimum_age,
    is_under_policy,
    is_under_management_system,
    count(*) as workers
from {{ ref('int_workers_in_scope') }}
group by
    fiscal_quarter,
    perimeter,
    entity_code,
    country_iso2,
    region,
    work_language,
    worker_category,
    reporter_type,
    is_status_known,
    is_in_training_scope,
    has_collective_agreement,
    is_under_minimum_age,
    is_under_policy,
    is_under_management_system
