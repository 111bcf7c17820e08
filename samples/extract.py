"""What every family of sample extracts shares: the year, the shape of an extract, and how its cells are written.

The year is FY2023 (April 2022 to March 2023) with the year before it. Everything is drawn from seeded generators, so
the same code gives the same bytes.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pipeline.quarter import FiscalQuarter

LAST = FiscalQuarter(2023, 4)
QUARTERS = tuple(LAST.plus(step) for step in range(-4, 1))  # FY2022-Q4 to FY2023-Q4, in which people come and go
EARLIER = tuple(LAST.plus(step) for step in range(-7, -4))  # FY2022-Q1 to Q3: who is there at the first of QUARTERS
AS_OF = LAST.end
LOCAL = ZoneInfo("Asia/Tokyo")


@dataclass(frozen=True)
class Extract:
    """One extract as its sender writes it.

    ``columns`` is the header, ``rows`` the records in the same order of columns, each cell a text, a number, a date,
    or None for null. ``taken_at`` is the moment (UTC) at which the sender's system was read; ``totals`` names the
    columns whose sums the manifest gives as control totals; ``as_of`` is the last day it speaks of.
    """

    family: str
    extract: str
    source_system: str
    taken_at: datetime
    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    totals: tuple[str, ...] = ()
    suffix: str = ""
    as_of: date = AS_OF

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return f"{self.extract}-{self.as_of}{self.suffix}"


def columns(text: str) -> tuple[str, ...]:
    """A header written as words."""
    return tuple(text.split())


def seeded(purpose: str) -> random.Random:
    """A generator of its own for each purpose: a change of one extract leaves the others as they are."""
    return random.Random(f"SAMPLE {purpose}")


def taken(day: int, hour: int = 1) -> datetime:
    """A moment in April 2023, between the quarter's end and its cut-off."""
    return datetime(2023, 4, day, hour, tzinfo=UTC)


def pseudonym(prefix: str, number: int) -> str:
    """A key that says nothing about the number it was made from."""
    return prefix + hashlib.blake2b(f"SAMPLE {prefix} {number}".encode(), digest_size=7).hexdigest()


def digest(text: str) -> str:
    """A SHA-256 that stands for a document there is none of."""
    return hashlib.sha256(f"SAMPLE {text}".encode()).hexdigest()


def truth(value: bool) -> str:
    """A boolean as the contracts write it."""
    return "true" if value else "false"


def moment(day: date, second_of_day: int) -> str:
    """A local moment, as an instant with its offset in UTC."""
    local = datetime.combine(day, time(0), LOCAL) + timedelta(seconds=second_of_day)
    return local.astimezone(UTC).isoformat()


def office_moment(random_: random.Random, day: date) -> str:
    """A moment in office hours; the local date and the date in UTC are the same one."""
    return moment(day, random_.randrange(33_000, 64_000))


def day_between(random_: random.Random, first: date, last: date) -> date:
    """A day from the first to the last, both included."""
    return first + timedelta(days=random_.randrange((last - first).days + 1))


def shares(total: int, weights: Iterable[float]) -> list[int]:
    """Whole numbers in proportion to the weights that add up to the total exactly."""
    weights = list(weights)
    whole, parts, given, used = sum(weights), [], 0, 0.0
    for weight in weights:
        used += weight
        upto = round(total * used / whole)
        parts.append(upto - given)
        given = upto
    parts[-1] += total - given
    return parts
