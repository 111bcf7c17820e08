-- An action answers a finding; one whose finding nobody knows stays, without severity and supplier.
select
    actions.action_id,
    actions.finding_id,
    findings.supplier_key,
    findings.assessment_id,
    findings.severity,
    actions.agreed_on,
    actions.due_on,
    actions.closed_on,
    coalesce(actions.closed_on <= actions.due_on, false) as is_on_time
from {{ ref('stg_procurement__corrective_action') }} as actions
left join {{ ref('int_supplier_findings') }} as findings
    on actions.finding_id = findings.finding_id
