"""Parquet: columns of plain types, read back as the text that the contract's rules judge."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ingest.casting import text
from ingest.contract import Column, Contract, told
from ingest.pages import DamagedPageError, have_checksums
from ingest.quarantine import Broken, Finder, Quarantine
from ingest.scan import Text
from pipeline.database import quoted
from pipeline.errors import RefusedExtract

_PLAIN = ("VARCHAR", "BOOLEAN", "DATE", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE")
_PLAIN_TOO = ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "VARCHAR[]")
_DAYS_OR_MOMENTS = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_INSTANTS = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
_DAY_IN_NANOSECONDS = 86_400_000_000_000


def as_text(
    file: Path, contract: Contract, quarantine: Quarantine, workspace: Path, connection: duckdb.DuckDBPyConnection
) -> tuple[Text, tuple[int, int], bool]:
    """The rows as delimited text, that no line of the file is header or blank (each row is a line), and whether its
    pages have checksums.

    Raises RefusedExtract for a file that is damaged, and for a type that the contract's rules cannot judge.
    """
    target = workspace / "rows.csv"
    try:
        is_proven = have_checksums(file, connection)
        (rows,) = connection.execute("select count(*) from read_parquet($1)", [str(file)]).fetchall()[0]
        quarantine.line_of = range(1, rows + 1)
        described = connection.execute("describe from read_parquet($1)", [str(file)]).fetchall()
        names = [str(row[0]) for row in described]
        columns = contract.match_header(names)
        cells = [
            _cell(quoted(name), str(row[1]), column)
            for name, row, column in zip(names, described, columns, strict=True)
        ]
        too_wide = _too_wide(file, connection)
        unread = [
            column.name
            for name, column, cell in zip(names, columns, cells, strict=True)
            if cell is None or name in too_wide
        ]
        if unread:
            raise _refused(
                f"another type than the rules can judge, in {told(unread)}",
                "text, truths, numbers of at most 38 digits, days; an instant where the contract says TIMESTAMP",
                "ask the sender for these columns in such a type, or as text",
            )
        for name, row, column in zip(names, described, columns, strict=True):
            if str(row[1]) == "VARCHAR[]":
                _quarantine_items(file, name, column, cells, quarantine, connection)
        picks = ", ".join(f"{cell} as c{place}" for place, cell in enumerate(cells))
        connection.execute(
            f"copy (select {picks} from read_parquet($1)) to {text(str(target))} "
            "(format csv, header false, delimiter ',', quote '\"', escape '\"', force_quote *)",
            [str(file)],
        )
    except DamagedPageError:
        raise _refused("a page that is not what its checksum says", "the bytes that the sender wrote") from None
    except duckdb.Error:
        raise _refused("a file that is damaged, cut short or encrypted", "a whole Parquet file") from None
    whole = workspace / "rows with a header.csv"
    with whole.open("wb") as out, target.open("rb") as rows:
        out.write((",".join('"' + name.replace('"', '""') + '"' for name in names) + "\n").encode())
        while block := rows.read(1 << 22):
            out.write(block)
    return Text(whole, ",", '"', is_ours=True), (0, 0), is_proven


def _cell(value: str, kind: str, column: Column) -> str | None:
    """SQL for a value as the text that a careful sender would write; nothing for a type that has none."""
    if kind == "VARCHAR[]":
        # An item that is null is an empty one: it is not left out.
        items = f"list_transform({value}, lambda item: coalesce(item, ''))"
        return f"array_to_string({items}, {text(column.list_separator)})" if column.kind == "VARCHAR[]" else None
    if kind in _INSTANTS and column.kind == "DATE":
        return None  # which day an instant is of depends on where one asks
    if kind in (*_DAYS_OR_MOMENTS, *_INSTANTS):
        offset = "Z" if kind in _INSTANTS else ""
        if kind.endswith("_NS"):
            # A cast would round: what is no whole microsecond keeps its nine digits and is no instant by the rules.
            written = f"regexp_replace(strftime({value}, '%Y-%m-%dT%H:%M:%S.%n'), '000$', '') || '{offset}'"
            is_day = f"epoch_ns({value}) % {_DAY_IN_NANOSECONDS} = 0"
        else:
            written = f"strftime({value}::timestamp, '%Y-%m-%dT%H:%M:%S.%f{offset}')"
            is_day = f"{value}::time = time '00:00'"
        if column.kind == "DATE":
            return f"case when {is_day} then {value}::date::varchar else {value}::varchar end"
        return written
    if kind in (*_PLAIN, *_PLAIN_TOO) or kind.startswith("DECIMAL"):
        return f"{value}::varchar"
    return None


def _too_wide(file: Path, connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The columns whose decimals DuckDB would read as doubles, and round."""
    found = connection.execute(
        "select name from parquet_schema($1) where duckdb_type not like 'DECIMAL%' "
        "and (converted_type = 'DECIMAL' or logical_type like 'Decimal%' or precision > 38)",
        [str(file)],
    )
    return {str(name) for (name,) in found.fetchall()}


def _quarantine_items(
    file: Path,
    name: str,
    column: Column,
    cells: list[str | None],
    quarantine: Quarantine,
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """Quarantine each row with a list that would fall apart elsewhere than between its items, or that has one item
    and that one empty: its text would be that of no list."""
    rows = connection.execute(
        f"select file_row_number + 1, case when len({quoted(name)}) = 1 and coalesce({quoted(name)}[1], '') = '' "
        "then 'empty_item' when len(list_filter("
        f"{quoted(name)}, lambda item: contains(item, $2))) > 0 then 'separator_in_item' end as reason, "
        f"{', '.join(str(cell) for cell in cells)} "
        "from read_parquet($1, file_row_number = true) where reason is not null order by file_row_number",
        [str(file), column.list_separator],
    )
    while found := rows.fetchmany(1_000):
        for number, reason, *values in found:
            own = ",".join('"' + (value or "").replace('"', '""') + '"' for value in values) + "\n"
            quarantine.add(Broken(number, number, 1, column.name, reason, own), Finder.OPENING)


def _refused(
    found: str, expected: str, next_step: str = "ask the sender for the file anew, or for CSV in UTF-8"
) -> RefusedExtract:
    return RefusedExtract(
        "The Parquet file cannot be read.",
        found=found,
        expected=expected,
        rule="ingest/parquet.py",
        next_step=next_step,
    )
