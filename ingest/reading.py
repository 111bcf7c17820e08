"""Reading: one file by its contract. Good records become typed Parquet, every other one is kept with its reason.

``opening`` makes text of the file, ``scan`` says what a record is, ``casting`` what a value is; here DuckDB casts and
everything is counted: what is not loaded is quarantined, in records and in physical lines.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from ingest.casting import proofs, readable, rules, text, typed, wrongs_of
from ingest.contract import Contract
from ingest.opening import opened
from ingest.pages import join
from ingest.quarantine import Broken, Finder, Quarantine
from ingest.scan import THREADS, Part, Scan, Text, scan
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
    with _Casting(connection, contract, found.text, quarantine, workspace) as casting:
        scanned = scan(found.text, contract, quarantine, workspace / "clean", casting.take)
        parquet, loaded, short = casting.finish()
    _hold_to_rows(scanned, manifest)
    warnings = []
    if not scanned.ends_with_newline and found.aside is None:
        warnings.append("the last line does not end: the file may have been cut short")
    if not found.is_proven and "sha256" not in manifest:
        warnings.append("Parquet without checksums and without a manifest's sha256: a changed byte may not show")
    broken = quarantine.structural
    warnings += _prove_control_totals(connection, contract, scanned, broken, manifest.get("control_totals", {}))
    for part in short:
        _judge(connection, contract, scanned, part, broken, quarantine)
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


def _cells(contract: Contract, delimited: Text, part: Part, broken: Sequence[int], *, cast: str = "") -> str:
    """SQL for the records of a part without those marked ``broken``: ``_number``, the contract's columns as text
    (``c0, c1, …``), then ``cast``.

    A condition on the numbered records is not moved below their numbering by DuckDB: what was cast there once is not
    cast again for the condition.
    """
    places = {column.name: place for place, column in enumerate(contract.columns)}
    columns = ", ".join(f"'c{places[column.name]}': 'varchar'" for column in part.columns)
    longest = max(_DEFAULT_LINE, 2 * part.longest)
    return (
        f"(from (select *, {part.numbers.start - 1} + row_number() over () as _number from (select *{cast} from "
        f"read_csv({text(str(part.file))}, auto_detect = false, header = false, skip = {part.skip}, "
        f"delim = {text(delimited.delimiter)}, quote = {text(delimited.quote)}, "
        f"escape = {text(delimited.quote)}, columns = {{{columns}}}, new_line = '\\n', nullstr = '', "
        f"strict_mode = true, null_padding = false, max_line_size = {longest}, compression = 'none', "
        f"hive_partitioning = false))) where {_unmarked('broken', '_number', part.numbers) if broken else 'true'})"
    )


def _among(numbers: Sequence[int], some: range) -> Sequence[int]:
    return numbers[bisect_left(numbers, some.start) : bisect_left(numbers, some.stop)]


def _mark(connection: duckdb.DuckDBPyConnection, name: str, numbers: Sequence[int], among: range) -> None:
    """Keep the numbers that are ``among`` some as bits, for ``_unmarked``.

    A join would do the same, but DuckDB may turn it and lose the order.
    """
    own = _among(numbers, among)
    connection.execute("create or replace temp table marked as select 0::bigint as number limit 0")
    for start in range(0, len(own), 100_000):
        connection.execute("insert into marked select unnest($1::bigint[])", [own[start : start + 100_000]])
    bits = f"bitstring_agg(number, {among.start}::bigint, {among.stop - 1}::bigint)"
    connection.execute(f"set variable {name} = (select {bits} from marked)")


def _unmarked(name: str, number: str, among: range) -> str:
    return f"coalesce(get_bit(getvariable('{name}'), ({number} - {among.start})::integer), 0) = 0"


class _Casting:
    """Writes the records without a fault, typed and in order, part by part while others are still being scanned.

    Each part is one query of one thread: threads that share a query cost more than parts that run side by side.
    The files of the parts are joined in order, so the same file gives the same bytes.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        contract: Contract,
        delimited: Text,
        quarantine: Quarantine,
        workspace: Path,
    ) -> None:
        self._connection, self._contract, self._text = connection, contract, delimited
        self._quarantine, self._workspace = quarantine, workspace
        self._pool = ThreadPoolExecutor(THREADS)
        self._parts: list[tuple[Part, Path, Future[int]]] = []

    def __enter__(self) -> _Casting:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def take(self, part: Part) -> None:
        """Begin with a part."""
        if part.numbers:
            piece = self._workspace / f"loaded-{len(self._parts)}.parquet"
            cast = self._pool.submit(self._cast, self._connection.cursor(), part, self._quarantine.structural, piece)
            self._parts.append((part, piece, cast))

    def finish(self) -> tuple[Path, int, list[Part]]:
        """The file, how many records are in it, and the parts in which there are others."""
        parquet, columns = self._workspace / "loaded.parquet", self._contract.columns
        if not self._parts:
            empty = "".join(f"null::{c.physical_type} as {quoted(c.name)}, " for c in columns)
            query = f"select {empty}null::bigint as {ROW_NUMBER} limit 0"
            return parquet, _number(self._connection, f"copy ({query}) to {text(str(parquet))} {_COPY}"), []
        loaded = [cast.result() for _, _, cast in self._parts]
        join([piece for _, piece, _ in self._parts], parquet)
        broken = self._quarantine.structural
        short = []
        for (part, piece, _), good in zip(self._parts, loaded, strict=True):
            piece.unlink()
            if good != len(part.numbers) - len(_among(broken, part.numbers)):
                short.append(part)
        return parquet, sum(loaded), short

    def _cast(self, own: duckdb.DuckDBPyConnection, part: Part, broken: Sequence[int], piece: Path) -> int:
        contract, names = self._contract, [quoted(column.name) for column in self._contract.columns]
        values = "".join(f", {typed(contract, place)} as v{place}" for place in range(len(names)))
        picks = ", ".join(f"v{place} as {name}" for place, name in enumerate(names))
        proven = " and ".join(proofs(contract, may_have_outer_space=part.may_have_outer_space)) or "true"
        with own:
            _mark(own, "broken", broken, part.numbers)
            cells = _cells(contract, self._text, part, broken, cast=values)
            query = f"select {picks}, _number as {ROW_NUMBER} from {cells} where {proven}"
            return _number(own, f"copy ({query}) to {text(str(piece))} {_COPY}")


def _judge(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    scanned: Scan,
    part: Part,
    broken: Sequence[int],
    quarantine: Quarantine,
) -> None:
    """Quarantine each record of a part that breaks a rule; it bears the first in the order of the columns."""
    found = rules(contract, may_have_outer_space=part.may_have_outer_space)
    _mark(connection, "broken", broken, part.numbers)
    rows = connection.execute(
        f"select _number, fault from (select _number, {_fault(contract, part)} as fault "
        f"from {_cells(contract, scanned.text, part, broken)}) "
        "where fault is not null order by _number"
    )
    while faults := rows.fetchmany(50_000):
        places = scanned.find(number for number, _ in faults)
        for (_, fault), (number, line, lines, own) in zip(faults, places, strict=True):
            column, reason, _ = found[fault]
            quarantine.add(Broken(number, line, lines, column, reason, own), Finder.RULES)


def _fault(contract: Contract, part: Part) -> str:
    """SQL for the place of the first rule that a record breaks, null for a good record."""
    found = rules(contract, may_have_outer_space=part.may_have_outer_space)
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
            hashes = connection.execute(
                f"select key from (select {key} as key from {source} where {present}) where key % {slices} = {part}"
            ).fetchnumpy()["key"]
            hashes.sort()
            twice = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
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
    every = range(1, scanned.records + 1)
    _mark(connection, "repeated", numbers, every)
    return rewrite(connection, parquet, f"select * from {source} where {_unmarked('repeated', ROW_NUMBER, every)}")


def rewrite(connection: duckdb.DuckDBPyConnection, parquet: Path, query: str) -> int:
    """Put the rows of a query over a Parquet file in the file's place. Returns how many there are."""
    again = parquet.with_name("again.parquet")
    rows = _number(connection, f"copy ({query}) to {text(str(again))} {_COPY}")
    again.replace(parquet)
    return rows


def _prove_control_totals(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    scanned: Scan,
    broken: Sequence[int],
    totals: Mapping[str, Any],
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
        unread, actual = len(broken), Decimal(0)
        faults = " or ".join(is_wrong for _, is_wrong in wrongs_of(column, readable(contract, place)))
        value = typed(contract, place)
        for part in scanned.parts if scanned.records else ():
            _mark(connection, "broken", broken, part.numbers)
            wrong, subtotal = connection.execute(
                f"select count(*) filter ({faults}), coalesce(sum({value}) filter (not coalesce({faults}, false)), 0) "
                f"from {_cells(contract, scanned.text, part, broken)}"
            ).fetchall()[0]
            unread, actual = unread + wrong, actual + Decimal(subtotal)
        if unread:
            warnings.append(f"the control total of {column.name} cannot be proven: {unread} records have no number")
        elif actual != promised:
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
