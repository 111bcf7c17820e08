"""Reading: one file by its contract. Good records become typed Parquet, every other one is kept with its reason.

``opening`` makes text of the file, ``scan`` says what a record is, ``casting`` what a value is; here DuckDB casts and
everything is counted: what is not loaded is quarantined, in records and in physical lines.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from ingest.casting import proofs, readable, rules, text, typed, wrongs_of
from ingest.contract import UNKNOWN, Contract
from ingest.opening import opened
from ingest.pages import Joined
from ingest.quarantine import Broken, Finder, Quarantine
from ingest.scan import Part, Scan, Text, scan
from pipeline.database import quoted
from pipeline.errors import HrddError, RefusedExtract

ROW_NUMBER = "_row_number"
_GROUP_ROWS, _GROUP_CELLS = 122_880, 1 << 22  # of a group of rows, which DuckDB holds in memory until it is written
_KEYS_AT_ONCE = 1 << 24  # keys compared at a time; a third of a gigabyte
_PARTS_AT_ONCE = 2
_WIDE = 300  # columns; of more, DuckDB's share of the memory holds one part
_DEFAULT_LINE = 2_000_000  # longest line that DuckDB reads unless told otherwise


@dataclass(frozen=True)
class Reading:
    """What one file came to. Its good records lie in ``parquet``: the contract's columns and ``_row_number``.

    ``sha256`` is of the bytes that were read, of a file that was read as it stands. ``unknown`` says of each column in
    which a word that is in no list is kept as UNKNOWN how many records have that, as their own word or in its place.
    """

    parquet: Path
    quarantine: Quarantine
    records: int
    loaded: int
    lines: dict[str, int]  # header, blank, loaded, quarantined
    warnings: list[str]
    unknown: dict[str, int]
    sha256: str | None


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
    totals = manifest.get("control_totals", {})
    with _Casting(connection, contract, found.text, quarantine, workspace, is_kept=bool(totals)) as casting:
        scanned = scan(found.text, contract, quarantine, workspace / "clean", casting.take)
        casting.finish()
    _hold_to_rows(scanned, manifest)
    warnings = []
    if not scanned.ends_with_newline and found.aside is None:
        warnings.append("the last line does not end: the file may have been cut short")
    if not found.is_proven and "sha256" not in manifest:
        warnings.append("Parquet without checksums and without a manifest's sha256: a changed byte may not show")
    broken = quarantine.structural
    warnings += _prove_control_totals(connection, contract, scanned, broken, totals)
    for part in casting.short:
        _judge(connection, contract, scanned, part, broken, quarantine)
    loaded = _keep_first_of_each_key(connection, contract, scanned, quarantine, casting)
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
    unknown = _unknown(connection, contract, casting.parquet)
    sha256 = scanned.sha256 if found.text.file == file else None
    return Reading(casting.parquet, quarantine, scanned.records, loaded, lines, warnings, unknown, sha256)


def _unknown(connection: duckdb.DuckDBPyConnection, contract: Contract, parquet: Path) -> dict[str, int]:
    names = [column.name for column in contract.columns if column.unlisted]
    if not names:
        return {}
    counts = ", ".join(f"count(*) filter ({quoted(name)} = {text(UNKNOWN)})" for name in names)
    found = connection.execute(f"select {counts} from read_parquet({text(str(parquet))})").fetchall()[0]
    return {name: count for name, count in zip(names, found, strict=True) if count}


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
        f"read_csv({text(str(part.file))}, auto_detect = false, header = false, "
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

    Each part is one query of one thread: threads that share a query cost more than parts that run side by side. The
    files of the parts are joined in order, so the same file gives the same bytes. The text of a part in which
    every record is good is deleted, so that the next ones take its place in memory, unless it ``is_kept``.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        contract: Contract,
        delimited: Text,
        quarantine: Quarantine,
        workspace: Path,
        *,
        is_kept: bool,
    ) -> None:
        self._connection, self._contract, self._text = connection, contract, delimited
        self._quarantine, self._workspace, self._is_kept = quarantine, workspace, is_kept
        self._pool = ThreadPoolExecutor(_PARTS_AT_ONCE if len(contract.columns) <= _WIDE else 1)
        self._waiting: deque[tuple[Part, Path, Future[int]]] = deque()
        self.parquet = workspace / "loaded.parquet"
        self._joined = Joined(self.parquet)
        self.loaded = 0
        self.short: list[Part] = []  # parts with a record that is not good
        self.hashes: list[list[Path]] = [[] for _ in contract.keys]  # of each key's values, a sorted file for each part

    def __enter__(self) -> _Casting:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._joined.__exit__()

    def take(self, part: Part) -> None:
        """Begin with a part; the scan waits where it is too far ahead."""
        piece = self._workspace / f"loaded-{part.numbers.start}.parquet"
        cast = self._pool.submit(self._cast, self._connection.cursor(), part, self._quarantine.structural, piece)
        self._waiting.append((part, piece, cast))
        if len(self._waiting) > _PARTS_AT_ONCE + 1:
            self._join_next()

    def finish(self) -> None:
        """Wait for every part. Afterwards the records without a fault are in ``parquet``."""
        while self._waiting:
            self._join_next()
        if self.loaded or self.short:
            self._joined.finish()
            return
        empty = "".join(f"null::{c.physical_type} as {quoted(c.name)}, " for c in self._contract.columns)
        query = f"select {empty}null::bigint as {ROW_NUMBER} limit 0"
        self._connection.execute(
            f"copy ({query}) to {text(str(self.parquet))} {parquet_form(len(self._contract.columns))}"
        )

    def _join_next(self) -> None:
        part, piece, cast = self._waiting.popleft()
        good = cast.result()
        self._joined.add(piece)
        piece.unlink()
        self.loaded += good
        if good != len(part.numbers) - len(_among(self._quarantine.structural, part.numbers)):
            self.short.append(part)
        elif not self._is_kept:
            part.file.unlink()

    def _cast(self, own: duckdb.DuckDBPyConnection, part: Part, broken: Sequence[int], piece: Path) -> int:
        contract, names = self._contract, [quoted(column.name) for column in self._contract.columns]
        values = "".join(f", {typed(contract, place)} as v{place}" for place in range(len(names)))
        picks = ", ".join(f"v{place} as {name}" for place, name in enumerate(names))
        proven = " and ".join(proofs(contract, may_have_outer_space=part.may_have_outer_space)) or "true"
        with own:
            _mark(own, "broken", broken, part.numbers)
            cells = _cells(contract, self._text, part, broken, cast=values)
            query = f"select {picks}, _number as {ROW_NUMBER} from {cells} where {proven}"
            good = _number(own, f"copy ({query}) to {text(str(piece))} {parquet_form(len(names))}")
            for place, files in enumerate(self.hashes):
                _, hashed, present = _key(contract, contract.keys[place])
                query = f"select {hashed} as key from read_parquet({text(str(piece))}) where {present}"
                hashes = own.execute(query).fetchnumpy()["key"]
                hashes.sort()
                file = piece.with_suffix(f".key-{place}")
                hashes.tofile(file)
                files.append(file)
            return good


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
    casting: _Casting,
) -> int:
    """Of good records with one key the first stays. Keys that only look different (NFC and NFD) are one."""
    repeated: dict[int, str] = {}
    source = f"read_parquet({text(str(casting.parquet))})"
    for names, files in zip(contract.keys, casting.hashes, strict=True):
        parts, key, present = _key(contract, names)
        for twice in _twice(files):
            connection.execute("create or replace temp table twice as select unnest($1::ubigint[]) as key", [twice])
            found = connection.execute(
                f"select {ROW_NUMBER} from (select {ROW_NUMBER}, row_number() over (partition by {parts} "
                f"order by {ROW_NUMBER}) as turn from {source} where {present} and {key} in (from twice)) "
                "where turn > 1"
            ).fetchall()
            for (number,) in found:
                repeated.setdefault(number, ", ".join(names))
    if not repeated:
        return casting.loaded
    numbers = sorted(repeated)
    for place in scanned.find(numbers):
        number, line, lines, own = place
        quarantine.add(Broken(number, line, lines, repeated[number], "duplicate_key", own), Finder.KEY)
    every = range(1, scanned.records + 1)
    _mark(connection, "repeated", numbers, every)
    return rewrite(
        connection, casting.parquet, f"select * from {source} where {_unmarked('repeated', ROW_NUMBER, every)}"
    )


def _key(contract: Contract, names: Sequence[str]) -> tuple[str, str, str]:
    """SQL for a key's columns, for their hash, and for whether the key is there. NFC and NFD are one."""
    columns = [contract.column(name) for name in names]
    parts = ", ".join(f"nfc_normalize({quoted(c.name)})" if c.kind == "VARCHAR" else quoted(c.name) for c in columns)
    return parts, f"hash({parts})", " and ".join(f"{quoted(name)} is not null" for name in names)


def _twice(files: Sequence[Path]) -> Iterator[np.ndarray]:
    """The hashes that are there more than once in files of sorted ones, as many at a time as memory holds."""
    runs = [np.memmap(file, np.uint64, "r") for file in files if file.stat().st_size]
    slices = sum(map(len, runs)) // _KEYS_AT_ONCE + 1
    bounds = np.array([(place << 64) // slices for place in range(1, slices)], np.uint64)
    for some in zip(*(np.split(run, np.searchsorted(run, bounds)) for run in runs), strict=True):
        hashes = np.concatenate(some)
        hashes.sort(kind="stable")  # which merges what is sorted
        twice = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
        if len(twice):
            yield twice


def rewrite(connection: duckdb.DuckDBPyConnection, parquet: Path, query: str) -> int:
    """Put the rows of a query over a Parquet file in the file's place. Returns how many there are."""
    again = parquet.with_name("again.parquet")
    columns = len(connection.execute(f"describe {query}").fetchall())
    rows = _number(connection, f"copy ({query}) to {text(str(again))} {parquet_form(columns)}")
    again.replace(parquet)
    return rows


def parquet_form(columns: int) -> str:
    """How a table of so many columns is written, as SQL: docs/decisions/015."""
    rows = max(2048, min(_GROUP_ROWS, _GROUP_CELLS // columns))
    return f"(format parquet, compression zstd, compression_level 1, parquet_version v2, row_group_size {rows})"


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
        for part in scanned.parts:
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
