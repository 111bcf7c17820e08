{# Every row that names a parent finds it. A row that does not is one that no figure would count, without a word. #}
{% test is_known_in(model, columns, parent, parent_columns) %}
select {{ columns | join(', ') }}
from {{ model }} as child
where
    {% for column in columns -%}
    child.{{ column }} is not null
    and {% endfor -%}
    not exists (
        select 1
        from {{ parent }} as parent
        where
            {% for column in columns -%}
            {{ 'and ' if not loop.first }}parent.{{ parent_columns[loop.index0] }} = child.{{ column }}
            {% endfor %}
    )
{% endtest %}
