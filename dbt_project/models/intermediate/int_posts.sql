{{ config(materialized='view') }}
-- The rosters, with the company of each post.
with

companies as (
    select distinct entity_code
    from {{ ref('stg_hr__entity') }}
)

select
    posts.as_of_date,
    posts.worker_key,
    posts.person_key,
    coalesce(companies.entity_code, 'UNKNOWN') as entity_code,
    posts.worker_category,
    posts.employment_status,
    posts.home_or_host,
    posts.country_iso2,
    posts.work_language,
    posts.org_unit_code,
    posts.has_collective_agreement,
    posts.birth_year_band
from {{ ref('stg_hr__worker_month') }} as posts
left join companies
    on posts.legal_entity_code = companies.entity_code
