-- A supplier's one identity over all systems; who has none yet stands for itself.
with

suppliers as (
    select * from {{ ref('stg_procurement__supplier') }}
)

select
    suppliers.source_system,
    suppliers.supplier_id,
    coalesce(
        suppliers.canonical_supplier_id,
        originals.canonical_supplier_id,
        suppliers.source_system || ':' || coalesce(suppliers.duplicate_of, suppliers.supplier_id)
    ) as supplier_key,
    coalesce(suppliers.canonical_supplier_id, originals.canonical_supplier_id) as canonical_supplier_id,
    suppliers.parent_supplier_id,
    suppliers.supplier_type,
    suppliers.country_iso2,
    suppliers.tier,
    suppliers.size_band,
    suppliers.created_on,
    suppliers.duplicate_of is not null as is_repeated
from suppliers
left join suppliers as originals
    on
        suppliers.source_system = originals.source_system
        and suppliers.duplicate_of = originals.supplier_id
