"""No one can be found in what is released: files as written, releases in sequence, and the ledger between them."""

from __future__ import annotations

import csv
import json
import logging
import re
import shutil
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pypdf
import pytest
import typst
import xlsxwriter
import yaml
from disclosure_cases import cases, hotline_build, settings_at
from publish_build import LATER, QUARTER, checked, decided

from expectations import attack, findings, printed
from pipeline import store
from pipeline.errors import GateFailed, HrddError
from pipeline.settings import PROJECT, Settings
from publish import candidate, disclosure, ledger, release, withdrawal
from publish.cells import CELL, FROZEN, SUPPRESSED
from publish.cube import Counts
from publish.programme import Rules, programme

PLAN = programme()
NOTHING = (None, None, None)


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


def test_d09_no_file_prints_a_count_below_the_threshold_but_for_what_is_declared(first: tuple[Settings, Path]) -> None:
    found = printed.read(*first).figures
    parts = {key: numbers for key, numbers in found.items() if key[4] != "total" and numbers[2] is not None}
    declared = {key for key in parts if key[4] == "category" and key[5] in PLAN.declared["category"]}
    hotline = {key for key in parts if key[0] in PLAN.metric_of.values()} - declared
    firms = parts.keys() - hotline - declared
    assert len(declared) == 3
    assert len(hotline) >= 5
    assert {key[0] for key in firms} == {"sup_third_party_audits"}
    assert min(parts[key][0] or 0 for key in hotline) >= 5
    assert min(parts[key][0] or 0 for key in firms) >= 3


def test_d10_the_files_as_written_withstand_the_attack(first: tuple[Settings, Path]) -> None:
    settings, folder = first
    report = attack.attack(settings, [folder])
    assert report.broken == {}
    assert report.questions > 500
    assert report.digests[str(folder)] == store.checksums(folder)


def test_d11_each_format_gives_the_same_printed_cells_and_the_total_of_the_source(first: tuple[Settings, Path]) -> None:
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
    assert attack.attack(settings, [tmp_path / "r1"]).broken[findings.SMALL] == 1


SHEET = ("Metric id", "Perimeter", "Basis", "Quarter", "Broken down by", "Part", "Numerator", "Value")
TAGS = ("data-figure", "data-perimeter", "data-basis", "data-quarter", "data-dimension", "data-part")


def plant(file: Path, row: dict[str, Any]) -> None:
    """Write one figure into a file of its kind, where nobody would look."""
    kind = file.suffix
    if kind == ".csv":
        file.write_text(",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n")
    elif kind == ".json":
        file.write_text(json.dumps({"notes": [{"deep": row}]}))
    elif kind == ".parquet":
        with duckdb.connect() as connection:
            values = ", ".join(f"'{value}' as {name}" for name, value in row.items())
            connection.execute(f"copy (select {values}) to '{file}'")
    elif kind == ".xlsx":
        with xlsxwriter.Workbook(str(file)) as book:
            book.add_worksheet("Notes").write(0, 0, "nothing here")
            sheet = book.add_worksheet("Hidden")
            sheet.write_row(40, 7, SHEET)
            sheet.write_row(41, 7, [*(row[name] for name in CELL), row["value"], row["value"]])
            sheet.very_hidden()
    elif kind == ".html":
        said = " ".join(f'{tag}="{row[name]}"' for tag, name in zip(TAGS, CELL, strict=True))
        file.write_text(f'<table hidden><tr {said}><td><data value="{row["value"]}"></data></td></tr></table>')
    else:
        said = " ".join(str(row[name]) for name in CELL[:4])
        words = file.with_name("words.typ")
        words.write_text(f"`{said} {row['value']} - {row['value']}`")
        file.write_bytes(typst.compile(str(words)))
        words.unlink()


@pytest.mark.parametrize("name", ["more.csv", "more.json", "more.parquet", "more.xlsx", "more.html", "more.pdf"])
def test_d10_a_leak_in_any_kind_of_file_is_seen(first: tuple[Settings, Path], tmp_path: Path, name: str) -> None:
    settings, folder = first
    copy = only_csv(folder, tmp_path / "r1")
    part = next(code for (by, code), number in hotline_parts(folder).items() if "_and_" in by and not number)
    row = {"metric_id": "grv_hrh_cases_reported", "perimeter": "jp", "basis": "ytd", "fiscal_quarter": str(QUARTER),
           "dimension": "category_and_identity", "dimension_value": part, "value": 3}  # fmt: skip
    if name.endswith("pdf"):  # a pack prints totals: one that may be given at the end of a year only
        row |= {"metric_id": "grv_retaliation_allegations", "fiscal_quarter": EARLIER, "perimeter": "grp"}
    assert attack.attack(settings, [copy]).stands
    plant(copy / name, row)
    assert (findings.BEYOND if name.endswith("pdf") else findings.SMALL) in attack.attack(settings, [copy]).broken


@pytest.mark.parametrize(("old", "new"), [("", ""), ("3", ""), ("", "3")])
@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_d10_a_leak_in_what_a_revision_says_of_earlier_figures_is_seen(
    first: tuple[Settings, Path], tmp_path: Path, kind: str, old: str, new: str
) -> None:
    settings, folder = first
    one, two = only_csv(folder, tmp_path / "r1"), only_csv(folder, tmp_path / "r2")
    part = next(code for (by, code), number in hotline_parts(folder).items() if "_and_" in by and not number)
    row = {"metric_id": "grv_hrh_cases_reported", "perimeter": "jp", "basis": "ytd", "fiscal_quarter": str(QUARTER),
           "dimension": "category_and_identity", "dimension_value": part, "change": "changed", "old_value": old,
           "new_value": new}  # fmt: skip
    plant(two / "tables" / f"revision.{kind}", row)
    found = attack.attack(settings, [one, two])
    assert found.stands is not bool(old + new)
    assert (findings.SMALL in found.broken) is bool(old + new)


@pytest.mark.parametrize(("old", "stands"), [(0, True), (1, False)])
def test_a_revision_that_says_another_earlier_figure_than_was_printed_is_found(
    first: tuple[Settings, Path], tmp_path: Path, old: int, stands: bool
) -> None:
    settings, folder = first
    one, two = only_csv(folder, tmp_path / "r1"), only_csv(folder, tmp_path / "r2")
    total = int(year().sum())
    plant(two / "tables" / "revision.csv", {
        "metric_id": "grv_hrh_cases_reported", "perimeter": "jp", "basis": "ytd", "fiscal_quarter": str(QUARTER),
        "dimension": "total", "dimension_value": "ALL", "old_value": total + old, "new_value": total,
    })  # fmt: skip
    assert attack.attack(settings, [one, two]).broken == ({} if stands else {findings.CONTRADICTING: 1})


YEAR_END, EARLIER = str(QUARTER), str(QUARTER.previous())


@pytest.mark.parametrize(
    ("metric", "basis", "quarter", "above", "rule"),
    [
        ("grv_retaliation_allegations", "ytd", YEAR_END, None, None),
        ("grv_retaliation_allegations", "ytd", EARLIER, None, findings.BEYOND),
        ("grv_retaliation_allegations", "qtr", YEAR_END, None, findings.BEYOND),
        ("grv_anonymous_share", "ytd", YEAR_END, None, findings.BEYOND),
        ("grv_reports_all_channels", "ytd", YEAR_END, 0, findings.SMALL),
        ("grv_reports_all_channels", "ytd", YEAR_END, 4, findings.SMALL),
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


def test_d12_whatever_withheld_cell_is_printed_the_files_are_found_out(
    first: tuple[Settings, Path], tmp_path: Path
) -> None:
    """Every cell that this release withholds, small ones and those that protect them, printed one by one."""
    settings, folder = first
    values = PLAN.cube.sums(year())
    small, others = [], []
    for number, (dimension, codes) in enumerate(part for part, shown in hotline_parts(folder).items() if not shown):
        named = dict(zip(dimension.split("_and_"), codes.split(" / "), strict=True))
        count = int(values[PLAN.cube.place[PLAN.cube.cell(**named)]])
        copy = only_csv(folder, tmp_path / str(number))
        rewrite(copy, dimension, codes, count)
        (small if count < 5 else others).append(attack.attack(settings, [copy]).stands)
    assert len(small) > 5
    assert len(others) > 1
    assert not any(small)
    assert not any(others)


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


@pytest.mark.parametrize(("change", "rule"), [(0, None), (1, findings.CHANGED), (4, findings.CHANGED), (5, None)])
def test_d14_an_earlier_figure_may_change_by_nothing_or_by_the_threshold(
    first: tuple[Settings, Path], tmp_path: Path, change: int, rule: str | None
) -> None:
    settings, folder = first
    one, two = only_csv(folder, tmp_path / "r1"), only_csv(folder, tmp_path / "r2")
    (dimension, part), number = next(
        (cell, number) for cell, number in hotline_parts(folder).items() if number and cell[0] == "identity"
    )
    rewrite(two, dimension, part, int(number) + change)
    assert attack.attack(settings, [one, two]).broken[findings.CHANGED] == (rule is not None)


def test_d14_another_pattern_in_a_second_release_is_found(first: tuple[Settings, Path], tmp_path: Path) -> None:
    settings, folder = first
    other = settings_at(tmp_path / "other")
    record = candidate.prepare_build(other, QUARTER, hotline_build(other, year()))
    files = other.place("candidates", str(QUARTER), record["candidate_digest"], "files")
    assert attack.attack(settings, [folder, files]).stands
    copy = only_csv(files, tmp_path / "copy")
    part = next(cell for cell, number in hotline_parts(copy).items() if number and "_and_" in cell[0])
    rewrite(copy, *part, "")
    assert findings.TAKEN_BACK in attack.attack(settings, [only_csv(folder, tmp_path / "r1"), copy]).broken


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


def test_d17_two_truths_give_the_same_bytes_and_the_same_words(
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


def test_d15_the_same_cases_and_key_give_the_same_bytes(first: tuple[Settings, Path], tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    record = candidate.prepare_build(settings, QUARTER, hotline_build(settings, year()))
    assert record["candidate_digest"] == store.read_json(first[1] / "manifest.json")["candidate_digest"]


@pytest.mark.parametrize(("categorised", "waiting"), [(8, 0), (15, 0), (1, 7), (8, 7)])
def test_d16_a_year_of_8_or_15_cases_ends_in_a_pack_that_stands(tmp_path: Path, categorised: int, waiting: int) -> None:
    settings = settings_at(tmp_path)
    counts = year(categorised)
    counts[8, 0, 1, 3] = waiting
    record = candidate.prepare_build(settings, QUARTER, hotline_build(settings, counts))
    files = settings.place("candidates", str(QUARTER), record["candidate_digest"], "files")
    assert attack.attack(settings, [files]).broken == {}
    figures = printed.read(settings, files).figures
    assert figures["grv_hrh_cases_reported", "jp", "ytd", str(QUARTER), "total", "ALL"][2] == categorised + waiting
    shown = {part for part, number in hotline_parts(files).items() if number}
    assert {part for part in shown if part[0] != "category"} == set()


def test_d18_a_withheld_cell_has_no_number_and_one_mark_in_every_format(first: tuple[Settings, Path]) -> None:
    settings, folder = first
    found = printed.read(settings, folder)
    with (folder / "tables" / "metric_values.csv").open(newline="") as stream:
        withheld = {tuple(row[name] for name in CELL) for row in csv.DictReader(stream)
                    if row["value_state"] == SUPPRESSED}  # fmt: skip
    assert len(withheld) > 10
    for kind in ("csv", "parquet", "json", "xlsx", "html"):
        assert {found.by_format[kind].get(cell, NOTHING) for cell in withheld} == {NOTHING}, kind
    with (folder / "tables" / "grievance.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["value_state"] == SUPPRESSED]
    assert {(row["display_value"], row["target_value"]) for row in rows} == {("withheld", "")}
    page = (folder / "index.html").read_text()
    lines = [line for line in re.findall(r"<tr[^>]*data-part=.*?</tr>", page, re.DOTALL) if ">withheld<" in line]
    assert len(lines) >= len(rows)
    for line in lines:
        assert not re.search(r"\d", re.sub(r"<[^>]*>", "", line)), "a number beside a withheld cell"
    with zipfile.ZipFile(folder / "board_figures.xlsx") as book:
        sheets = {name: book.read(name).decode() for name in book.namelist() if name.endswith(".xml")}
    assert [name for name, text in sheets.items() if re.search("conditionalFormatting|sparkline|pivot", text)] == []


def test_d18_no_file_has_a_place_that_its_rows_do_not_show(first: tuple[Settings, Path]) -> None:
    """Check 18 where a stranger looks next: footers, caches, hidden sheets, comments, properties and attachments."""
    _, folder = first
    with zipfile.ZipFile(folder / "board_figures.xlsx") as book:
        parts = {name: book.read(name).decode() for name in book.namelist()}
    known = re.compile(
        r"xl/(worksheets/sheet|charts/chart|drawings/drawing)\d+\.xml|xl/(workbook|sharedStrings|styles|theme/theme1)\.xml"
        r"|docProps/(core|app)\.xml|\[Content_Types\]\.xml|.*\.rels"
    )
    assert [name for name in parts if not known.fullmatch(name)] == []
    sheets = {name: text for name, text in parts.items() if name.startswith(("xl/worksheets/sheet", "xl/workbook"))}
    hidden = re.compile(r"<f[ >]|<sheet [^>]*state=|<(row|col) [^>]*hidden")
    assert [name for name, text in sheets.items() if hidden.search(text)] == []
    in_cells = {float(value) for text in sheets.values() for value in re.findall(r"<v>(-?[\d.e+-]+)</v>", text)}
    caches = [cache for text in parts.values() for cache in re.findall(r"<c:numCache>.*?</c:numCache>", text)]
    cached = {float(value) for cache in caches for value in re.findall(r"<c:v>(.*?)</c:v>", cache)}
    assert cached
    assert cached <= in_cells
    for name in ("board_pack.pdf", "board_pack.ja.pdf"):
        pdf = pypdf.PdfReader(folder / name)
        assert not pdf.attachments
        assert set(pdf.metadata or ()) <= {"/Title", "/Author", "/Creator", "/CreationDate", "/ModDate"}
        assert [page for page in pdf.pages if "/Annots" in page] == []
    assert [file.name for file in folder.glob("*.html") if re.search("<!--|<script", file.read_text())] == []
    columns = 0
    with duckdb.connect() as connection:
        for file in sorted((folder / "tables").glob("*.parquet")):
            assert connection.execute("select * from parquet_kv_metadata($1)", [str(file)]).fetchall() == []
            for name, least, most, blanks in connection.execute(
                "select path_in_schema, stats_min_value, stats_max_value, sum(stats_null_count)"
                " from parquet_metadata($1) where type = 'DOUBLE' group by all", [str(file)]
            ).fetchall():  # fmt: skip
                rows = connection.execute(
                    f'select min("{name}"), max("{name}"), count(*) - count("{name}") from read_parquet($1)',
                    [str(file)],
                ).fetchall()
                said = [None if value is None else float(value) for value in (least, most)]
                assert [(*said, blanks)] == rows, f"{file.name} {name}"
                columns += 1
    assert columns > 20


def test_d18_the_number_of_withheld_cells_is_told_and_not_which_of_them_are_small(
    first: tuple[Settings, Path],
) -> None:
    settings, folder = first
    with (folder / "tables" / "metric_values.csv").open(newline="") as stream:
        cells = {tuple(row[name] for name in CELL) for row in csv.DictReader(stream)
                 if row["value_state"] == SUPPRESSED}  # fmt: skip
    pointer = settings.place("candidates", str(QUARTER), "current.json")
    record = store.read_json(pointer.with_name(store.read_json(pointer)["candidate_digest"]) / "candidate.json")
    assert record["withheld_cells"] == len(cells)
    assert f"{len(cells)} cells" in re.sub(r"<[^>]*>", "", (folder / "index.html").read_text())
    values = PLAN.cube.sums(year())
    small = sum(
        int(
            values[
                PLAN.cube.place[PLAN.cube.cell(**dict(zip(cell[4].split("_and_"), cell[5].split(" / "), strict=True)))]
            ]
        )
        < 5
        for cell in cells
        if cell[0] in PLAN.metric_of.values()
    )
    assert 0 < small < len(cells)
    told = " ".join(page_text(file) for file in sorted(folder.glob("*.html")))
    assert not re.search(rf"\b({small}|{len(cells) - small}) (cells|of them)", told)
    for sentence in re.split(r"(?<=[.!?])\s", told):
        if "withheld" in sentence:
            assert not re.search(r"\b(primary|secondary|complementary)\b", sentence, re.IGNORECASE)


def page_text(file: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", file.read_text()))


# The ledger.


def test_d23_the_ledger_holds_what_was_printed_and_the_pattern_and_nothing_else(first: tuple[Settings, Path]) -> None:
    settings, folder = first
    (entry,) = ledger.lines(settings)
    assert set(entry) == {"release", "previous", "manifest_sha256", "cells", "hash"}
    shown = hotline_parts(folder)
    hotline = {cell: number for cell, number in entry["cells"].items() if cell.split("|")[0] in PLAN.metric_of.values()}
    assert {tuple(cell.split("|")[4:]): number or "" for cell, number in hotline.items()} == shown
    assert None in hotline.values()
    with (folder / "tables" / "metric_values.csv").open(newline="") as stream:
        printed_somewhere = {"|".join(row[name] for name in CELL) for row in csv.DictReader(stream)}
    assert entry["cells"].keys() <= printed_somewhere
    assert attack.ledger_stands(settings.place("releases"))


def prepare_again(settings: Settings) -> None:
    candidate.prepare_build(settings, QUARTER, "b1")


@pytest.mark.parametrize("damage", ["missing", "not a record", "another number", "a line twice", "another release"])
def test_d14_without_a_ledger_that_stands_nothing_is_prepared(again: tuple[Settings, Path], damage: str) -> None:
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


def test_d13_a_solver_that_fails_blocks_the_release_without_a_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_at(tmp_path)
    build = hotline_build(settings, year())

    def give_up(_: Any) -> None:
        raise withdrawal.SolverFailed

    monkeypatch.setattr(withdrawal, "solve", give_up)
    with pytest.raises(GateFailed) as stop:
        candidate.prepare_build(settings, QUARTER, build)
    assert not re.search(r"\d", str(stop.value))
    assert not settings.place("candidates", str(QUARTER), "current.json").exists()


def test_d13_an_attack_that_runs_out_of_time_does_not_stand(first: tuple[Settings, Path]) -> None:
    settings, folder = first
    assert findings.UNDECIDED in attack.attack(settings, [folder], seconds=0.0).broken


def test_a_code_outside_the_list_blocks_the_release_without_naming_it(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    build = hotline_build(settings, year())
    with duckdb.connect(str(settings.place("builds", str(QUARTER), build, "due_diligence.duckdb"))) as connection:
        connection.execute("update int_hotline_cube set category = 'CANARY' where quarter_number = 2")
    with pytest.raises(HrddError) as stop:
        candidate.prepare_build(settings, QUARTER, build)
    assert "CANARY" not in str(stop.value)
    assert not re.search(r"\d", str(stop.value))


@pytest.mark.parametrize(
    "fault",
    ["identity = 'CANARY'", "category = null", "cases = -17", "cases = null", "cases = 9223372036854775807",
     "quarter_number = 0"],
)  # fmt: skip
def test_d07_an_error_while_the_hotline_is_prepared_tells_no_value(
    tmp_path: Path, fault: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    settings = settings_at(tmp_path)
    build = hotline_build(settings, year())
    with duckdb.connect(str(settings.place("builds", str(QUARTER), build, "due_diligence.duckdb"))) as connection:
        connection.execute(
            f"update int_hotline_cube set {fault} where quarter_number = 2 and category = 'HUMAN_RELATIONS'"
        )
    with pytest.raises(HrddError) as stop:
        candidate.prepare_build(settings, QUARTER, build)
    said = str(stop.value) + caplog.text + "".join(capfd.readouterr())
    assert "CANARY" not in said
    assert not re.search(r"\d", said)
    assert stop.value.__cause__ is None
    assert not settings.place("candidates", str(QUARTER), "current.json").exists()


def test_a_release_with_another_programme_does_not_stand(first: tuple[Settings, Path], tmp_path: Path) -> None:
    settings, folder = first
    copy = only_csv(folder, tmp_path / "r1")
    loose = json.loads((copy / "programme.json").read_text())
    loose["threshold"] = 1
    (copy / "programme.json").write_text(json.dumps(loose))
    assert not attack.follows_the_reviewed_programme(copy)
    assert attack.follows_the_reviewed_programme(folder)
    assert findings.PROGRAMMES in attack.attack(settings, [folder, copy]).broken
    (copy / "programme.json").unlink()
    assert findings.PROGRAMMES in attack.attack(settings, [copy]).broken


# The walls: hotline and persons meet in no query.

MODELS = {file.stem: file.read_text() for file in sorted((PROJECT / "dbt_project" / "models").rglob("*.sql"))}
PERSONS = {("hr", "worker_month"), ("hr", "leave"), ("training", "assignment"), ("training", "completion"),
           ("training", "attendance"), ("training", "learner_xref")}  # fmt: skip
# They give counts of groups and no row of a person or a case: what is behind them cannot be joined any more.
COUNTS_ONLY = {"int_headcount_by_language", "int_quarters", "int_rosters", "fct_metric_value"} | {
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


def test_d22_the_analysts_database_holds_printed_cells_of_the_hotline_only(first: tuple[Settings, Path]) -> None:
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
    assert attack.attack(settings, [copy]).broken[findings.BEYOND] == 1


def test_the_word_variant_hides_no_part_from_the_attacker(first: tuple[Settings, Path], tmp_path: Path) -> None:
    settings, folder = first
    copy = only_csv(folder, tmp_path / "r1")
    part = next(
        code for (dimension, code), number in hotline_parts(folder).items() if "_and_" in dimension and not number
    )
    row = {"metric_id": "grv_hrh_cases_reported", "perimeter": "jp", "basis": "ytd", "fiscal_quarter": str(QUARTER),
           "dimension": "category_and_identity", "dimension_value": part, "variant": "any", "value": 3}  # fmt: skip
    (copy / "more.json").write_text(json.dumps([row]))
    assert attack.attack(settings, [copy]).broken[findings.SMALL] == 1


def beside(folder: Path, numerator: int, denominator: int, *, headline: bool = True) -> None:
    """Print a total of 800 of 1,000 persons, if asked, and a neighbor of it."""
    total = {"metric_id": "trn_made_up_rate", "perimeter": "corp", "basis": "ytd", "fiscal_quarter": str(QUARTER)}
    neighbor = total | {"variant": "another rule", "numerator": numerator, "denominator": denominator, "value": 1}
    printed = [total | {"numerator": 800, "denominator": 1000, "value": 80}] * headline
    (folder / "more.json").write_text(json.dumps([*printed, neighbor]))


# Corrections of other figures about few people: what was printed moves by nothing, or by enough.


def groups(*, beside: int = 0, **numerators: int) -> list[dict[str, Any]]:
    """A rate of the parent company by kind of worker, 1,000 workers a kind, and its total; ``beside`` is in no kind."""
    row = {"metric_id": "trn_bhr_completion_rate", "perimeter": "corp", "basis": "ytd", "fiscal_quarter": str(QUARTER)}
    parts = [
        row | {"dimension": "worker_category", "dimension_value": part, "numerator": count, "denominator": 1000,
               "value": count / 10}
        for part, count in numerators.items()
    ]  # fmt: skip
    whole = {"numerator": sum(numerators.values()) + beside, "denominator": 1000 * len(parts)}
    return [*parts, row | {"dimension": "total", "dimension_value": "ALL", "value": 1} | whole]


def pack(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A release that holds these rows and nothing else."""
    folder.mkdir()
    (folder / "programme.json").write_text(json.dumps(PLAN.content))
    (folder / "figures.json").write_text(json.dumps(rows))
    return folder


@pytest.mark.parametrize(("move", "stands"), [(0, True), (1, False), (4, False), (5, True), (-1, False), (-5, True)])
def test_a_corrected_group_may_move_by_nothing_or_by_the_threshold(tmp_path: Path, move: int, stands: bool) -> None:
    settings = settings_at(tmp_path)
    one, two = (pack(tmp_path / f"r{n}", groups(A=500, B=600 + n * move)) for n in range(2))
    assert attack.attack(settings, [one]).stands
    assert attack.attack(settings, [two]).stands
    assert attack.attack(settings, [one, two]).broken[findings.CHANGED] == (not stands)


def test_a_group_that_is_withheld_in_the_revision_only_is_found(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    one = pack(tmp_path / "r0", groups(A=500, B=600, C=700))
    rows = groups(A=500, B=600, C=701)
    for row in rows[1:3]:
        row |= {"numerator": None, "denominator": None, "value": None}
    assert findings.TAKEN_BACK in attack.attack(settings, [one, pack(tmp_path / "r1", rows)]).broken


def shown_again(settings: Settings, before: list[dict[str, Any]], now: dict[str, int], beside: int = 0) -> list[Any]:
    """What the protector prints of the groups as they are now, after a release of what they were."""
    rows = [row | {"title": "x", "unit": "%", "target_status": "NO_TARGET", "value_state": "MEASURED",
                   "display_value": "x", "target_value": None, "is_person_count": True}
            for row in groups(beside=beside, **now)]  # fmt: skip
    earlier = tuple({name: "" if value is None else str(value) for name, value in row.items()} for row in before)
    rules = Rules(PLAN, b"k" * 32)
    result = disclosure.protect(
        {"training": rows}, disclosure.Inner([]), LATER, rules, ledger.Standing(None, (), (earlier,))
    )
    return [row for row in result.tables["training"] if row["dimension"] != "total"]


@pytest.mark.parametrize(("move", "printed_now"), [(0, 600), (1, 600), (4, 600), (5, 605), (-2, 600), (-6, 594)])
def test_the_protector_prints_a_small_correction_as_first_published(
    tmp_path: Path, move: int, printed_now: int
) -> None:
    settings = settings_at(tmp_path)
    before = groups(A=500, B=600)
    rows = shown_again(settings, before, {"A": 500, "B": 600 + move})
    assert {row["dimension_value"]: row["numerator"] for row in rows} == {"A": 500, "B": printed_now}
    is_frozen = {row["value_state"] == FROZEN for row in rows}
    assert is_frozen == {0 < abs(move) < 5}
    assert attack.attack(settings, [pack(tmp_path / "r0", before), pack(tmp_path / "r1", [
        *rows, groups(A=500, B=600 + move)[-1]])]).stands  # fmt: skip


@pytest.mark.parametrize(("move", "stands"), [(0, True), (1, False), (4, False), (5, True)])
def test_what_is_withheld_of_two_quarters_together_moves_by_nothing_or_by_the_threshold(
    tmp_path: Path, move: int, stands: bool
) -> None:
    """A and D hide each other in both quarters; the totals less the others tell by how many the two grew."""
    settings = settings_at(tmp_path)

    def told(rows: list[dict[str, Any]], quarter: object, *withheld: str) -> list[dict[str, Any]]:
        return [row | {"fiscal_quarter": str(quarter)} |
                (dict.fromkeys(("numerator", "denominator", "value")) if row["dimension_value"] in withheld else {})
                for row in rows]  # fmt: skip

    before = told(groups(A=300, B=500, C=600, D=3), QUARTER.previous(), "A", "D")
    now = {"A": 300 + move, "B": 600, "C": 700, "D": 3}
    naive = told(groups(**now), QUARTER, "A", "D")
    one, two = pack(tmp_path / "r0", before), pack(tmp_path / "r1", naive)
    assert attack.attack(settings, [two]).stands
    assert attack.attack(settings, [one, two]).broken == ({} if stands else {findings.SMALL: 1})
    rows = shown_again(settings, before, now)
    hidden = {row["dimension_value"] for row in rows if row["numerator"] is None}
    assert hidden == ({"A", "D"} if stands else {"A", "B", "D"})
    own = pack(tmp_path / "r2", [*rows, groups(**now)[-1]])
    assert attack.attack(settings, [one, own]).stands


def test_a_part_that_lies_by_few_beside_the_total_of_another_perimeter_is_withheld_and_found(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    entry = {"metric_id": "grv_channel_coverage_rate", "basis": "asof", "fiscal_quarter": str(QUARTER), "value": 1}
    said = {"title": "x", "unit": "%", "target_status": "NO_TARGET", "value_state": "MEASURED", "display_value": "x",
            "target_value": None, "is_person_count": True}  # fmt: skip
    for apart, stands in ((0, True), (1, False), (4, False), (5, True)):
        parent = {"numerator": 1000 + apart, "denominator": 1000 + apart}
        rows = [
            entry | {"perimeter": "corp", "dimension": "total", "dimension_value": "ALL"} | parent,
            *(entry | {"perimeter": "grp", "dimension": "entity_code", "dimension_value": code,
                       "numerator": count, "denominator": count}
              for code, count in (("P", 1000), ("Q", 300), ("R", 90))),
            entry | {"perimeter": "grp", "dimension": "total", "dimension_value": "ALL", "numerator": 1390,
                     "denominator": 1390},
        ]  # fmt: skip
        assert attack.attack(settings, [pack(tmp_path / str(apart), rows)]).stands == stands
        result = disclosure.protect({"grievance": [row | said for row in rows]}, disclosure.Inner([]), LATER,
                                    Rules(PLAN, b"k" * 32))  # fmt: skip
        hidden = {row["dimension_value"] for row in result.tables["grievance"] if row["value"] is None}
        assert hidden == (set() if stands else {"P", "R"})
        assert attack.attack(settings, [pack(tmp_path / f"{apart}p", result.tables["grievance"])]).stands


COMPANIES = {"P": "JP", "Q": "JP", "R": "EMEA", "S": "EMEA", "T": "EMEA", "U": "APAC", "V": "APAC"}


def by_company(emea: bool, **workers: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A figure by company, with its totals of the group and, if asked, of a region; and the list of companies."""
    entry = {"metric_id": "grv_channel_coverage_rate", "basis": "asof", "fiscal_quarter": str(QUARTER), "value": 1,
             "perimeter": "grp", "title": "x", "unit": "%", "target_status": "NO_TARGET", "value_state": "MEASURED",
             "display_value": "x", "target_value": None, "is_person_count": True}  # fmt: skip
    rows = [entry | {"dimension": "entity_code", "dimension_value": code, "numerator": count, "denominator": count}
            for code, count in workers.items()]  # fmt: skip
    whole = {"grp": sum(workers.values()), "emea": sum(workers[code] for code in "RST")}
    rows += [entry | {"perimeter": where, "dimension": "total", "dimension_value": "ALL", "numerator": count,
                      "denominator": count} for where, count in whole.items() if emea or where == "grp"]  # fmt: skip
    companies = [
        {"entity_code": code, "valid_from": date(2015, 4, 1), "valid_to": None, "region": region, "country_iso2": code,
         "is_consolidated": True, "is_parent": code == "P"}
        for code, region in COMPANIES.items()
    ]  # fmt: skip
    return rows, companies


def pack_of(folder: Path, rows: list[dict[str, Any]], companies: list[dict[str, Any]]) -> Path:
    folder = pack(folder, rows)
    (folder / "tables").mkdir()
    with (folder / "tables" / "dim_entity.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, companies[0].keys())
        writer.writeheader()
        writer.writerows(companies)
    return folder


@pytest.mark.parametrize("emea", [True, False])
def test_several_parts_beside_the_total_of_their_region_tell_of_no_small_one(tmp_path: Path, emea: bool) -> None:
    """Two companies of two regions may protect each other, until the total of one region gives one of them back."""
    settings = settings_at(tmp_path)
    workers = {"P": 1000, "Q": 300, "R": 200, "S": 150, "T": 55, "U": 90, "V": 54}
    rows, companies = by_company(emea, **workers)
    naive = [row | dict.fromkeys(("numerator", "denominator", "value")) if row["dimension_value"] in "TV" else row
             for row in rows]  # fmt: skip
    found = attack.attack(settings, [pack_of(tmp_path / "naive", naive, companies)])
    assert found.broken == ({findings.FOUND: 1} if emea else {})
    rules = Rules(PLAN, b"k" * 32, below=55)  # so that one company is too small
    result = disclosure.protect(
        {"grievance": rows, "metric_values": [], "dim_entity": companies}, disclosure.Inner([]), QUARTER, rules
    )
    printed_rows = result.tables["grievance"]
    hidden = {row["dimension_value"] for row in printed_rows if row["value"] is None}
    assert hidden == ({"U", "V"} if emea else {"T", "V"})
    assert attack.attack(settings, [pack_of(tmp_path / "own", printed_rows, companies)]).stands


def bought(rows: dict[str, tuple[int, float]], dimension: str) -> dict[tuple[Any, ...], tuple[int, float]]:
    """Of how many suppliers, and for how much, was bought: by the cell of each part."""
    figure = ("sup_declaration_spend_rate", "grp", "ytd", str(QUARTER), dimension)
    return {(*figure, part): numbers for part, numbers in rows.items()}


def test_what_companies_on_no_list_bought_is_one_part_by_company_and_by_region(tmp_path: Path) -> None:
    """By company UNKNOWN and R hide each other, by region UNKNOWN and APAC: EMEA less S gives R, and so UNKNOWN."""
    settings = settings_at(tmp_path)
    cells = bought(
        {"P": (90, 7e9), "R": (3, 4e8), "S": (40, 2e9), "U": (20, 9e8), "UNKNOWN": (2, 1e8)}, "buying_entity"
    )
    cells |= bought({"JP": (90, 7e9), "EMEA": (43, 24e8), "APAC": (20, 9e8), "UNKNOWN": (2, 1e8)}, "buying_region")
    said = {"title": "x", "unit": "%", "target_status": "NO_TARGET", "value_state": "MEASURED", "display_value": "x",
            "target_value": None, "is_person_count": False, "value": 50}  # fmt: skip
    rows = [dict(zip(CELL, cell, strict=True)) | said | {"numerator": yen / 2, "denominator": yen}
            for cell, (_, yen) in cells.items()]  # fmt: skip
    companies = [company for company in by_company(True, R=1, S=1, T=1)[1] if company["entity_code"] in "PRSU"]
    by_itself = {"buying_entity": {"R", "UNKNOWN"}, "buying_region": {"APAC", "UNKNOWN"}}
    naive = [row | dict.fromkeys(("numerator", "denominator", "value"))
             if row["dimension_value"] in by_itself[row["dimension"]] else row for row in rows]  # fmt: skip
    assert findings.FOUND in attack.attack(settings, [pack_of(tmp_path / "naive", naive, companies)]).broken
    inner = disclosure.Inner([], {cell: firms for cell, (firms, _) in cells.items()})
    tables = {"supply_chain": rows, "grievance": [], "metric_values": [], "dim_entity": companies}
    shown = disclosure.protect(tables, inner, QUARTER, Rules(PLAN, b"k" * 32)).tables["supply_chain"]
    hidden = {(row["dimension"], row["dimension_value"]) for row in shown if row["value"] is None}
    assert {("buying_entity", "UNKNOWN"), ("buying_region", "UNKNOWN")} < hidden
    assert len(hidden) < len(shown)
    assert attack.attack(settings, [pack_of(tmp_path / "own", shown, companies)]).stands


def test_a_breakdown_that_no_choice_makes_safe_beside_a_region_is_not_printed(tmp_path: Path) -> None:
    """One company alone lies outside the region: the two totals tell it, so the parts are not given at all."""
    settings = settings_at(tmp_path)
    rows, companies = by_company(True, P=1000, R=200, S=150, T=60)
    companies = [company for company in companies if company["entity_code"] in "PRST"]
    rows = [row | ({"numerator": 52, "denominator": 52} if row["dimension_value"] == "P" else {}) for row in rows]
    next(row for row in rows if row["perimeter"] == "grp" and row["dimension"] == "total").update(
        numerator=462, denominator=462
    )
    rules = Rules(PLAN, b"k" * 32, below=55)
    result = disclosure.protect(
        {"grievance": rows, "metric_values": [], "dim_entity": companies}, disclosure.Inner([]), QUARTER, rules
    )
    assert {row["dimension"] for row in result.tables["grievance"]} == {"total"}
    naive = [row | dict.fromkeys(("numerator", "denominator", "value")) if row["dimension_value"] in "PT" else row
             for row in rows]  # fmt: skip
    assert findings.FOUND in attack.attack(settings, [pack_of(tmp_path / "naive", naive, companies)]).broken


@pytest.mark.parametrize(
    ("counted", "of", "stands"),
    [(450, 900, True), (497, 900, False), (490, 998, False), (410, 901, True), (403, 902, False), (500, 1000, True)],
)
def test_a_total_that_leaves_few_of_another_is_left_out_and_found(
    tmp_path: Path, counted: int, of: int, stands: bool
) -> None:
    """A rate without dispatched workers beside the rate with them: what lies between is the dispatched workers."""
    settings = settings_at(tmp_path)
    row = {"perimeter": "au", "basis": "ytd", "fiscal_quarter": str(QUARTER), "dimension": "total",
           "dimension_value": "ALL", "value": 1, "title": "x", "unit": "%", "target_status": "NO_TARGET",
           "value_state": "MEASURED", "display_value": "x", "target_value": None, "is_person_count": True}  # fmt: skip
    some = row | {"metric_id": "trn_bhr_completion_rate_excl_dispatched", "numerator": counted, "denominator": of}
    rows = [row | {"metric_id": "trn_bhr_completion_rate", "numerator": 500, "denominator": 1000}, some]
    assert attack.attack(settings, [pack(tmp_path / "a", rows)]).stands == stands
    result = disclosure.protect({"training": rows}, disclosure.Inner([]), LATER, Rules(PLAN, b"k" * 32)).tables[
        "training"
    ]
    assert len(result) == 1 + stands
    assert attack.attack(settings, [pack(tmp_path / "b", result)]).stands


@pytest.mark.parametrize(("move", "stands"), [(0, True), (1, False), (-4, False), (5, True)])
def test_what_lies_between_two_totals_moves_by_nothing_or_by_the_threshold(
    tmp_path: Path, move: int, stands: bool
) -> None:
    settings = settings_at(tmp_path)
    row = {"perimeter": "corp", "basis": "ytd", "fiscal_quarter": str(QUARTER), "dimension": "total",
           "dimension_value": "ALL", "value": 1, "denominator": 1000, "is_person_count": True, "title": "x",
           "unit": "%", "target_status": "NO_TARGET", "value_state": "MEASURED", "display_value": "x",
           "target_value": None}  # fmt: skip
    metric = "trn_bhr_completion_rate"

    def rows(moved: int) -> list[dict[str, Any]]:
        some = {"numerator": 400, "denominator": 850, "metric_id": f"{metric}_excl_dispatched"}
        other = {"numerator": 450, "denominator": 950, "metric_id": metric, "variant": "another rule"}
        return [row | {"metric_id": metric, "numerator": 500 + moved}, row | some, row | other]

    one = pack(tmp_path / "r0", rows(0))
    assert attack.attack(settings, [one]).stands
    assert attack.attack(settings, [one, pack(tmp_path / "r1", rows(move))]).stands == stands
    earlier = tuple({name: str(value) for name, value in each.items()} for each in rows(0))
    result = disclosure.protect({"training": rows(move)}, disclosure.Inner([]), LATER,
                                Rules(PLAN, b"k" * 32), ledger.Standing(None, (), (earlier,)))  # fmt: skip
    again = result.tables["training"]
    assert len(again) == (3 if stands else 1)
    assert attack.attack(settings, [one, pack(tmp_path / "r2", again)]).stands


def test_d22_who_reads_what_is_published_can_select_no_case_and_no_unprotected_count(
    first: tuple[Settings, Path],
) -> None:
    """Check 22: the analysts' database has nothing of the build beside what was released. That its own database is
    closed to others, tests/test_store.py says."""
    settings, _ = first
    inside = [name for name in MODELS if name.startswith(("stg_", "int_", "metrics_"))]
    assert len(inside) > 40
    with duckdb.connect(str(settings.place("mart", "due_diligence.duckdb").resolve()), read_only=True) as mart:
        for name in [*inside, "fct_metric_value_unprotected", "hotline.case"]:
            with pytest.raises(duckdb.CatalogException):
                mart.execute(f"select * from {name}")
        views = mart.execute("select sql from duckdb_views() where not internal").fetchall()
    assert not [sql for (sql,) in views if re.search(r"read_parquet|read_csv|attach", sql, re.IGNORECASE)]


def test_d22_the_ledger_only_grows_and_each_line_holds_the_one_before(again: tuple[Settings, Path]) -> None:
    """Check 22: a second release adds a line and changes no byte of the first."""
    settings, _ = again
    before = ledger.file(settings).read_bytes()
    released(settings, corrected(), "b2")
    after = ledger.file(settings).read_bytes()
    assert after.startswith(before)
    one, two = ledger.lines(settings)
    assert (one["previous"], two["previous"]) == ("", one["hash"])
