-- An issue in words that the seed does not know belongs to no theme: nothing measures it.
select
    issues.fiscal_quarter,
    issues.issue,
    count(measured.metric_id) > 0 as has_measure
from {{ ref('int_salient_issues') }} as issues
left join {{ ref('salient_issue_theme') }} as themes
    on issues.issue = themes.issue
left join {{ ref('int_metrics_measured') }} as measured
    on
        issues.fiscal_quarter = measured.fiscal_quarter
        and themes.theme = measured.theme
group by issues.fiscal_quarter, issues.issue
