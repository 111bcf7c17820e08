-- Every company of the perimeter, in the quarters of a fiscal year in which a round of the self-check was opened.
with

rounds as (
    select distinct
        quarters.fiscal_quarter,
        quarters.quarter_end,
        quarters.year_start
    from {{ ref('stg_register__ohs_selfcheck') }} as checks
    inner join {{ ref('int_quarters') }} as quarters
        on checks.opened_on between quarters.year_start and quarters.quarter_end
),

returned as (
    select distinct
        rounds.fiscal_quarter,
        checks.entity_code
    from {{ ref('stg_register__ohs_selfcheck') }} as checks
    inner join rounds
        on
            checks.opened_on between rounds.year_start and rounds.quarter_end
            and checks.submitted_on <= rounds.quarter_end
)

select
    rounds.fiscal_quarter,
    companies.perimeter,
    companies.entity_code,
    companies.region,
    returned.entity_code is not null as has_returned
from rounds
inner join {{ ref('int_entities_in_perimeter') }} as companies
    on rounds.quarter_end between companies.valid_from and companies.valid_to
left join returned
    on
        rounds.fiscal_quarter = returned.fiscal_quarter
        and companies.entity_code = returned.entity_code
