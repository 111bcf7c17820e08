select
    quarters.fiscal_quarter,
    assessments.business,
    assessments.region,
    assessments.affiliate_type,
    max(
        case
            when
                assessments.completed <= quarters.quarter_end
                and coalesce(assessments.next_due, {{ end_of_time() }}) >= quarters.quarter_end
                then 1
            else 0
        end
    ) = 1 as is_assessed
from {{ ref('stg_register__hria') }} as assessments
inner join {{ ref('int_quarters') }} as quarters
    on assessments.in_scope_from <= quarters.quarter_end
group by
    quarters.fiscal_quarter,
    assessments.business,
    assessments.region,
    assessments.affiliate_type
