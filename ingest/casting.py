"""Casting: one explicit rule for each type, as SQL over columns of text. Nothing is rounded, trimmed or guessed.

A rule says what is wrong with a cell; a cell without a fault is then cast. An empty cell is null.
"""

from __future__ import annotations

from ingest.contract import Column, Contract, sql_format

FIRST_YEAR, LAST_YEAR = 1900, 2100
_INTEGER = "-?(0|[1-9][0-9]*)"  # the whole part of every number: "007" is a code and no number
_DAY = r"\d{4}-\d{2}-\d{2}"
_INSTANT = r"\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?"
_OFFSET = r"(Z|[+-](0\d|1[0-4]):[0-5]\d)"
# What DuckDB casts of these forms is an instant by the two patterns above, unless a bare point is in it.
_USUAL_INSTANTS = [f"____-__-__T{hour}:__:___0_:00" for hour in ("0_", "1_", "20", "21", "22", "23")]
# As code points, for on a screen full-width digits cannot be told from these.
_FULL_WIDTH = "".join(map(chr, [*range(0xFF10, 0xFF1A), 0xFF0D, 0xFF0E])), "0123456789-."
_DIGITS_OF_A_DOUBLE = 15


def rules(contract: Contract, *, may_have_outer_space: bool = True) -> list[tuple[str, str, str]]:
    """Column, reason and SQL condition of everything that can be wrong with a record, in the order of the columns.

    The first that is true is the record's reason. The SQL reads ``c0, c1, …``, the contract's columns as text. What
    the scan has ruled out for the whole file is not asked again for each cell.
    """
    found = []
    for place, column in enumerate(contract.columns):
        cell = f"c{place}"
        wrongs = wrongs_of(column, readable(contract, place))
        if column.required:
            wrongs.insert(0, ("missing", f"{cell} is null"))
        if not may_have_outer_space and column.kind == "VARCHAR":
            wrongs = [wrong for wrong in wrongs if wrong[0] != "outer_space"]
        found += [(column.name, reason, is_wrong) for reason, is_wrong in wrongs]
    return found


def proofs(contract: Contract, *, may_have_outer_space: bool) -> list[str]:
    """SQL conditions that hold for a record without a fault: the rules again, in as few steps as can be.

    They read ``c0, c1, …`` and the cast values ``v0, v1, …``. What a value is written as again is what was sent, or
    the slower rule is asked. A record that they let through or hold back against the rules does not add up, and
    nothing of its file is loaded.
    """
    found = []
    for place, column in enumerate(contract.columns):
        cell, value = readable(contract, place), f"v{place}"
        if column.required:
            found.append(f"c{place} is not null")
        if column.format or column.may_have_exponent or column.limits or column.kind in ("DOUBLE", "VARCHAR[]"):
            found += [f"coalesce(not ({is_wrong}), true)" for _, is_wrong in wrongs_of(column, cell)]
            continue
        is_the_same = f"{cell} is not distinct from {value}::varchar"
        held = [f"{cell} in ({_listed(column.codes_in_raw)})"] if column.codes else []
        match column.kind:
            case "VARCHAR":
                if column.pattern:
                    held.append(_like(cell, column.pattern))
                elif may_have_outer_space and not column.codes and not column.may_have_outer_space:
                    held.append(f"not {_spaced(cell)}")
            case "BOOLEAN" | "DATE":
                found.append(is_the_same)
            case "BIGINT" | "INTEGER":
                found.append(f"{is_the_same} or {cell} = '-0'")
            case "DECIMAL":
                slow = _like(cell, _INTEGER + _fraction(column))
                found.append(f"case when {is_the_same} then true else {value} is not null and {slow} end")
            case _:
                is_usual = " or ".join(f"{cell} like '{form}'" for form in _USUAL_INSTANTS)
                slow = _like(cell, _INSTANT + _OFFSET)
                held.append(f"case when ({is_usual}) and not contains({cell}, '.') then true else {slow} end")
        if column.kind in ("DATE", "TIMESTAMP"):
            found.append(f"{cell} is null or {value} >= {column.kind} '{FIRST_YEAR}-01-01'")
            found.append(f"{cell} is null or {value} < {column.kind} '{LAST_YEAR + 1}-01-01'")
        found += [f"coalesce({condition}, true)" for condition in held]
    return [f"({condition})" for condition in found]


def typed(contract: Contract, place: int) -> str:
    """SQL for the value of a cell that has no fault."""
    column, cell = contract.columns[place], readable(contract, place)
    match column.kind:
        case "VARCHAR":
            return f"nfc_normalize({cell})" if contract.composed else cell
        case "VARCHAR[]":
            whole = f"nfc_normalize({cell})" if contract.composed else cell
            return f"string_split({whole}, {text(column.list_separator)})"
        case "DATE" | "TIMESTAMP":
            cast = moment(column, cell)
            if column.kind == "TIMESTAMP" and column.format is None:
                return f"make_timestamp(epoch_us({cast}))"  # in UTC, at half the price of timezone('UTC', …)
            if column.kind == "TIMESTAMP" and _names_offset(column):
                return f"timezone('UTC', {cast})"
            return f"{cast}::{column.kind}"
        case _:
            return f"try_cast({cell} as {column.physical_type})"


def readable(contract: Contract, place: int) -> str:
    """SQL for a cell as it is read: in the contract's words, with full-width digits as digits where it says so."""
    column = contract.columns[place]
    if column.value_aliases or column.unlisted:
        known = [*column.value_aliases, *((code, code) for code in column.codes if column.unlisted)]
        cases = " ".join(f"when {text(word)} then {text(value)}" for word, value in known)
        other = f"if(c{place} is null, null, {text(column.unlisted)})" if column.unlisted else f"c{place}"
        return f"(case c{place} {cases} else {other} end)"
    if contract.full_width and column.kind not in ("VARCHAR", "VARCHAR[]", "BOOLEAN"):
        return f"translate(c{place}, {text(_FULL_WIDTH[0])}, {text(_FULL_WIDTH[1])})"
    return f"c{place}"


def moment(column: Column, cell: str) -> str:
    """SQL for the day or the instant that a cell names, null where it names none."""
    if column.format:
        _, form, _ = sql_format(column.format) or ("", "", False)
        return f"try_strptime({cell}, {text(form)})"
    return f"try_cast({cell} as {'date' if column.kind == 'DATE' else 'timestamptz'})"


def wrongs_of(column: Column, cell: str) -> list[tuple[str, str]]:
    """Reason and SQL condition of each rule of the column's type, in the order in which they speak."""
    codes = _listed(column.codes_in_raw)
    no_code = [("not_in_code_list", f"{cell} not in ({codes})")] if codes else []
    match column.kind:
        case "BIGINT" | "INTEGER":
            return [
                ("not_an_integer", _unlike(cell, _INTEGER)),
                ("out_of_range", f"try_cast({cell} as {column.kind}) is null and {cell} is not null"),
                *no_code,
                *_limits(column, f"try_cast({cell} as {column.kind})"),
            ]
        case "DECIMAL":
            return [*_decimal(column, cell), *no_code, *_limits(column, f"try_cast({cell} as {column.physical_type})")]
        case "DOUBLE":
            significant = f"length(ltrim(translate(split_part(lower({cell}), 'e', 1), '-.', ''), '0'))"
            return [
                ("not_a_number", _unlike(cell, _INTEGER + "([.][0-9]+)?" + _exponent(column))),
                ("too_many_decimals", f"{significant} > {_DIGITS_OF_A_DOUBLE}"),
                ("out_of_range", f"try_cast({cell} as double) is null and {cell} is not null"),
                ("out_of_range", f"isinf(try_cast({cell} as double))"),
                *no_code,
                *_limits(column, f"try_cast({cell} as double)"),
            ]
        case "BOOLEAN":
            return [("not_a_boolean", f"{cell} not in ('true', 'false')")]
        case "DATE" | "TIMESTAMP":
            return [*_moment_wrongs(column, cell), *no_code]
        case "VARCHAR[]":
            items = f"string_split({cell}, {text(column.list_separator)})"
            wrongs = [("empty_item", f"list_contains({items}, '')")]
            if codes:
                return [*wrongs, ("not_in_code_list", f"not list_has_all([{codes}], {items})")]
            return [*wrongs, ("outer_space", f"len(list_filter({items}, lambda item: {_spaced('item')})) > 0")]
        case _:
            spaced = [] if column.may_have_outer_space or codes else [("outer_space", _spaced(cell))]
            pattern = [("pattern", _unlike(cell, column.pattern))] if column.pattern else []
            return [*no_code, *pattern, *(spaced if not pattern else []), *_lengths(column, cell)]


def text(value: str) -> str:
    """A text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def _listed(codes: tuple[str, ...]) -> str:
    return ", ".join(text(code) for code in codes)


def _decimal(column: Column, cell: str) -> list[tuple[str, str]]:
    value = f"try_cast({cell} as {column.physical_type})"
    out_of_range = ("out_of_range", f"{value} is null and {cell} is not null")
    if not column.may_have_exponent:
        return [
            ("not_a_number", _unlike(cell, _INTEGER + "([.][0-9]+)?")),
            ("too_many_decimals", _unlike(cell, _INTEGER + _fraction(column))),
            out_of_range,
        ]
    # With an exponent, what the type would round away shows in the widest decimal.
    wide = f"try_cast({cell} as decimal(38, {min(37, column.decimals + 12)}))"
    return [
        ("not_a_number", _unlike(cell, _INTEGER + "([.][0-9]+)?([eE][+-]?[0-9]{1,2})?")),
        ("too_many_decimals", f"{wide} <> {value} or ({wide} = 0 and regexp_matches({cell}, '^-?0*[.]?0*[1-9]'))"),
        out_of_range,
        ("too_many_decimals", f"{wide} is null and {cell} is not null"),
    ]


def _fraction(column: Column) -> str:
    """The digits after the point that the type keeps; zeros beyond them are no value that could be lost."""
    return f"([.]([0-9]{{1,{column.decimals}}}0*|0+))?" if column.decimals else "([.]0+)?"


def _moment_wrongs(column: Column, cell: str) -> list[tuple[str, str]]:
    reason = "not_a_date" if column.kind == "DATE" else "not_an_instant"
    cast = moment(column, cell)
    wrongs = [
        (reason, f"{cast} is null and {cell} is not null"),
        ("year_out_of_range", f"year({cast}) not between {FIRST_YEAR} and {LAST_YEAR}"),
    ]
    if column.format:
        shape, _, _ = sql_format(column.format) or ("", "", False)
        return [(reason, _unlike(cell, shape)), *wrongs]
    if column.kind == "DATE":
        return [(reason, _unlike(cell, _DAY)), *wrongs]
    return [
        ("no_offset", f"regexp_full_match({cell}, {text(_INSTANT)})"),
        (reason, _unlike(cell, _INSTANT + _OFFSET)),
        *wrongs,
    ]


def _limits(column: Column, value: str) -> list[tuple[str, str]]:
    sign = {"minimum": "<", "maximum": ">"}
    return [("out_of_range", f"{value} {sign[name]} {limit}") for name, limit in column.limits if name in sign]


def _lengths(column: Column, cell: str) -> list[tuple[str, str]]:
    sign = {"minLength": "<", "maxLength": ">"}
    return [("length", f"length({cell}) {sign[name]} {limit}") for name, limit in column.limits if name in sign]


def _names_offset(column: Column) -> bool:
    found = sql_format(column.format or "")
    return found is not None and found[2]


def _exponent(column: Column) -> str:
    return "([eE][+-]?[0-9]{1,3})?" if column.may_have_exponent else ""


def _spaced(cell: str) -> str:
    return rf"regexp_matches({cell}, '^[\s\pZ]|[\s\pZ]$')"


def _like(cell: str, pattern: str) -> str:
    return f"regexp_full_match({cell}, {text(pattern)})"


def _unlike(cell: str, pattern: str) -> str:
    return f"not regexp_full_match({cell}, {text(pattern)})"
