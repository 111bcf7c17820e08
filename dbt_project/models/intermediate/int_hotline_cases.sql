-- One row per matter: contacts about it are merged; enquiries, misdirected and test contacts are not about one.
with

contacts as (
    select
        canonical_case_id as case_id,
        channel,
        reporter_type,
        identity,
        submitted_quarter,
        submitted_day,
        row_number() over (
            partition by canonical_case_id
            order by submitted_tick nulls last, channel nulls last, contact_id nulls last
        ) as contact_no
    from {{ ref('stg_hotline__contact') }}
    where
        canonical_case_id is not null
        and kind in ('CONSULTATION', 'REPORT')
),

-- Cases that only an enquiry, a misdirected or a test contact opened.
other_contacts as (
    select distinct canonical_case_id as case_id
    from {{ ref('stg_hotline__contact') }}
    where
        canonical_case_id is not null
        and kind not in ('CONSULTATION', 'REPORT')
),

allegations as (
    select
        allegations.case_id,
        allegations.category,
        allegations.ground,
        row_number() over (
            partition by allegations.case_id
            order by case when allegations.is_primary then 1 else 2 end nulls last, allegations.allegation_no nulls last
        ) as allegation_order,
        categories.is_forced_labour_or_trafficking,
        categories.is_discrimination,
        categories.is_other_human_right,
        categories.is_final
    from {{ ref('stg_hotline__allegation') }} as allegations
    inner join {{ ref('allegation_category') }} as categories
        on allegations.category = categories.category
),

alleged as (
    select
        case_id,
        max(case when allegation_order = 1 then category end) as primary_category,
        max(case when allegation_order = 1 then ground end) as ground,
        max(case when is_forced_labour_or_trafficking then 1 else 0 end) = 1 as has_forced_labour_or_trafficking,
        max(case when category = 'CHILD_LABOUR' then 1 else 0 end) = 1 as has_child_labour,
        max(case when category = 'RETALIATION' then 1 else 0 end) = 1 as has_retaliation,
        max(case when allegation_order = 1 and is_discrimination then 1 else 0 end) = 1 as is_discrimination,
        max(case when allegation_order = 1 and is_other_human_right then 1 else 0 end) = 1 as is_other_human_right,
        min(case when is_final then 1 else 0 end) = 1 as is_categorised
    from allegations
    group by case_id
),

-- The first remedy that was carried out.
remedies as (
    select
        case_id,
        min(done_quarter) as remedied_quarter
    from {{ ref('stg_hotline__action') }}
    where
        type <> 'NONE'
        and done_quarter is not null
    group by case_id
)

select
    cases.case_id,
    cases.region,
    cases.entity_code,
    -- That of submission, where the desk's system knows it: the received date can be overridden by hand.
    coalesce(contacts.submitted_quarter, cases.received_quarter) as received_quarter,
    cases.received_quarter as stated_received_quarter,
    coalesce(contacts.channel, 'UNKNOWN') as channel,
    coalesce(contacts.channel, 'UNKNOWN') in ('HRH_THIRD_PARTY', 'HRH_SITE_DESK') as is_human_rights_hotline,
    coalesce(contacts.reporter_type, 'UNKNOWN') as reporter_type,
    coalesce(contacts.identity, 'UNKNOWN') as identity,
    coalesce(alleged.primary_category, 'UNCATEGORISED') as primary_category,
    alleged.ground,
    coalesce(alleged.has_forced_labour_or_trafficking, false) as has_forced_labour_or_trafficking,
    coalesce(alleged.has_child_labour, false) as has_child_labour,
    coalesce(alleged.has_retaliation, false) as has_retaliation,
    coalesce(alleged.is_discrimination, false) as is_discrimination,
    coalesce(alleged.is_other_human_right, false) as is_other_human_right,
    coalesce(alleged.is_categorised, false) as is_categorised,
    cases.status,
    cases.determination,
    cases.determination in ('SUBSTANTIATED', 'PARTLY') as is_substantiated,
    cases.cause_code,
    cases.status <> 'UNKNOWN' as is_status_known,
    -- Of an unknown status, the quarter in which it was closed, if it was.
    case when cases.status in ('CLOSED', 'UNKNOWN') then cases.closed_quarter end as closed_quarter,
    -- From the first receipt to the last closure. Days of one case have a clock of their own; durations are exact.
    case when cases.status = 'CLOSED' then cases.closed_day - coalesce(contacts.submitted_day, cases.received_day) end
        as days_to_close,
    cases.first_reply_day - coalesce(contacts.submitted_day, cases.received_day) as days_to_reply,
    cases.feedback_day - cases.first_reply_day as days_to_feedback,
    -- Three months after a day of a quarter lie in the next one.
    cast({{ dbt.dateadd('month', 3, 'cases.first_reply_quarter') }} as date) as feedback_due_quarter,
    remedies.remedied_quarter,
    cases.committee_report_id is not null as is_in_committee_report
from {{ ref('stg_hotline__case') }} as cases
left join contacts
    on
        cases.case_id = contacts.case_id
        and contacts.contact_no = 1
left join other_contacts
    on cases.case_id = other_contacts.case_id
left join alleged
    on cases.case_id = alleged.case_id
left join remedies
    on cases.case_id = remedies.case_id
where
    contacts.case_id is not null
    or other_contacts.case_id is null
