"""The Frictionless Tabular Data Package of a candidate: each CSV file with its schema, size and checksum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline import store
from publish.board import SAMPLE_MARK, SAMPLE_SENTENCE, Board, Table
from publish.dictionary import DICTIONARY_COLUMNS

_REQUIRED = {"constraints": {"required": True}}


def describe(board: Board, files: Mapping[str, bytes]) -> dict[str, Any]:
    """``datapackage.json`` as a value. ``files`` are the CSV files by their path in the candidate."""
    resources = [_resource(f"tables/{name}.csv", name, table, files) for name, table in board.published.items()]
    kinds = {"target_value": "number", "definition_version": "integer"}
    fields = [{"name": name, "type": kinds.get(name, "string")} for name in DICTIONARY_COLUMNS]
    resources.append(
        {
            **_file("dictionary.csv", "dictionary", files),
            "title": "Dictionary",
            "description": "One row per metric, and one per published column of each table.",
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
        "hrdd": {"quarter": board.quarter, "build_id": board.build_id, "is_sample": board.is_sample},
        "resources": resources,
    }


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
        "dialect": {"delimiter": ",", "lineTerminator": "\n", "quoteChar": '"', "doubleQuote": True, "header": True},
        "bytes": len(files[path]),
        "hash": "sha256:" + store.sha256_bytes(files[path]),
    }
