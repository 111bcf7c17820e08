-- What happened to a case in a quarter after it was received: it was opened again, or its main allegation got another
-- category. Once for each case, kind and quarter, however often it happened. From or to an unknown state, a case may have
-- been opened again.
with

events as (
    select
        case_id,
        changed_quarter,
        'REOPENED' as event,
        max(case when from_status = 'CLOSED' and to_status <> 'UNKNOWN' then 1 else 0 end) = 1 as is_status_known
    from {{ ref('stg_hotline__status_history') }}
    where
        from_status in ('CLOSED', 'UNKNOWN')
        and to_status <> 'CLOSED'
    group by case_id, changed_quarter
    union
    select
        history.case_id,
        history.changed_quarter,
        'RECATEGORISED' as event,
        true as is_status_known
    from {{ ref('stg_hotline__category_history') }} as history
    inner join {{ ref('stg_hotline__allegation') }} as allegations
        on
            history.case_id = allegations.case_id
            and history.allegation_no = allegations.allegation_no
            and allegations.is_primary
    where
        history.from_category is not null
        and history.from_category <> history.to_category
)

select
    cases.perimeter,
    cases.case_id,
    events.event,
    events.changed_quarter,
    events.is_status_known,
    events.changed_quarter > cases.received_quarter as is_after_the_quarter_of_receipt
from events
inner join {{ ref('int_hotline_cases_in_perimeter') }} as cases
    on events.case_id = cases.case_id
