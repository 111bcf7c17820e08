-- Which channel serves whom: counts of workers by entity, language and kind of work relationship, never persons.
select
    headcount.fiscal_quarter,
    headcount.perimeter,
    headcount.entity_code || ' ' || coalesce(headcount.work_language, '') || ' ' || headcount.country_iso2
    || ' ' || headcount.reporter_type || case when headcount.is_status_known then '' else ' of unknown status' end
        as row_key,
    headcount.entity_code,
    headcount.country_iso2,
    headcount.region,
    headcount.work_language,
    headcount.reporter_type,
    headcount.is_status_known,
    headcount.workers,
    max(
        case
            when channels.is_third_party and channels.is_anonymous then 1
            else 0
        end
    ) = 1 as has_anonymous_third_party,
    max(
        case
            when {{ array_has('channels.languages', 'headcount.work_language') }} then 1
            else 0
        end
    ) = 1 as has_own_language,
    max(
        case
            when
                {{ array_has('channels.languages', 'headcount.work_language') }}
                and channels.last_test_on <= quarters.quarter_end
                and {{ dbt.datediff('channels.last_test_on', 'quarters.quarter_end', 'day') }} <= 365
                then 1
            else 0
        end
    ) = 1 as has_tested_in_own_language,
    -- Only the latest test of a channel is on record. Where it lies after an earlier quarter's end, nobody can
    -- say any more when the channel was tested before.
    max(
        case
            when channels.last_test_on > quarters.quarter_end and not quarters.is_release_quarter then 1
            else 0
        end
    ) = 1 as is_test_unknown
from {{ ref('int_headcount_by_language') }} as headcount
inner join {{ ref('int_quarters') }} as quarters
    on headcount.fiscal_quarter = quarters.fiscal_quarter
left join {{ ref('stg_hotline__channel') }} as channels
    on
        {{ is_valid_on('quarters.quarter_end', 'channels.valid_from', 'channels.valid_to') }}
        and {{ array_has('channels.reporter_types', 'headcount.reporter_type') }}
        and (
            {{ array_has('channels.entities', 'headcount.entity_code') }}
            or {{ array_has('channels.entities', "'ALL'") }}
        )
group by
    headcount.fiscal_quarter,
    headcount.perimeter,
    headcount.entity_code,
    headcount.country_iso2,
    headcount.region,
    headcount.work_language,
    headcount.reporter_type,
    headcount.is_status_known,
    headcount.workers
