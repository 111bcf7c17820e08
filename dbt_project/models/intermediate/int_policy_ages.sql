-- Days since each document was last revised, and since it was last looked at: revised or reviewed.
with

looked_at as (
    select
        quarters.fiscal_quarter,
        quarters.quarter_end,
        policies.document,
        max(policies.document_approved_on) as revised_on,
        max(case when policies.reviewed_on <= quarters.quarter_end then policies.reviewed_on end) as reviewed_on
    from {{ ref('stg_register__policy') }} as policies
    inner join {{ ref('int_quarters') }} as quarters
        on policies.document_approved_on <= quarters.quarter_end
    group by quarters.fiscal_quarter, quarters.quarter_end, policies.document
)

select
    fiscal_quarter,
    document,
    {{ dbt.datediff('revised_on', 'quarter_end', 'day') }} as days_since_revision,
    {{ dbt.datediff('greatest(revised_on, coalesce(reviewed_on, revised_on))', 'quarter_end', 'day') }} as days_since_review
from looked_at
