-- Counts, never persons: the only thing of HR that the hotline's models may see.
select
    fiscal_quarter,
    perimeter,
    entity_code,
    country_iso2,
    region,
    work_language,
    reporter_type,
    is_status_known,
    cast(sum(workers) as bigint) as workers
from {{ ref('int_headcount_cube') }}
group by
    fiscal_quarter,
    perimeter,
    entity_code,
    country_iso2,
    region,
    work_language,
    reporter_type,
    is_status_known
