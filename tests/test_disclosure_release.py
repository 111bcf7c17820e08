"""No one can be found in what is released: files as written, releases in sequence, and the ledger between them."""

from __future__ import annotations

import csv
import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import yaml
from disclosure_cases import cases, hotline_build, settings_at
from publish_build import LATER, QUARTER, checked, decided

from expectations import attack, printed
from pipeline import store
from pipeline.errors import GateFailed, HrddError
from pipeline.settings import PROJECT, Settings
from publish import candidate, ledger, release, withdrawal
from publish.cube import Counts
from publish.programme import programme

PLAN = programme()


def year(number: int = 102, seed: int = 11) -> Counts:
    """A year of cases; the last seven have no category yet, and no declared claim is made."""
    counts = cases(PLAN.cube, number, seed)
    moved = counts[6:].sum(axis=0)
    counts[6:] = 0
    counts[0] += moved
    counts[8, 0, 1, 3] = 7
    return counts


def released(settings: Settings, counts: Counts, build_id: str = "b1") -> Path:
    candidate.prepare_build(settings, QUARTER, hotline_build(settings, counts, build_id))
    checked(settings)
    decided(settings)
    return settings.place(release.publish(settings, QUARTER)["path"])


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path]:
    """The first release of a year."""
    settings = settings_at(tmp_path_factory.mktemp("first"))
    return settings, released(settings, year())


@pytest.fixture
def again(first: tuple[Settings, Path], tmp_path: Path) -> tuple[Settings, Path]:
    """A copy of the data folder after the first release, to go on from."""
    shutil.copytree(first[0].data, tmp_path / "data", symlinks=True)
    settings = settings_at(tmp_path / "data")
    return settings, settings.place("releases", str(QUARTER), "r1")


def hotline_parts(folder: Path) -> dict[tuple[str, str], str]:
    with (folder / "tables" / "grievance.csv").open(newline="") as stream:
        return {
            (row["dimension"], row["dimension_value"]): row["numerator"]
            for row in csv.DictReader(stream)
            if row["dimension"] != "total"
        }


def test_the_files_as_written_withstand_the_attack(first: tuple[Settings, Path]) -> None:
    settings, folder = first
    report = attack.attack(settings, [folder])
    assert report.broken == {}
    assert report.questions > 500
    assert report.digests[str(folder)] == store.checksums(folder)


def test_each_format_gives_the_same_printed_cells_and_the_total_of_the_source(first: tuple[Settings, Path]) -> None:
    settings, folder = first
    found = printed.read(settings, folder)
    assert found.contradictions == 0
    parts = {
        kind: {
            key: numbers[2] for key, numbers in figures.items() if key[0].startswith("grv_hrh") and key[4] != "total"
        }
        for kind, figures in found.by_format.items()
        if figures
    }
    assert parts.pop("pdf") == {}  # the pack prints totals
    assert set(parts) == {"csv", "parquet", "json", "xlsx", "html"}
    assert all(figures == parts["csv"] for figures in parts.values())
    total = ("grv_hrh_cases_reported", "jp", "ytd", str(QUARTER), "total", "ALL")
    assert {figures[total][2] for figures in found.by_format.values() if figures} == {float(year().sum())}


def test_json_records_are_searched_too(first: tuple[Settings, Path], tmp_path: Path) -> None:
    settings, folder = first
    shutil.copytree(folder, tmp_path / "r1")
    part = next(
        code for (dimension, code), number in hotline_parts(folder).items() if "_and_" in dimension and not number
    )
    row = {"metric_id": "grv_hrh_cases_reported", "perimeter": "jp", "basis": "ytd", "fiscal_quarter": str(QUARTER),
           "dimension": "category_and_identity", "dimension_value": part, "value": 3}  # fmt: skip
    (tmp_path / "r1" / "more.json").write_text(json.dumps({"deep": [row]}))
    assert attack.attack(settings, [tmp_path / "r1"]).broken[attack.SMALL] == 1


YEAR_END, EARLIER = str(QUARTER), str(QUARTER.previous())


@pytest.mark.parametrize(
    ("metric", "basis", "quarter", "above", "rule"),
    [
        ("grv_retaliation_allegations", "ytd", YEAR_END, None, None),
        ("grv_retaliation_allegations", "ytd", EARLIER, None, attack.BEYOND),
        ("grv_retaliation_allegations", "qtr", YEAR_END, None, attack.BEYOND),
        ("grv_anonymous_share", "ytd", YEAR_END, None, attack.BEYOND),
        ("grv_reports_all_channels", "ytd", YEAR_END, 0, attack.SMALL),
        ("grv_reports_all_channels", "ytd", YEAR_END, 4, attack.SMALL),
        ("grv_reports_all_channels", "ytd", YEAR_END, 5, None),
    ],
)
def test_a_total_by_quarter_of_a_part_or_close_above_another_is_found(
    first: tuple[Settings, Path],
    tmp_path: Path,
    metric: str,
    basis: str,
    quarter: str,
    above: int | None,
    rule: str | None,
) -> None:
    settings, folder = first
    shutil.copytree(folder, tmp_path / "r1")
    value = 30 if above is None else int(year().sum()) + above
    row = {"metric_id": metric, "perimeter": "grp", "basis": basis, "fiscal_quarter": quarter, "value": value}
    (tmp_path / "r1" / "more.json").write_text(json.dumps([row]))
    assert attack.attack(settings, [tmp_path / "r1"]).broken == ({rule: 1} if rule else {})


def test_a_printed_primary_cell_is_found_in_the_files(first: tuple[Settings, Path], tmp_path: Path) -> None:
    settings, folder = first
    values = PLAN.cube.sums(year())
    withheld = [part for part, number in hotline_parts(folder).items() if not number]
    small = []
    for dimension, codes in withheld:
        named = dict(zip(dimension.split("_and_"), codes.split(" / "), strict=True))
        small.append((dimension, codes, int(values[PLAN.cube.place[PLAN.cube.cell(**named)]])))
    assert len(small) > 5
    for number, (dimension, codes, count) in enumerate(small[::4]):
        copy = only_csv(folder, tmp_path / str(number))
        rewrite(copy, dimension, codes, count)
        assert not attack.attack(settings, [copy]).stands


def only_csv(folder: Path, copy: Path) -> Path:
    """A release with one format, so that one edit is the whole edit."""
    (copy / "tables").mkdir(parents=True)
    for name in ("tables/grievance.csv", "tables/metric_values.csv", "programme.json"):
        shutil.copyfile(folder / name, copy / name)
    return copy


def rewrite(folder: Path, dimension: str, part: str, count: int) -> None:
    for name in ("grievance", "metric_values"):
        file = folder / "tables" / f"{name}.csv"
        with file.open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        for row in rows:
            if (row["dimension"], row["dimension_value"]) == (dimension, part):
                row["numerator"] = row["value"] = str(count)
        with file.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


@pytest.mark.parametrize(("change", "rule"), [(0, None), (1, attack.CHANGED), (4, attack.CHANGED), (5, None)])
def test_an_earlier_figure_may_change_by_nothing_or_by_the_threshold(
    first: tuple[Settings, Path], tmp_path: Path, change: int, rule: str | None
) -> None:
    settings, folder = first
    one, two = only_csv(folder, tmp_path / "r1"), only_csv(folder, tmp_path / "r2")
    (dimension, part), number = next(
        (cell, number) for cell, number in hotline_parts(folder).items() if number and cell[0] == "identity"
    )
    rewrite(two, dimension, part, int(number) + change)
    assert attack.attack(settings, [one, two]).broken[attack.CHANGED] == (rule is not None)


def test_another_pattern_in_a_second_release_is_found(first: tuple[Settings, Path], tmp_path: Path) -> None:
    settings, folder = first
    other = settings_at(tmp_path / "other")
    record = candidate.prepare_build(other, QUARTER, hotline_build(other, year()))
    files = other.place("candidates", str(QUARTER), record["candidate_digest"], "files")
    assert attack.attack(settings, [folder, files]).stands
    copy = only_csv(files, tmp_path / "copy")
    part = next(cell for cell, number in hotline_parts(copy).items() if number and "_and_" in cell[0])
    rewrite(copy, *part, "")
    assert attack.TAKEN_BACK in attack.attack(settings, [only_csv(folder, tmp_path / "r1"), copy]).broken


def corrected() -> Counts:
    """The year after seven cases got their categories, and one more was found."""
    counts = year()
    counts[8] = 0
    counts[1, 0, 1, 3] += 4
    counts[2, 0, 1, 3] += 3
    counts[3, 1, 0, 2] += 1
    return counts


def test_a_correction_keeps_what_was_printed_and_what_was_withheld(again: tuple[Settings, Path]) -> None:
    settings, one = again
    two = released(settings, corrected(), "b2")
    before, after = hotline_parts(one), hotline_parts(two)
    assert before.keys() == after.keys()
    changed = {part for part in before if before[part] != after[part]}
    assert changed == {("category", "UNCATEGORISED")}
    assert attack.attack(settings, [one, two]).broken == {}
    assert "as first published" in (two / "index.html").read_text().lower()
    assert [entry["release"] for entry in ledger.lines(settings)] == [f"{QUARTER}/r1", f"{QUARTER}/r2"]


def test_two_truths_give_the_same_bytes_and_the_same_words(
    again: tuple[Settings, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    truth = year()
    twin = truth.copy()
    # One case of two changes its kind of reporter with one of another category, which no table prints.
    places = np.argwhere(twin[:6] > 0)
    one, other = next(
        (a, b) for a in places for b in places if a[0] != b[0] and a[1] != b[1] and a[2] == b[2] and a[3] == b[3]
    )
    for place in (one, other):
        twin[tuple(place)] -= 1
    twin[one[0], other[1], one[2], one[3]] += 1
    twin[other[0], one[1], other[2], other[3]] += 1
    assert not np.array_equal(truth, twin)
    told = []
    for number, counts in enumerate((truth, twin)):
        shutil.copytree(again[0].data, tmp_path / f"twin{number}", symlinks=True)
        settings = settings_at(tmp_path / f"twin{number}")
        caplog.clear()
        record = candidate.prepare_build(settings, QUARTER, hotline_build(settings, counts, "b2"))
        words = [entry.getMessage() for entry in caplog.records]
        told.append((record["candidate_digest"], record["files"], words, capfd.readouterr()))
    assert told[0] == told[1]


def test_the_same_cases_and_key_give_the_same_bytes(first: tuple[Settings, Path], tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    record = candidate.prepare_build(settings, QUARTER, hotline_build(settings, year()))
    assert record["candidate_digest"] == store.read_json(first[1] / "manifest.json")["candidate_digest"]


# The ledger.


def test_the_ledger_holds_what_was_printed_and_the_pattern_and_nothing_else(first: tuple[Settings, Path]) -> None:
    settings, folder = first
    (entry,) = ledger.lines(settings)
    assert set(entry) == {"release", "previous", "manifest_sha256", "cells", "hash"}
    shown = hotline_parts(folder)
    assert {tuple(cell.split("|")[4:]): number or "" for cell, number in entry["cells"].items()} == shown
    assert None in entry["cells"].values()
    assert attack.ledger_stands(settings.place("releases"))


def prepare_again(settings: Settings) -> None:
    candidate.prepare_build(settings, QUARTER, "b1")


@pytest.mark.parametrize("damage", ["missing", "not a record", "another number", "a line twice", "another release"])
def test_without_a_ledger_that_stands_nothing_is_prepared(again: tuple[Settings, Path], damage: str) -> None:
    settings, folder = again
    file = ledger.file(settings)
    entry = json.loads(file.read_text())
    if damage == "missing":
        file.unlink()
    elif damage == "not a record":
        file.write_text("CANARY\n")
    elif damage == "another number":
        cell = next(cell for cell, number in entry["cells"].items() if number)
        entry["cells"][cell] = "6"
        file.write_text(json.dumps(entry) + "\n")
    elif damage == "a line twice":
        file.write_text(file.read_text() * 2)
    else:
        folder.rename(folder.with_name("r7"))
    with pytest.raises(ledger.LedgerBroken) as stop:
        prepare_again(settings)
    assert not attack.ledger_stands(settings.place("releases"))
    assert not re.search(r"\d", f"{stop.value.headline} {stop.value.found}")
    assert "CANARY" not in str(stop.value)


def test_a_line_that_a_kill_prevented_is_written_by_the_next_publish(again: tuple[Settings, Path]) -> None:
    settings, _ = again
    whole = ledger.file(settings).read_bytes()
    ledger.file(settings).unlink()
    with pytest.raises(ledger.LedgerBroken):
        prepare_again(settings)
    release.publish(settings, QUARTER)
    assert ledger.file(settings).read_bytes() == whole
    prepare_again(settings)


def test_a_verdict_from_before_another_release_publishes_nothing(again: tuple[Settings, Path]) -> None:
    settings, _ = again
    candidate.prepare_build(settings, QUARTER, hotline_build(settings, corrected(), "b2"))
    checked(settings, releases_digest="of other releases")
    decided(settings)
    with pytest.raises(GateFailed, match="beside other releases"):
        release.publish(settings, QUARTER)
    assert len(ledger.lines(settings)) == 1


def test_a_quarter_of_the_next_year_prints_totals_only(again: tuple[Settings, Path]) -> None:
    settings, one = again
    record = candidate.prepare_build(settings, LATER, hotline_build(settings, year(), "b3", LATER))
    files = settings.place("candidates", str(LATER), record["candidate_digest"], "files")
    assert hotline_parts(files) == {}
    assert attack.attack(settings, [one, files]).stands


# What stops, and in which words.


def test_a_solver_that_fails_blocks_the_release_without_a_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_at(tmp_path)
    build = hotline_build(settings, year())

    def give_up(_: Any) -> None:
        raise withdrawal.SolverFailed

    monkeypatch.setattr(withdrawal, "_solve", give_up)
    with pytest.raises(GateFailed) as stop:
        candidate.prepare_build(settings, QUARTER, build)
    assert not re.search(r"\d", str(stop.value))
    assert not settings.place("candidates", str(QUARTER), "current.json").exists()


def test_an_attack_that_runs_out_of_time_does_not_stand(first: tuple[Settings, Path]) -> None:
    settings, folder = first
    assert attack.UNDECIDED in attack.attack(settings, [folder], seconds=0.0).broken


def test_a_code_outside_the_list_blocks_the_release_without_naming_it(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    build = hotline_build(settings, year())
    with duckdb.connect(str(settings.place("builds", str(QUARTER), build, "due_diligence.duckdb"))) as connection:
        connection.execute("update int_hotline_cube set category = 'CANARY' where quarter_number = 2")
    with pytest.raises(HrddError) as stop:
        candidate.prepare_build(settings, QUARTER, build)
    assert "CANARY" not in str(stop.value)
    assert not re.search(r"\d", str(stop.value))


def test_a_release_with_another_programme_does_not_stand(first: tuple[Settings, Path], tmp_path: Path) -> None:
    settings, folder = first
    copy = only_csv(folder, tmp_path / "r1")
    loose = json.loads((copy / "programme.json").read_text())
    loose["threshold"] = 1
    (copy / "programme.json").write_text(json.dumps(loose))
    assert not attack.follows_the_reviewed_programme(copy)
    assert attack.follows_the_reviewed_programme(folder)
    assert attack.PROGRAMMES in attack.attack(settings, [folder, copy]).broken
    (copy / "programme.json").unlink()
    assert attack.PROGRAMMES in attack.attack(settings, [copy]).broken


# The walls: hotline and persons meet in no query.

MODELS = {file.stem: file.read_text() for file in sorted((PROJECT / "dbt_project" / "models").rglob("*.sql"))}
PERSONS = {("hr", "worker_month"), ("hr", "leave"), ("training", "assignment"), ("training", "completion"),
           ("training", "attendance"), ("training", "learner_xref")}  # fmt: skip
# They give counts of groups and no row of a person or a case: what is behind them cannot be joined any more.
COUNTS_ONLY = {"int_headcount_by_language", "int_quarters", "fct_metric_value"} | {
    name for name in MODELS if name.startswith("metrics_")
}


def origins(name: str, seen: frozenset[str] = frozenset()) -> set[tuple[str, str]]:
    """The sources whose rows, one by one, can reach a model."""
    text = MODELS.get(name, "")
    found = set(re.findall(r"source\('(\w+)', '(\w+)'\)", text))
    for other in re.findall(r"ref\('(\w+)'\)", text):
        if other not in seen and other not in COUNTS_ONLY:
            found |= origins(other, seen | {name})
    return found


@pytest.mark.parametrize("model", MODELS)
def test_no_model_brings_hotline_rows_and_persons_together(model: str) -> None:
    there = origins(model)
    families = {family for family, _ in there}
    assert not ("hotline" in families and there & PERSONS), f"{model} can join a report with a person"


def test_what_gives_counts_only_has_no_column_of_a_person_or_a_case() -> None:
    described: dict[str, list[str]] = {}
    for file in sorted((PROJECT / "dbt_project" / "models").rglob("*.yml")):
        for model in (yaml.safe_load(file.read_text()) or {}).get("models", []):
            described[model["name"]] = [column["name"] for column in model.get("columns", [])]
    keys = re.compile(r"person|worker_key|learner|case_id|contact|received_|submitted|_day$|_tick$")
    assert {name for name in COUNTS_ONLY if not described[name]} == set()
    assert [(name, column) for name in COUNTS_ONLY for column in described[name] if keys.search(column)] == [
        ("fct_metric_value", "is_person_count")
    ]


def test_no_other_query_of_the_project_names_a_report_and_a_person() -> None:
    rooms = ("ingest", "publish", "expectations", "events", "portal", "dags", "benchmarks")
    joining = [
        file.name
        for room in rooms
        for file in sorted((PROJECT / room).rglob("*.py"))
        for query in re.findall(r"(?is)select\b.{0,600}", file.read_text())
        if re.search(r"hotline__|int_hotline", query) and re.search(r"person_key|worker_month|learner", query)
    ]
    assert joining == []


def test_the_hotlines_contracts_have_no_column_for_a_person_or_a_story() -> None:
    words = re.compile(r"name|narrative|summary|description|mail|phone|person|worker|employee|witness|subject|site")
    for file in sorted((PROJECT / "ingest" / "contracts" / "hotline").glob("*.yaml")):
        (table,) = yaml.safe_load(file.read_text())["schema"]
        assert [column["name"] for column in table["properties"] if words.search(column["name"])] == []


def test_the_analysts_database_holds_printed_cells_of_the_hotline_only(first: tuple[Settings, Path]) -> None:
    settings, folder = first
    with duckdb.connect(str(settings.place("mart", "due_diligence.duckdb").resolve()), read_only=True) as mart:
        tables = {name for (name,) in mart.execute("select table_name from duckdb_tables()").fetchall()}
        rows = mart.execute(
            "select dimension, dimension_value, numerator from board_grievance where dimension <> 'total'"
        ).fetchall()
    assert not [name for name in tables if "cube" in name or "case" in name or name.startswith(("int_", "stg_"))]
    shown = {(dimension, part): "" if number is None else str(int(number)) for dimension, part, number in rows}
    assert shown == hotline_parts(folder)


@pytest.mark.parametrize(("apart", "stands"), [(0, True), (1, False), (4, False), (5, True)])
@pytest.mark.parametrize("what", ["numerator", "denominator", "both"])
def test_a_neighbor_may_lie_beside_its_headline_by_nothing_or_by_the_threshold(
    first: tuple[Settings, Path], tmp_path: Path, what: str, apart: int, stands: bool
) -> None:
    settings, folder = first
    copy = only_csv(folder, tmp_path / "r1")
    beside(copy, 800 + apart * (what != "denominator"), 1000 + apart * (what != "numerator"))
    assert attack.attack(settings, [copy]).stands == stands


def test_a_neighbor_without_its_headline_is_found(first: tuple[Settings, Path], tmp_path: Path) -> None:
    settings, folder = first
    copy = only_csv(folder, tmp_path / "r1")
    beside(copy, 500, 900, headline=False)
    assert attack.attack(settings, [copy]).broken[attack.BEYOND] == 1


def test_the_word_variant_hides_no_part_from_the_attacker(first: tuple[Settings, Path], tmp_path: Path) -> None:
    settings, folder = first
    copy = only_csv(folder, tmp_path / "r1")
    part = next(
        code for (dimension, code), number in hotline_parts(folder).items() if "_and_" in dimension and not number
    )
    row = {"metric_id": "grv_hrh_cases_reported", "perimeter": "jp", "basis": "ytd", "fiscal_quarter": str(QUARTER),
           "dimension": "category_and_identity", "dimension_value": part, "variant": "any", "value": 3}  # fmt: skip
    (copy / "more.json").write_text(json.dumps([row]))
    assert attack.attack(settings, [copy]).broken[attack.SMALL] == 1


def beside(folder: Path, numerator: int, denominator: int, *, headline: bool = True) -> None:
    """Print a total of 800 of 1,000 persons, if asked, and a neighbor of it."""
    total = {"metric_id": "trn_made_up_rate", "perimeter": "corp", "basis": "ytd", "fiscal_quarter": str(QUARTER)}
    neighbor = total | {"variant": "another rule", "numerator": numerator, "denominator": denominator, "value": 1}
    printed = [total | {"numerator": 800, "denominator": 1000, "value": 80}] * headline
    (folder / "more.json").write_text(json.dumps([*printed, neighbor]))
