"""Parquet: columns of plain types, read back as the text that the contract's rules judge."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ingest.casting import text
from ingest.contract import Column, Contract
from ingest.pages import DamagedPageError, have_checksums
from ingest.quarantine import Quarantine
from ingest.scan import Text
from pipeline.database import quoted
from pipeline.errors import RefusedExtract

_PLAIN = ("VARCHAR", "BOOLEAN", "DATE", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE")
_PLAIN_TOO = ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "VARCHAR[]")
_MOMENTS = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE")


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
        unread = [column.name for column, cell in zip(columns, cells, strict=True) if cell is None]
        if unread:
            raise _refused(f"another type than the rules can judge, in {', '.join(unread)}", "text, numbers and dates")
        picks = ", ".join(f"{cell} as c{place}" for place, cell in enumerate(cells))
        items = [quoted(name) for name, row in zip(names, described, strict=True) if str(row[1]) == "VARCHAR[]"]
        apart = " or ".join(f"list_aggregate({item}, 'string_agg', '') like $2" for item in items)
        if apart and connection.execute(
            f"select count(*) from read_parquet($1) where {apart}", [str(file), f"%{contract.list_separator}%"]
        ).fetchall() != [(0,)]:
            raise _refused("a list with an item that holds the separator of lists", "items without the separator")
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
        return f"array_to_string({value}, {text(column.list_separator)})" if column.kind == "VARCHAR[]" else None
    if kind in _MOMENTS:
        offset = "Z" if kind.endswith("ZONE") else ""
        if column.kind == "DATE":
            return f"case when {value}::time = time '00:00' then {value}::date::varchar else {value}::varchar end"
        return f"strftime({value}::timestamp, '%Y-%m-%dT%H:%M:%S.%f{offset}')"
    if kind in (*_PLAIN, *_PLAIN_TOO) or kind.startswith("DECIMAL"):
        return f"{value}::varchar"
    return None


def _refused(found: str, expected: str) -> RefusedExtract:
    return RefusedExtract(
        "The Parquet file cannot be read.",
        found=found,
        expected=expected,
        rule="ingest/parquet.py",
        next_step="ask the sender for the file anew, or for CSV in UTF-8",
    )
