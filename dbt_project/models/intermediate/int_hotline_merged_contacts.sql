-- Every contact that is about a matter: the one that opened a case, another one about it, or one that comes back to a
-- case of an earlier fiscal year.
select
    cases.perimeter,
    contacts.channel || ' ' || contacts.contact_id as row_key,
    contacts.submitted_quarter,
    contacts.channel || ' after ' || cases.channel as channel_pair,
    contacts.contact_no = 1 as has_opened_its_case,
    coalesce(contacts.submitted_year > cases.received_year, false) as comes_back
from (
    select
        contacts.*,
        years.year_start as submitted_year,
        row_number() over (
            partition by contacts.canonical_case_id
            order by contacts.submitted_tick nulls last, contacts.channel nulls last, contacts.contact_id nulls last
        ) as contact_no
    from {{ ref('stg_hotline__contact') }} as contacts
    -- A contact from before the first quarter that is computed is of no figure, and may have opened a case of one.
    left join {{ ref('int_quarters') }} as years
        on contacts.submitted_quarter = years.quarter_start
    where contacts.kind in ('CONSULTATION', 'REPORT')
) as contacts
inner join (
    select
        cases.*,
        -- A case of a year before the first quarter that is computed belongs to an earlier one.
        coalesce(years.year_start, cases.received_quarter) as received_year
    from {{ ref('int_hotline_cases_in_perimeter') }} as cases
    left join {{ ref('int_quarters') }} as years
        on cases.received_quarter = years.quarter_start
) as cases
    on contacts.canonical_case_id = cases.case_id
