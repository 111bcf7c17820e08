{{ share_of_register('ai_review_rate', 'qtr', 'int_ai_projects_released', 'is_reviewed', dimension='domain') }}
union all
select
    {{ measured(
        'ai_review_outcomes', "'grp'", 'qtr', 'count(reviews.record_id)',
        is_measured='coalesce(quarters.quarter_end >= (select min(reviewed_on) from ' ~ ref('stg_register__ai_review') ~ '), false)'
    ) }}
from {{ ref('int_quarters') }} as quarters
left join {{ ref('stg_register__ai_review') }} as reviews
    on
        reviews.outcome is not null
        and reviews.reviewed_on between quarters.quarter_start and quarters.quarter_end
group by quarters.fiscal_quarter, quarters.quarter_end
union all
select
    {{ measured(
        'ai_review_outcomes', "'grp'", 'qtr', 'count(*)', dimension="'outcome'", dimension_value='reviews.outcome'
    ) }}
from {{ ref('int_quarters') }} as quarters
inner join {{ ref('stg_register__ai_review') }} as reviews
    on
        reviews.outcome is not null
        and reviews.reviewed_on between quarters.quarter_start and quarters.quarter_end
group by quarters.fiscal_quarter, reviews.outcome
