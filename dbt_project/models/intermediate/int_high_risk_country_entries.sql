-- Entries of the lists in force on the quarter's last day: a country may be on several lists, for several reasons.
select distinct
    quarters.fiscal_quarter,
    listed.list_version || ' ' || listed.country_iso2 || ' ' || coalesce(listed.risk_dimension, '') as entry,
    listed.country_iso2,
    listed.list_version,
    listed.risk_dimension
from {{ ref('int_high_risk_countries') }} as listed
inner join {{ ref('int_quarters') }} as quarters
    on
        quarters.quarter_end >= listed.valid_from
        and quarters.quarter_end < listed.replaced_on
