"""Reading: one file by its contract. Good records become typed Parquet, every other one is kept with its reason.

``opening`` makes text of the file, ``scan`` says what a record is, ``casting`` what a value is; here DuckDB casts and
everything is counted: what is not loaded is quarantined, in records and in physical lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb

from ingest.casting import proofs, readable, rules, text, typed, wrongs_of
from ingest.contract import Contract
from ingest.opening import opened
from ingest.quarantine import Broken, Finder, Quarantine
from ingest.scan import Scan, scan
from pipeline.database import quoted
from pipeline.errors import HrddError, RefusedExtract

ROW_NUMBER = "_row_number"
_COPY = "(format parquet, compression zstd, row_group_size 122880)"
_KEYS_AT_ONCE = 1 << 24  # keys compared at a time; a third of a gigabyte
_DEFAULT_LINE = 2_000_000  # longest line that DuckDB reads unless told otherwise


@dataclass(frozen=True)
class Reading:
    """What one file came to. Its good records lie in ``parquet``: the contract's columns and ``_row_number``."""

    parquet: Path
    quarantine: Quarantine
    records: int
    loaded: int
    lines: dict[str, int]  # header, blank, loaded, quarantined
    warnings: list[str]


def read(
    connection: duckdb.DuckDBPyConnection,
    file: Path,
    sent_as: str,
    contract: Contract,
    manifest: Mapping[str, Any],
    workspace: Path,
) -> Reading:
    """Read one file into ``workspace``, a folder that the connection may touch.

    Raises RefusedExtract for a fault of the whole file, and HrddError if the file does not add up.
    """
    quarantine = Quarantine(workspace)
    found = opened(file, sent_as, contract, quarantine, workspace, connection)
    scanned = scan(found.text, contract, quarantine, workspace / "clean")
    _hold_to_rows(scanned, manifest)
    warnings = []
    if not scanned.ends_with_newline and found.aside is None:
        warnings.append("the last line does not end: the file may have been cut short")
    if not found.is_proven and "sha256" not in manifest:
        warnings.append("Parquet without checksums and without a manifest's sha256: a changed byte may not show")
    broken = quarantine.structural
    _mark(connection, "broken", broken, scanned.records)
    warnings += _prove_control_totals(connection, contract, scanned, len(broken), manifest.get("control_totals", {}))
    parquet = workspace / "loaded.parquet"
    loaded = _cast(connection, contract, scanned, len(broken), parquet)
    if loaded != scanned.records - len(broken):
        _judge(connection, contract, scanned, quarantine)
    loaded = _keep_first_of_each_key(connection, contract, scanned, quarantine, parquet, loaded)
    header, blank = found.aside or (scanned.header_lines, scanned.blank_lines)
    own_lines = scanned.records if found.aside else scanned.lines - scanned.header_lines - scanned.blank_lines
    lines = {
        "header": header,
        "blank": blank,
        "loaded": own_lines - quarantine.lines,
        "quarantined": quarantine.lines,
    }
    if loaded + len(quarantine) != scanned.records or lines["loaded"] < loaded:
        raise HrddError(
            "A file was not accounted for.",
            found=f"{scanned.records} records in {scanned.lines} lines; {loaded} loaded, {len(quarantine)} quarantined",
            expected="records in = loaded + quarantined, in lines too",
            rule="ingest/reading.py",
            next_step="report this as a defect; nothing of the file was loaded",
        )
    return Reading(parquet, quarantine, scanned.records, loaded, lines, warnings)


def _hold_to_rows(scanned: Scan, manifest: Mapping[str, Any]) -> None:
    if manifest.get("rows", scanned.records) != scanned.records:
        raise _refused(
            "The file does not hold the records that its manifest promises.",
            found=f"{scanned.records} records",
            expected=f"{manifest['rows']} rows, as the manifest says",
            next_step="ask the sender for the file anew: it may have been cut short",
        )


def _cells(contract: Contract, scanned: Scan, *, without_broken: bool = True, cast: str = "") -> str:
    """SQL for the scanned records: ``_number`` and the contract's columns as text, ``c0, c1, …``, then ``cast``.

    Numbering takes one thread, so a big file comes in parts. A condition on the numbered records is not moved below
    their numbering by DuckDB: what was cast there once is not cast again for the condition.
    """
    places = {column.name: place for place, column in enumerate(contract.columns)}
    columns = ", ".join(f"'c{places[column.name]}': 'varchar'" for column in scanned.columns)
    longest = max(_DEFAULT_LINE, 2 * scanned.longest)
    parts = (
        f"select *, {part.record - 1} + row_number() over () as _number from (select *{cast} from "
        f"read_csv({text(str(part.file))}, auto_detect = false, header = false, skip = {part.skip}, "
        f"delim = {text(scanned.text.delimiter)}, quote = {text(scanned.text.quote)}, "
        f"escape = {text(scanned.text.quote)}, columns = {{{columns}}}, new_line = '\\n', nullstr = '', "
        f"strict_mode = true, null_padding = false, max_line_size = {longest}, compression = 'none', "
        "hive_partitioning = false))"
        for part in scanned.parts
    )
    numbered = f"({' union all '.join(parts)})"
    return f"(from {numbered} where {_unmarked('broken', '_number')})" if without_broken else numbered


def _mark(connection: duckdb.DuckDBPyConnection, name: str, numbers: Sequence[int], highest: int) -> None:
    """Keep the numbers of records as bits. A join would do the same, but DuckDB may turn it and lose the order."""
    connection.execute("create or replace temp table marked as select 0::bigint as number")
    for start in range(0, len(numbers), 100_000):
        connection.execute("insert into marked select unnest($1::bigint[])", [numbers[start : start + 100_000]])
    bits = f"bitstring_agg(number, 0::bigint, {highest}::bigint)"
    connection.execute(f"set variable {name} = (select {bits} from marked)")


def _unmarked(name: str, number: str) -> str:
    return f"get_bit(getvariable('{name}'), {number}::integer) = 0"


def _cast(connection: duckdb.DuckDBPyConnection, contract: Contract, scanned: Scan, broken: int, parquet: Path) -> int:
    """Write the records without a fault, typed and in order. Returns how many there are."""
    names = [quoted(column.name) for column in contract.columns]
    if not scanned.records:
        empty = ", ".join(f"null::{c.physical_type} as {quoted(c.name)}" for c in contract.columns)
        query = f"select {empty}, null::bigint as {ROW_NUMBER} limit 0"
    else:
        values = "".join(f", {typed(contract, place)} as v{place}" for place in range(len(names)))
        source = _cells(contract, scanned, without_broken=broken > 0, cast=values)
        picks = ", ".join(f"v{place} as {name}" for place, name in enumerate(names))
        proven = " and ".join(proofs(contract, may_have_outer_space=scanned.may_have_outer_space)) or "true"
        query = f"select {picks}, _number as {ROW_NUMBER} from {source} where {proven}"
    return _number(connection, f"copy ({query}) to {text(str(parquet))} {_COPY}")


def _judge(connection: duckdb.DuckDBPyConnection, contract: Contract, scanned: Scan, quarantine: Quarantine) -> None:
    """Quarantine each record that breaks a rule; of several faults it bears the first in the order of the columns."""
    found = rules(contract, may_have_outer_space=scanned.may_have_outer_space)
    rows = connection.execute(
        f"select _number, fault from (select _number, {_fault(contract, scanned)} as fault "
        f"from {_cells(contract, scanned)}) "
        "where fault is not null order by _number"
    )
    while faults := rows.fetchmany(50_000):
        places = scanned.find(number for number, _ in faults)
        for (_, fault), (number, line, lines, own) in zip(faults, places, strict=True):
            column, reason, _ = found[fault]
            quarantine.add(Broken(number, line, lines, column, reason, own), Finder.RULES)


def _fault(contract: Contract, scanned: Scan) -> str:
    """SQL for the place of the first rule that a record breaks, null for a good record."""
    found = rules(contract, may_have_outer_space=scanned.may_have_outer_space)
    cases = " ".join(f"when {is_wrong} then {place}" for place, (_, _, is_wrong) in enumerate(found))
    return f"case {cases} end" if cases else "null::integer"


def _keep_first_of_each_key(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    scanned: Scan,
    quarantine: Quarantine,
    parquet: Path,
    loaded: int,
) -> int:
    """Of good records with one key the first stays. Keys that only look different (NFC and NFD) are one."""
    repeated: dict[int, str] = {}
    source = f"read_parquet({text(str(parquet))})"
    for names in contract.keys if loaded > 1 else ():
        columns = [contract.column(name) for name in names]
        parts = [f"nfc_normalize({quoted(c.name)})" if c.kind == "VARCHAR" else quoted(c.name) for c in columns]
        key = f"hash({', '.join(parts)})"
        present = " and ".join(f"{quoted(name)} is not null" for name in names)
        slices = loaded // _KEYS_AT_ONCE + 1
        for part in range(slices):
            twice = connection.execute(
                f"select key from (select {key} as key from {source} where {present}) where key % {slices} = {part} "
                "group by key having count(*) > 1"
            ).fetchnumpy()["key"]
            if not len(twice):
                continue
            connection.execute("create or replace temp table twice as select unnest($1::ubigint[]) as key", [twice])
            found = connection.execute(
                f"select {ROW_NUMBER} from (select {ROW_NUMBER}, row_number() over (partition by {', '.join(parts)} "
                f"order by {ROW_NUMBER}) as turn from {source} where {present} and {key} in (from twice)) "
                "where turn > 1"
            ).fetchall()
            for (number,) in found:
                repeated.setdefault(number, ", ".join(names))
    if not repeated:
        return loaded
    numbers = sorted(repeated)
    for place in scanned.find(numbers):
        number, line, lines, own = place
        quarantine.add(Broken(number, line, lines, repeated[number], "duplicate_key", own), Finder.KEY)
    _mark(connection, "repeated", numbers, scanned.records)
    return rewrite(connection, parquet, f"select * from {source} where {_unmarked('repeated', ROW_NUMBER)}")


def rewrite(connection: duckdb.DuckDBPyConnection, parquet: Path, query: str) -> int:
    """Put the rows of a query over a Parquet file in the file's place. Returns how many there are."""
    again = parquet.with_name("again.parquet")
    rows = _number(connection, f"copy ({query}) to {text(str(again))} {_COPY}")
    again.replace(parquet)
    return rows


def _prove_control_totals(
    connection: duckdb.DuckDBPyConnection, contract: Contract, scanned: Scan, broken: int, totals: Mapping[str, Any]
) -> list[str]:
    """Compare the manifest's sums with those of all records, good or not. Returns warnings; sums stay unsaid."""
    warnings = []
    for name, total in totals.items():
        place = next((n for n, c in enumerate(contract.columns) if name in (c.name, *c.aliases)), None)
        try:
            promised = Decimal(str(total))
        except InvalidOperation:
            promised = None
        if place is None or promised is None or contract.columns[place].kind not in ("BIGINT", "INTEGER", "DECIMAL"):
            raise _broken_total("a control total that is none, or of no number column", "sums of number columns")
        column = contract.columns[place]
        unread, actual = 0, Decimal(0)
        if scanned.records:
            faults = " or ".join(is_wrong for _, is_wrong in wrongs_of(column, readable(contract, place)))
            value = typed(contract, place)
            unread, actual = connection.execute(
                f"select count(*) filter ({faults}), coalesce(sum({value}) filter (not coalesce({faults}, false)), 0) "
                f"from {_cells(contract, scanned)}"
            ).fetchall()[0]
            unread += broken
        if unread:
            warnings.append(f"the control total of {column.name} cannot be proven: {unread} records have no number")
        elif Decimal(actual) != promised:
            raise _broken_total(f"another sum of {column.name}", f"the manifest's control total of {column.name}")
    return warnings


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])


def _broken_total(found: str, expected: str) -> RefusedExtract:
    return _refused(
        "The file's sums are not those of its manifest.",
        found=found,
        expected=expected,
        next_step="ask the sender for the file and its manifest anew",
    )


def _refused(headline: str, *, found: str, expected: str, next_step: str) -> RefusedExtract:
    return RefusedExtract(
        headline, found=found, expected=expected, rule="ingest/README.md, the manifest", next_step=next_step
    )
