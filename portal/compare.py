"""A candidate beside the last release: every figure that differs, as the person reads it who decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from portal.shelf import Pack
from publish.board import Board, Row
from publish.dictionary import THEMES
from publish.wording import Words

# What a figure is beside its quarter: a candidate of another quarter says the same of another time.
PLACE = ("metric_id", "perimeter", "basis", "dimension", "dimension_value")
Place = tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """One figure in both: as printed then and now, and the difference where both are numbers."""

    row: Row
    before: str
    now: str
    difference: str


@dataclass(frozen=True)
class Changes:
    """All figures of a candidate beside those of a release.

    ``headline`` are the board's own figures that differ and ``others`` the totals of every other metric; ``parts`` is,
    by metric, everything finer and in other perimeters. ``same`` counts the figures that do not differ.
    """

    release: str
    headline: tuple[Change, ...]
    others: tuple[Change, ...]
    parts: dict[str, tuple[Change, ...]]
    same: int


def compare(last: Pack, board: Board, words: Words) -> Changes:
    """Compare by what is printed: value, state and target."""
    before = last.board()
    then, now = dict(_figures(before)), dict(_figures(board))
    core = {row["metric_id"] for side in (before, board) for row in side.tables["headline"].rows}
    main = {_place(side.figure(metric)) for side in (before, board) for metric in side.metrics}
    headline: list[Change] = []
    others: list[Change] = []
    parts: dict[str, list[Change]] = {}
    same = 0
    for place in [*now, *(gone for gone in then if gone not in now)]:
        change = _change(then.get(place), now.get(place), words)
        if change is None:
            same += 1
        elif place not in main:
            parts.setdefault(place[0], []).append(change)
        else:
            (headline if place[0] in core else others).append(change)
    told = {metric: tuple(changes) for metric, changes in parts.items()}
    return Changes(last.name, tuple(headline), tuple(others), told, same)


def _figures(board: Board) -> Iterator[tuple[Place, Row]]:
    """Every figure of the board's own quarter, in reading order."""
    for theme in THEMES:
        for row in board.tables[theme].rows:
            yield _place(row), row


def _place(row: Row) -> Place:
    return tuple(str(row[name]) for name in PLACE)


def _change(old: Row | None, new: Row | None, words: Words) -> Change | None:
    if old and new and all(old[name] == new[name] for name in ("value", "value_state", "target_status")):
        return None
    difference = ""
    if old and new and old["value"] is not None and new["value"] is not None:
        apart = new["value"] - old["value"]
        difference = f"{apart:+,.1f}\u00a0pp" if new["unit"] in ("%", "pp") else f"{apart:+,.10g}"
    before, after = (words.shown(row) if row else "\u2013" for row in (old, new))
    return Change(new or old or {}, before, after, difference)
