"""What a build is told about the pipeline itself: ages, checks, vanished rows, and releases of earlier quarters."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from dbt_project.own_records import AGE_OF_NO_DAY, TABLES, business_days, own_records, write_records
from pipeline import store
from pipeline.database import connect
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

Q4 = FiscalQuarter(2023, 4)
CUTOFF = datetime(2023, 4, 14, 15, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(data=tmp_path)


def receipt(settings: Settings, extract: str, extract_id: str, **changes: Any) -> dict[str, Any]:
    """A load receipt in raw, with a verdict of one check passed and one not."""
    record = {"family": "hr", "extract": extract, "extract_id": extract_id, "as_of_date": "2023-03-31",
              "quarter": "FY2023-Q4", "known_at": "2023-04-05T00:00:00+00:00"} | changes  # fmt: skip
    folder = settings.place("raw", "hr", extract)
    store.write_json(folder / f"{extract_id}.json", record)
    checks = [{"check": "ExpectOne", "status": "passed"}, {"check": "ExpectTwo", "status": "failed"}]
    store.write_json(folder / f"{extract_id}.verdict.json", {"checks": checks})
    return record


def release(settings: Settings, quarter: str, name: str, decided_at: str, numerator: str) -> None:
    folder = settings.place("releases", quarter, name)
    store.write_json(folder / "manifest.json", {"cutoff_at": "2023-01-16T15:00:00+00:00"})
    store.write_json(folder / "approval.json", {"decided_at": decided_at, "role": "OFFICER"})
    header = "metric_id,perimeter,basis,fiscal_quarter,dimension,dimension_value,numerator,denominator"
    total = f"a_rate,corp,ytd,{quarter},total,ALL,{numerator},10"
    part = f"a_rate,corp,ytd,{quarter},country_iso2,JP,1,2"
    store.write_bytes(folder / "tables" / "metric_values.csv", f"{header}\r\n{total}\r\n{part}\r\n".encode())


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        (date(2023, 3, 31), date(2023, 3, 31), 0),
        (date(2023, 3, 31), date(2023, 4, 2), 0),  # Friday to Sunday
        (date(2023, 3, 31), date(2023, 4, 3), 1),
        (date(2023, 3, 31), date(2023, 4, 14), 10),
        (date(2024, 2, 28), date(2024, 3, 1), 2),  # over a leap day
    ],
)
def test_business_days_are_counted_after_the_first_day(first: date, last: date, days: int) -> None:
    assert business_days(first, last) == days


def test_an_extract_is_as_old_as_its_newest_delivery_at_the_end_of_the_cutoff_day(settings: Settings) -> None:
    taken = [
        receipt(settings, "leave", "a", as_of_date="2022-12-31"),
        receipt(settings, "leave", "b"),
        receipt(settings, "site", "c", as_of_date=None),
    ]
    ages = {row["extract"]: row["age_business_days"] for row in own_records(settings, Q4, CUTOFF, taken)["freshness"]}
    assert ages == {"hr/leave": 10, "hr/site": AGE_OF_NO_DAY}


def test_checks_are_those_of_the_quarter_known_by_the_cutoff_stopped_deliveries_included(settings: Settings) -> None:
    receipt(settings, "leave", "stopped", known_at=CUTOFF.isoformat())
    receipt(settings, "leave", "late", known_at="2023-04-14T15:00:01+00:00")
    receipt(settings, "leave", "other", quarter="FY2023-Q3")
    found = own_records(settings, Q4, CUTOFF, [])["check"]
    assert [(row["extract_id"], row["check_name"], row["is_passed"]) for row in found] == [
        ("stopped", "ExpectOne", True), ("stopped", "ExpectTwo", False),
    ]  # fmt: skip


def test_vanished_rows_are_those_of_the_deliveries_that_the_build_takes(settings: Settings) -> None:
    counted = [{"extract_id": name, "as_of_date": "2023-03-31", "vanished": 3} for name in ("a", "b")]
    record = {"family": "hr", "extract": "leave", "deliveries": counted}
    store.write_json(settings.place("qa", "vanished_rows", "hr", "leave.json"), record)
    found = own_records(settings, Q4, CUTOFF, [receipt(settings, "leave", "a")])["vanished"]
    assert [(row["fiscal_quarter"], row["extract_id"], row["vanished_rows"]) for row in found] == [
        ("FY2023-Q4", "a", 3),
    ]  # fmt: skip


def test_only_releases_of_earlier_quarters_are_told_first_decision_and_last_totals(settings: Settings) -> None:
    release(settings, "FY2023-Q3", "r1", "2023-01-30T15:00:00+00:00", "8")
    release(settings, "FY2023-Q3", "r2", "2023-03-01T00:00:00+00:00", "9")
    before = own_records(settings, Q4, CUTOFF, [])
    assert before["signoff"] == [{"fiscal_quarter": "FY2023-Q3", "role": "OFFICER", "lead_days": 14}]
    assert before["published"] == [
        {"metric_id": "a_rate", "perimeter": "corp", "basis": "ytd", "fiscal_quarter": "FY2023-Q3", "numerator": 9.0,
         "denominator": 10.0}
    ]  # fmt: skip
    release(settings, "FY2023-Q4", "r1", "2023-05-01T00:00:00+00:00", "7")
    assert own_records(settings, Q4, CUTOFF, []) == before
    assert own_records(settings, Q4.previous(), CUTOFF, [])["signoff"] == []


def test_a_begun_day_is_a_day(settings: Settings) -> None:
    release(settings, "FY2023-Q3", "r1", "2023-01-30T15:00:01+00:00", "8")
    assert own_records(settings, Q4, CUTOFF, [])["signoff"][0]["lead_days"] == 15


def test_every_table_is_written_with_its_columns_even_if_it_is_empty(settings: Settings) -> None:
    inputs = settings.place("inputs")
    write_records(settings, own_records(settings, Q4, CUTOFF, []), inputs)
    with connect(settings, folders=[inputs]) as connection:
        for name, columns in TABLES.items():
            found = connection.execute(f"describe from read_parquet('{inputs}/own/{name}/*.parquet')").fetchall()
            assert {column: kind for column, kind, *_ in found} == columns
