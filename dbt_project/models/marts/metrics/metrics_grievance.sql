{#- A day before the first case on record cannot be counted: the source had not begun. -#}
{%- set first_case -%} (select min(received_quarter) from {{ ref('int_hotline_cases') }}) {%- endset -%}
{%- set is_on_record = 'coalesce(quarters.quarter_end >= ' ~ first_case ~ ', false)' -%}
{#- Counts of cases are given for one perimeter: a second one beside it would tell the difference. -#}
{%- set dimensions = {'reporter_type': 'cases.reporter_type', 'identity': 'cases.identity'} -%}

with

quarters as (
    select
        quarters.*,
        perimeters.perimeter
    from {{ ref('int_quarters') }} as quarters
    cross join (select 'jp' as perimeter union all select 'grp' as perimeter) as perimeters
),

-- A zero stays provisional while any matter of the fiscal year so far waits for its category: a case without one, or
-- a report that no case holds yet, wherever it may belong.
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
),

served as (
    select
        headcount.fiscal_quarter,
        headcount.perimeter,
        headcount.entity_code,
        headcount.workers,
        max(
            case
                when channels.is_third_party and channels.is_anonymous then 1
                else 0
            end
        ) as has_anonymous_third_party,
        max(
            case
                when
                    {{ array_has('channels.languages', 'headcount.work_language') }}
                    and channels.last_test_on <= quarters.quarter_end
                    and {{ dbt.datediff('channels.last_test_on', 'quarters.quarter_end', 'day') }} <= 365
                    then 1
                else 0
            end
        ) as has_tested_in_own_language,
        -- Only the latest test of a channel is on record. Where it lies after an earlier quarter's end, nobody can
        -- say any more when the channel was tested before.
        max(
            case
                when channels.last_test_on > quarters.quarter_end and not quarters.is_release_quarter then 1
                else 0
            end
        ) as is_test_unknown
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
        headcount.work_language,
        headcount.reporter_type,
        headcount.workers
)

{% for basis in ['qtr', 'ytd'] -%}
{%- set received_in_period -%}
    quarters.perimeter = cases.perimeter
        and cases.received_quarter between {{ period_start(basis) }} and quarters.quarter_end
{%- endset -%}
{%- set closed_in_period -%}
    quarters.perimeter = cases.perimeter
        and cases.closed_quarter between {{ period_start(basis) }} and quarters.quarter_end
{%- endset -%}
select
    {{ measured('grv_hrh_cases_reported', 'quarters.perimeter', basis, 'count(cases.case_id)', is_measured=is_on_record) }}
from quarters
left join {{ ref('int_hotline_cases_in_perimeter') }} as cases
    on
        {{ received_in_period }}
        and cases.is_human_rights_hotline
where quarters.perimeter = 'jp'
group by quarters.fiscal_quarter, quarters.perimeter, quarters.quarter_end
union all
{% for dimension, column in dimensions.items() -%}
select
    {{ measured(
        'grv_hrh_cases_reported', 'quarters.perimeter', basis, 'count(*)',
        dimension="'" ~ dimension ~ "'", dimension_value=column
    ) }}
from quarters
inner join {{ ref('int_hotline_cases_in_perimeter') }} as cases
    on
        {{ received_in_period }}
        and cases.is_human_rights_hotline
where quarters.perimeter = 'jp'
group by quarters.fiscal_quarter, quarters.perimeter, {{ column }}
union all
{% endfor -%}
select
    {{ measured(
        'grv_cases_by_category', 'quarters.perimeter', basis,
        count_if("cases.primary_category <> 'UNCATEGORISED'"), 'count(cases.case_id)', is_measured=is_on_record
    ) }}
from quarters
left join {{ ref('int_hotline_cases_in_perimeter') }} as cases
    on
        {{ received_in_period }}
        and cases.is_human_rights_hotline
where quarters.perimeter = 'jp'
group by quarters.fiscal_quarter, quarters.perimeter, quarters.quarter_end
union all
select
    {{ measured(
        'grv_cases_by_category', 'quarters.perimeter', basis, 'count(*)', 'sum(count(*)) over (partition by quarters.fiscal_quarter)',
        dimension="'category'", dimension_value='cases.primary_category'
    ) }}
from quarters
inner join {{ ref('int_hotline_cases_in_perimeter') }} as cases
    on
        {{ received_in_period }}
        and cases.is_human_rights_hotline
where quarters.perimeter = 'jp'
group by quarters.fiscal_quarter, quarters.perimeter, cases.primary_category
union all
select
    {{ measured(
        'grv_forced_labour_trafficking_reports', 'quarters.perimeter', basis, 'count(cases.case_id)',
        is_measured=is_on_record, is_provisional='uncategorised.fiscal_quarter is not null'
    ) }}
from quarters
left join {{ ref('int_hotline_cases_in_perimeter') }} as cases
    on
        {{ received_in_period }}
        and cases.has_forced_labour_or_trafficking
left join uncategorised
    on
        quarters.fiscal_quarter = uncategorised.fiscal_quarter
        and quarters.perimeter = uncategorised.perimeter
group by quarters.fiscal_quarter, quarters.perimeter, quarters.quarter_end, uncategorised.fiscal_quarter
union all
select
    {{ measured(
        'grv_substantiated_discrimination', 'quarters.perimeter', basis,
        count_if("categories.is_discrimination and cases.determination in ('SUBSTANTIATED', 'PARTLY')"),
        is_measured=is_on_record
    ) }}
from quarters
left join {{ ref('int_hotline_cases_in_perimeter') }} as cases
    on {{ closed_in_period }}
left join {{ ref('allegation_category') }} as categories
    on cases.primary_category = categories.category
where quarters.perimeter = 'jp'
group by quarters.fiscal_quarter, quarters.perimeter, quarters.quarter_end
union all
select
    {{ measured(
        'grv_substantiated_hr_incidents', 'quarters.perimeter', basis,
        count_if("categories.is_other_human_right and cases.determination = 'SUBSTANTIATED'"),
        is_measured=is_on_record
    ) }}
from quarters
left join {{ ref('int_hotline_cases_in_perimeter') }} as cases
    on {{ closed_in_period }}
left join {{ ref('allegation_category') }} as categories
    on cases.primary_category = categories.category
where quarters.perimeter = 'jp'
group by quarters.fiscal_quarter, quarters.perimeter, quarters.quarter_end
union all
select
    {{ measured(
        'grv_committee_reported_rate', 'quarters.perimeter', basis,
        count_if('cases.is_in_committee_report'), 'count(cases.case_id)', is_measured=is_on_record
    ) }}
from quarters
left join {{ ref('int_hotline_cases_in_perimeter') }} as cases
    on
        {{ received_in_period }}
        and cases.is_human_rights_hotline
where quarters.perimeter = 'jp'
group by quarters.fiscal_quarter, quarters.perimeter, quarters.quarter_end
union all
{% endfor -%}

select
    {{ measured(
        'grv_zero_claim_strength', 'quarters.perimeter', 'asof',
        'sum(quarters.workers * quarters.has_tested_in_own_language)', 'sum(quarters.workers)',
        is_measured='max(quarters.is_test_unknown) = 0'
    ) }}
from served as quarters
group by quarters.fiscal_quarter, quarters.perimeter
union all
select
    {{ measured(
        'grv_channel_coverage_rate', 'quarters.perimeter', 'asof',
        'sum(quarters.workers * quarters.has_anonymous_third_party)', 'sum(quarters.workers)'
    ) }}
from served as quarters
group by quarters.fiscal_quarter, quarters.perimeter
union all
select
    {{ measured(
        'grv_channel_coverage_rate', 'quarters.perimeter', 'asof',
        'sum(quarters.workers * quarters.has_anonymous_third_party)', 'sum(quarters.workers)',
        dimension="'entity_code'", dimension_value='quarters.entity_code'
    ) }}
from served as quarters
group by quarters.fiscal_quarter, quarters.perimeter, quarters.entity_code
