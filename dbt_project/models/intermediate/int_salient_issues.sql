select
    quarters.fiscal_quarter,
    issues.issue,
    max(case when trim(coalesce(issues.officer_role, '')) <> '' then 1 else 0 end) = 1 as has_officer
from {{ ref('stg_register__salient_issue') }} as issues
inner join {{ ref('int_quarters') }} as quarters
    on {{ is_valid_on('quarters.quarter_end', 'issues.since', 'issues.until') }}
group by quarters.fiscal_quarter, issues.issue
