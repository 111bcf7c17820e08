"""The calendar of releases: when each quarter ends, until when its extracts count, and by when its release is due.

It follows from the settings alone; what was released is read from the releases.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline import store
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings


@dataclass(frozen=True)
class Entry:
    """One quarter. Days are local and whole: what is due by a day is in time until that day's end.

    ``state`` is ``open`` until the quarter ends, ``collecting`` until the cut-off, ``closing`` until the release is
    due, then ``overdue``; ``released`` or ``released late`` by the quarter's first release; ``before the first`` for
    quarters older than any that this installation works on.
    """

    quarter: FiscalQuarter
    cutoff_on: date
    due_on: date
    state: str
    release: str | None  # the one in force


def due_at(settings: Settings, quarter: FiscalQuarter) -> datetime:
    """The moment (UTC) by which the quarter's first release is due: the end of a business day, as the cut-off is."""
    return quarter.cutoff(settings.due_business_days, settings.timezone)


def due_on(settings: Settings, quarter: FiscalQuarter) -> date:
    """The last day on which the quarter's first release is in time, in the company's time zone."""
    return _last_day(settings, due_at(settings, quarter))


def calendar(settings: Settings, first: FiscalQuarter, last: FiscalQuarter) -> list[Entry]:
    """The quarters from ``first`` to ``last``, both included."""
    today = settings.now().astimezone(ZoneInfo(settings.timezone)).date()
    known = [
        FiscalQuarter.parse(path.name)
        for kind in ("candidates", "releases")
        for path in settings.place(kind).glob("FY*")
    ]
    begin = min(known, default=FiscalQuarter.containing(today).previous())
    entries, quarter = [], first
    while quarter <= last:
        folders = settings.place("releases", str(quarter)).glob("r[0-9]*/manifest.json")
        manifests = sorted((store.read_json(file) for file in folders), key=lambda manifest: manifest["revision"])
        released_at = datetime.fromisoformat(manifests[0]["released_at"]) if manifests else None
        cutoff_at = quarter.cutoff(settings.cutoff_business_days, settings.timezone)
        if released_at:
            state = "released" if released_at < due_at(settings, quarter) else "released late"
        elif quarter < begin:
            state = "before the first"
        else:
            state = _state(settings, quarter, today, cutoff_at)
        release = manifests[-1]["release"] if manifests else None
        entries.append(Entry(quarter, _last_day(settings, cutoff_at), due_on(settings, quarter), state, release))
        quarter = quarter.next()
    return entries


def _state(settings: Settings, quarter: FiscalQuarter, today: date, cutoff_at: datetime) -> str:
    if today <= quarter.end:
        return "open"
    if today <= _last_day(settings, cutoff_at):
        return "collecting"
    return "closing" if today <= due_on(settings, quarter) else "overdue"


def _last_day(settings: Settings, moment: datetime) -> date:
    return (moment - timedelta(seconds=1)).astimezone(ZoneInfo(settings.timezone)).date()
