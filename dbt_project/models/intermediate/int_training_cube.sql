-- Counts of int_training_population by all that figures tell apart: the figures add up these, and not persons.
select
    fiscal_quarter,
    perimeter,
    entity_code,
    worker_category,
    country_iso2,
    work_language,
    org_unit_code,
    is_status_known,
    is_on_leave,
    has_passed,
    has_passed_in_time,
    count(*) as persons,
    cast(sum(human_rights_minutes) as bigint) as human_rights_minutes
from {{ ref('int_training_population') }}
group by
    fiscal_quarter,
    perimeter,
    entity_code,
    worker_category,
    country_iso2,
    work_language,
    org_unit_code,
    is_status_known,
    is_on_leave,
    has_passed,
    has_passed_in_time
