{{ figures_of(grievance_figures()) }}
{#- A category is a share of all hotline cases, and not of its own. #}
{% for basis in ['qtr', 'ytd'] -%}
union all
select
    {{ measured(
        'grv_cases_by_category', 'quarters.perimeter', basis, 'count(*)', 'sum(count(*)) over (partition by quarters.fiscal_quarter)',
        dimension="'category'", dimension_value='cases.primary_category'
    ) }}
from {{ ref('int_hotline_quarters') }} as quarters
inner join {{ ref('int_hotline_cases_in_perimeter') }} as cases
    on
        quarters.perimeter = cases.perimeter
        and cases.received_quarter between {{ period_start(basis) }} and quarters.quarter_end
        and cases.is_human_rights_hotline
where quarters.perimeter = 'jp'
group by quarters.fiscal_quarter, quarters.perimeter, cases.primary_category
{% endfor -%}
