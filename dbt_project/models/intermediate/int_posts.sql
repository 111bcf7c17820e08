{{ config(materialized='view') }}
-- The rosters, with the company of each post.
with

companies as (
    select distinct entity_code
    from {{ ref('stg_hr__entity') }}
)

select
    posts.*,
    coalesce(companies.entity_code, 'UNKNOWN') as entity_code
from {{ ref('stg_hr__worker_month') }} as posts
left join companies
    on posts.legal_entity_code = companies.entity_code
