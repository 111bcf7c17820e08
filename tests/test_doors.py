"""What holds for both doors: bounds have reasons, checks have bounds, and a check that did not run is a failure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
import yaml

from expectations import board_checks, extract_checks, judge, verdict
from expectations.bounds import FILE, Door, bounds
from ingest.contract import contracts

DOORS: tuple[Door, ...] = get_args(Door)
CHECKS = {"extract": extract_checks.CHECKS, "board": board_checks.CHECKS}
README = (FILE.parent / "README.md").read_text()
LIMITS = bounds("extract")
MARKER = "SECRET-MARKER-7Q"


@pytest.mark.parametrize("door", DOORS)
def test_every_check_has_a_bound_and_every_bound_a_check(door: Door) -> None:
    assert {check.__name__ for check in CHECKS[door]} == {record.check for record in bounds(door).records}


@pytest.mark.parametrize("door", DOORS)
def test_the_number_of_checks_is_pinned(door: Door) -> None:
    assert bounds(door).checks_expected == len(CHECKS[door])


@pytest.mark.parametrize("door", DOORS)
def test_every_check_is_a_sentence_about_a_column_with_a_way_on(door: Door) -> None:
    for check in CHECKS[door]:
        assert check.__name__.startswith("Expect")
        assert len((check.__doc__ or "").split()) >= 8, check
        assert check.__fields__["column"].default
        assert check.next_step.endswith(".")


def test_every_required_extract_has_its_own_number_of_records() -> None:
    own = [record.subject for record in LIMITS.records if record.check == "ExpectAPlausibleNumberOfRecords"]
    required = ["/".join(name) for name, terms in contracts().items() if terms.required]
    assert sorted(own) == ["", *sorted(required)]


@pytest.mark.parametrize("door", DOORS)
def test_every_bound_was_measured_on_a_day_that_has_been(door: Door) -> None:
    records = bounds(door).records
    assert records
    assert all(record.measured["on"] <= date.today() and record.because and record.bound for record in records)


GOOD = {
    "check": "ExpectAManifest",
    "loudness": "warn",
    "bound": {"min_value": 1},
    "measured": {"on": date(2026, 11, 22), "value": "1"},
    "because": "a reason",
    "previous": [],
}


def write_bounds(file: Path, record: dict[str, Any]) -> Path:
    text = yaml.safe_dump({"extract": {"checks_expected": 1, "bounds": [record]}}).replace("'on':", "on:")
    file.write_text(text)
    return file


def test_a_bound_with_everything_is_read(tmp_path: Path) -> None:
    assert bounds("extract", write_bounds(tmp_path / "t.yml", GOOD)).records[0].in_words == "at least 1"


@pytest.mark.parametrize(
    "change",
    [
        {"because": " "},
        {"bound": {}},
        {"loudness": "shout"},
        {"measured": {}},
        {"measured": {"on": date(2026, 11, 22)}},
        {"measured": {"value": "1"}},
        {"measured": {"on": "some day", "value": "1"}},
        {"surprise": 1},
    ],
    ids=str,
)
def test_a_bound_without_day_measurement_or_reason_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="ExpectAManifest"):
        bounds("extract", write_bounds(tmp_path / "t.yml", GOOD | change))


@pytest.mark.parametrize("part", sorted(GOOD.keys() - {"check"}))
def test_a_bound_that_lacks_a_part_is_refused(tmp_path: Path, part: str) -> None:
    with pytest.raises(ValueError, match="ExpectAManifest"):
        bounds("extract", write_bounds(tmp_path / "t.yml", {k: v for k, v in GOOD.items() if k != part}))


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last check of the extract door raises an exception that holds a value of the frame."""

    def fault(*_: Any, **__: Any) -> None:
        raise ValueError(MARKER)

    # On the class itself: the engine finds a check by its name, so a second class of that name would replace it.
    monkeypatch.setattr(extract_checks.ExpectAManifest, "_validate", fault)


def frame(**changes: Any) -> pd.DataFrame:
    good = {check.__fields__["column"].default: 0.0 for check in extract_checks.CHECKS}
    return pd.DataFrame([good | {"records": 5.0, "manifests": 1.0, "volume_ratio": 1.0} | changes])


def judged(checks: tuple[Any, ...], rows: pd.DataFrame) -> dict[str, Any]:
    return verdict.verdict(LIMITS, judge.judge(rows, checks, LIMITS, "a delivery", "hr/leave"), {"file": "digest"})


def test_all_checks_on_a_good_frame_pass() -> None:
    assert judged(extract_checks.CHECKS, frame())["passed"]


@pytest.mark.parametrize(
    "change",
    [lambda checks: checks[:-1], lambda checks: (), lambda checks: (*checks, checks[-1])],
    ids=["removed", "emptied", "doubled"],
)
def test_a_check_that_did_not_run_fails_the_verdict(change: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> None:
    record = judged(change(extract_checks.CHECKS), frame())
    assert not record["passed"]
    assert verdict.refusal(record, "a delivery", next_step="") is not None


@pytest.mark.usefixtures("raising")
def test_a_check_that_raises_fails_the_verdict_though_it_only_warns() -> None:
    record = judged(extract_checks.CHECKS, frame())
    assert [(c["check"], c["loudness"]) for c in record["checks"] if c["status"] == "error"] == [
        ("ExpectAManifest", "warn")
    ]
    assert not record["passed"]


def test_a_renamed_check_has_no_bound_and_stops() -> None:
    renamed = type("ExpectAnotherName", (extract_checks.ExpectAManifest,), {"__doc__": "Renamed."})
    with pytest.raises(Exception, match="ExpectAnotherName"):
        judged((*extract_checks.CHECKS[:-1], renamed), frame())


@pytest.mark.parametrize(
    "rows",
    [frame().iloc[:0], frame(age_days=None), frame().drop(columns="records"), frame(records="text")],
    ids=["no row", "a measure not taken", "a column gone", "a text where a number belongs"],
)
def test_a_check_with_nothing_to_look_at_fails_the_verdict(rows: pd.DataFrame) -> None:
    record = judged(extract_checks.CHECKS, rows)
    assert not record["passed"]
    assert record["checks_evaluated"] < record["checks_expected"]


@pytest.mark.usefixtures("raising")
def test_what_an_exception_says_is_kept_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    record = judged(extract_checks.CHECKS, frame(records=MARKER))
    assert MARKER not in str(record) + caplog.text + str(verdict.refusal(record, "a delivery", next_step=""))


@pytest.mark.parametrize("door", DOORS)
def test_the_readme_lists_every_check_with_its_loudness(door: Door) -> None:
    section = README.split(f"### The {door} door")[1].split("\n#")[0]
    listed = re.findall(r"^\| `(Expect\w+)` \| (fail|warn) \|", section, re.MULTILINE)
    loudness = {record.check: record.loudness for record in bounds(door).records}
    assert listed == [(check.__name__, loudness[check.__name__]) for check in CHECKS[door]]
