"""The board door: each check meets what it must pass, what it must stop, and the boundary between them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
import yaml

from expectations import attack, board_door, board_frames, findings, intervals
from expectations.bounds import bounds
from pipeline import store
from pipeline.database import connect, quoted
from pipeline.errors import GateFailed
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings

MARKER = "SECRET-MARKER-7Q"
QUARTER = FiscalQuarter(2023, 4)
BEFORE = FiscalQuarter(2023, 3)
LIMITS = bounds("board")
CORE = LIMITS.pinned["core_metrics"]
THEME_OF = {
    "trn": "training", "grv": "grievance", "sup": "supply_chain", "wrk": "workforce", "geo": "geopolitics",
    "ai": "ai", "gov": "governance",
}  # fmt: skip
NUMBERS = {"numerator", "denominator", "value", "target_value"}
CASES = "grv_hrh_cases_reported"
ZERO = "grv_forced_labour_trafficking_reports"
RATE = "trn_bhr_completion_rate"
CATEGORISED = "grv_cases_by_category"
PROGRAMME = yaml.safe_load((PROJECT / "publish" / "programme.yml").read_text())

SUPPRESSED_CELL = {
    "numerator": None, "denominator": None, "value": None, "display_value": "withheld", "value_state": "SUPPRESSED",
}  # fmt: skip

Row = dict[str, Any]
Tables = dict[str, list[Row]]


def figure(metric: str, quarter: FiscalQuarter, **parts: Any) -> Row:
    """One good figure: a rate of 180 of 200 without a target, unless ``parts`` say otherwise."""
    row: Row = {
        "metric_id": metric, "title": "A figure", "unit": "%", "perimeter": "jp", "basis": "ytd",
        "fiscal_quarter": str(quarter), "numerator": 180.0, "denominator": 200.0, "value": 90.0,
        "display_value": "90.0 %", "target_value": None, "target_status": "NO_TARGET", "value_state": "MEASURED",
        "dimension": "total", "dimension_value": "ALL", "theme_order": 1, "is_person_count": True,
    }  # fmt: skip
    return row | parts


def count(metric: str, quarter: FiscalQuarter, number: float, **parts: Any) -> Row:
    """One good figure that is a count."""
    state = "MEASURED" if number else "MEASURED_ZERO"
    known = {"unit": "cases", "numerator": number, "denominator": None, "value": number, "value_state": state}
    return figure(metric, quarter, display_value=str(number), **(known | parts))


def headline_of(metric: str, quarter: FiscalQuarter) -> Row:
    if metric == CASES:
        return count(metric, quarter, 100.0 if quarter == QUARTER else 75.0)
    if metric == ZERO:
        return count(metric, quarter, 0.0)
    if metric == "wrk_headcount":
        return count(metric, quarter, 1000.0, unit="persons")
    if metric == RATE:
        status = "MET" if quarter == QUARTER else "NOT_DUE"
        return figure(metric, quarter, perimeter="grp", target_value=90.0, target_status=status)
    if metric == CATEGORISED:
        return figure(metric, quarter, numerator=100.0, denominator=100.0, value=100.0, display_value="100.0 %")
    return figure(metric, quarter)


def category_of(code: str) -> Row:
    """One category of the year: one large one is printed, the declared ones are zero, the others are withheld."""
    row = figure(CATEGORISED, QUARTER, denominator=100.0, dimension="category", dimension_value=code)
    if code == "POWER_HARASSMENT":
        return row | {"numerator": 60.0, "value": 60.0, "display_value": "60.0 %"}
    if code in PROGRAMME["hotline"]["declared"]["category"]:
        return row | {"numerator": 0.0, "value": 0.0, "display_value": "0.0 %", "value_state": "MEASURED_ZERO"}
    return row | SUPPRESSED_CELL


def good_tables() -> Tables:
    """A small candidate that keeps every promise: 24 metrics, two quarters, one breakdown a theme."""
    headline = [headline_of(metric, QUARTER) for metric in CORE]
    trend = [headline_of(metric, quarter) for metric in CORE for quarter in (BEFORE, QUARTER)]
    quarterly = [count(CASES, quarter, 25.0, basis="qtr") for quarter in (BEFORE, QUARTER)]
    parts = [
        count(CASES, QUARTER, 40.0, dimension="identity", dimension_value="NAMED"),
        count(CASES, QUARTER, 30.0, dimension="identity", dimension_value="CONFIDENTIAL"),
        count(CASES, QUARTER, 30.0, dimension="identity", dimension_value="ANONYMOUS_OR_UNKNOWN"),
        figure(RATE, QUARTER, numerator=150.0, denominator=160.0, value=93.75, dimension="country_iso2",
               dimension_value="JP", target_status="NOT_COMPARABLE", perimeter="grp"),
        figure(RATE, QUARTER, numerator=30.0, denominator=40.0, value=75.0, dimension="country_iso2",
               dimension_value="DE", target_status="NOT_COMPARABLE", perimeter="grp"),
        *(category_of(code) for code in PROGRAMME["hotline"]["dimensions"]["category"]["codes"]),
    ]  # fmt: skip
    tables: Tables = {name: [] for name in LIMITS.pinned["tables"]}
    tables["headline"], tables["trend"] = headline, trend
    for row in [*headline, *quarterly, *parts]:
        if row["fiscal_quarter"] == str(QUARTER):
            tables[THEME_OF[row["metric_id"].split("_")[0]]].append(row)
    tables["metric_values"] = [*trend, *quarterly, *parts]
    tables["dim_metric"] = [
        {
            "metric_id": row["metric_id"], "definition_version": "1", "theme": "training", "title": row["title"],
            "unit": row["unit"], "headline_perimeter": row["perimeter"], "basis": "ytd",
            "numerator_text": "what is counted",
            "denominator_text": "what it is a share of", "target_value": row["target_value"],
            "target_direction": "none" if row["target_value"] is None else "at_least", "target_source": None,
            "owner": "SAMPLE office", "trust_level": "gold", "misuse": "none", "is_person_count": True, "decimals": 1,
            "standards": "GRI 2-25",
        }
        for row in headline
    ]  # fmt: skip
    tables["zero_claims"] = [
        headline_of(ZERO, QUARTER) | {"claim": "CHILD_LABOUR", "claim_state": "PROVISIONAL", "evidence": what}
        for what in ("REPORTS", "CATEGORISED")
    ]
    tables["dim_quarter"] = [{"fiscal_quarter": str(BEFORE)}, {"fiscal_quarter": str(QUARTER)}]
    tables["dim_entity"] = [{"entity_code": "E001"}]
    # Every table has rows of its own, so that an edit of one leaves the others as they are.
    return {name: [dict(row) for row in rows] for name, rows in tables.items()}


class Folder:
    """A candidate on disk, and the small edits that a test makes to it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tables = good_tables()
        self.columns = {name: list(columns) for name, columns in LIMITS.pinned["tables"].items()}
        self.touch: list[Callable[[Path], None]] = []

    def each(self, metric: str, changes: Row, *, only: tuple[str, ...] = (), **where: Any) -> None:
        """Change every row of a metric's total in the candidate's quarter, or the rows that ``where`` names."""
        wanted = {"fiscal_quarter": str(QUARTER), "dimension": "total", "basis": "ytd"} | where
        changed = 0
        for name, rows in self.tables.items():
            for row in rows if not only or name in only else []:
                if row.get("metric_id") == metric and all(row.get(k) == v for k, v in wanted.items()):
                    row.update(changes)
                    changed += 1
        assert changed, f"the edit met no row of {metric}"

    def write(self) -> Path:
        files = store.folder(self.settings.place("candidates", str(QUARTER), "writing", "files"))
        with duckdb.connect(config={"threads": 1}) as connection:
            for name, rows in self.tables.items():
                write_csv(files / "tables" / f"{name}.csv", self.columns[name], rows)
                write_parquet(connection, files / "tables" / f"{name}.parquet", self.columns[name], rows)
        (files / "index.html").write_text("<p>SAMPLE</p>")
        store.write_json(files / "programme.json", PROGRAMME)
        sums_of = store.checksums(files)
        digest = store.digest_of(sums_of)
        folder = files.parent.rename(files.parent.with_name(digest))
        store.write_json(folder / "candidate.json", {"quarter": str(QUARTER), "files": sums_of})
        store.write_json(folder.with_name("current.json"), {"candidate_digest": digest})
        for touch in self.touch:
            touch(folder / "files")
        return folder

    def status(self, check: str) -> str:
        """What one check says of this candidate; the other frames are not made."""
        from expectations import board_checks, board_frames, judge

        folder = self.write()
        with connect(self.settings, folders=[folder]) as connection:
            candidate = board_frames.read(self.settings, connection, folder, store.read_json(folder / "candidate.json"))
        (asked,) = [known for known in board_checks.CHECKS if known.__name__ == check]
        frame = board_door.frames_of(self.settings, folder, candidate, LIMITS)[asked.frame]()
        (record,) = judge.judge(frame, [asked], LIMITS, asked.frame)
        return str(record["status"])


def write_csv(file: Path, columns: list[str], rows: list[Row]) -> None:
    store.folder(file.parent)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([cell(row.get(name)) for name in columns] for row in rows)


def cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def write_parquet(connection: duckdb.DuckDBPyConnection, file: Path, columns: list[str], rows: list[Row]) -> None:
    kinds = {"theme_order": "bigint", "decimals": "bigint", "is_person_count": "boolean"}
    typed = ", ".join(
        f"unnest(?::{'double' if name in NUMBERS else kinds.get(name, 'varchar')}[]) as {quoted(name)}"
        for name in columns
    )
    values = [[row.get(name) for row in rows] for name in columns]
    connection.execute(f"create or replace table made as select {typed}", values)
    connection.execute(f"copy made to '{file}'")


def release(folder: Folder, metric: str, value: float, quarter: FiscalQuarter = QUARTER, revision: int = 1) -> None:
    place = folder.settings.place("releases", str(quarter), f"r{revision}", "tables", "headline.csv")
    write_csv(place, ["metric_id", "value"], [{"metric_id": metric, "value": value}])


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(Settings.load(data=tmp_path))


Edit = Callable[[Folder], None]


def rate(**changes: Any) -> Edit:
    return lambda folder: folder.each(RATE, changes)


def cases(**changes: Any) -> Edit:
    return lambda folder: folder.each(CASES, changes)


def part(**changes: Any) -> Edit:
    return lambda folder: folder.each(RATE, changes, dimension="country_iso2", dimension_value="DE")


def unknown(whole: float) -> Edit:
    """Forty workers in a country that nobody knows, of so many."""

    def edit(folder: Folder) -> None:
        folder.each(RATE, {"denominator": whole - 40}, dimension="country_iso2", dimension_value="JP")
        part(dimension_value="UNKNOWN")(folder)

    return edit


def category(**changes: Any) -> Edit:
    return lambda folder: folder.each(CATEGORISED, changes, dimension="category", dimension_value="UNCATEGORISED")


def identity(*codes: str) -> Edit:
    def edit(folder: Folder) -> None:
        for code in codes:
            folder.each(CASES, SUPPRESSED_CELL, dimension="identity", dimension_value=code)

    return edit


def nothing(folder: Folder) -> None:
    """The good candidate as it is."""


def touched(name: str, change: Callable[[Path], object]) -> Edit:
    return lambda folder: folder.touch.append(lambda files: change(files / name))


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def more_columns(table: str, column: str) -> Edit:
    return lambda folder: folder.columns[table].append(column)


def fewer_columns(table: str, column: str) -> Edit:
    return lambda folder: folder.columns[table].remove(column)


def title(text: str) -> Edit:
    return lambda folder: folder.each(RATE, {"title": text})


def headline_without(metric: str) -> Edit:
    def edit(folder: Folder) -> None:
        folder.tables["headline"] = [row for row in folder.tables["headline"] if row["metric_id"] != metric]

    return edit


def catalogue_twice(folder: Folder) -> None:
    folder.tables["dim_metric"].append(dict(folder.tables["dim_metric"][0]))


def reordered(table: str) -> Edit:
    return lambda folder: folder.tables[table].reverse()


def replaced_in_csv(table: str, old: str, new: str) -> Edit:
    return touched(f"tables/{table}.csv", lambda file: file.write_text(file.read_text().replace(old, new)))


def headcount(now: float) -> Edit:
    return lambda folder: folder.each("wrk_headcount", {"value": now, "numerator": now})


def released(metric: str, value: float) -> Edit:
    return lambda folder: release(folder, metric, value)


def quarter_of(table: str, written: str) -> Edit:
    return lambda folder: folder.each(CASES, {"fiscal_quarter": written}, only=(table,))


# check -> edits of a candidate: one it must pass, one it must stop, one just inside the bound
TRIPLES: dict[str, tuple[Edit, Edit, Edit]] = {
    "ExpectTheBytesOfTheCandidate": (
        nothing,
        touched("index.html", flip_a_bit),
        touched("index.html", lambda file: file.write_bytes(file.read_bytes())),
    ),
    "ExpectEveryTableWithItsColumns": (
        nothing,
        fewer_columns("training", "theme_order"),
        more_columns("dim_entity", "one_too_many"),
    ),
    "ExpectNoColumnBeyondThePublishedOnes": (
        nothing,
        more_columns("grievance", "case_id"),
        fewer_columns("dim_entity", "region"),
    ),
    "ExpectCsvAndParquetToBeEqual": (
        nothing,
        replaced_in_csv("trend", "180.0", "180.5"),
        # A number is compared as a number: how it is written is another matter.
        replaced_in_csv("trend", "180.0", "180.000"),
    ),
    "ExpectNoPlaceholderText": (nothing, title("Lorem ipsum"), title("Information to be donated")),
    "ExpectEveryCoreMetricOnceInTheHeadline": (nothing, headline_without(RATE), reordered("headline")),
    "ExpectEveryCoreMetricOnceInTheCatalogue": (nothing, catalogue_twice, reordered("dim_metric")),
    "ExpectNoNumeratorAboveItsDenominator": (nothing, rate(numerator=201.0), rate(numerator=200.0)),
    "ExpectEveryPercentageFromZeroToHundred": (nothing, rate(value=100.1), rate(value=100.0)),
    "ExpectEveryPercentageToBeItsFraction": (
        nothing,
        rate(value=90.0 + 1e-8),
        rate(numerator=2.0, denominator=3.0, value=66.66666666666666),
    ),
    "ExpectNoDenominatorOfZero": (nothing, rate(denominator=0.0), rate(denominator=1.0)),
    "ExpectOnlyKnownValueStates": (nothing, rate(value_state="GUESSED"), rate(value_state="DECLARED")),
    "ExpectEveryValueToFitItsState": (
        nothing,
        rate(value_state="NOT_MEASURED"),
        rate(value_state="NOT_MEASURED", value=None, numerator=None, denominator=None),
    ),
    "ExpectEveryTargetStatusToFitItsTarget": (nothing, rate(value=89.96), rate(value=90.0)),
    "ExpectEveryTotalToBePrinted": (nothing, rate(**SUPPRESSED_CELL), part(**SUPPRESSED_CELL)),
    "ExpectNoSmallCountOfPersons": (nothing, part(numerator=4.0), part(numerator=5.0)),
    "ExpectNoAttackToSucceed": (nothing, identity("NAMED"), identity("NAMED", "CONFIDENTIAL")),
    "ExpectTheAttackOnTheseBytes": (
        nothing,
        touched("more.pdf", lambda file: file.write_bytes(b"%PDF")),
        touched("index.html", lambda file: file.write_bytes(b"<p>OTHER</p>")),
    ),
    "ExpectNoQuarterBeyondTheCandidates": (
        nothing,
        quarter_of("metric_values", "FY2024-Q1"),
        quarter_of("metric_values", "FY2022-Q4"),
    ),
    "ExpectNoZeroClaimWhileCasesAreUncategorised": (
        nothing,
        category(numerator=1.0),
        category(numerator=0.0),
    ),
    "ExpectTheHeadlineToEqualItsTheme": (
        nothing,
        lambda folder: folder.each(CASES, {"value": 101.0}, only=("headline",)),
        cases(value=101.0),
    ),
    "ExpectTheHeadlineToEqualTheTrend": (
        nothing,
        lambda folder: folder.each(CASES, {"fiscal_quarter": "FY2022-Q4"}, only=("trend",)),
        cases(value=101.0),
    ),
    "ExpectHeadcountNearThePreviousQuarter": (nothing, headcount(1101.0), headcount(1100.0)),
    "ExpectPublishedFiguresToStand": (nothing, released(CASES, 100.5), released(CASES, 100.0)),
    "ExpectNoPublishedCaseToVanish": (nothing, released(CASES, 101.0), released(CASES, 100.0)),
    "ExpectEveryBreakdownToSumToItsTotal": (nothing, part(numerator=31.0), part(**SUPPRESSED_CELL)),
    "ExpectFewUnknowns": (nothing, unknown(whole=399.0), unknown(whole=400.0)),
    "ExpectTheYearToDateToAddUp": (
        nothing,
        cases(value=101.0),
        lambda folder: folder.each(CASES, {"value": None}, basis="qtr"),
    ),
}


def test_every_check_has_its_three_inputs() -> None:
    assert sorted(TRIPLES) == sorted(record.check for record in LIMITS.records)


@pytest.mark.parametrize("check", TRIPLES)
def test_a_check_passes_what_it_must(check: str, folder: Folder) -> None:
    TRIPLES[check][0](folder)
    assert folder.status(check) == "passed"


@pytest.mark.parametrize("check", TRIPLES)
def test_a_check_stops_what_it_must(check: str, folder: Folder) -> None:
    TRIPLES[check][1](folder)
    assert folder.status(check) == "failed"


@pytest.mark.parametrize("check", TRIPLES)
def test_a_check_passes_at_its_boundary(check: str, folder: Folder) -> None:
    TRIPLES[check][2](folder)
    assert folder.status(check) == "passed"


@pytest.mark.parametrize(
    ("check", "edit"),
    [
        ("ExpectTheBytesOfTheCandidate", touched("index.html", Path.unlink)),
        ("ExpectTheBytesOfTheCandidate", touched("more.txt", lambda file: file.write_text("added"))),
        ("ExpectEveryTableWithItsColumns", touched("tables/ai.parquet", Path.unlink)),
        ("ExpectNoColumnBeyondThePublishedOnes", touched("tables/case.csv", lambda file: file.write_text("case_id\n"))),
        ("ExpectCsvAndParquetToBeEqual", touched("tables/ai.parquet", lambda file: file.write_bytes(b"none"))),
        ("ExpectNoPlaceholderText", rate(display_value="NaN")),
        ("ExpectNoPlaceholderText", rate(display_value="-inf")),
        ("ExpectNoPlaceholderText", title("for testing only")),
        ("ExpectEveryValueToFitItsState", part(**(SUPPRESSED_CELL | {"display_value": "3"}))),
        ("ExpectEveryValueToFitItsState", part(**(SUPPRESSED_CELL | {"denominator": 40.0}))),
        ("ExpectEveryValueToFitItsState", rate(value=0.0)),
        ("ExpectEveryValueToFitItsState", rate(value_state="MEASURED_ZERO")),
        ("ExpectEveryValueToFitItsState", rate(value=None)),
        ("ExpectEveryTargetStatusToFitItsTarget", rate(target_status="NOT_COMPARABLE")),
        ("ExpectEveryTargetStatusToFitItsTarget", rate(target_status="NOT_DUE")),
        ("ExpectEveryTargetStatusToFitItsTarget", lambda folder: folder.each(
            RATE, {"target_status": "MISSED"}, only=("trend",))),
        ("ExpectEveryTargetStatusToFitItsTarget", rate(target_value=80.0)),
        ("ExpectEveryTargetStatusToFitItsTarget", cases(target_status="MET")),
        ("ExpectNoSmallCountOfPersons", part(denominator=1.0)),
        ("ExpectNoSmallCountOfPersons", part(numerator=1.0, is_person_count=None)),
        ("ExpectNoQuarterBeyondTheCandidates", quarter_of("grievance", str(BEFORE))),
        ("ExpectNoZeroClaimWhileCasesAreUncategorised", category(**SUPPRESSED_CELL)),
        ("ExpectEveryCoreMetricOnceInTheHeadline", lambda folder: folder.tables["headline"].append(
            headline_of("wrk_headcount", QUARTER))),
    ],
)  # fmt: skip
def test_a_check_stops_its_other_faults_too(check: str, edit: Edit, folder: Folder) -> None:
    edit(folder)
    assert folder.status(check) == "failed"


@pytest.mark.parametrize(("state", "waiting", "stands"), [("ZERO", 0.0, True), ("ZERO", 1.0, False),
                                                          ("PROVISIONAL", 1.0, True)])  # fmt: skip
def test_a_claim_of_zero_is_stopped_while_one_case_has_no_category(
    folder: Folder, state: str, waiting: float, stands: bool
) -> None:
    reports = count(ZERO, QUARTER, 0.0, value_state="PROVISIONAL_UNCATEGORISED")
    folder.each(ZERO, {"value_state": "PROVISIONAL_UNCATEGORISED"})
    folder.tables["zero_claims"] = [reports | {"claim": "CHILD_LABOUR", "claim_state": state, "evidence": "REPORTS"}]
    if waiting:
        category(numerator=waiting)(folder)
    assert (folder.status("ExpectNoZeroClaimWhileCasesAreUncategorised") == "passed") == stands


def test_a_provisional_zero_may_stand_beside_uncategorised_cases(folder: Folder) -> None:
    category(numerator=7.0)(folder)
    folder.each(ZERO, {"value_state": "PROVISIONAL_UNCATEGORISED"})
    assert folder.status("ExpectNoZeroClaimWhileCasesAreUncategorised") == "passed"


def test_a_good_candidate_passes_with_every_check_evaluated(folder: Folder) -> None:
    place = folder.write()
    verdict = board_door.check_candidate(folder.settings, QUARTER)
    assert verdict["passed"]
    assert [check for check in verdict["checks"] if check["status"] != "passed"] == []
    assert verdict["checks_expected"] == verdict["checks_evaluated"] == len(verdict["checks"]) == 28
    assert verdict["files"] == store.checksums(place / "files")
    assert store.read_json(place / "verdict.json") == verdict


def test_a_failed_gate_leaves_its_verdict_and_says_four_things(folder: Folder) -> None:
    rate(value=120.0)(folder)
    place = folder.write()
    with pytest.raises(GateFailed) as stopped:
        board_door.check_candidate(folder.settings, QUARTER)
    assert not store.read_json(place / "verdict.json")["passed"]
    assert "ExpectEveryPercentageFromZeroToHundred" in stopped.value.found
    assert f"headline: {RATE}" in stopped.value.found
    assert "at least 0 and at most 100" in stopped.value.expected
    assert "expectations/thresholds.yml" in stopped.value.rule
    assert "docs/runbooks/failed-gate.md" in stopped.value.next_step


def test_a_warning_is_written_down_and_does_not_stop(folder: Folder) -> None:
    release(folder, CASES, 50.0)
    folder.write()
    verdict = board_door.check_candidate(folder.settings, QUARTER)
    failed = {check["check"]: check["found"] for check in verdict["checks"] if check["status"] == "failed"}
    assert verdict["passed"]
    assert failed == {"ExpectPublishedFiguresToStand": f"1 of 48 rows (trend: {CASES} {QUARTER})"}


def test_the_newest_revision_is_what_was_published(folder: Folder) -> None:
    release(folder, CASES, 50.0, revision=2)
    release(folder, CASES, 100.0, revision=10)
    assert folder.status("ExpectPublishedFiguresToStand") == "passed"


def test_a_table_that_cannot_be_read_fails_closed(folder: Folder) -> None:
    folder.touch.append(lambda files: (files / "tables" / "headline.csv").unlink())
    place = folder.write()
    with pytest.raises(GateFailed):
        board_door.check_candidate(folder.settings, QUARTER)
    verdict = store.read_json(place / "verdict.json")
    assert verdict["checks_evaluated"] < verdict["checks_expected"] == len(verdict["checks"])


def test_a_verdict_on_these_bytes_is_taken_again(folder: Folder) -> None:
    place = folder.write()
    first = board_door.check_candidate(folder.settings, QUARTER)
    written = (place / "verdict.json").stat().st_mtime_ns
    assert board_door.check_candidate(folder.settings, QUARTER) == first
    assert (place / "verdict.json").stat().st_mtime_ns == written


@pytest.mark.parametrize("change", [{"rules_digest": "of other rules"}, {"files": {"index.html": "0" * 64}}])
def test_a_verdict_on_other_bytes_or_by_other_rules_is_not_taken(folder: Folder, change: dict[str, Any]) -> None:
    place = folder.write()
    first = board_door.check_candidate(folder.settings, QUARTER)
    store.write_json(place / "verdict.json", first | change)
    assert board_door.check_candidate(folder.settings, QUARTER) == first
    assert store.read_json(place / "verdict.json") == first


def test_a_byte_that_changes_after_a_passing_verdict_is_stopped(folder: Folder) -> None:
    place = folder.write()
    board_door.check_candidate(folder.settings, QUARTER)
    flip_a_bit(place / "files" / "index.html")
    with pytest.raises(GateFailed, match="ExpectTheBytesOfTheCandidate"):
        board_door.check_candidate(folder.settings, QUARTER)


@pytest.mark.parametrize("end", ["out of time", "killed", "without a status"])
def test_d13_an_attack_that_does_not_end_blocks_the_release_and_says_no_count(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    place = folder.write()
    whole = attack.attack

    def cut_short(*given: Any, **options: Any) -> attack.Report:
        if end == "killed":
            raise MemoryError(MARKER)
        return whole(*given, **options, seconds=0.0 if end == "out of time" else 60.0)

    monkeypatch.setattr(attack, "attack", cut_short)
    if end == "without a status":
        monkeypatch.setattr(intervals.highspy.Highs, "getModelStatus", lambda _: intervals.highspy.HighsModelStatus)
    with pytest.raises(GateFailed, match="ExpectNoAttackToSucceed") as stopped:
        board_door.check_candidate(folder.settings, QUARTER)
    verdict = store.read_json(place / "verdict.json")
    [told] = [check for check in verdict["checks"] if check["check"] == "ExpectNoAttackToSucceed"]
    assert not verdict["passed"]
    assert MARKER not in f"{stopped.value}{verdict}"
    assert told["status"] == ("error" if end == "killed" else "failed")
    assert end == "killed" or findings.UNDECIDED in told["found"] + told["subject"]


@pytest.mark.parametrize(
    ("unknown", "other", "share"), [("40", "360", 0.1), ("40", "", 0.1), ("", "360", None), (None, "", 0.0)]
)
def test_what_nobody_knows_is_judged_beside_a_part_that_is_withheld(
    unknown: str | None, other: str, share: float | None
) -> None:
    parts = {"UNKNOWN": unknown, "JP": other}
    rows = [{"dimension_value": name, "numerator": number, "denominator": number, "value": number, "unit": "%"}
            for name, number in parts.items() if number is not None]  # fmt: skip
    total = {"numerator": "300", "denominator": "400", "value": "75", "unit": "%"}
    assert board_frames._unknown_share(pd.DataFrame(rows), total) == share


def test_without_a_candidate_nothing_passes(folder: Folder) -> None:
    with pytest.raises(GateFailed, match="no candidate"):
        board_door.check_candidate(folder.settings, QUARTER)


def test_no_value_of_a_cell_reaches_a_verdict_a_log_or_an_error(
    folder: Folder, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    for row in [row for rows in folder.tables.values() for row in rows]:
        row.update({name: MARKER for name in row if name not in NUMBERS and isinstance(row[name], str)})
    place = folder.write()
    with pytest.raises(GateFailed) as stopped:
        board_door.check_candidate(folder.settings, QUARTER)
    out, err = capfd.readouterr()
    everything = [(place / "verdict.json").read_text(), str(stopped.value), caplog.text, out, err]
    assert [text for text in everything if MARKER in text] == []
