select
    quarters.fiscal_quarter,
    initiatives.record_id,
    initiatives.initiative
from {{ ref('stg_register__initiative') }} as initiatives
inner join {{ ref('int_quarters') }} as quarters
    on {{ is_valid_on('quarters.quarter_end', 'initiatives.joined_on', 'initiatives.left_on') }}
