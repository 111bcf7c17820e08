select
    findings.finding_id,
    findings.assessment_id,
    {{ supplier_key('findings') }} as supplier_key,
    findings.found_on,
    findings.closed_on,
    findings.severity,
    findings.topic_code,
    findings.audit_id is not null as is_from_audit,
    findings.is_confirmed and findings.topic_code in ('FORCED_LABOUR', 'CHILD_LABOUR') as is_forced_or_child_labour,
    coalesce(audits.country_iso2, identities.country_iso2) as country_iso2,
    identities.tier
from {{ ref('stg_procurement__finding') }} as findings
left join {{ ref('int_suppliers') }} as suppliers
    on
        findings.source_system = suppliers.source_system
        and findings.supplier_id = suppliers.supplier_id
left join {{ ref('int_supplier_identities') }} as identities
    on suppliers.supplier_key = identities.supplier_key
left join {{ ref('stg_procurement__audit') }} as audits
    on findings.audit_id = audits.audit_id
