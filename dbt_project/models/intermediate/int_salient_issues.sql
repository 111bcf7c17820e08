select
    quarters.fiscal_quarter,
    issues.issue,
    max(case when trim(coalesce(issues.officer_role, '')) <> '' then 1 else 0 end) = 1 as has_officer,
    -- Until it is assessed again, an issue is as old as the day from which it is salient.
    min(
        {{ dbt.datediff(
            'case when issues.assessed_on <= quarters.quarter_end then issues.assessed_on else issues.since end',
            'quarters.quarter_end', 'day'
        ) }}
    ) as days_since_assessment
from {{ ref('stg_register__salient_issue') }} as issues
inner join {{ ref('int_quarters') }} as quarters
    on {{ is_valid_on('quarters.quarter_end', 'issues.since', 'issues.until') }}
group by quarters.fiscal_quarter, issues.issue
