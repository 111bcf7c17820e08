"""The fiscal quarter: the only date arithmetic in the project."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RefusedExtract
from pipeline.quarter import FiscalQuarter

DAYS = st.dates(min_value=date(1950, 1, 1), max_value=date(2150, 12, 31))


@pytest.mark.parametrize(
    ("day", "quarter"),
    [
        (date(2022, 3, 31), "FY2022-Q4"),
        (date(2022, 4, 1), "FY2023-Q1"),
        (date(2022, 6, 30), "FY2023-Q1"),
        (date(2022, 7, 1), "FY2023-Q2"),
        (date(2022, 12, 31), "FY2023-Q3"),
        (date(2023, 1, 1), "FY2023-Q4"),
        (date(2023, 3, 31), "FY2023-Q4"),
        (date(2023, 4, 1), "FY2024-Q1"),
        (date(2024, 2, 29), "FY2024-Q4"),
    ],
)
def test_a_day_falls_in_the_quarter_of_the_fiscal_year_that_ends_in_march(day: date, quarter: str) -> None:
    assert str(FiscalQuarter.containing(day)) == quarter


@given(DAYS)
def test_every_day_lies_within_its_own_quarter(day: date) -> None:
    quarter = FiscalQuarter.containing(day)
    assert quarter.year_start <= quarter.start <= day <= quarter.end


@given(DAYS)
def test_quarters_follow_one_another_without_gap_or_overlap(day: date) -> None:
    quarter = FiscalQuarter.containing(day)
    assert quarter.next().start == quarter.end + timedelta(days=1)
    assert quarter.next().previous() == quarter
    assert quarter < quarter.next()


@given(DAYS)
def test_a_written_quarter_reads_back_as_itself(day: date) -> None:
    quarter = FiscalQuarter.containing(day)
    assert FiscalQuarter.parse(str(quarter)) == quarter


@pytest.mark.parametrize(
    "written", ["2023Q4", "FY2023-Q5", "FY2023-Q0", "FY23-Q4", " FY2023-Q4", "FY2023-Q4\n", "FY0000-Q1", ""]
)
def test_a_label_that_is_not_exactly_a_quarter_is_refused(written: str) -> None:
    with pytest.raises(RefusedExtract) as stop:
        FiscalQuarter.parse(written)
    assert "FY2023-Q4" in stop.value.expected


def test_the_cutoff_is_the_end_of_the_tenth_business_day_in_the_companys_time_zone() -> None:
    # 31 March 2023 is a Friday: the tenth business day after it is Friday 14 April, which ends at 15:00 UTC.
    assert FiscalQuarter.parse("FY2023-Q4").cutoff(10, "Asia/Tokyo") == datetime(2023, 4, 14, 15, tzinfo=UTC)


@given(DAYS, st.integers(min_value=1, max_value=30))
def test_a_cutoff_never_falls_on_a_weekend(day: date, business_days: int) -> None:
    cutoff = FiscalQuarter.containing(day).cutoff(business_days, "UTC")
    assert (cutoff - timedelta(seconds=1)).weekday() < 5
