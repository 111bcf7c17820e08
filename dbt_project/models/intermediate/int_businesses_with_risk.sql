-- Businesses whose assessment found a risk by the quarter's last day, and whether a measure against it had started.
select
    quarters.fiscal_quarter,
    assessments.business,
    min(assessments.affiliate_type) as affiliate_type,
    min(assessments.region) as region,
    -- Each risk is met by a measure of its own.
    min(case when measures.record_id is not null then 1 else 0 end) = 1 as is_mitigation_started
from {{ ref('stg_register__hria') }} as assessments
inner join {{ ref('int_quarters') }} as quarters
    on assessments.completed <= quarters.quarter_end
left join {{ ref('stg_register__mitigation') }} as measures
    on
        measures.source_kind = 'HRIA'
        and assessments.record_id = measures.source_record_id
        and measures.started_on <= quarters.quarter_end
where assessments.finding = 'RISK'
group by quarters.fiscal_quarter, assessments.business
