-- What the headline figures of the release's quarter leave out, and how much of it. What may be printed, publish/ decides.
{% set themes = ['training', 'grievance', 'supply_chain', 'workforce', 'geopolitics', 'ai', 'governance', 'quality'] -%}
{% for theme in themes %}
select
    looked_at.metric_id,
    metrics.title,
    looked_at.perimeter,
    looked_at.basis,
    looked_at.fiscal_quarter,
    looked_at.reason,
    count(*) as left_out,
    'MEASURED' as value_state,
    metrics.is_person_count
from {{ ref('rows_' ~ theme) }} as looked_at
inner join {{ ref('dim_metric') }} as metrics
    on
        looked_at.metric_id = metrics.metric_id
        and looked_at.perimeter = metrics.headline_perimeter
        and looked_at.basis = metrics.basis
where
    looked_at.fiscal_quarter = '{{ var("quarter") }}'
    and looked_at.reason is not null
group by all
{%- if not loop.last %}
union all
{%- endif %}
{% endfor %}
order by metric_id, reason
