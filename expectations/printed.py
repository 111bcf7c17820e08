"""What a reader finds in the files of a release: every figure, from each format by itself.

Only files are read, as they were written: CSV, Parquet, XLSX (every sheet, hidden ones too), HTML, PDF and JSON.
A file of another kind cannot be searched, and is named as such. Words that a workbook prints for codes are turned back.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pypdf

from pipeline import store
from pipeline.database import connect
from pipeline.settings import Settings

PERIMETERS = {
    "parent company": "corp",
    "parent and Japan group": "jp",
    "consolidated group": "grp",
    "Europe, Middle East, Africa": "emea",
    "Australia": "au",
}
BASES = {"in the quarter": "qtr", "since 1 April": "ytd", "on the last day": "asof", "trailing twelve months": "t12m"}
SHEET_COLUMNS = {
    "Metric id": "metric_id",
    "Perimeter": "perimeter",
    "Basis": "basis",
    "Quarter": "fiscal_quarter",
    "Broken down by": "dimension",
    "Part": "dimension_value",
    "Numerator": "numerator",
    "Denominator": "denominator",
    "Value": "value",
}
CELL = ("metric_id", "perimeter", "basis", "fiscal_quarter", "dimension", "dimension_value")
NUMBERS = ("numerator", "denominator", "value")
UNDER = ", under "  # between a metric and the rule of a neighbor; no metric id has a comma
SPREADSHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
# A line of the page of exact values: a cell of a total and its three numbers, a dash where there is none.
PDF_LINE = re.compile(
    r"^(?P<metric_id>\w+) (?P<perimeter>\w+) (?P<basis>\w+) (?P<fiscal_quarter>FY\d{4}-Q\d)"
    r" (?P<numerator>\S+) (?P<denominator>\S+) (?P<value>\S+) *$",
    re.MULTILINE,
)
# Beside the figures: what the figures are, who checked and approved them. Their words hold no figure of a part.
ABOUT = frozenset({"programme.json", "datapackage.json", "manifest.json", "verdict.json", "approval.json"})

ENTITIES = "tables/dim_entity.csv"

Key = tuple[str, ...]
Numbers = tuple[float | None, float | None, float | None]
Row = Mapping[str, Any]


class Unreadable(Exception):
    """A file cannot be searched; it carries the file's name and nothing of what is in it."""


@dataclass(frozen=True)
class Found:
    """The figures of one folder: by format, the cell and its three numbers; and the digest of every file read."""

    by_format: Mapping[str, Mapping[Key, Numbers]]
    digests: Mapping[str, str]
    contradictions: int  # cells that stand twice in one format, or in two, with different numbers
    before: Mapping[Key, Numbers]  # what a revision says that the release before it printed
    entities: Sequence[Mapping[str, str]]  # the companies, as the release lists them
    left_out: Mapping[Key, tuple[float | None, bool]]  # figure and reason: how many it leaves out, and if persons

    @cached_property
    def figures(self) -> dict[Key, Numbers]:
        """Every cell that any format holds. Where one format withholds what another prints, the number counts."""
        together: dict[Key, Numbers] = {}
        for figures in self.by_format.values():
            for key, numbers in figures.items():
                together[key] = _fuller(numbers, together.get(key, (None, None, None)))
        return together


def read(settings: Settings, folder: Path) -> Found:
    """Read every file of a folder once, take its digest, and search the very bytes that were digested.

    Raises Unreadable for a file of an unknown kind, a link, or a file that is not what its name says.
    """
    by_format: dict[str, dict[Key, Numbers]] = {}
    before: dict[Key, Numbers] = {}
    entities: list[dict[str, str]] = []
    left_out: dict[Key, tuple[float | None, bool]] = {}
    digests, contradictions = {}, 0
    for file in sorted(folder.rglob("*")):
        if file.is_dir() and not file.is_symlink():
            continue
        name = file.relative_to(folder).as_posix()
        if file.is_symlink():
            raise Unreadable(name)
        content = file.read_bytes()
        digests[name] = store.sha256_bytes(content)
        kind = file.suffix.lower().removeprefix(".")
        reader = READERS.get(kind)
        if reader is None:
            raise Unreadable(name)
        try:
            rows = [] if file.name in ABOUT else list(reader(settings, file, content))
        except Exception:
            # What went wrong may be told in words that hold a value of the file.
            raise Unreadable(name) from None
        if name == ENTITIES:
            entities = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
        figures = by_format.setdefault(kind, {})
        for row in rows:
            if "left_out" in row:
                why = (*(str(row[name]) for name in (*CELL[:4], "reason")),)
                said = (_number(row["left_out"]), str(row["is_person_count"]).lower() == "true")
                contradictions += left_out.setdefault(why, said) != said
                continue
            key, numbers = _figure(row)
            if "old_value" in row:
                earlier = (None, None, _number(row["old_value"]))
                contradictions += key in before and _disagree(before[key], earlier)
                before[key] = earlier
                if numbers[2] is None:
                    continue  # the tables themselves say what became of it
            if key in figures and _disagree(figures[key], numbers):
                contradictions += 1
            figures[key] = _fuller(numbers, figures.get(key, (None, None, None)))
    kinds = sorted(by_format)
    for place, kind in enumerate(kinds):
        for other in kinds[place + 1 :]:
            shared = by_format[kind].keys() & by_format[other].keys()
            contradictions += sum(_disagree(by_format[kind][key], by_format[other][key]) for key in shared)
    return Found(by_format, digests, contradictions, before, entities, left_out)


def _figure(row: Row) -> tuple[Key, Numbers]:
    said = {name: str(row.get(name) or "").removeprefix("'") for name in CELL}
    said["dimension"] = said["dimension"] or "total"
    said["dimension_value"] = said["dimension_value"] or "ALL"
    if row.get("variant") and said["dimension"] == "total":
        # A neighbor is the same total under another rule: a figure of its own, that is held beside its headline.
        said["metric_id"] += f"{UNDER}{row['variant']}"
    said["perimeter"] = PERIMETERS.get(said["perimeter"], said["perimeter"])
    said["basis"] = BASES.get(said["basis"], said["basis"])
    numerator, denominator, value = (_number(row.get(name)) for name in NUMBERS)
    if "new_value" in row:  # a line of a revision: the figure as it is now
        value = _number(row["new_value"])
    return tuple(said[name] for name in CELL), (numerator, denominator, value)


def _number(value: Any) -> float | None:
    return None if value is None or value == "" else float(value)


def _fuller(one: Numbers, other: Numbers) -> Numbers:
    first, second, third = (mine if mine is not None else theirs for mine, theirs in zip(one, other, strict=True))
    return first, second, third


def _disagree(one: Numbers, other: Numbers) -> bool:
    if (one[2] is None) != (other[2] is None):
        return True
    pairs = ((mine, theirs) for mine, theirs in zip(one, other, strict=True) if mine is not None and theirs is not None)
    # A workbook keeps sixteen digits of a number, which is all that a double can say for sure.
    return any(abs(mine - theirs) > 1e-9 * max(1.0, abs(mine)) for mine, theirs in pairs)


def _from_csv(_: Settings, __: Path, content: bytes) -> Iterator[Row]:
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    return (dict(zip(header, row, strict=True)) for row in rows if _has_figures(header))


def _from_parquet(settings: Settings, file: Path, content: bytes) -> Iterator[Row]:
    with connect(settings, folders=[file.parent]) as connection:
        result = connection.execute("select * from read_parquet(?)", [str(file)])
        names = [column[0] for column in result.description]
        rows = result.fetchall()
    if store.sha256_file(file) != store.sha256_bytes(content):
        raise Unreadable(file.name)
    return (dict(zip(names, row, strict=True)) for row in rows if _has_figures(names))


def _from_json(_: Settings, __: Path, content: bytes) -> Iterator[Row]:
    return _records(json.loads(content))


def _records(value: Any) -> Iterator[Row]:
    if isinstance(value, dict):
        if _has_figures(value):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _records(part)


def _from_xlsx(_: Settings, __: Path, content: bytes) -> Iterator[Row]:
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        texts: list[str] = []
        if "xl/sharedStrings.xml" in book.namelist():
            tree = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
            texts = ["".join(part.itertext()) for part in tree.iter(f"{SPREADSHEET}si")]
        for name in sorted(book.namelist()):
            if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name):
                yield from _from_sheet(ElementTree.fromstring(book.read(name)), texts)


def _from_sheet(sheet: ElementTree.Element, texts: Sequence[str]) -> Iterator[Row]:
    columns: dict[str, str] = {}
    for line in sheet.iter(f"{SPREADSHEET}row"):
        cells = dict(_cells(line, texts))
        if "Metric id" in cells.values() and "Value" in cells.values():
            columns = {place: SHEET_COLUMNS[text] for place, text in cells.items() if text in SHEET_COLUMNS}
        elif columns:
            row = {name: cells[place] for place, name in columns.items() if place in cells}
            if row.get("metric_id"):
                yield row


def _cells(line: ElementTree.Element, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for cell in line.iter(f"{SPREADSHEET}c"):
        place = re.sub(r"\d", "", cell.get("r", ""))
        value = cell.findtext(f"{SPREADSHEET}v")
        if cell.get("t") == "inlineStr":
            value = "".join(cell.itertext())
        if value is not None:
            yield place, texts[int(value)] if cell.get("t") == "s" else value


def _from_html(_: Settings, __: Path, content: bytes) -> Iterator[Row]:
    page = _Page()
    page.feed(content.decode("utf-8"))
    page.close()
    return iter(page.rows)


class _Page(HTMLParser):
    """Table rows, and cells of a table of quarters, that say which figure they are about, and the exact numbers in
    their ``data`` elements."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self.is_figure = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "tr" or (tag == "td" and "data-perimeter" in said):
            self.is_figure = "data-perimeter" in said
            if self.is_figure:
                self.rows.append(
                    {
                        "metric_id": said.get("data-figure"),
                        "perimeter": said.get("data-perimeter"),
                        "basis": said.get("data-basis"),
                        "fiscal_quarter": said.get("data-quarter"),
                        "dimension": said.get("data-dimension"),
                        "dimension_value": said.get("data-part"),
                        "variant": said.get("data-variant"),
                    }
                )
        elif tag == "data" and self.is_figure:
            # Languages order the two numbers of a share differently, so each says which one it is.
            part = said.get("data-is")
            self.rows[-1][part if part in NUMBERS else "value"] = said.get("value")

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr":
            self.is_figure = False


def _from_pdf(_: Settings, __: Path, content: bytes) -> Iterator[Row]:
    text = "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content), strict=True).pages)
    rows = [found.groupdict() for found in PDF_LINE.finditer(text)]
    if not rows:
        # A pack without its page of exact values cannot be searched: what its other pages say is rounded.
        raise Unreadable("pdf")
    for row in rows:
        yield {name: None if text == "-" else text for name, text in row.items()}


def _has_figures(names: Iterable[str]) -> bool:
    there = set(names)
    return {"metric_id", "fiscal_quarter"} <= there and bool({"value", "new_value", "left_out"} & there)


READERS = {
    "csv": _from_csv,
    "parquet": _from_parquet,
    "json": _from_json,
    "xlsx": _from_xlsx,
    "html": _from_html,
    "pdf": _from_pdf,
}
