-- One row for each identity: what its first entry says, one that repeats another last.
with

ranked as (
    select
        suppliers.supplier_key,
        suppliers.supplier_type,
        suppliers.country_iso2,
        suppliers.tier,
        suppliers.size_band,
        min(suppliers.created_on) over (partition by suppliers.supplier_key) as created_on,
        row_number() over (
            partition by suppliers.supplier_key
            order by
                case when suppliers.is_repeated then 2 else 1 end nulls last,
                suppliers.source_system nulls last,
                suppliers.supplier_id nulls last
        ) as standing
    from {{ ref('int_suppliers') }} as suppliers
)

select
    ranked.supplier_key,
    ranked.supplier_type <> 'INTRAGROUP' as is_external,
    ranked.country_iso2,
    coalesce(regions.region, 'UNKNOWN') as region,
    cast(ranked.tier as {{ dbt.type_string() }}) as tier,
    coalesce(ranked.size_band, 'UNKNOWN') as size_band,
    ranked.created_on
from ranked
left join {{ ref('country_region') }} as regions
    on ranked.country_iso2 = regions.country_iso2
where ranked.standing = 1
