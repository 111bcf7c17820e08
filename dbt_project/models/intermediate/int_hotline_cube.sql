-- The inner cells of the hotline's figures: counts, from which publish/disclosure.py makes what may be printed.
-- No case, no day and no person is in it, and it is never written outside this database.
select
    quarters.fiscal_year,
    quarters.quarter_number,
    cases.primary_category as category,
    cases.reporter_type,
    cases.identity,
    count(*) as cases
from {{ ref('int_quarters') }} as quarters
inner join {{ ref('int_hotline_cases_in_perimeter') }} as cases
    on
        cases.received_quarter = quarters.quarter_start
        and cases.perimeter = 'jp'
        and cases.is_human_rights_hotline
group by
    quarters.fiscal_year,
    quarters.quarter_number,
    cases.primary_category,
    cases.reporter_type,
    cases.identity
