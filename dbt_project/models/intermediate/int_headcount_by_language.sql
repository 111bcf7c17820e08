-- Counts, never persons: the only thing of HR that the hotline's models may see.
select
    fiscal_quarter,
    perimeter,
    entity_code,
    country_iso2,
    region,
    work_language,
    reporter_type,
    count(*) as workers
from {{ ref('int_workers_in_scope') }}
group by
    fiscal_quarter,
    perimeter,
    entity_code,
    country_iso2,
    region,
    work_language,
    reporter_type
