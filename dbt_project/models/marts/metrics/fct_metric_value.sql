with

measured as (
    select * from {{ ref('int_measured') }}
    union all
    select * from {{ ref('metrics_quality') }}
    union all
    select * from {{ ref('metrics_derived') }}
),

valued as (
    select
        measured.*,
        metrics.definition_version,
        metrics.is_person_count,
        metrics.value_rule,
        metrics.target_direction,
        metrics.confidence,
        -- What a year to date must reach, it must have reached when the year ends.
        measured.basis = 'ytd' and metrics.target_direction = 'at_least' and quarters.quarter_number < 4 as is_not_due,
        -- A target was set for the headline: for its perimeter, its basis and the total.
        case
            when
                measured.perimeter = metrics.headline_perimeter
                and measured.basis = metrics.basis
                and measured.dimension = 'total'
                then metrics.target_value
        end as target_value,
        {{ metric_value('metrics.value_rule', 'measured', 'compared.target_value') }} as value
    from measured
    inner join {{ ref('dim_metric') }} as metrics
        on measured.metric_id = metrics.metric_id
    inner join {{ ref('int_quarters') }} as quarters
        on measured.fiscal_quarter = quarters.fiscal_quarter
    left join {{ ref('dim_metric') }} as compared
        on metrics.gap_to = compared.metric_id
)

select
    metric_id,
    definition_version,
    perimeter,
    basis,
    fiscal_quarter,
    dimension,
    dimension_value,
    case when value is not null then numerator end as numerator,
    case when value is not null then denominator end as denominator,
    value,
    case
        when value is null then 'NOT_MEASURED'
        when is_provisional then 'PROVISIONAL_UNCATEGORISED'
        when confidence <> 'MEASURED' then confidence
        when value = 0 and value_rule <> 'gap' then 'MEASURED_ZERO'
        else 'MEASURED'
    end as value_state,
    target_value,
    -- On the unrounded value: 89.96 is not 90.
    case
        when target_direction = 'none' then 'NO_TARGET'
        when value is null or target_value is null then 'NOT_COMPARABLE'
        when is_not_due then 'NOT_DUE'
        when target_direction = 'at_least' and value >= target_value then 'MET'
        when target_direction = 'at_most' and value <= target_value then 'MET'
        else 'MISSED'
    end as target_status,
    is_person_count,
    firms
from valued
