-- Rendered by dbt_project/render.py from ingest/contracts/hotline/channel.yaml.
with

delivered as (
    {{ resolve_deliveries(source('hotline', 'channel'), 'snapshot', ['channel', 'valid_from']) }}
)

select
    channel,
    valid_from,
    valid_to,
    languages,
    entities,
    reporter_types,
    third_party as is_third_party,
    anonymous as is_anonymous,
    last_test_on,
    _extract_id as extract_id
from delivered
