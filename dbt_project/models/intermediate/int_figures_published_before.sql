-- Totals of earlier quarters as earlier releases published them, held against what this build makes of them. Material is
-- a change by a percentage point of a share, or by a twentieth of a count.
with

held as (
    select
        quarters.fiscal_quarter,
        published.metric_id || ' ' || published.perimeter || ' ' || published.basis || ' ' || published.fiscal_quarter
            as cell,
        published.numerator,
        published.denominator,
        measured.numerator as numerator_now,
        measured.denominator as denominator_now
    from {{ ref('stg_own__published') }} as published
    inner join {{ ref('int_measured') }} as measured
        on
            published.metric_id = measured.metric_id
            and published.perimeter = measured.perimeter
            and published.basis = measured.basis
            and published.fiscal_quarter = measured.fiscal_quarter
            and measured.dimension = 'total'
    inner join {{ ref('int_quarters') }} as quarters
        on quarters.is_release_quarter
)

select
    fiscal_quarter,
    cell,
    coalesce(numerator_now, -1) <> coalesce(numerator, -1)
    or coalesce(denominator_now, -1) <> coalesce(denominator, -1) as is_restated,
    case
        when numerator_now is null then 'MATERIAL'
        when
            denominator is not null
            and abs(
                100.0 * numerator_now / nullif(denominator_now, 0) - 100.0 * numerator / nullif(denominator, 0)
            ) >= 1.0
            then 'MATERIAL'
        when denominator is null and abs(numerator_now - numerator) >= 0.05 * abs(numerator) then 'MATERIAL'
        else 'NOT_MATERIAL'
    end as size
from held
