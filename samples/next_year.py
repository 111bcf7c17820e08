"""FY2024, as its senders deliver it quarter by quarter: what happened in FY2023, once more and a year later.

Each delivery knows what has happened by its own day: a case that is closed later is open in it. A list in which nothing
happens is sent again as it stands. Nothing of it happened in FY2023, so it may move no figure of that year.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from ingest.contract import contract
from pipeline.quarter import FiscalQuarter
from samples.extract import AS_OF, LAST, LOCAL, Extract
from samples.safety import first_selfcheck

END = LAST.plus(4)
# A quarter may end at a weekend, and its cut-off counts business days.
SOONER = timedelta(days=2)
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
ROSTER, SELFCHECK = ("hr", "worker_month"), ("register", "ohs_selfcheck")


@dataclass(frozen=True)
class Happening:
    """What puts a row into a quarter: its ``day``, and that the row ``of`` which it is happened; and its ``own`` ids.

    ``ends`` is the day on which it is over, and ``open`` what its row says before that.
    """

    family: str
    extract: str
    day: str = ""
    own: tuple[str, ...] = ()
    of: str = ""
    ends: str = ""
    open: Mapping[str, str | None] = field(default_factory=dict)


OPEN_CASE = {"status": "IN_PROGRESS", "determination": "UNDETERMINED", "feedback_date": None, "cause_code": None}
HAPPENINGS = (
    Happening("hotline", "case", "received_date", ("case_id",), ends="closed_date", open=OPEN_CASE),
    Happening("hotline", "contact", "submitted_at", ("contact_id",), of="canonical_case_id"),
    Happening("hotline", "allegation", of="case_id"),
    Happening("hotline", "action", "decided_on", of="case_id", ends="done_on"),
    Happening("hotline", "status_history", "changed_at", of="case_id"),
    Happening("hotline", "category_history", "changed_at", of="case_id"),
    Happening("training", "session", "held_on", ("session_id",)),
    Happening("training", "attendance", of="session_id"),
    Happening("training", "assignment", "assigned_on"),
    Happening("training", "completion", "completed_at", ("completion_id",)),
    Happening("procurement", "spend", "posting_date", ("invoice_id",)),
    Happening("procurement", "fx_rate", "month"),
    Happening("procurement", "declaration", "signed_on", ("declaration_id",)),
    Happening("procurement", "assessment", "due_on", ("assessment_id",)),
    Happening("procurement", "audit", "completed_on", ("audit_id",)),
    Happening("procurement", "finding", "found_on", ("finding_id",), ends="closed_on"),
    Happening("procurement", "corrective_action", "agreed_on", ("action_id",), "finding_id", "closed_on"),
    Happening("register", "customer_check", "contract_date", ("record_id",)),
    Happening("register", "end_use", "contract_date", ("record_id", "transaction_key")),
    Happening("register", "sanctions_screen", "contract_date", ("record_id",)),
    Happening("register", "ai_review", "released_on", ("record_id", "project_key")),
    Happening("register", "ai_inspection", "planned_on", ("record_id",)),
    Happening("register", "child_rights_check", "checked_on", ("record_id",)),
    Happening("register", "accident", "month_end", ("record_id",)),
    Happening("register", "fine", "recognised_on", ("record_id",)),
    Happening("register", "ohs_survey", "submitted_on", ("record_id",)),
    Happening("register", "awareness_message", "issued_on", ("record_id",)),
    Happening("register", "channel_test", "tested_at", ("record_id",)),
    Happening("register", "board_report", "reported_on", ("record_id",)),
    Happening("register", "committee_meeting", "held_on", ("record_id",)),
    Happening("register", "dialogue", "held_on", ("record_id",)),
    Happening("register", "outreach", "delivered_on", ("record_id",)),
    Happening("register", "child_programme", "held_on", ("record_id",)),
)


def extracts_through(last: FiscalQuarter, year: Iterable[Extract]) -> list[Extract]:
    """The deliveries of the quarters after the year up to ``last``, made of those of the year."""
    of = {(extract.family, extract.extract): extract for extract in year}
    quarters = [LAST.plus(step) for step in range(1, 5) if LAST.plus(step) <= last]
    return [extract for quarter in quarters for extract in _extracts_of(quarter, dict(of))]


def _extracts_of(quarter: FiscalQuarter, of: dict[tuple[str, str], Extract]) -> list[Extract]:
    again: set[object] = set()
    delivered = [_roster(of.pop(ROSTER), quarter)]
    of[SELFCHECK] = replace(of[SELFCHECK], rows=first_selfcheck(quarter.end))
    for what in HAPPENINGS:
        extract = _sent_again(of.pop((what.family, what.extract)), quarter)
        rows = _happened(extract, what, quarter, again)
        if what.extract == "declaration":
            rows += _signed_anew(extract, quarter)
        delivered.append(replace(extract, rows=rows))
    return delivered + [_sent_again(extract, quarter) for extract in of.values()]


def _sent_again(extract: Extract, quarter: FiscalQuarter) -> Extract:
    return replace(extract, taken_at=extract.taken_at + (quarter.end - AS_OF) - SOONER, as_of=quarter.end)


def _roster(extract: Extract, quarter: FiscalQuarter) -> Extract:
    """Who was there when FY2023 ended, on the quarter's last day: nobody came and nobody went since."""
    day, since = (extract.columns.index(name) for name in ("as_of_date", "role_flag_since"))
    rows = []
    for row in extract.rows:
        if row[day] == str(AS_OF):
            cells = list(row)
            cells[day] = str(quarter.end)
            # A role of the year is given anew, once its day has come.
            cells[since] = renewed if _day(renewed := _moved(row[since])) <= quarter.end else row[since]
            rows.append(cells)
    return replace(_sent_again(extract, quarter), rows=rows)


def _happened(extract: Extract, what: Happening, quarter: FiscalQuarter, again: set[object]) -> list[list[object]]:
    """The rows of the quarter a year before, a year later; adds their own ids to ``again``. What is delivered once does
    not come again, and what may change comes from the beginning of the year."""
    before = quarter.plus(-4)
    begin = before.start if contract(extract.family, extract.extract).delivery == "append" else before.year_start
    at = {name: position for position, name in enumerate(extract.columns)}
    rows = []
    for row in extract.rows:
        if what.day and not begin <= _day(row[at[what.day]]) <= before.end:
            continue
        if what.of and row[at[what.of]] not in again:
            continue
        again |= {row[at[name]] for name in what.own}
        later = [_moved(cell) for cell in row]
        for name in filter(None, (*what.own, what.of)):
            if row[at[name]] in again:
                later[at[name]] = f"N{row[at[name]]}"
        if what.ends and _day(later[at[what.ends]]) > extract.taken_at.date():
            for name, said in {what.ends: None, **what.open}.items():
                later[at[name]] = said
        rows.append(later)
    return rows


def _signed_anew(declarations: Extract, quarter: FiscalQuarter) -> list[list[object]]:
    """Of four declarations that lapse, three are signed anew on their last day, for three years; the fourth lapses."""
    at = {name: position for position, name in enumerate(declarations.columns)}
    rows = []
    for number, row in enumerate(declarations.rows):
        last = _day(row[at["valid_to"]])
        if number % 4 and quarter.year_start <= last <= quarter.end:
            anew = {
                "declaration_id": f"R{row[at['declaration_id']]}",
                "guideline_version": "2022-07",
                "signed_on": last,
                "valid_from": last,
                "valid_to": last + timedelta(days=3 * 365),
            }
            rows.append([anew.get(name, cell) for name, cell in zip(declarations.columns, row, strict=True)])
    return rows


def _day(cell: object) -> date:
    """The local day of a day or of a moment as written; nothing is before all days."""
    text = str(cell or date.min)
    return datetime.fromisoformat(text).astimezone(LOCAL).date() if "T" in text else date.fromisoformat(text)


def _moved(cell: object) -> object:
    """A day of FY2023 or after it becomes that of a year later; what is older is as old as it was."""
    text = str(cell)
    if not DAY.match(text) or _day(cell) < LAST.year_start:
        return cell
    return f"{int(text[:4]) + 1}{text[4:].replace('-02-29', '-02-28', 1)}"
