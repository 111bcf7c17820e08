"""JSON lines: one flat object a line, read as text so that no digit of a number is lost."""

from __future__ import annotations

import csv
import json
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingest.contract import Column, Contract
from ingest.quarantine import Broken, Finder, Quarantine
from ingest.scan import MAX_RECORD_BYTES, Text
from pipeline.errors import RefusedExtract


class _NotAnObjectError(ValueError):
    """The line is not one flat object with each name once."""


class _UnknownNameError(ValueError):
    """The object has a name that no column has."""


class _BadItemError(ValueError):
    """An item of a list cannot be written as one; the arguments are the reason and the column's name."""


def as_text(file: Path, contract: Contract, quarantine: Quarantine, workspace: Path) -> tuple[Text, tuple[int, int]]:
    """The objects as delimited text under the contract's names, and how many lines are header and blank.

    A name that an object lacks is an empty cell. Raises RefusedExtract for a forbidden name, and for a column that no
    object has.
    """
    columns = {name: column for column in contract.columns for name in (column.name, *column.aliases)}
    names = [column.name for column in contract.columns]
    seen: set[str] = set()
    lines: array[int] = array("q")
    blank = number = 0
    quarantine.line_of, quarantine.originals = lines, file
    target = workspace / "objects.csv"
    with file.open("rb") as stream, target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(names)
        line = 0
        while content := stream.readline(MAX_RECORD_BYTES * 8):
            line += 1
            if not content.strip(b"\r\n"):
                blank += 1
                continue
            number += 1
            lines.append(line)
            cells: list[str] = [""] * len(names)
            reason = at_fault = None
            try:
                if len(content) > MAX_RECORD_BYTES:
                    raise _NotAnObjectError
                found = _cells(content, columns, contract)
                seen.update(found)
                cells = [found.get(name, "") for name in names]
            except _UnknownNameError:
                reason = "unknown_name"
            except _BadItemError as fault:
                reason, at_fault = fault.args
            except (_NotAnObjectError, UnicodeEncodeError):
                reason = "not_an_object"
            if reason:
                quarantine.add(Broken(number, line, 1, at_fault, reason, ""), Finder.OPENING)
            writer.writerow(cells)
    unseen = [name for name in names if name not in seen]
    if number and unseen:
        raise RefusedExtract(
            "The objects do not have the columns of the contract.",
            found="no object has " + ", ".join(unseen),
            expected=f"each of the {len(names)} names, in one object at least",
            rule=contract.rule,
            next_step="ask the sender for the file with every name of the contract, null where there is no value",
        )
    return Text(target, ",", '"', is_ours=True), (0, blank)


def _cells(content: bytes, columns: dict[str, Column], contract: Contract) -> dict[str, str]:
    try:
        found = json.loads(
            content,
            parse_float=str,
            parse_int=str,
            parse_constant=_no_constant,
            object_pairs_hook=_each_once,
        )
    except (ValueError, RecursionError):
        raise _NotAnObjectError from None
    if not isinstance(found, _Object):
        raise _NotAnObjectError
    cells = {}
    for name, value in found.items():
        column = columns.get(name)
        if column is None:
            contract.stop_if_forbidden([name])
            raise _UnknownNameError
        if column.name in cells:
            raise _NotAnObjectError
        cells[column.name] = _cell(value, column)
    for cell in cells.values():
        cell.encode()  # half of a surrogate pair is no text
    return cells


class _Object(dict[str, Any]):
    """An object whose names were each there once."""


def _each_once(pairs: Sequence[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) != len(pairs):
        raise _NotAnObjectError
    return found


def _no_constant(_: str) -> None:
    raise _NotAnObjectError


def _cell(value: Any, column: Column) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and column.kind == "VARCHAR[]":
        items = [_cell(item, column) for item in value if not isinstance(item, list | dict)]
        if len(items) == len(value):
            if any(column.list_separator in item for item in items):
                raise _BadItemError("separator_in_item", column.name)
            if items == [""]:
                raise _BadItemError("empty_item", column.name)  # its text would be that of no list
            return column.list_separator.join(items)
    raise _NotAnObjectError
