{#
    What counts of everything that was delivered, as of the cut-off.

    snapshot            the latest delivery wins whole
    snapshot of periods for each value of `period`, the latest delivery wins whole
    append, upsert      for each key, the latest delivered record wins

    "Latest" never depends on the order of arrival: it is decided by the delivery's own clock, then by its digest.
    Deliveries known before the first one with a record within reach can take the place of none, and are not looked at.
#}
{% macro resolve_deliveries(source_relation, delivery, key, period=none) %}
    {%- set known = "select * from " ~ source_relation ~ " where _known_at <= cast('" ~ var('cutoff_at') ~ "' as timestamp)" -%}
    {%- set extract = source_relation.schema ~ '/' ~ source_relation.identifier -%}
    {%- set reach = var('reach', {}).get(extract) -%}
    {%- if reach -%}
        {%- set known = known ~ " and _known_at >= cast('" ~ reach.known_from ~ "' as timestamp)" -%}
    {%- endif -%}
    {%- if delivery == 'snapshot' -%}
    select delivered.*
    from ({{ known }}) as delivered
    inner join (
        select
            _extract_id as winning_extract_id,
            {%- if period %}
            {{ period }} as winning_period,
            {%- endif %}
            row_number() over (
                {%- if period %}
                partition by {{ period }}
                {%- endif %}
                order by
                    {%- if not period %}
                    _as_of_date desc nulls last,
                    {%- endif %}
                    _known_at desc nulls last,
                    _extract_id desc nulls last
            ) as standing
        from (
            select distinct _extract_id, _known_at, _as_of_date{% if period %}, {{ period }}{% endif %}
            from ({{ known }}) as every_record
        ) as every_delivery
    ) as winner
        on delivered._extract_id = winner.winning_extract_id
        {%- if period %}
        and delivered.{{ period }} = winner.winning_period
        {%- endif %}
        and winner.standing = 1
    {%- elif var('deliveries', {}).get(extract) == 1 -%}
    {#- No delivery repeats a key: the extract door saw to that, and the staging model's own test does. -#}
    {{ known }}
    {%- else -%}
    {#- Few keys are delivered twice: only their records are ranked, and the whole is never sorted. -#}
    select delivered.*
    from ({{ known }}) as delivered
    left join (
        select
            every_record._extract_id as superseded_extract_id,
            every_record._row_number as superseded_row_number,
            row_number() over (
                partition by every_record.{{ key | join(', every_record.') }}
                order by
                    every_record._known_at desc nulls last,
                    every_record._extract_id desc nulls last,
                    every_record._row_number desc nulls last
            ) as standing
        from ({{ known }}) as every_record
        inner join (
            select {{ key | join(', ') }}
            from ({{ known }}) as every_key
            group by {{ key | join(', ') }}
            having count(*) > 1
        ) as repeated
            on
                {%- for column in key %}
                {{ 'and ' if not loop.first }}every_record.{{ column }} = repeated.{{ column }}
                {%- endfor %}
    ) as ranked
        on delivered._extract_id = ranked.superseded_extract_id
        and delivered._row_number = ranked.superseded_row_number
    where coalesce(ranked.standing, 1) = 1
    {%- endif -%}
{% endmacro %}


{# Whether a record's day is one that a figure of the build can look at; any is where the build says nothing of it. #}
{% macro is_within_reach(family, extract, day) -%}
    {%- set reach = var('reach', {}).get(family ~ '/' ~ extract) -%}
    {%- if reach -%}
    {{ day }} >= cast('{{ reach.since }}' as date)
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{# Records of older days, as they were delivered by the cut-off: for what asks whether something was there at all. #}
{% macro records_before_reach(family, extract, day) -%}
    select *
    from {{ source(family, extract) }}
    where
        _known_at <= cast('{{ var("cutoff_at") }}' as timestamp)
        and not {{ is_within_reach(family, extract, day) }}
{%- endmacro %}


{# A register's record counts once a second role approved it, and until an approved record corrects it. #}
{% macro counts_in_register(relation) %}
    {%- set approved = "approved_by is not null and trim(approved_by) <> '' and approved_by <> recorded_by" -%}
    {{ approved }}
    and record_id not in (
        select supersedes_record_id
        from {{ relation }}
        where supersedes_record_id is not null and {{ approved }}
    )
{%- endmacro %}
