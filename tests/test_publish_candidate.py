"""The candidate: one set of figures in four forms, the same bytes for the same build, and nothing hostile in it."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pypdf
import pytest
from publish_build import HOSTILE, QUARTER, finished_build, made, prepared, settings_at

from expectations import printed
from pipeline import store
from pipeline.errors import BuildFailed, HrddError
from publish import candidate, datapackage, pack, page, workbook
from publish.board import notes
from publish.dictionary import TABLES, THEMES
from publish.tables import as_csv, cell_text, number_text, unguarded
from publish.wording import words_in

Cells = list[dict[str, Any]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = settings_at(tmp_path_factory.mktemp("candidate"))
    record = prepared(settings, title=HOSTILE)
    return settings.place("candidates", str(QUARTER), record["candidate_digest"], "files")


def csv_rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def parquet_rows(file: Path) -> Cells:
    relation = duckdb.connect().execute("select * from read_parquet(?)", [str(file)])
    names = [column[0] for column in relation.description]
    return [dict(zip(names, values, strict=True)) for values in relation.fetchall()]


def sheet_rows(file: Path, name: str) -> Cells:
    sheet = openpyxl.load_workbook(file)[name]
    head, *rows = list(sheet.iter_rows(min_row=workbook.FIRST_ROW, values_only=True))
    columns = {label: column for column, label in workbook.LABELS.items()}
    return [dict(zip([columns[label] for label in head], row, strict=True)) for row in rows]


class Page(HTMLParser):
    """What a reader's program finds in the page: the exact values by metric, every tag, every reference."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.metric = ""
        self.values: dict[str, list[float]] = {}
        self.tags: list[str] = []
        self.references: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.tags.append(tag)
        self.handlers += [name for name in said if name.startswith("on") or name == "style"]
        self.references += [str(said[name]) for name in ("href", "src") if name in said]
        if tag in ("tr", "table") and "data-metric" in said:
            self.metric = f"{tag} {said['data-metric']}"
        if tag == "data" and self.metric:
            self.values.setdefault(self.metric, []).append(float(str(said["value"])))

    def handle_endtag(self, tag: str) -> None:
        if self.metric.startswith(f"{tag} "):
            self.metric = ""


def test_csv_and_parquet_hold_the_same_cells(files: Path) -> None:
    for name in TABLES:
        typed = parquet_rows(files / "tables" / f"{name}.parquet")
        assert csv_rows(files / "tables" / f"{name}.csv") == [
            {column: cell_text(value) for column, value in row.items()} for row in typed
        ]
        assert typed or TABLES[name].is_derived, f"{name} is empty: the comparison would prove nothing"


def test_the_workbook_holds_the_same_numbers(files: Path) -> None:
    sheets = {"headline": "Headline", "trend": "Trend", **workbook.SHEETS}
    for name, sheet in sheets.items():
        typed = parquet_rows(files / "tables" / f"{name}.parquet")
        printed = sheet_rows(files / "board_figures.xlsx", sheet)
        assert len(printed) == len(typed)
        for row, shown in zip(typed, printed, strict=True):
            for column in ("metric_id", "numerator", "denominator", "value", "target_value", "display_value"):
                assert shown[column] == row[column], (name, row["metric_id"], column)


@pytest.mark.parametrize("name", page.NAMES.values())
def test_the_page_holds_the_same_numbers(files: Path, name: str) -> None:
    read = Page((files / name).read_text())
    for row in parquet_rows(files / "tables" / "headline.parquet"):
        counted = [] if row["denominator"] is None else [row["numerator"], row["denominator"]]
        # Japanese names the whole first, and then the part.
        assert read.values[f"tr {row['metric_id']}"] == [row["value"], *counted[:: -1 if ".ja" in name else 1]]
    printed = [
        row["value"]
        for row in parquet_rows(files / "tables" / "supply_chain.parquet")
        if row["dimension"] != "total" and row["value"] is not None
    ]
    assert read.values["table sup_third_party_audits"] == printed


@pytest.mark.parametrize("name", pack.NAMES.values())
def test_the_board_pack_holds_the_same_numbers(files: Path, name: str) -> None:
    text = "\n".join(found.extract_text() for found in pypdf.PdfReader(files / name, strict=True).pages)
    lines = {line.split()[0]: line.split() for line in text.split("\n") if line.strip()}
    words = words_in("ja" if ".ja" in name else "en")
    together = re.sub(r"\s", "", text)
    for row in parquet_rows(files / "tables" / "headline.parquet"):
        numbers = ["-" if row[column] is None else number_text(row[column]) for column in pack.EXACT[4:]]
        cell = [row[column] for column in pack.EXACT[:4]]
        assert lines[row["metric_id"]] == [*cell, *numbers]
        shown = words.title(row) + words.word("perimeter", row["perimeter"]) + ", " + words.word("basis", row["basis"])
        assert re.sub(r"\s", "", shown + words.shown(row)) in together
    for row in parquet_rows(files / "tables" / "trend.parquet"):
        assert page.bar_text(row, words) in text


def test_the_attacker_reads_the_board_pack(files: Path, tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    folder = tmp_path / "files"
    shutil.copytree(files, folder)
    found = printed.read(settings, folder)
    assert found.contradictions == 0
    assert {key[0] for key in found.by_format["pdf"]} == {
        row["metric_id"] for row in csv_rows(files / "tables/headline.csv")
    }
    for key, numbers in found.by_format["pdf"].items():
        assert found.by_format["parquet"][key] == pytest.approx(numbers, nan_ok=True)
    # A pack that prints another figure contradicts the tables; one that cannot be searched is named.
    board = datapackage.board(lambda path: (files / path).read_bytes(), [])
    board.tables["headline"].rows[0]["value"] += 1
    (folder / "board_pack.pdf").write_bytes(pack.render(board))
    assert printed.read(settings, folder).contradictions > 0
    (folder / "board_pack.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    with pytest.raises(printed.Unreadable, match=r"board_pack\.pdf"):
        printed.read(settings, folder)


@pytest.mark.parametrize("name", pack.NAMES.values())
def test_the_board_pack_brings_its_fonts_says_its_language_and_asks_nobody(files: Path, name: str) -> None:
    document = pypdf.PdfReader(files / name, strict=True)
    catalog: Any = document.trailer["/Root"]
    fonts = {
        str(font.get_object()["/BaseFont"]): font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        for sheet in document.pages
        for font in sheet["/Resources"]["/Font"].values()
    }
    assert any("NotoSansCJKjp" in font for font in fonts)
    assert all({"/FontFile2", "/FontFile3"} & set(descriptor.get_object()) for descriptor in fonts.values())
    assert str(catalog["/Lang"]).startswith("ja" if ".ja" in name else "en")
    assert catalog["/MarkInfo"]["/Marked"]
    assert 4 <= len(document.pages) <= 8
    assert not any(sheet.get("/Annots") for sheet in document.pages)
    assert not {"/OpenAction", "/AA", "/AcroForm"} & set(catalog)
    content = (files / name).read_bytes()
    assert b"/JavaScript" not in content


def test_the_workbook_draws_each_figure_over_the_quarters(files: Path) -> None:
    book = openpyxl.load_workbook(files / "board_figures.xlsx")
    with_values = [row for row in parquet_rows(files / "tables" / "headline.parquet") if row["value"] is not None]
    charts = book["Charts"]._charts
    assert len(charts) == len(with_values)
    columns = [cell.value for cell in book["Trend"][3]]
    for row, drawn in zip(with_values, charts, strict=True):
        sheet, _, place = drawn.series[0].val.numRef.f.replace("$", "").partition("!")
        (column, first), (end, last) = re.findall(r"([A-Z]+)(\d+)", place)
        assert (sheet, columns[ord(column) - ord("A")], end) == ("Trend", "Value", column)
        assert book["Trend"][f"{column}{last}"].value == row["value"]
        ids = {book["Trend"].cell(at, columns.index("Metric id") + 1).value for at in range(int(first), int(last) + 1)}
        assert ids == {row["metric_id"]}


def test_every_sheet_is_set_up_to_be_printed(files: Path) -> None:
    for sheet in openpyxl.load_workbook(files / "board_figures.xlsx").worksheets:
        assert sheet.page_setup.orientation == "landscape"
        assert sheet.page_setup.paperSize == 9
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert str(QUARTER) in str(sheet.oddFooter.center.text)


def test_the_cover_says_what_it_is_and_where_the_approval_stands(files: Path) -> None:
    cover = dict(openpyxl.load_workbook(files / "board_figures.xlsx")["Cover"].iter_rows(min_row=4, values_only=True))
    assert cover["Quarter"] == str(QUARTER)
    assert "Asia/Tokyo" in cover["Figures as known by"]
    assert "approval.json" in cover["Approved by"]
    assert "manifest.json" in cover["Release"]


def test_csv_is_written_as_the_standard_says(files: Path) -> None:
    for file in files.rglob("*.csv"):
        content = file.read_bytes()
        assert content.endswith(b"\r\n")
        assert not content.startswith(b"\xef\xbb\xbf")
        lengths = {len(row) for row in csv.reader(io.StringIO(content.decode(), newline=""), strict=True)}
        assert len(lengths) == 1


def test_the_workbook_has_a_sheet_a_theme_native_numbers_and_a_chart(files: Path) -> None:
    book = openpyxl.load_workbook(files / "board_figures.xlsx")
    assert book.sheetnames[:3] == ["Cover", "Headline", "Against target"]
    assert set(workbook.SHEETS) == set(THEMES)
    assert book.sheetnames[-4:] == ["Trend", "Charts", "Definitions", "Notes"]
    assert len(book["Against target"]._charts) == 1
    for sheet in (sheet for sheet in book.worksheets[1:-2] if sheet.title != "Charts"):
        assert sheet.freeze_panes == "B4"
    value = book["Headline"].cell(row=4, column=5)
    rate = next(row for row in book["Headline"].iter_rows(min_row=4) if row[0].value == "Figure trn_rate")
    figure = rate[[cell.value for cell in book["Headline"][3]].index("Value")]
    assert (figure.value, figure.number_format) == (86, '#,##0.0" %"')
    assert value.data_type in ("n", "s")
    assert [cell.data_type for sheet in book.worksheets for row in sheet.iter_rows() for cell in row].count("f") == 0
    assert not any(cell.hyperlink for sheet in book.worksheets for row in sheet.iter_rows() for cell in row)


def test_withheld_cells_are_nowhere_and_the_release_says_how_many(files: Path) -> None:
    rows = {row["dimension_value"]: row for row in csv_rows(files / "tables" / "supply_chain.csv")}
    assert {part for part, row in rows.items() if row["value_state"] == "SUPPRESSED"} == {"A", "B", "C"}
    assert (rows["B"]["value"], rows["B"]["numerator"], rows["B"]["display_value"]) == ("", "", "withheld")
    assert (rows["D"]["value"], rows["E"]["value"]) == ("5", "99")
    finer = [row for row in csv_rows(files / "tables" / "metric_values.csv") if row["dimension"] != "total"]
    assert {row["fiscal_quarter"] for row in finer} == {str(QUARTER)}
    assert {row["dimension_value"] for row in finer if not row["value"]} == {"A", "B", "C"}
    assert "3 cells are withheld" in (files / "index.html").read_text()
    notes = openpyxl.load_workbook(files / "board_figures.xlsx")["Notes"]
    assert any("3 cells are withheld" in str(row[0]) for row in notes.iter_rows(values_only=True))


@pytest.mark.parametrize("goal", [0.0, 20.0, 50.0, 86.0, 87.0, 90.0, 97.0, 100.0])
def test_the_line_of_a_target_runs_through_no_number(files: Path, goal: float) -> None:
    board = datapackage.board(lambda path: (files / path).read_bytes(), [])
    [row] = [row for row in board.tables["headline"].rows if row["metric_id"] == "trn_rate"]
    picture = page.chart(board, row | {"target_value": goal})
    assert picture.target_y is not None
    for bar in picture.bars:
        assert bar.above > page.TEXT_HEIGHT
        assert not bar.above - page.TEXT_HEIGHT < picture.target_y < bar.above + 3


def test_the_cells_that_are_withheld_are_counted_once_and_their_list_adds_up(files: Path) -> None:
    """A total stands in the trend without its dimensions, and by company in the quarters before."""
    board = datapackage.board(
        lambda path: (files / path).read_bytes(), store.read_json(files.parent / "candidate.json")["inputs"]
    )
    past = dict(board.history("grv_cases")[0])
    gone = {"value_state": "SUPPRESSED", "value": None, "display_value": "withheld"}
    total = past | gone | {"dimension": "total", "dimension_value": "ALL", "is_person_count": True}
    company = total | {"dimension": "entity_code", "dimension_value": "E002"}
    more = {
        "trend": [past | gone],
        "metric_values": [total, company],
        "exclusions": [past | {"reason": "Away", "left_out": None, "value_state": "SUPPRESSED"}],
    }
    told = {
        name: dataclasses.replace(table, rows=[*table.rows, *more.get(name, [])])
        for name, table in board.tables.items()
    }
    board = dataclasses.replace(board, tables=told)
    assert board.withheld_cells == 5
    for language in page.NAMES:
        words = words_in(language)
        [note] = [one for one in notes(board, words) if one.heading == words("withheld.heading")]
        assert words("withheld.some", n=5) in note.text
        assert sum(int(re.findall(r"\d+$", item)[0]) for item in note.items) == 5
        assert len(note.items) == 3


def test_the_files_are_enough_to_print_the_page_again(files: Path) -> None:
    record = store.read_json(files.parent / "candidate.json")
    board = datapackage.board(lambda path: (files / path).read_bytes(), record["inputs"])
    paths = [path for path in record["files"] if path not in page.NAMES.values()]
    for language, name in page.NAMES.items():
        assert page.render(board, paths, words_in(language)) == (files / name).read_bytes()


def test_what_is_not_in_the_dictionary_is_not_published(files: Path) -> None:
    for path in files.rglob("*"):
        assert path.is_dir() or b"not_public" not in path.read_bytes()


@pytest.mark.parametrize("name", page.NAMES.values())
def test_the_page_runs_nothing_and_asks_nobody(files: Path, name: str) -> None:
    text = (files / name).read_text()
    read = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(read.tags)
    assert read.handlers == []
    assert {reference for reference in read.references if re.match(r"[a-z]+:|//", reference)} == set()
    assert "default-src 'none'" in text
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(("language", "name"), page.NAMES.items())
def test_the_page_can_be_read_by_everyone(files: Path, language: str, name: str) -> None:
    text = (files / name).read_text()
    assert f'<html lang="{language}">' in text
    assert text.count("<table") == text.count("<caption")
    assert "<th>" not in text
    assert text.count("<svg") == text.count('role="img"') + text.count('aria-hidden="true"')
    for status in ("MET", "MISSED", "NO_TARGET"):
        assert words_in(language)(f"status.{status}") in text
    for rule in ("prefers-color-scheme: dark", "max-width", "@media print"):
        assert rule in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_color_of_text_stands_out_from_its_paper(scheme: str) -> None:
    style = (page.PAGES / "page.css").read_text()
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in style.split(":root {")[1:3])
    colors = {"light": light, "dark": dark}[scheme]
    for text in ("ink", "soft", "accent", "met", "missed", "mark"):
        assert contrast(colors[text], colors["paper"]) >= 4.5, text
    assert contrast(colors["mark"], colors["mark-paper"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colors as the Web Content Accessibility Guidelines define it."""

    def luminance(color: str) -> float:
        parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_late_deliveries_and_those_without_a_manifest_are_named(files: Path) -> None:
    text = (files / "index.html").read_text()
    assert text.count("hotline/case as of 2023-03-31, known 2023-05-01") == 2
    assert "known 2023-04-03" not in text


def test_text_that_a_spreadsheet_would_run_is_guarded_in_csv_and_whole_in_parquet(files: Path) -> None:
    guarded = {row["title"] for row in csv_rows(files / "tables" / "grievance.csv")}
    assert guarded == {"'" + HOSTILE}
    assert {row["title"] for row in parquet_rows(files / "tables" / "grievance.parquet")} == {HOSTILE}


@pytest.mark.parametrize("start", ["=1", "+cmd", "-1+1", "@x", "\tx", "\rx", "\nx", " =1", "\uff1d1", "\x00x"])
def test_each_way_into_a_formula_is_guarded(start: str) -> None:
    assert cell_text(start) == "'" + start


@pytest.mark.parametrize("text", ["=1", "-1+1", "plain", "'quoted'", "-4.0 pp", ""])
def test_a_guarded_text_is_read_back_as_it_was(text: str) -> None:
    assert unguarded(cell_text(text)) == text


@pytest.mark.parametrize("text", ["-4.0 pp", "+3.5 %", "-12", "86.0 %", "4 of 4", "plain", "a=b"])
def test_what_is_no_formula_is_left_alone(text: str) -> None:
    assert cell_text(text) == text


def test_numbers_are_written_without_loss() -> None:
    written = [number_text(value) for value in (86.0, -4.0, 0.1 + 0.2, 850e9, 1e300, 0.0)]
    assert written == ["86", "-4", "0.30000000000000004", "850000000000", "1e+300", "0"]
    assert list(csv.reader(io.StringIO(as_csv(["a", "b"], [{"a": -1.5, "b": 'x,"y"'}]).decode()))) == [
        ["a", "b"],
        ["-1.5", 'x,"y"'],
    ]


def test_the_data_package_describes_every_csv_file(files: Path) -> None:
    package = json.loads((files / "datapackage.json").read_bytes())
    listed = {resource["path"]: resource for resource in package["resources"]}
    assert set(listed) == {"dictionary.csv", *(f"tables/{name}.csv" for name in TABLES)}
    for path, resource in listed.items():
        content = (files / path).read_bytes()
        header = content.split(b"\r\n", 1)[0].decode().split(",")
        assert [field["name"] for field in resource["schema"]["fields"]] == header
        assert (resource["bytes"], resource["hash"]) == (len(content), "sha256:" + store.sha256_bytes(content))


def test_the_dictionary_has_a_row_a_metric_and_a_row_a_column(files: Path) -> None:
    rows = csv_rows(files / "dictionary.csv")
    metrics = {row["name"] for row in rows if row["kind"] == "metric"}
    assert metrics == {row["metric_id"] for row in csv_rows(files / "tables" / "headline.csv")}
    (passage,) = (row for row in rows if row["kind"] == "framework")
    assert [passage[name] for name in ("name", "framework", "reference", "fit", "valid_from_fy_start")] == [
        "sup_rate", "GRI", "414-2", "PARTIAL", "2018-07-01",
    ]  # fmt: skip
    assert passage["description"] == "The figure answers a part of the passage. Under revision"
    columns = {(row["table"], row["name"]) for row in rows if row["kind"] == "column"}
    assert columns == {(name, column) for name, table in TABLES.items() for column in table.columns}
    assert all(row["description"] for row in rows)


def test_the_headline_table_has_the_promised_columns(files: Path) -> None:
    header = (files / "tables" / "headline.csv").read_text().split("\n", 1)[0]
    assert header == (
        "metric_id,title,unit,perimeter,basis,fiscal_quarter,numerator,denominator,value,display_value,"
        "target_value,target_status,value_state"
    )


def test_the_same_build_gives_the_same_bytes_in_another_place(tmp_path: Path) -> None:
    one, other = made(settings_at(tmp_path / "one")), made(settings_at(tmp_path / "other"))
    assert one["files"] == other["files"]
    assert one["candidate_digest"] == other["candidate_digest"] == store.digest_of(one["files"])


def test_preparing_again_writes_nothing_new(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    first = prepared(settings)
    folder, _ = candidate.current(settings, QUARTER)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert candidate.prepare_build(settings, QUARTER, "b1") == first
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_another_figure_is_another_candidate_and_becomes_the_current_one(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    first, second = prepared(settings), prepared(settings, "b2", shift=1)
    assert first["candidate_digest"] != second["candidate_digest"]
    assert candidate.current(settings, QUARTER)[1] == second
    assert first["withheld_cells"] == second["withheld_cells"] == 3
    assert second["metric_versions"]["grv_cases"] == 1


def test_what_a_killed_prepare_left_is_swept_away(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    leftover = store.folder(settings.place("candidates", str(QUARTER), ".put-killed"))
    (leftover / "half").write_text("x")
    prepared(settings)
    assert not leftover.exists()


def test_a_build_that_did_not_finish_is_not_prepared(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    finished_build(settings)
    record = settings.place("builds", str(QUARTER), "b1", "build.json")
    store.write_json(record, {"outcome": "failed"})
    with pytest.raises(BuildFailed):
        candidate.prepare_build(settings, QUARTER, "b1")
    record.unlink()
    with pytest.raises(BuildFailed):
        candidate.prepare_build(settings, QUARTER, "b1")
    assert not settings.place("candidates", str(QUARTER), "current.json").exists()


def test_a_build_without_a_published_column_is_not_prepared(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    finished_build(settings)
    database = settings.place("builds", str(QUARTER), "b1", "due_diligence.duckdb")
    with duckdb.connect(str(database)) as connection:
        connection.execute("alter table board_trend drop column value_state")
    with pytest.raises(BuildFailed, match="The build does not hold") as stop:
        candidate.prepare_build(settings, QUARTER, "b1")
    assert stop.value.found == "board_trend without value_state"


def test_a_quarter_without_a_candidate_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(HrddError) as stop:
        candidate.current(settings_at(tmp_path), QUARTER)
    assert "hrdd prepare FY2023-Q4" in stop.value.next_step
