"""The fiscal quarter: the only date arithmetic in the project.

A fiscal year runs from 1 April to 31 March and bears the calendar year in which it ends: FY2023 is April 2022 to
March 2023. A quarter always comes from a date or from its written form, never from a system's own label and never
from the clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pipeline.errors import RefusedExtract

FIRST_MONTH = 4
_WRITTEN = re.compile(r"FY(\d{4})-Q([1-4])")


@dataclass(frozen=True, order=True)
class FiscalQuarter:
    """One fiscal quarter, ordered by time. ``str()`` gives its written form, such as ``FY2023-Q4``."""

    fiscal_year: int
    number: int

    @classmethod
    def parse(cls, written: str) -> FiscalQuarter:
        """Read ``FY2023-Q4``. Any other spelling is refused: a guessed quarter would be a wrong figure."""
        match = _WRITTEN.fullmatch(written)
        if match is None or not 1900 <= int(match[1]) <= 9998:
            raise RefusedExtract(
                "This is not a fiscal quarter.",
                found=repr(written[:40]),
                expected="the form FY2023-Q4: the calendar year in which the fiscal year ends, and a quarter 1 to 4",
                rule="pipeline/quarter.py, FiscalQuarter.parse",
                next_step="write the quarter as FY<year>-Q<1 to 4>; FY2023-Q4 is January to March 2023",
            )
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def containing(cls, day: date) -> FiscalQuarter:
        """The quarter that a local calendar date falls in: 31 March 2023 is FY2023-Q4, 1 April 2023 is FY2024-Q1."""
        months = (day.year * 12 + day.month - 1) - (FIRST_MONTH - 1)
        return cls(months // 12 + 1, months % 12 // 3 + 1)

    @property
    def start(self) -> date:
        """First day of the quarter."""
        month = FIRST_MONTH + 3 * (self.number - 1)
        return date(self.fiscal_year - 1 + (month - 1) // 12, (month - 1) % 12 + 1, 1)

    @property
    def end(self) -> date:
        """Last day of the quarter."""
        return self.next().start - timedelta(days=1)

    @property
    def year_start(self) -> date:
        """First day of the fiscal year that the quarter belongs to."""
        return date(self.fiscal_year - 1, FIRST_MONTH, 1)

    def next(self) -> FiscalQuarter:
        """The quarter after this one."""
        return self.plus(1)

    def previous(self) -> FiscalQuarter:
        """The quarter before this one."""
        return self.plus(-1)

    def plus(self, quarters: int) -> FiscalQuarter:
        """The quarter so many quarters later (or earlier, if negative)."""
        ordinal = self.fiscal_year * 4 + (self.number - 1) + quarters
        return FiscalQuarter(ordinal // 4, ordinal % 4 + 1)

    def cutoff(self, business_days: int, timezone: str) -> datetime:
        """The moment (UTC) up to which an extract belongs to the quarter's first release.

        It is the end of the n-th business day (Monday to Friday) after the quarter's last day, in the company's
        time zone. National holidays are not business-day exceptions here: the rule must be the same everywhere.
        """
        day = self.end
        while business_days:
            day += timedelta(days=1)
            business_days -= day.weekday() < 5
        midnight = datetime.combine(day + timedelta(days=1), time(0), ZoneInfo(timezone))
        return midnight.astimezone(UTC)

    def __str__(self) -> str:
        return f"FY{self.fiscal_year}-Q{self.number}"


def start_in_sql(day: str) -> str:
    """SQL for the first day of the fiscal quarter of a local day: fiscal quarters are those of the calendar."""
    assert FIRST_MONTH % 3 == 1
    return f"date_trunc('quarter', {day})::date"
