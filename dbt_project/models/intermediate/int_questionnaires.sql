-- Self-assessment questionnaires that were sent, with what is known of the supplier.
select
    sent.assessment_id,
    {{ supplier_key('sent') }} as supplier_key,
    sent.tier,
    coalesce(identities.region, 'UNKNOWN') as region,
    sent.sent_on,
    sent.due_on,
    sent.submitted_on
from {{ ref('stg_procurement__assessment') }} as sent
left join {{ ref('int_suppliers') }} as suppliers
    on
        sent.source_system = suppliers.source_system
        and sent.supplier_id = suppliers.supplier_id
left join {{ ref('int_supplier_identities') }} as identities
    on suppliers.supplier_key = identities.supplier_key
where sent.kind in ('SAQ', 'SEDEX_SAQ')
