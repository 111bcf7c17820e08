"""Tables as CSV and as Parquet: the same cells, the same order, the same bytes for the same rows."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pipeline import database
from pipeline.settings import Settings
from publish.board import Table
from publish.dictionary import Column

SQL_TYPES = {"string": "VARCHAR", "number": "DOUBLE", "integer": "BIGINT", "boolean": "BOOLEAN", "date": "DATE"}

# What a spreadsheet may read as a formula, in half and in full width. Only text is guarded: numbers stay numbers.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\x00", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_PLAIN_FIGURE = re.compile(r"[+-]\d[\d,]*(\.\d+)?( ?(%|pp))?")
_GUARD = "'"


def number_text(number: float | int) -> str:
    """A number without loss and without decoration: 86, 84.97, 850000000000."""
    whole = isinstance(number, int) or (number.is_integer() and abs(number) < 2**53)
    return str(int(number)) if whole else repr(number)


def cell_text(value: Any) -> str:
    """One cell of a CSV file. Empty is an empty cell; text that could be a formula gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    text = str(value)
    if text.lstrip(" ").startswith(_FORMULA) and not _PLAIN_FIGURE.fullmatch(text):
        return _GUARD + text
    return text


def unguarded(text: str) -> str:
    """The text of a cell without the apostrophe that guards it."""
    plain = text.removeprefix(_GUARD)
    return plain if cell_text(plain) == text else text


def as_csv(names: Sequence[str], rows: Iterable[dict[str, Any]]) -> bytes:
    """CSV by RFC 4180 in UTF-8, with a header; lines end in carriage return and line feed."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([cell_text(row.get(name)) for name in names] for row in rows)
    return stream.getvalue().encode()


def as_json(table: Table) -> bytes:
    """A table as one JSON array of objects, a line each: numbers without loss, an empty cell as null."""
    lines = [
        json.dumps({column.name: _plain(row[column.name]) for column in table.columns}, ensure_ascii=False)
        for row in table.rows
    ]
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def write_parquet(settings: Settings, tables: dict[str, Table], folder: Path) -> None:
    """Write each table as ``<name>.parquet`` into a folder, typed by the dictionary, with rows in their order."""
    with database.connect(settings, folders=[folder]) as connection:
        for name, table in tables.items():
            typed = ", ".join(
                f"unnest(?::{_sql(column)}[]) as {database.quoted(column.name)}" for column in table.columns
            )
            values = [[row[column.name] for row in table.rows] for column in table.columns]
            target = str(folder / f"{name}.parquet").replace("'", "''")
            connection.execute(f"create table {database.quoted(name)} as select {typed}", values)
            connection.execute(f"copy {database.quoted(name)} to '{target}' (format parquet, compression zstd)")


def _sql(column: Column) -> str:
    return SQL_TYPES[column.kind]
