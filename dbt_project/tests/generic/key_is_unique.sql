{# No two rows share a key. #}
{% test key_is_unique(model, key) %}
select {{ key | join(', ') }}, count(*) as rows_with_this_key
from {{ model }}
group by {{ key | join(', ') }}
having count(*) > 1
{% endtest %}
