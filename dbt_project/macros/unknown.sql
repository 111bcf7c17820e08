{# A value as it stands, or UNKNOWN where it is missing or blank: what nobody knows is shown, not dropped. #}
{% macro or_unknown(value) -%} coalesce(nullif(trim(cast({{ value }} as {{ dbt.type_string() }})), ''), 'UNKNOWN') {%- endmacro %}


{# A supplier's one identity, or, where no list knows it, its number in its own system. `suppliers` is int_suppliers. #}
{% macro supplier_key(of) -%} coalesce(suppliers.supplier_key, {{ of }}.source_system || ':' || {{ of }}.supplier_id) {%- endmacro %}
