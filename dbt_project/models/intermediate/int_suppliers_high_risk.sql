-- Self-assessments that found a high risk for human rights or labor; one row per supplier, tier and day.
select distinct
    coalesce(
        suppliers.supplier_key,
        assessments.source_system || ':' || assessments.supplier_id
    ) as supplier_key,
    assessments.tier,
    assessments.submitted_on
from {{ ref('stg_procurement__assessment') }} as assessments
left join {{ ref('int_suppliers') }} as suppliers
    on
        assessments.source_system = suppliers.source_system
        and assessments.supplier_id = suppliers.supplier_id
where
    assessments.kind in ('SAQ', 'SEDEX_SAQ')
    and assessments.result = 'HIGH'
    and assessments.submitted_on is not null
    and (
        {{ array_has('assessments.topic_flags', "'HUMAN_RIGHTS'") }}
        or {{ array_has('assessments.topic_flags', "'LABOUR'") }}
    )
