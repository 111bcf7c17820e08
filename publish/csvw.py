"""CSV on the Web: what each CSV file's columns are, in the words of the W3C (``csv-metadata.json``)."""

from __future__ import annotations

from typing import Any

from publish.board import Board
from publish.dictionary import DICTIONARY_COLUMNS, Column

_KINDS = {"string": "string", "number": "double", "integer": "integer", "boolean": "boolean", "date": "date"}
_DICTIONARY = {"target_value": "double", "definition_version": "integer"}


def describe(board: Board) -> dict[str, Any]:
    """``csv-metadata.json`` as a value: one table a CSV file, each column with its datatype and its meaning."""
    described = [
        _table(f"tables/{name}.csv", table.published.title, table.published.grain, table.columns, table.published.key)
        for name, table in board.published.items()
    ]
    described.append(
        {
            "url": "dictionary.csv",
            "dc:title": "Dictionary",
            "tableSchema": {
                "columns": [
                    {"name": name, "titles": name, "datatype": _DICTIONARY.get(name, "string")}
                    for name in DICTIONARY_COLUMNS
                ]
            },
        }
    )
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "dc:title": f"{board.company}: human rights due diligence, board figures {board.quarter}",
        "dialect": {"encoding": "utf-8", "lineTerminators": ["\r\n"], "header": True},
        "tables": described,
    }


def _table(url: str, title: str, grain: str, columns: tuple[Column, ...], key: tuple[str, ...]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "columns": [
            {
                "name": column.name,
                "titles": column.name,
                "datatype": _KINDS[column.kind],
                "dc:description": column.description,
            }
            | ({"required": True} if column.name in key else {})
            for column in columns
        ]
    }
    if key:
        schema["primaryKey"] = list(key)
    return {"url": url, "dc:title": title, "dc:description": grain, "tableSchema": schema}
