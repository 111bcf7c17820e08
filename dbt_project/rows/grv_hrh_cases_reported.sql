-- Every contact of the fiscal year so far, and what became of it: the one that opened a counted case, or why not.
with

quarter as (
    select *
    from dim_quarter
    where fiscal_quarter = $fiscal_quarter
),

contacts as (
    select
        contacts.*,
        cases.case_id,
        cases.received_quarter,
        cases.channel as case_channel,
        cases.region,
        cases.is_human_rights_hotline,
        row_number() over (
            partition by contacts.canonical_case_id, contacts.kind in ('CONSULTATION', 'REPORT')
            order by contacts.submitted_tick, contacts.channel, contacts.contact_id
        ) as contact_no
    from stg_hotline__contact as contacts
    left join int_hotline_cases as cases on contacts.canonical_case_id = cases.case_id
)

select
    contacts.channel || ' ' || contacts.contact_id as row_key,
    case
        when contacts.kind not in ('CONSULTATION', 'REPORT') then 'left out'
        when contacts.case_id is null then 'left out'
        when contacts.received_quarter < quarter.year_start then 'left out'
        when not contacts.is_human_rights_hotline then 'left out'
        when contacts.region <> 'JP' then 'left out'
        when contacts.contact_no > 1 then 'left out'
        else 'numerator'
    end as part,
    case
        when contacts.kind not in ('CONSULTATION', 'REPORT') then 'an enquiry, a misdirected or a test contact'
        when contacts.case_id is null then 'belongs to no case yet'
        when contacts.received_quarter < quarter.year_start then 'its case was received in an earlier year'
        when not contacts.is_human_rights_hotline then 'its case came through another channel'
        when contacts.region <> 'JP' then 'its case is of another perimeter'
        when contacts.contact_no > 1 then 'merged with an earlier contact about the same case'
    end as reason
from contacts
cross join quarter
where contacts.submitted_quarter between quarter.year_start and quarter.quarter_end
