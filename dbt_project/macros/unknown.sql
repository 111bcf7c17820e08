{# A value as it stands, or UNKNOWN where it is missing or blank: what nobody knows is shown, not dropped. #}
{% macro or_unknown(value) -%} coalesce(nullif(trim(cast({{ value }} as {{ dbt.type_string() }})), ''), 'UNKNOWN') {%- endmacro %}


{# A supplier's one identity, or, where no list knows it, its number in its own system. `suppliers` is int_suppliers. #}
{% macro supplier_key(of) -%} coalesce(suppliers.supplier_key, {{ of }}.source_system || ':' || {{ of }}.supplier_id) {%- endmacro %}


{# Why a figure leaves out a row whose status, which decides whether it counts, no list has. #}
{% macro of_unknown_status() -%} {{ return({'of unknown status': 'not counted.is_status_known'}) }} {%- endmacro %}


{# Why the holder of a role is left out where nobody knows whether they work or were trained. #}
{% macro of_unknown_training(was_trained) -%}
{{ return(dict(of_unknown_status(), **{'trained at a session of unknown status only': nobody_knows(was_trained)})) }}
{%- endmacro %}


{# What is said of a thing: true where a record of known status says it, null where only one of unknown status does. #}
{% macro known_or_null(known, perhaps) -%} case when {{ known }} then true when {{ perhaps }} then null else false end {%- endmacro %}


{#
    Whether nobody knows what a flag says. `is null` would do, but of a column that is null nowhere DuckDB settles it
    before it runs, and then cannot compare what hangs on it: a reason with a word.
#}
{% macro nobody_knows(flag) -%} case {{ flag }} when true then false when false then false else true end {%- endmacro %}
