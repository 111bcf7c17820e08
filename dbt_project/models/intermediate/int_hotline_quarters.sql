-- A zero stays provisional while any matter of the fiscal year so far waits for its category: a case without one, or
-- a report that no case holds yet, wherever it may belong.
with

quarters as (
    select
        quarters.*,
        perimeters.perimeter
    from {{ ref('int_quarters') }} as quarters
    cross join (
        select 'jp' as perimeter
        union all
        select 'grp' as perimeter
    ) as perimeters
),

uncategorised as (
    select
        quarters.fiscal_quarter,
        quarters.perimeter
    from quarters
    inner join {{ ref('int_hotline_cases_in_perimeter') }} as cases
        on
            quarters.perimeter = cases.perimeter
            and cases.received_quarter between quarters.year_start and quarters.quarter_end
            and not cases.is_categorised
    union
    select
        quarters.fiscal_quarter,
        quarters.perimeter
    from quarters
    inner join {{ ref('stg_hotline__contact') }} as contacts
        on
            contacts.canonical_case_id is null
            and contacts.kind in ('CONSULTATION', 'REPORT')
            and contacts.submitted_quarter between quarters.year_start and quarters.quarter_end
)

select
    quarters.*,
    uncategorised.fiscal_quarter is not null as is_provisional
from quarters
left join uncategorised
    on
        quarters.fiscal_quarter = uncategorised.fiscal_quarter
        and quarters.perimeter = uncategorised.perimeter
