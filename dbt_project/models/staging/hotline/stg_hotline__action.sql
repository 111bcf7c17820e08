-- Rendered by dbt_project/render.py from ingest/contracts/hotline/action.yaml.
with

delivered as (
    {{ resolve_deliveries(source('hotline', 'action'), 'upsert', ['case_id', 'action_no']) }}
)

select
    case_id,
    action_no,
    type,
    decided_quarter,
    decided_day,
    due_quarter,
    due_day,
    done_quarter,
    done_day,
    owner_division,
    _extract_id as extract_id
from delivered
