-- Channels that were valid on a quarter's last day, and whether a test contact of the quarter passed.
select
    quarters.fiscal_quarter,
    channels.channel,
    max(case when tests.is_passed then 1 else 0 end) = 1 as has_passed_test
from {{ ref('int_quarters') }} as quarters
inner join {{ ref('stg_hotline__channel') }} as channels
    on {{ is_valid_on('quarters.quarter_end', 'channels.valid_from', 'channels.valid_to') }}
left join {{ ref('stg_register__channel_test') }} as tests
    on
        channels.channel = tests.channel
        and {{ local_date('tests.tested_at') }} between quarters.quarter_start and quarters.quarter_end
group by quarters.fiscal_quarter, channels.channel
