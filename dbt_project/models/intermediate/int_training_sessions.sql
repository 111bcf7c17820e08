-- A session counts on the day on which it was held, whatever day it was planned for.
select
    session_id,
    programme_code,
    desk,
    planned_on,
    held_on,
    status <> 'UNKNOWN' as is_status_known,
    status = 'HELD' and held_on is not null as is_held
from {{ ref('stg_training__session') }}
