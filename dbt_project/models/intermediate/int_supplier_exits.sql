-- Suspensions and ends of orders for a reason of human rights.
select
    exits.exit_id,
    {{ supplier_key('exits') }} as supplier_key,
    exits.decided_on,
    exits.decision,
    exits.reason,
    exits.reason <> 'NOT_HUMAN_RIGHTS' as is_for_human_rights
from {{ ref('stg_procurement__supplier_exit') }} as exits
left join {{ ref('int_suppliers') }} as suppliers
    on
        exits.source_system = suppliers.source_system
        and exits.supplier_id = suppliers.supplier_id
