-- A declaration of scope GROUP also covers suppliers that record its supplier as their parent, by number in the same
-- system and never by name. One for a single site does not cover a supplier. What a known status says goes before what
-- an unknown one may mean, and an own declaration before a parent's.
with

valid as (
    select distinct
        quarters.fiscal_quarter,
        suppliers.supplier_key,
        declarations.scope,
        coalesce(declarations.valid_to, {{ end_of_time() }}) as valid_to,
        declarations.guideline_version,
        declarations.status <> 'UNKNOWN' as is_status_known
    from {{ ref('stg_procurement__declaration') }} as declarations
    inner join {{ ref('int_suppliers') }} as suppliers
        on
            declarations.source_system = suppliers.source_system
            and declarations.supplier_id = suppliers.supplier_id
    inner join {{ ref('int_quarters') }} as quarters
        on {{ is_valid_on(
            'quarters.quarter_end',
            'coalesce(declarations.valid_from, declarations.signed_on)',
            'declarations.valid_to'
        ) }}
    where
        declarations.scope in ('ENTITY', 'GROUP')
        -- What is marked as expired today was valid in the quarters before its last day.
        and (
            declarations.status in ('SIGNED', 'UNKNOWN')
            or (declarations.status = 'EXPIRED' and declarations.valid_to is not null)
        )
),

covering as (
    select
        fiscal_quarter,
        supplier_key,
        false as is_inherited,
        valid_to,
        guideline_version,
        is_status_known
    from valid
    union all
    select
        valid.fiscal_quarter,
        suppliers.supplier_key,
        true as is_inherited,
        valid.valid_to,
        valid.guideline_version,
        valid.is_status_known
    from {{ ref('int_suppliers') }} as suppliers
    inner join {{ ref('int_suppliers') }} as parents
        on
            suppliers.source_system = parents.source_system
            and suppliers.parent_supplier_id = parents.supplier_id
    inner join valid
        on
            parents.supplier_key = valid.supplier_key
            and valid.scope = 'GROUP'
),

ranked as (
    select
        fiscal_quarter,
        supplier_key,
        is_status_known,
        is_inherited,
        max(valid_to) as valid_to,
        max(guideline_version) as guideline_version,
        row_number() over (
            partition by fiscal_quarter, supplier_key
            order by
                case when is_status_known then 1 else 2 end nulls last,
                case when is_inherited then 2 else 1 end nulls last
        ) as standing
    from covering
    group by fiscal_quarter, supplier_key, is_status_known, is_inherited
)

select
    fiscal_quarter,
    supplier_key,
    is_status_known,
    is_inherited,
    valid_to,
    guideline_version
from ranked
where standing = 1
