-- Rendered by dbt_project/render.py from ingest/contracts/hr/worker_month.yaml.
with

delivered as (
    {{ resolve_deliveries(source('hr', 'worker_month'), 'snapshot', ['as_of_date', 'worker_key'], period='as_of_date') }}
)

select
    as_of_date,
    worker_key,
    person_key,
    source_system,
    legal_entity_code,
    worker_category,
    home_or_host,
    employment_status,
    org_unit_code,
    site_code,
    country_iso2,
    work_language,
    grade_group,
    role_flags,
    role_flag_since,
    start_date,
    end_date,
    birth_year_band,
    fte,
    collective_agreement as has_collective_agreement,
    agency_code,
    _extract_id as extract_id
from delivered
where {{ is_within_reach('hr', 'worker_month', 'as_of_date') }}
