-- Due: the fiscal year ended at least 183 days before the quarter's last day. UNKNOWN is due and not published.
with

statements as (
    select
        entity_code,
        law,
        fy_start,
        status,
        published_on,
        cast({{ dbt.dateadd('day', 183, 'cast(' ~ dbt.dateadd('day', -1, dbt.dateadd('year', 1, 'fy_start')) ~ ' as date)') }} as date)
            as due_on
    from {{ ref('stg_register__msa_statement') }}
    where status <> 'NOT_DUE'
)

select
    quarters.fiscal_quarter,
    statements.entity_code,
    statements.law,
    statements.fy_start,
    statements.due_on,
    max(
        case when statements.status = 'PUBLISHED' and statements.published_on <= quarters.quarter_end then 1 else 0 end
    ) = 1 as is_published,
    max(case when statements.status <> 'UNKNOWN' then 1 else 0 end) = 1 as is_status_known
from statements
inner join {{ ref('int_quarters') }} as quarters
    on statements.due_on <= quarters.quarter_end
group by
    quarters.fiscal_quarter,
    statements.entity_code,
    statements.law,
    statements.fy_start,
    statements.due_on
