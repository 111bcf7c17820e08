select
    session_id,
    programme_code,
    desk,
    held_on
from {{ ref('stg_training__session') }}
where
    status = 'HELD'
    and held_on is not null
