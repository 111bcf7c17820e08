{#- What a headline would be under another rule, from the same populations: rule -> how people say it, who counts. -#}
{%- set rules = {
    'leave_rule': ['workers on leave counted too', 'true', 'sum(population.persons)'],
    'dispatched_rule': [
        'dispatched workers left out',
        "not population.is_on_leave and population.worker_category <> 'DISPATCHED'",
        'sum(population.persons)',
    ],
    'headcount_rule': ['of the average of the quarter ends', 'not population.is_on_leave', 'max(average.workers)'],
} -%}

with

headcount as (
    select
        fiscal_quarter,
        perimeter,
        sum(workers) as workers
    from {{ ref('int_headcount_cube') }}
    where
        is_in_training_scope
        and is_status_known
    group by fiscal_quarter, perimeter
),

average as (
    select
        quarters.fiscal_quarter,
        headcount.perimeter,
        sum(cast(headcount.workers as double)) / count(*) as workers
    from {{ ref('int_quarters') }} as quarters
    inner join {{ ref('int_quarters') }} as earlier
        on
            quarters.year_start = earlier.year_start
            and quarters.quarter_end >= earlier.quarter_end
    inner join headcount
        on earlier.fiscal_quarter = headcount.fiscal_quarter
    group by quarters.fiscal_quarter, headcount.perimeter
),

spend as (
    select
        quarters.fiscal_quarter,
        spend.amount_jpy,
        cast(spend.amount as double)
        * cast(case when spend.currency = 'JPY' then 1 else last_rates.avg_rate end as double) as amount_jpy_at_last_rate,
        coalesce(declared.is_status_known, false) as is_declared,
        coalesce(declared.is_inherited, false) as is_inherited
    from {{ ref('int_supplier_spend') }} as spend
    inner join {{ ref('int_quarters') }} as quarters
        on spend.posting_month between quarters.trailing_year_start and quarters.quarter_end
    left join {{ ref('int_suppliers_with_declaration') }} as declared
        on
            quarters.fiscal_quarter = declared.fiscal_quarter
            and spend.supplier_key = declared.supplier_key
    left join {{ ref('stg_procurement__fx_rate') }} as last_rates
        on
            spend.currency = last_rates.currency
            and cast({{ dbt.date_trunc('month', 'quarters.quarter_end') }} as date) = last_rates.month
    where
        spend.is_valued
        and coalesce(declared.is_status_known, true)
)

{% for metric_id in ['trn_bhr_completion_rate', 'trn_bhr_gap_pp'] -%}
{% for rule, (variant, who, whole) in rules.items() -%}
select
    '{{ metric_id }}' as metric_id,
    'corp' as perimeter,
    'ytd' as basis,
    population.fiscal_quarter,
    '{{ rule }}' as rule,
    '{{ variant }}' as variant,
    cast(coalesce(sum(case when population.has_passed then population.persons else 0 end), 0) as double) as numerator,
    cast({{ whole }} as double) as denominator
from {{ ref('int_training_cube') }} as population
inner join average
    on
        population.fiscal_quarter = average.fiscal_quarter
        and population.perimeter = average.perimeter
where
    population.perimeter = 'corp'
    and population.is_status_known
    and {{ who }}
group by population.fiscal_quarter
union all
{% endfor -%}
{% endfor -%}
select
    'wrk_headcount' as metric_id,
    'corp' as perimeter,
    'asof' as basis,
    fiscal_quarter,
    'dispatched_rule' as rule,
    'dispatched workers left out' as variant,
    cast(coalesce(sum(case when worker_category <> 'DISPATCHED' then workers else 0 end), 0) as double) as numerator,
    cast(null as double) as denominator
from {{ ref('int_headcount_cube') }}
where
    perimeter = 'corp'
    and is_status_known
group by fiscal_quarter
union all
select
    'sup_declaration_spend_rate' as metric_id,
    'grp' as perimeter,
    't12m' as basis,
    fiscal_quarter,
    'parent_inheritance_rule' as rule,
    'declarations of parents ignored' as variant,
    cast(sum(case when is_declared and not is_inherited then amount_jpy else 0 end) as double) as numerator,
    cast(sum(amount_jpy) as double) as denominator
from spend
group by fiscal_quarter
union all
select
    'sup_declaration_spend_rate' as metric_id,
    'grp' as perimeter,
    't12m' as basis,
    fiscal_quarter,
    'fx_rule' as rule,
    'all amounts at the rate of the last month' as variant,
    sum(case when is_declared then amount_jpy_at_last_rate else 0 end) as numerator,
    sum(amount_jpy_at_last_rate) as denominator
from spend
group by fiscal_quarter
-- One missing rate would leave a part of the whole out.
having count(*) = count(amount_jpy_at_last_rate)
