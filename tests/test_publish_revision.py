"""A revision says what it changes, why, and whether it matters; the release before it stays and is said superseded."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
from publish_build import CELLS, QUARTER, checked, decided, finished_build, prepared, released, settings_at

from pipeline import store
from pipeline.errors import HrddError, NotApproved
from pipeline.settings import Settings
from publish import candidate, release
from publish.diff import why_material
from publish.reasons import REASONS


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path)


def revision_of(folder: Path) -> dict[str, Any]:
    return dict(store.read_json(folder / "revision.json"))


def changes(folder: Path) -> list[dict[str, str]]:
    with (folder / "tables" / "revision.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def revised(settings: Settings, build_id: str = "b2", **build: Any) -> Path:
    """A second release of the quarter; with ``reasons`` or ``explanation`` if given."""
    said = {name: build.pop(name) for name in ("reasons", "explanation") if name in build}
    prepared(settings, build_id, **build)
    candidate.prepare_build(settings, QUARTER, build_id, **said)
    checked(settings)
    decided(settings)
    return settings.place(release.publish(settings, QUARTER)["path"])


def test_a_first_release_revises_nothing(settings: Settings) -> None:
    folder = released(settings)
    assert not (folder / "revision.json").exists()
    assert not (folder / "tables" / "revision.csv").exists()
    assert store.read_json(folder / "manifest.json")["revises"] is None
    assert "Revised." not in (folder / "index.html").read_text()


def test_a_figure_changed_after_approval_appears_with_old_new_and_reason(settings: Settings) -> None:
    first = released(settings)
    second = revised(settings, shift=2)
    record = revision_of(second)
    rows = {(row["metric_id"], row["fiscal_quarter"], row["dimension"]): row for row in changes(second)}
    rate = rows["trn_rate", str(QUARTER), "total"]
    assert (rate["old_value"], rate["new_value"], rate["difference"]) == ("86", "88", "2")
    assert (rate["old_display"], rate["new_display"], rate["reasons"]) == ("86.0 %", "88.0 %", "METHOD_CHANGE")
    assert rate["is_material"] == "true"
    assert set(rate["why_material"].split()) == {"points", "headline"}
    assert record["revises"] == "FY2023-Q4/r1"
    assert record["revises_manifest_digest"] == store.read_json(first / "manifest.json")["manifest_digest"]
    assert record["figures"]["changed"] + record["figures"]["kept"] == len(changes(second))
    assert record["is_material"]


def test_every_changed_figure_is_listed_and_no_other(settings: Settings) -> None:
    first = released(settings)
    second = revised(settings, cells={**CELLS, "E": 90})
    listed = {(row["dimension_value"], row["old_value"], row["new_value"]) for row in changes(second)}
    assert listed == {("E", "99", "90")}

    def values(folder: Path) -> dict[tuple[str, ...], str]:
        with (folder / "tables" / "metric_values.csv").open(encoding="utf-8", newline="") as stream:
            return {
                tuple(row[name] for name in ("metric_id", "fiscal_quarter", "dimension_value")): row["value"]
                for row in csv.DictReader(stream)
            }

    old, new = values(first), values(second)
    assert [cell for cell in old if old[cell] != new[cell]] == [("sup_third_party_audits", str(QUARTER), "E")]


def test_what_is_withheld_on_both_sides_is_in_no_comparison(settings: Settings) -> None:
    released(settings)
    second = revised(settings, cells={**CELLS, "B": 2, "C": 3})
    assert changes(second) == []
    assert revision_of(second)["is_material"] is False
    assert "No change is material." in (second / "index.html").read_text()


@pytest.mark.parametrize("now", [3, 8, 10])
def test_a_part_that_would_tell_of_few_stays_as_first_published_and_says_so(settings: Settings, now: int) -> None:
    released(settings, cells={**CELLS, "D": 9})
    second = revised(settings, cells={**CELLS, "D": now})
    row = next(row for row in changes(second) if row["dimension_value"] == "D")
    assert (row["old_value"], row["new_value"], row["difference"]) == ("9", "9", "0")
    assert (row["old_state"], row["new_state"]) == ("MEASURED", "AS_FIRST_PUBLISHED")
    differing = [row for row in changes(second) if row["change"] != "kept"]
    assert row["change"] == "kept"
    assert f"{len(differing)} figures differ, 0 of them in the headline. " in (second / "index.html").read_text()


def figure(value: float | None, status: str = "NO_TARGET", state: str = "MEASURED") -> dict[str, Any]:
    return {"value": value, "value_state": state, "target_status": status, "display_value": str(value)}


@pytest.mark.parametrize(
    ("old", "new", "unit", "why"),
    [
        (figure(85.0), figure(86.0), "%", ["points"]),
        (figure(85.0), figure(85.9), "%", []),
        (figure(10.0), figure(10.6), "%", ["share"]),
        (figure(100.0), figure(105.0), "cases", ["share"]),
        (figure(100.0), figure(104.0), "cases", []),
        (figure(100.0), figure(95.0), "cases", ["share"]),
        (figure(89.95, "MISSED"), figure(90.0, "MET"), "%", ["target"]),
        (figure(0.0, state="MEASURED_ZERO"), figure(1.0), "cases", ["zero_claim"]),
        (figure(0.0, state="PROVISIONAL_UNCATEGORISED"), figure(0.0, state="MEASURED_ZERO"), "cases", ["zero_claim"]),
        (figure(1.0), figure(0.0, state="MEASURED_ZERO"), "cases", ["share", "zero_claim"]),
        (figure(5.0), figure(None, state="SUPPRESSED"), "cases", []),
        (None, figure(3.0), "cases", ["share"]),
        (figure(3.0), None, "cases", ["share"]),
        (None, figure(0.0), "cases", ["zero_claim"]),
        (None, figure(None, state="SUPPRESSED"), "cases", []),
    ],
)
def test_the_rule_of_materiality_at_its_bounds(
    old: dict[str, Any] | None, new: dict[str, Any] | None, unit: str, why: list[str]
) -> None:
    assert why_material(old, new, unit, is_headline=False) == why


def test_a_zero_claim_that_changes_is_material_and_so_is_what_the_board_was_shown(settings: Settings) -> None:
    released(settings)
    second = revised(settings, shift=1)
    rows = {row["metric_id"]: row for row in changes(second) if row["fiscal_quarter"] == str(QUARTER)}
    assert rows["gov_statements"]["why_material"] == "zero_claim headline"
    assert rows["wrk_heads"]["why_material"] == "headline"
    earlier = [row for row in changes(second) if row["metric_id"] == "wrk_heads" and row not in rows.values()]
    assert {row["is_material"] for row in earlier} == {"false"}


def with_inputs(settings: Settings, build_id: str, change: Any) -> None:
    path = settings.place("builds", str(QUARTER), build_id, "inputs.json")
    inputs = store.read_json(path)
    store.write_json(path, {**inputs, "deliveries": change(inputs["deliveries"])})


@pytest.mark.parametrize(
    ("delivery", "code"),
    [
        ({"delivery": "upsert", "as_of_date": "2023-03-31"}, "LATE_DATA"),
        ({"delivery": "snapshot", "as_of_date": "2023-03-31"}, "SOURCE_CORRECTION"),
        ({"delivery": "snapshot", "as_of_date": "2023-03-30"}, "LATE_DATA"),
    ],
)
def test_the_reason_follows_from_the_deliveries(settings: Settings, delivery: dict[str, str], code: str) -> None:
    released(settings)
    prepared(settings, "b2", shift=1)
    with_inputs(settings, "b2", lambda known: [*known, {**known[0], "extract_id": "e" * 64, **delivery}])
    candidate.prepare_build(settings, QUARTER, "b2")
    folder, _ = candidate.current(settings, QUARTER)
    record = revision_of(folder / "files")
    assert record["reason_codes"] == [code]
    assert record["reasons"][0]["because"].endswith("hotline/case")


SOURCES = {
    "trn_rate": ["training/completion", "hr/worker_month"],
    "grv_cases": ["hotline/case", "hotline/allegation"],
    "sup_rate": ["procurement/spend", "procurement/fx_rate"],
    "qa_cells": ["own/check"],
}
LATER_THAN_ALL = {"known_at": "2023-05-01T00:00:00+00:00", "has_manifest": True, "is_late": True, "records": 9,
                  "quarantined": 0, "is_sample": True}  # fmt: skip


def moved(settings: Settings, metrics: set[str], *extracts: str, delivery: str = "append", **said: Any) -> Path:
    """A candidate of a quarter that was released: these figures moved, and these extracts were delivered since."""
    released(settings, sources=SOURCES)
    finished_build(settings, "b2", sources=SOURCES)
    with duckdb.connect(str(settings.place("builds", str(QUARTER), "b2", "due_diligence.duckdb"))) as connection:
        for table in ("fct_metric_value", "board_headline"):
            connection.execute(f"update {table} set value = value + 1 where list_contains(?, metric_id)", [[*metrics]])
    new = [
        {"family": family, "extract": extract, "extract_id": "e" * 64, "as_of_date": "2023-03-31",
         "delivery": delivery, **LATER_THAN_ALL}
        for family, extract in (name.split("/") for name in extracts)
    ]  # fmt: skip
    with_inputs(settings, "b2", lambda known: [*known, *new])
    candidate.prepare_build(settings, QUARTER, "b2", **said)
    return candidate.current(settings, QUARTER)[0] / "files"


def reasons_of(files: Path) -> dict[str, str]:
    return {row["metric_id"]: row["reasons"] for row in changes(files)}


def test_one_late_delivery_is_the_reason_of_the_figures_behind_which_it_lies(settings: Settings) -> None:
    files = moved(settings, {"trn_rate"}, "training/completion")
    assert reasons_of(files) == {"trn_rate": "LATE_DATA"}
    assert revision_of(files)["reasons"][0]["because"] == "new deliveries of training/completion"


def test_two_causes_of_two_figures_are_told_apart(settings: Settings) -> None:
    files = moved(
        settings, {"trn_rate", "sup_rate"}, "training/completion", "procurement/fx_rate", reasons=["FX_REVISION"]
    )
    assert reasons_of(files) == {"trn_rate": "LATE_DATA", "sup_rate": "LATE_DATA FX_REVISION"}


def test_two_causes_of_one_figure_stay_together(settings: Settings) -> None:
    files = moved(
        settings, {"grv_cases", "trn_rate"}, "hotline/allegation", "hr/worker_month", reasons=["RECATEGORISED"]
    )
    assert reasons_of(files) == {"grv_cases": "LATE_DATA RECATEGORISED", "trn_rate": "LATE_DATA"}
    # One difference of one figure of a quarter, however many reasons.
    rows = [row for row in changes(files) if row["metric_id"] == "grv_cases" and row["fiscal_quarter"] == str(QUARTER)]
    assert [row["difference"] for row in rows] == ["1"]


def test_a_figure_about_the_pipeline_itself_rests_on_every_delivery(settings: Settings) -> None:
    assert reasons_of(moved(settings, {"qa_cells"}, "procurement/spend")) == {"qa_cells": "LATE_DATA"}


def test_a_difference_with_nothing_new_behind_it_is_a_defect(settings: Settings) -> None:
    with pytest.raises(HrddError, match="nothing that is new lies behind it") as stop:
        moved(settings, {"sup_rate", "trn_rate"}, "training/completion")
    assert stop.value.found == "sup_rate"


@pytest.mark.parametrize("code", ["FX_REVISION", "PERIMETER_CHANGE", "DUPLICATE_MERGED", "CODE_DEFECT"])
def test_a_reason_that_lies_in_nothing_new_is_refused(settings: Settings, code: str) -> None:
    with pytest.raises(HrddError, match=f"{code} explains nothing") as stop:
        moved(settings, {"trn_rate"}, "training/completion", reasons=[code])
    assert stop.value.found == "new since the release: training/completion"


def test_the_preparer_may_add_a_reason_and_an_explanation(settings: Settings) -> None:
    files = moved(
        settings, {"grv_cases"}, "hotline/allegation", reasons=["RECATEGORISED"], explanation="Some were <b>sorted</b>."
    )
    record = revision_of(files)
    assert record["reason_codes"] == ["LATE_DATA", "RECATEGORISED"]
    assert [reason["derived"] for reason in record["reasons"]] == [True, False]
    assert "Some were &lt;b&gt;sorted&lt;/b&gt;." in (files / "index.html").read_text()


def test_an_unknown_reason_is_refused(settings: Settings) -> None:
    released(settings)
    prepared(settings, "b2", shift=1)
    with pytest.raises(HrddError, match="not a reason") as stop:
        candidate.prepare_build(settings, QUARTER, "b2", reasons=["BECAUSE"])
    assert all(code in stop.value.expected for code in REASONS)


def test_page_and_workbook_of_a_revision_say_so_at_their_top(settings: Settings) -> None:
    released(settings)
    second = revised(settings, shift=2)
    page = (second / "index.html").read_text()
    notice = "This release revises FY2023-Q4/r1, which it supersedes."
    assert page.index(notice) < page.index('id="headline"')
    assert "86.0 % became 88.0 % (material)" in page
    cover = openpyxl.load_workbook(second / "board_figures.xlsx")["Cover"]
    assert [row[1].value for row in cover.iter_rows(min_row=4, max_row=5)][1].startswith(notice)


def test_the_first_release_is_said_superseded_and_keeps_its_bytes(settings: Settings) -> None:
    first = released(settings)
    before = store.checksums(first)
    index = settings.place("releases", str(QUARTER), "index.json")
    assert store.read_json(index)["releases"][0]["superseded_by"] is None
    revised(settings, shift=1)
    said = store.read_json(index)
    assert said["current"] == "FY2023-Q4/r2"
    assert [entry["superseded_by"] for entry in said["releases"]] == ["FY2023-Q4/r2", None]
    assert said["releases"][1]["reason_codes"] == ["METHOD_CHANGE"]
    assert store.checksums(first) == before


def test_a_released_build_prepared_again_is_the_same_candidate(settings: Settings) -> None:
    released(settings)
    one = candidate.current(settings, QUARTER)[1]["candidate_digest"]
    assert candidate.prepare_build(settings, QUARTER, "b1")["candidate_digest"] == one
    revised(settings, shift=1)
    two = candidate.current(settings, QUARTER)[1]["candidate_digest"]
    assert candidate.prepare_build(settings, QUARTER, "b2")["candidate_digest"] == two
    assert candidate.prepare_build(settings, QUARTER, "b1")["candidate_digest"] == one


def test_a_candidate_compared_with_an_older_release_is_not_published(settings: Settings) -> None:
    released(settings)
    stale = prepared(settings, "b2", shift=1)
    revised(settings, "b3", shift=2)
    store.write_json(
        settings.place("candidates", str(QUARTER), "current.json"),
        {"quarter": str(QUARTER), "candidate_digest": stale["candidate_digest"], "build_id": "b2"},
    )
    checked(settings)
    decided(settings)
    with pytest.raises(NotApproved, match="compared with another release"):
        release.publish(settings, QUARTER)
    folder, record = candidate.current(settings, QUARTER)
    newest = store.read_json(settings.place("releases", str(QUARTER), "r2", "manifest.json"))["manifest_digest"]
    store.write_json(folder / "candidate.json", {**record, "revises": newest})
    with pytest.raises(NotApproved, match="compared with another release"):
        release.publish(settings, QUARTER)


def test_every_table_of_a_revision_is_described_in_both_metadata_files(settings: Settings) -> None:
    released(settings)
    second = revised(settings, shift=1)
    for name, places in (
        ("datapackage.json", lambda found: [resource["path"] for resource in found["resources"]]),
        ("csv-metadata.json", lambda found: [table["url"] for table in found["tables"]]),
    ):
        described = set(places(json.loads((second / name).read_bytes())))
        assert described == {file.relative_to(second).as_posix() for file in second.rglob("*.csv")}
