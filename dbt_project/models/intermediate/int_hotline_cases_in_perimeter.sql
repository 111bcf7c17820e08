select
    'jp' as perimeter,
    cases.*
from {{ ref('int_hotline_cases') }} as cases
where cases.region = 'JP'
union all
select
    'grp' as perimeter,
    cases.*
from {{ ref('int_hotline_cases') }} as cases
