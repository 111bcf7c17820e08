"""The ledger of printed cells: one line a release, append-only, each line chained to the one before.

It holds what was printed of the hotline and of other few people, and which cells were withheld, and nothing that was
not printed. What was
printed stays, and what was withheld stays withheld for its period: prepare reads it, publish adds to it, and the
attacker checks it against the releases. Each line follows from the line before and from the release's own files, so a
line that a kill prevented is written by the next ``hrdd publish``.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.errors import HrddError
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from publish.cells import CELL, TOTAL
from publish.programme import programme

NAME = "ledger.jsonl"
SOURCE = "tables/grievance.csv"
OTHERS = "tables/metric_values.csv"
NEIGHBORS = "tables/neighbors.csv"
LEFT_OUT = "tables/exclusions.csv"

Row = Mapping[str, str]


@dataclass(frozen=True)
class Standing:
    """What the ledger says of a fiscal year: the release that printed its parts first, or nothing."""

    release: str | None  # none while no part of the hotline's figures was printed
    rows: tuple[Row, ...]  # the printed and the withheld parts of the hotline's figures, as first published
    others: tuple[tuple[Row, ...], ...] = ()  # each release's parts and totals of other figures, oldest first
    left_out: tuple[Row, ...] = ()  # how many figures left out, in every release


def file(settings: Settings) -> Path:
    """Where the ledger lies."""
    return settings.place("releases", NAME)


def lines(settings: Settings) -> list[dict[str, Any]]:
    """Every line, proven to chain. Raises LedgerBroken otherwise."""
    entries = store.read_lines(file(settings)) if _is_json(file(settings)) else _stop("a line that cannot be read")
    previous = ""
    for entry in entries:
        body = {name: value for name, value in entry.items() if name != "hash"}
        if entry.get("previous") != previous or entry.get("hash") != _hash(body):
            _stop("a line that does not follow from the one before")
        previous = entry["hash"]
    return entries


def check(settings: Settings, releases: Mapping[str, Path], about_to: str | None = None) -> list[dict[str, Any]]:
    """The ledger's lines, if there is exactly one for each release in place and each says what its folder says.

    ``about_to`` names the one release that may lack its line, because publish is writing it now.
    """
    entries = lines(settings)
    named = [entry["release"] for entry in entries]
    missing = [name for name in releases if name not in named and name != about_to]
    if missing or len(named) != len(set(named)) or any(name not in releases for name in named):
        _stop("a release without its line, or a line without its release")
    for entry in entries:
        if entry != entry_of(entry["release"], releases[entry["release"]], entry["previous"]):
            _stop("a line that differs from the files of its release")
    return entries


def append(settings: Settings, releases: Mapping[str, Path], name: str) -> None:
    """Add the line of a release that is in place, unless it is there."""
    entries = check(settings, releases, about_to=name)
    if name not in {entry["release"] for entry in entries}:
        previous = entries[-1]["hash"] if entries else ""
        store.append_line(file(settings), entry_of(name, releases[name], previous))


def entry_of(name: str, folder: Path, previous: str) -> dict[str, Any]:
    """The line of one release."""
    body: dict[str, Any] = {
        "release": name,
        "previous": previous,
        "manifest_sha256": store.sha256_file(folder / "manifest.json"),
        "cells": {_cell(row): row["numerator"] or None for row in parts(folder)}
        | {_cell(row): _shown(row) for row in others(folder) if row["dimension"] != TOTAL},
    }
    return {**body, "hash": _hash(body)}


def first_published(settings: Settings, releases: Mapping[str, Path], quarter: FiscalQuarter) -> Standing:
    """What was printed of a quarter before: the release that first printed parts of the hotline's figures, with these
    parts, and every release's parts of other figures about few people or firms."""
    first: tuple[str | None, tuple[Row, ...]] = (None, ())
    beside, left_out = [], list[Row]()
    for entry in check(settings, releases):
        folder = releases[entry["release"]]
        rows = parts(folder)
        if first[0] is None and any(row["fiscal_quarter"] == str(quarter) for row in rows):
            first = (entry["release"], tuple(rows))
        beside.append(tuple(others(folder)))
        left_out += _rows(folder / LEFT_OUT)
    return Standing(*first, tuple(beside), tuple(left_out))


def others(folder: Path) -> list[Row]:
    """The rows of a release that give a part of another figure of the programme, printed or withheld, the totals of
    such figures, and the same totals under other rules."""
    plan = programme()
    tables = {(entry.metric, entry.perimeter, entry.dimension) for entry in plan.breakdowns}
    wholes = plan.guarded | plan.within.keys() | set(plan.within.values())
    found = [
        row
        for row in _rows(folder / OTHERS)
        if (row["metric_id"], row["perimeter"], row["dimension"]) in tables
        or (row["dimension"] == TOTAL and (row["metric_id"] in wholes or row["perimeter"] in plan.regional))
    ]
    return found + [{**row, "dimension": TOTAL, "dimension_value": "ALL"} for row in _rows(folder / NEIGHBORS)]


def parts(folder: Path) -> list[Row]:
    """The rows of a release that give a part of a hotline figure, printed or withheld."""
    metrics = set(programme().metric_of.values())
    return [row for row in _rows(folder / SOURCE) if row["metric_id"] in metrics and row["dimension"] != TOTAL]


def _rows(file: Path) -> list[Row]:
    if not file.is_file():
        return []
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _shown(row: Row) -> str | None:
    return " of ".join(filter(None, (row["numerator"], row["denominator"]))) or row["value"] or None


def _cell(row: Row) -> str:
    return "|".join(row[name] for name in CELL)


def _hash(body: Mapping[str, Any]) -> str:
    return store.sha256_bytes(store.canonical_json(dict(body)))


def _is_json(path: Path) -> bool:
    try:
        store.read_lines(path)
    except ValueError:
        return False
    return True


def _stop(found: str) -> Any:
    raise LedgerBroken(
        "The ledger of printed cells cannot be relied on. Nothing is prepared and nothing is published.",
        found=found,
        expected="one line for each release, chained, that says what the release's files say",
        rule="publish/ledger.py",
        next_step="if a release was interrupted, run hrdd publish for its quarter again; "
        "else restore releases/ledger.jsonl from a backup",
    )


class LedgerBroken(HrddError):
    """What was printed before cannot be known, so nothing may be printed now."""

    exit_code = 5
