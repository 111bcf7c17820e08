with

released as (
    select
        quarters.fiscal_quarter,
        reviews.project_key,
        reviews.domain,
        reviews.region,
        coalesce(
            reviews.reviewed_on <= reviews.released_on and reviews.outcome in ('APPROVED', 'CONDITIONED'),
            false
        ) as is_reviewed
    from {{ ref('stg_register__ai_review') }} as reviews
    inner join {{ ref('int_quarters') }} as quarters
        on reviews.released_on between quarters.quarter_start and quarters.quarter_end
)

select
    fiscal_quarter,
    project_key,
    min(domain) as domain,
    min(region) as region,
    max(case when is_reviewed then 1 else 0 end) = 1 as is_reviewed
from released
group by fiscal_quarter, project_key
