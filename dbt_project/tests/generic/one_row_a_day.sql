{# No two rows of a key are valid on the same day. #}
{% test one_row_a_day(model, key) %}
select earlier.{{ key | join(', earlier.') }}
from {{ model }} as earlier
inner join {{ model }} as later
    on
        earlier.valid_from < later.valid_from
        and earlier.valid_to >= later.valid_from
        {%- for column in key %}
        and earlier.{{ column }} = later.{{ column }}
        {%- endfor %}
{% endtest %}
