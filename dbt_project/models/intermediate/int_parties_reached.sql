-- Parties to whom the Group Human Rights Policy was communicated, each delivery once.
select
    record_id,
    party_type,
    coalesce(source_system || ':', '') || party_key as party,
    delivered_on
from {{ ref('stg_register__outreach') }}
where document = 'GROUP_HUMAN_RIGHTS_POLICY'
