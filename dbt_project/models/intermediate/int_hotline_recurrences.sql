-- Substantiated cases, and whether a twin came before: the same primary category in the same company, closed in one of
-- the four quarters before. Twins of one quarter cannot be put in order, for days are not kept.
with

substantiated as (
    select
        perimeter,
        case_id,
        primary_category,
        entity_code,
        closed_quarter,
        is_status_known
    from {{ ref('int_hotline_cases_in_perimeter') }}
    where
        is_substantiated
        and closed_quarter is not null
)

select
    cases.perimeter,
    cases.case_id,
    cases.primary_category,
    cases.entity_code,
    cases.closed_quarter,
    cases.is_status_known,
    {{ known_or_null(
        'max(case when twins.is_status_known then 1 else 0 end) = 1', 'max(twins.case_id) is not null'
    ) }} as has_earlier_twin
from substantiated as cases
left join substantiated as twins
    on
        cases.perimeter = twins.perimeter
        and cases.primary_category = twins.primary_category
        and cases.entity_code = twins.entity_code
        and twins.closed_quarter < cases.closed_quarter
        and twins.closed_quarter >= {{ dbt.dateadd('year', -1, 'cases.closed_quarter') }}
group by
    cases.perimeter,
    cases.case_id,
    cases.primary_category,
    cases.entity_code,
    cases.closed_quarter,
    cases.is_status_known
