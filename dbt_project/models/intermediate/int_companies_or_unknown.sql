-- Who employs and who buys, by perimeter: companies, and UNKNOWN for all that no list of companies has. What is of such a
-- company is in the group's whole, and in nothing smaller.
select
    perimeter,
    entity_code,
    region,
    valid_from,
    valid_to
from {{ ref('int_entities_in_perimeter') }}
union all
select
    'grp' as perimeter,
    'UNKNOWN' as entity_code,
    'UNKNOWN' as region,
    cast('1900-01-01' as date) as valid_from,
    {{ end_of_time() }} as valid_to
