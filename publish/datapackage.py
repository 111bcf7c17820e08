"""The Frictionless Tabular Data Package of a candidate: each CSV file with its schema, size and checksum."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pipeline import store
from publish import diff
from publish.board import SAMPLE_MARK, SAMPLE_SENTENCE, Board, Row, Table, tables_of
from publish.dictionary import COLUMNS, DICTIONARY_COLUMNS, REVISION, TABLES
from publish.diff import Revision
from publish.tables import unguarded

NAME = "datapackage.json"
# What a board holds beside its tables and its deliveries: with these, the files are enough to print it again.
ABOUT = (
    "company", "quarter", "build_id", "is_sample", "cutoff_at", "standard_cutoff_at", "timezone", "prepared_by",
    "withhold_below", "first_published",
)  # fmt: skip
# Tables that packages of earlier versions of this project do not have: what they do not say, nobody invents.
ADDED = frozenset({"exclusions"})
_KINDS: dict[str, Callable[[str], Any]] = {
    "string": unguarded,
    "number": float,
    "integer": int,
    "boolean": lambda text: text == "true",
    "date": date.fromisoformat,
}
_REQUIRED = {"constraints": {"required": True}}


def describe(board: Board, files: Mapping[str, bytes]) -> dict[str, Any]:
    """``datapackage.json`` as a value. ``files`` are the CSV files by their path in the candidate."""
    resources = [_resource(f"tables/{name}.csv", name, table, files) for name, table in board.published.items()]
    kinds = {"target_value": "number", "definition_version": "integer"}
    kinds |= {"valid_from_fy_start": "date", "valid_to_fy_start": "date"}
    fields = [{"name": name, "type": kinds.get(name, "string")} for name in DICTIONARY_COLUMNS]
    resources.append(
        {
            **_file("dictionary.csv", "dictionary", files),
            "title": "Dictionary",
            "description": "One row per metric, per passage that one serves, and per published column of each table.",
            "schema": {"fields": fields, "missingValues": [""]},
        }
    )
    return {
        "profile": "tabular-data-package",
        "name": f"human-rights-due-diligence-{board.quarter.lower()}",
        "title": f"{board.company}: human rights due diligence, board figures {board.quarter}",
        "description": (f"{SAMPLE_MARK}. {SAMPLE_SENTENCE} " if board.is_sample else "")
        + f"Figures as known by {board.cutoff_at.isoformat()}. Each CSV file has a Parquet twin beside it. Text that a "
        "spreadsheet could read as a formula is preceded by an apostrophe in CSV.",
        "hrdd": {name: _plain(getattr(board, name)) for name in ABOUT} | {"withheld_cells": board.withheld_cells},
        "resources": resources,
    }


def board(read: Callable[[str], bytes], deliveries: Sequence[Mapping[str, Any]]) -> Board:
    """The board that a package was written from. ``read`` gives a file of the package by its path.

    Raises KeyError or ValueError for a package that was not written by ``describe``.
    """
    package = json.loads(read(NAME))
    about = package["hrdd"]
    moments = {name: datetime.fromisoformat(about[name]) for name in ("cutoff_at", "standard_cutoff_at")}
    there = {resource["path"] for resource in package["resources"]}
    tables = {
        name: rows(read(path)) if (path := f"tables/{name}.csv") in there or name not in ADDED else []
        for name in TABLES
    }
    return Board(
        **{name: moments.get(name, about[name]) for name in ABOUT},
        deliveries=list(deliveries),
        tables=tables_of(tables),
        revision=_revision(package, read),
    )


def _revision(package: Mapping[str, Any], read: Callable[[str], bytes]) -> Revision | None:
    path = f"tables/{REVISION.name}.csv"
    if not any(resource["path"] == path for resource in package["resources"]):
        return None
    return Revision(json.loads(read(diff.NAME)), rows(read(path)))


def rows(content: bytes, metric_id: str | None = None) -> list[Row]:
    """The rows of a published CSV file, or those of one metric, typed by the dictionary."""
    header, *lines = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
    if metric_id is not None:
        lines = [line for line in lines if line[header.index("metric_id")] == metric_id]
    kinds = [_KINDS[COLUMNS[name].kind] for name in header]
    return [
        {name: kind(text) if text else None for name, kind, text in zip(header, kinds, line, strict=True)}
        for line in lines
    ]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _resource(path: str, name: str, table: Table, files: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        **_file(path, name, files),
        "title": table.published.title,
        "description": table.published.grain,
        "schema": {
            "fields": [
                {"name": column.name, "type": column.kind, "description": column.description}
                | (_REQUIRED if column.name in table.published.key else {})
                for column in table.columns
            ],
            "primaryKey": list(table.published.key),
            "missingValues": [""],
        },
    }


def _file(path: str, name: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "profile": "tabular-data-resource",
        "name": name.replace("_", "-"),
        "path": path,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "dialect": {"delimiter": ",", "lineTerminator": "\r\n", "quoteChar": '"', "doubleQuote": True, "header": True},
        "bytes": len(files[path]),
        "hash": "sha256:" + store.sha256_bytes(files[path]),
    }
