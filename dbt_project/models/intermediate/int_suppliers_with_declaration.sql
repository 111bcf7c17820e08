-- A declaration of scope GROUP also covers suppliers that record its supplier as their parent, by number in the same
-- system and never by name. One for a single site does not cover a supplier.
with

valid as (
    select distinct
        quarters.fiscal_quarter,
        suppliers.supplier_key,
        declarations.scope
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
        and (declarations.status = 'SIGNED' or (declarations.status = 'EXPIRED' and declarations.valid_to is not null))
),

own as (
    select distinct
        fiscal_quarter,
        supplier_key
    from valid
),

inherited as (
    select distinct
        valid.fiscal_quarter,
        suppliers.supplier_key
    from {{ ref('int_suppliers') }} as suppliers
    inner join {{ ref('int_suppliers') }} as parents
        on
            suppliers.source_system = parents.source_system
            and suppliers.parent_supplier_id = parents.supplier_id
    inner join valid
        on
            parents.supplier_key = valid.supplier_key
            and valid.scope = 'GROUP'
)

select
    coalesce(own.fiscal_quarter, inherited.fiscal_quarter) as fiscal_quarter,
    coalesce(own.supplier_key, inherited.supplier_key) as supplier_key,
    own.supplier_key is null as is_inherited
from own
full outer join inherited
    on
        own.fiscal_quarter = inherited.fiscal_quarter
        and own.supplier_key = inherited.supplier_key
