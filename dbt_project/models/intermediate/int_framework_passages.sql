-- The passages that a fiscal year is to cover: the steps of the OECD guidance, and the ILO's fundamental conventions.
with

passages as (
    select distinct
        'OECD' as frame,
        reference as passage
    from {{ ref('framework_map') }}
    where framework = 'OECD Due Diligence Guidance'
    union all
    select
        'ILO' as frame,
        convention as passage
    from {{ ref('ilo_convention') }}
),

served as (
    select
        quarters.fiscal_quarter,
        case entries.framework when 'ILO' then 'ILO' else 'OECD' end as frame,
        case entries.framework when 'ILO' then entries.framework_version else entries.reference end as passage,
        count(measured.metric_id) as measured_metrics
    from {{ ref('framework_map') }} as entries
    inner join {{ ref('int_quarters') }} as quarters
        on
            entries.valid_from_fy_start <= quarters.year_start
            and coalesce(entries.valid_to_fy_start, {{ end_of_time() }}) >= quarters.year_start
    left join {{ ref('int_metrics_measured') }} as measured
        on
            quarters.fiscal_quarter = measured.fiscal_quarter
            and entries.metric_id = measured.metric_id
    where entries.framework in ('ILO', 'OECD Due Diligence Guidance')
    group by
        quarters.fiscal_quarter,
        case entries.framework when 'ILO' then 'ILO' else 'OECD' end,
        case entries.framework when 'ILO' then entries.framework_version else entries.reference end
)

select
    quarters.fiscal_quarter,
    passages.frame,
    passages.passage,
    served.passage is not null as has_metric,
    coalesce(served.measured_metrics, 0) > 0 as has_measured_metric
from {{ ref('int_quarters') }} as quarters
cross join passages
left join served
    on
        quarters.fiscal_quarter = served.fiscal_quarter
        and passages.frame = served.frame
        and passages.passage = served.passage
