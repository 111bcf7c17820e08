-- Sites of consolidated companies that were there on a quarter's last day, and whether somebody was their contact.
with

sites as (
    select distinct
        quarters.fiscal_quarter,
        quarters.quarter_end,
        companies.perimeter,
        companies.region,
        sites.site_code,
        coalesce(sites.contact_point_since <= quarters.quarter_end, false) as has_contact_of_hr
    from {{ ref('stg_hr__site') }} as sites
    inner join {{ ref('int_quarters') }} as quarters
        on {{ is_valid_on('quarters.quarter_end', 'sites.valid_from', 'sites.valid_to') }}
    inner join {{ ref('int_entities_in_perimeter') }} as companies
        on
            sites.entity_code = companies.entity_code
            and quarters.quarter_end between companies.valid_from and companies.valid_to
)

select
    sites.fiscal_quarter,
    sites.perimeter,
    sites.site_code,
    sites.region,
    max(case when contacts.record_id is not null or sites.has_contact_of_hr then 1 else 0 end) = 1 as has_contact
from sites
left join {{ ref('stg_register__site_contact') }} as contacts
    on
        sites.site_code = contacts.site_code
        and contacts.kind = 'SITE'
        and {{ is_valid_on('sites.quarter_end', 'contacts.appointed_on', 'contacts.until') }}
group by sites.fiscal_quarter, sites.perimeter, sites.site_code, sites.region
