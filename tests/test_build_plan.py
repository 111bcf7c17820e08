"""Which deliveries a build takes, by docs/layout.md; receipts and verdicts are all that a plan reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_project.build import Plan, plan, quarters_to_build, utc_offsets
from ingest.contract import contracts
from pipeline import store
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

Q4 = FiscalQuarter(2023, 4)
IN_TIME = datetime(2023, 4, 5, 1, tzinfo=UTC)
CUTOFF = datetime(2023, 4, 14, 15, tzinfo=UTC)  # the end of the tenth business day, in Tokyo
MAY = datetime(2023, 5, 22, 1, tzinfo=UTC)
NAMES = count(1)


def arrive(settings: Settings, family: str, extract: str, known_at: datetime = IN_TIME, **changes: Any) -> str:
    """A load receipt and the passing verdict of its door; returns the extract's id."""
    extract_id = store.sha256_bytes(f"{family} {extract} {next(NAMES)}".encode())
    receipt = {
        "extract_id": extract_id,
        "family": family,
        "extract": extract,
        "outcome": "loaded",
        "loaded": 3,
        "quarantined": 0,
        "parquet_sha256": store.sha256_bytes(extract_id.encode()),
        "known_at": known_at.isoformat(),
        "as_of_date": "2023-03-31",
        "quarter": "FY2023-Q4",
        "delivery": contracts()[family, extract].delivery,
        "has_manifest": True,
        "is_sample": True,
    } | changes
    folder = settings.place("raw", family, extract)
    store.write_json(folder / f"{extract_id}.json", receipt)
    judge(settings, family, extract, extract_id, passed=True)
    return extract_id


def judge(settings: Settings, family: str, extract: str, extract_id: str, *, passed: bool, of: str = "") -> None:
    digest = of or store.sha256_bytes(extract_id.encode())
    verdict = {"door": "extract", "passed": passed, "files": {f"{extract_id}.parquet": digest}}
    store.write_json(settings.place("raw", family, extract, f"{extract_id}.verdict.json"), verdict)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(data=tmp_path)


@pytest.fixture
def whole(settings: Settings) -> Settings:
    """Every extract but hr.leave, in time."""
    for family, extract in contracts():
        if (family, extract) != ("hr", "leave"):
            arrive(settings, family, extract)
    return settings


def taken(chosen: Plan) -> list[str]:
    return [d["extract_id"] for d in chosen.deliveries if (d["family"], d["extract"]) == ("hr", "leave")]


def test_a_plan_lacks_an_extract_until_it_arrives(whole: Settings) -> None:
    assert plan(whole, Q4).missing == ["hr/leave: no delivery of this quarter arrived"]
    assert quarters_to_build(whole) == []
    arrive(whole, "hr", "leave")
    assert plan(whole, Q4).missing == []
    assert quarters_to_build(whole) == [Q4]


def test_a_plan_says_why_an_extract_does_not_count(whole: Settings) -> None:
    def why() -> str:
        (line,) = plan(whole, Q4).missing
        return line.removeprefix("hr/leave: ")

    refused = arrive(whole, "hr", "leave", outcome="refused")
    assert why() == "a delivery was refused"
    arrive(whole, "hr", "leave", known_at=IN_TIME)
    assert plan(whole, Q4).missing == []
    whole.place("raw", "hr", "leave", f"{refused}.json").unlink()
    (receipt,) = [
        f for f in whole.place("raw", "hr", "leave").glob("*.json") if f.with_suffix(".verdict.json").exists()
    ]
    judge(whole, "hr", "leave", receipt.stem, passed=False)
    assert why() == "a delivery did not pass the extract door"
    judge(whole, "hr", "leave", receipt.stem, passed=True, of="the digest of other bytes")
    assert why() == "a delivery did not pass the extract door"
    receipt.with_suffix(".verdict.json").unlink()
    assert why() == "a delivery waits for the extract door"


@pytest.mark.parametrize(
    ("known_at", "cutoff_at", "is_late"),
    [(CUTOFF, CUTOFF, False), (CUTOFF + timedelta(seconds=1), CUTOFF + timedelta(seconds=1), True)],
)
def test_a_delivery_of_the_quarter_is_late_after_the_cutoff_and_still_counts(
    whole: Settings, known_at: datetime, cutoff_at: datetime, is_late: bool
) -> None:
    arrive(whole, "hr", "leave", known_at)
    chosen = plan(whole, Q4)
    assert chosen.missing == []
    assert (chosen.cutoff_at, chosen.standard_cutoff_at) == (cutoff_at, CUTOFF)
    assert [d["is_late"] for d in chosen.deliveries if d["extract"] == "leave"] == [is_late]


def test_a_delivery_of_an_earlier_quarter_does_not_move_the_cutoff(whole: Settings) -> None:
    ours = arrive(whole, "hr", "leave")
    earlier = {"as_of_date": "2022-12-31", "quarter": "FY2023-Q3"}
    in_time = arrive(whole, "hr", "leave", CUTOFF, **earlier)
    before = plan(whole, Q4)
    arrive(whole, "hr", "leave", MAY, **earlier)
    assert sorted(taken(plan(whole, Q4))) == sorted([ours, in_time])
    assert plan(whole, Q4) == before


@pytest.mark.parametrize(("as_of", "counts"), [(date(2023, 3, 31), True), (date(2023, 4, 1), False)])
def test_a_delivery_of_the_next_quarter_is_not_taken(whole: Settings, as_of: date, counts: bool) -> None:
    arrive(whole, "hr", "leave", as_of_date=str(as_of), quarter=str(FiscalQuarter.containing(as_of)))
    assert (taken(plan(whole, Q4)) != []) is counts
    assert (plan(whole, Q4).missing == []) is counts


def test_a_delivery_without_a_date_speaks_of_any_quarter(whole: Settings) -> None:
    first = arrive(whole, "hr", "leave", MAY, as_of_date=None, quarter=None)
    chosen = plan(whole, Q4)
    assert (taken(chosen), chosen.missing, chosen.cutoff_at) == ([first], [], MAY)
    # The next one belongs to a later quarter: what was built stays what it is.
    arrive(whole, "hr", "leave", MAY + timedelta(days=30), as_of_date=None, quarter=None)
    assert plan(whole, Q4) == chosen


def test_a_delivery_without_a_date_in_time_moves_nothing(whole: Settings) -> None:
    first = arrive(whole, "hr", "leave", IN_TIME, as_of_date=None, quarter=None)
    arrive(whole, "hr", "leave", MAY, as_of_date=None, quarter=None)
    chosen = plan(whole, Q4)
    assert (taken(chosen), chosen.cutoff_at) == ([first], CUTOFF)


def test_a_build_id_changes_with_what_can_change_a_figure_and_nothing_else(whole: Settings) -> None:
    arrive(whole, "hr", "leave")
    build_id = plan(whole, Q4).build_id
    for change in (
        {"parent_entity_code": "E002"},
        {"timezone": "Europe/London"},
        {"cutoff_business_days": 11},
    ):
        assert plan(replace(whole, **change), Q4).build_id != build_id
    same = replace(whole, threads=1, memory_limit="1GB", preparer="somebody", company="SAMPLE Other")
    assert plan(same, Q4).build_id == build_id
    arrive(whole, "hr", "leave")
    assert plan(whole, Q4).build_id != build_id


def test_a_quarter_with_a_candidate_of_its_build_waits_for_nothing(whole: Settings) -> None:
    arrive(whole, "hr", "leave")
    candidates = whole.place("candidates", str(Q4))
    store.write_json(candidates / "current.json", {"candidate_digest": "c1"})
    store.write_json(candidates / "c1" / "candidate.json", {"build_id": plan(whole, Q4).build_id})
    assert quarters_to_build(whole) == []
    arrive(whole, "hr", "leave", MAY)
    assert quarters_to_build(whole) == [Q4]


@given(
    zone=st.sampled_from(("Asia/Tokyo", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")),
    moment=st.datetimes(datetime(2019, 4, 1), datetime(2023, 5, 1)),
)
def test_offsets_are_those_of_the_time_zone(zone: str, moment: datetime) -> None:
    from zoneinfo import ZoneInfo

    offsets = utc_offsets(zone, date(2019, 4, 1), date(2023, 5, 2))
    minutes = [o["minutes"] for o in offsets if datetime.fromisoformat(o["since"]) <= moment][-1]
    local = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert moment + timedelta(minutes=minutes) == local
