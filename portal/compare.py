"""A candidate beside the last release: the headline figures that differ, as the person reads them who decides."""

from __future__ import annotations

from dataclasses import dataclass

from portal.shelf import Pack
from publish.board import Board, Row
from publish.wording import Words


@dataclass(frozen=True)
class Change:
    """One headline figure in both: as printed then and now, and the difference where both are numbers."""

    row: Row
    before: str
    now: str
    difference: str


@dataclass(frozen=True)
class Changes:
    """All headline figures that differ, and how many are the same."""

    release: str
    rows: tuple[Change, ...]
    same: int


def compare(last: Pack, board: Board, words: Words) -> Changes:
    """Compare by what is printed: value, state and target."""
    then = {row["metric_id"]: row for row in last.board().tables["headline"].rows}
    now = {row["metric_id"]: row for row in board.tables["headline"].rows}
    changed = []
    for metric_id in [*now, *(gone for gone in then if gone not in now)]:
        old, new = then.get(metric_id), now.get(metric_id)
        if old and new and all(old[name] == new[name] for name in ("value", "value_state", "target_status")):
            continue
        difference = ""
        if old and new and old["value"] is not None and new["value"] is not None:
            unit = "\u00a0pp" if new["unit"] in ("%", "pp") else ""
            difference = (
                f"{new['value'] - old['value']:+,.1f}{unit}" if unit else f"{new['value'] - old['value']:+,.10g}"
            )
        before, after = (words.shown(row) if row else "\u2013" for row in (old, new))
        changed.append(Change(new or old or {}, before, after, difference))
    return Changes(last.name, tuple(changed), len(now) - sum(change.row["metric_id"] in now for change in changed))
