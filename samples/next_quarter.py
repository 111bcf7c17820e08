"""The first quarter of FY2024, as senders deliver it in July 2023: what happened in the quarter before, once more, and
each list that a quarter waits for, as it stands.

Nothing of it happened in FY2023, so it may move no figure of that year.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from ingest.contract import contract
from samples.extract import AS_OF, LAST, Extract

NEXT = LAST.plus(1)
LATER = NEXT.end - AS_OF
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class _Happening:
    """What puts a row into a quarter: a day, or, without one, a row before it that it belongs to; and its own ids."""

    family: str
    extract: str
    day: str | None
    ids: tuple[str, ...]


HAPPENINGS = (
    _Happening("hr", "worker_month", "as_of_date", ()),
    _Happening("hotline", "case", "received_date", ("case_id",)),
    _Happening("hotline", "contact", "submitted_at", ("contact_id", "canonical_case_id")),
    _Happening("hotline", "allegation", None, ("case_id",)),
    _Happening("training", "session", "held_on", ("session_id",)),
    _Happening("training", "attendance", None, ("session_id",)),
    _Happening("training", "completion", "completed_at", ("completion_id",)),
    _Happening("procurement", "spend", "posting_date", ("invoice_id",)),
    _Happening("procurement", "fx_rate", "month", ()),
    _Happening("procurement", "declaration", "signed_on", ("declaration_id",)),
    _Happening("procurement", "audit", "completed_on", ("audit_id",)),
    _Happening("register", "accident", "month_end", ("record_id",)),
    _Happening("register", "board_report", "reported_on", ("record_id",)),
    _Happening("register", "end_use", "contract_date", ("record_id",)),
    _Happening("register", "outreach", "delivered_on", ("record_id",)),
)


def extracts_of_the_next_quarter(year: Iterable[Extract]) -> list[Extract]:
    """The deliveries of the next quarter, made of those of the year."""
    of = {(extract.family, extract.extract): extract for extract in year}
    again: set[object] = set()
    happened = [_later(of.pop((what.family, what.extract)), what, again) for what in HAPPENINGS]
    return happened + [_sent_again(extract) for name, extract in of.items() if contract(*name).required]


def _later(extract: Extract, what: _Happening, again: set[object]) -> Extract:
    """The extract's rows of the year's last quarter, a quarter later; adds their ids to ``again``."""
    at = {name: position for position, name in enumerate(extract.columns)}
    ids = {at[name] for name in what.ids}
    rows = []
    for row in extract.rows:
        if what.day is None:
            happened = row[at[what.ids[0]]] in again
        else:
            happened = LAST.start <= date.fromisoformat(str(row[at[what.day]] or date.min)[:10]) <= LAST.end
        if happened:
            if ids and what.day:
                again.add(row[at[what.ids[0]]])
            rows.append([f"N{cell}" if n in ids and cell in again else _moved(cell) for n, cell in enumerate(row)])
    return _sent_again(replace(extract, rows=rows))


def _sent_again(extract: Extract) -> Extract:
    return replace(extract, taken_at=extract.taken_at + LATER, as_of=NEXT.end)


def _moved(cell: object) -> object:
    """A day of the year's last quarter or after it becomes that of three months later, or the last one of that month;
    what is older is as old as it was."""
    text = str(cell)
    if not DAY.match(text) or (day := date.fromisoformat(text[:10])) < LAST.start:
        return cell
    year, month = day.year + (day.month + 2) // 12, (day.month + 2) % 12 + 1
    return str(date(year, month, min(day.day, monthrange(year, month)[1]))) + text[10:]
