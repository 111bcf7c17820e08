-- Cases of any channel with any allegation about AI, biometrics or privacy.
select
    cases.case_id,
    cases.received_quarter,
    cases.channel,
    coalesce(max(case when allegations.category = 'PRIVACY_AI' then 1 else 0 end), 0) = 1 as is_about_ai
from {{ ref('int_hotline_cases') }} as cases
left join {{ ref('stg_hotline__allegation') }} as allegations
    on cases.case_id = allegations.case_id
group by cases.case_id, cases.received_quarter, cases.channel
