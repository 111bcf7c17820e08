-- A declaration of scope GROUP also covers suppliers that record its supplier as their parent, by number in the same
-- system and never by name. One for a single site does not cover a supplier.
with

valid as (
    select distinct
        quarters.fiscal_quarter,
        suppliers.supplier_key,
        declarations.scope,
        coalesce(declarations.valid_to, {{ end_of_time() }}) as valid_to,
        declarations.guideline_version
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
    select
        fiscal_quarter,
        supplier_key,
        max(valid_to) as valid_to,
        max(guideline_version) as guideline_version
    from valid
    group by fiscal_quarter, supplier_key
),

inherited as (
    select
        valid.fiscal_quarter,
        suppliers.supplier_key,
        max(valid.valid_to) as valid_to,
        max(valid.guideline_version) as guideline_version
    from {{ ref('int_suppliers') }} as suppliers
    inner join {{ ref('int_suppliers') }} as parents
        on
            suppliers.source_system = parents.source_system
            and suppliers.parent_supplier_id = parents.supplier_id
    inner join valid
        on
            parents.supplier_key = valid.supplier_key
            and valid.scope = 'GROUP'
    group by valid.fiscal_quarter, suppliers.supplier_key
)

select
    coalesce(own.fiscal_quarter, inherited.fiscal_quarter) as fiscal_quarter,
    coalesce(own.supplier_key, inherited.supplier_key) as supplier_key,
    own.supplier_key is null as is_inherited,
    coalesce(own.valid_to, inherited.valid_to) as valid_to,
    coalesce(own.guideline_version, inherited.guideline_version) as guideline_version
from own
full outer join inherited
    on
        own.fiscal_quarter = inherited.fiscal_quarter
        and own.supplier_key = inherited.supplier_key
