-- Self-assessments that found a high risk for human rights or labor; one row per supplier, tier, day and topic.
select distinct
    {{ supplier_key('assessments') }} || ' ' || cast(assessments.tier as {{ dbt.type_string() }}) || ' '
    || cast(assessments.submitted_on as {{ dbt.type_string() }}) || ' ' || case
        when not {{ array_has('assessments.topic_flags', "'LABOUR'") }} then 'HUMAN_RIGHTS'
        when not {{ array_has('assessments.topic_flags', "'HUMAN_RIGHTS'") }} then 'LABOUR'
        else 'BOTH'
    end as flag,
    {{ supplier_key('assessments') }} as supplier_key,
    assessments.tier,
    assessments.submitted_on,
    {{ array_has('assessments.topic_flags', "'HUMAN_RIGHTS'") }} as is_human_rights,
    {{ array_has('assessments.topic_flags', "'LABOUR'") }} as is_labour,
    case
        when not {{ array_has('assessments.topic_flags', "'LABOUR'") }} then 'HUMAN_RIGHTS'
        when not {{ array_has('assessments.topic_flags', "'HUMAN_RIGHTS'") }} then 'LABOUR'
        else 'HUMAN_RIGHTS_AND_LABOUR'
    end as topic
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
