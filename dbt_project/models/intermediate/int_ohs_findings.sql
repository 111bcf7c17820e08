-- Findings of safety and health that were on record on a quarter's last day. The day itself is still in time.
select
    quarters.fiscal_quarter,
    findings.finding_key,
    findings.entity_code,
    findings.severity,
    coalesce(findings.closed_on <= quarters.quarter_end, false) as is_closed,
    findings.due_on < quarters.quarter_end as is_past_due
from {{ ref('stg_register__ohs_finding') }} as findings
inner join {{ ref('int_quarters') }} as quarters
    on findings.found_on <= quarters.quarter_end
