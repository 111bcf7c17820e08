"""Workbooks: the cells of an .xlsx file as text, exactly as far as a workbook is exact.

The sheets are read here rather than by a library, for libraries mend: they give an error (#N/A) as an empty cell, a
formula without its value as nothing, an integer as a float, the reading of a name (furigana) as part of it, and the
leading zeros of a number format not at all. What cannot be read exactly is a fault of its record, never a guess.
"""

from __future__ import annotations

import csv
import math
import re
import zipfile
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from xml.parsers import expat

from ingest.archive import entries_of, unpack_entry
from ingest.contract import Column, Contract
from ingest.quarantine import Broken, Finder, Quarantine
from ingest.scan import MAX_PREAMBLE_LINES, Text
from pipeline.errors import RefusedExtract

MAX_COLUMNS = 16_384
_CELL = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_ZEROS = re.compile("0{2,30}")
_PARTED = re.compile("[0#?][-:()]+[0#?]|0[^0#?.,eE%]+0")  # more between the digits than stands in a number
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.')
_DATE_FORMATS = {*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)}
_DAY_ZERO = datetime(1899, 12, 30)
_DAY_ZERO_1904 = datetime(1904, 1, 1)
_OTHERWISE = "otherwise"  # a style that shows a number as a text which stands nowhere in the file
_DAMAGED = "\0"  # stands for a cell that has no exact value


@dataclass
class _Book:
    """What the cells of a workbook refer to."""

    strings: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)  # by style: "date", _OTHERWISE, the zeros of a number format, or ""
    day_zero: datetime = _DAY_ZERO


def as_text(file: Path, contract: Contract, quarantine: Quarantine, workspace: Path) -> tuple[Text, tuple[int, int]]:
    """The rows of the contract's sheets as delimited text, and how many rows are header (and before it) and blank.

    Raises RefusedExtract for what may not be opened, for sheets that the contract does not name, for merged cells and
    for a fault of the header.
    """
    target = workspace / "sheets.csv"
    names = [column.name for column in contract.columns]
    lines: array[int] = array("q")
    quarantine.line_of = lines
    header_rows = blank_rows = 0
    with entries_of(file) as archive, target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(names)
        entries = {entry.filename: entry for entry in archive.infolist()}
        _stop_at_what_runs_or_reaches_outside(archive, entries)
        parts = _Parts(archive, entries, workspace)
        sheets, book = _book(parts, contract)
        for sheet in sheets:
            columns: tuple[Column, ...] | None = None
            refusal: RefusedExtract | None = None
            last = 0
            for row, cells in _rows(parts.read(sheet), book):
                blank_rows += row - last - 1 if columns else 0
                header_rows += row - last - 1 if not columns else 0
                last = row
                if columns is None:
                    header_rows += 1
                    try:
                        columns = contract.match_header(_trimmed(cells))
                    except RefusedExtract as fault:
                        refusal = refusal or fault
                        if not contract.search_header or row >= MAX_PREAMBLE_LINES:
                            raise refusal from None
                    continue
                if not any(cells):
                    blank_rows += 1
                    continue
                lines.append(row)
                number = len(lines)
                found = dict(zip((column.name for column in columns), cells, strict=False))
                damaged = [name for name, cell in found.items() if cell.startswith(_DAMAGED)]
                if any(cells[len(columns) :]):
                    quarantine.add(Broken(number, row, 1, None, "width", _told(cells)), Finder.OPENING)
                elif damaged:
                    columns_told = ", ".join(damaged)
                    quarantine.add(Broken(number, row, 1, columns_told, "damaged_cell", _told(cells)), Finder.OPENING)
                writer.writerow([found.get(name, "").replace(_DAMAGED, "") for name in names])
            if columns is None:
                raise refusal or _refused("a sheet without a header", "the names of the columns in the first row")
    return Text(target, ",", '"', is_ours=True), (header_rows, blank_rows)


def _told(cells: list[str]) -> str:
    """A row in quarantine, as delimited text."""
    return ",".join('"' + cell.replace(_DAMAGED, "").replace('"', '""') + '"' for cell in cells) + "\n"


def _trimmed(cells: list[str]) -> list[str]:
    """A header without the empty cells behind it."""
    width = max((place for place, cell in enumerate(cells, 1) if cell), default=0)
    return cells[:width]


def _stop_at_what_runs_or_reaches_outside(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> None:
    for name in entries:
        lower = name.lower()
        if "vbaproject" in lower or "/macrosheets/" in lower or "activex" in lower:
            raise _refused("macros", "a workbook without macros")
        if "/externallinks/" in lower or lower.endswith("connections.xml"):
            raise _refused("links to other files or to a database", "a workbook that stands alone")
    if sum(entry.file_size for entry in entries.values()) > 1 << 31:
        raise _refused("more than 2 GiB inside", "an extract of a usual size; CSV for more")


class _Parts:
    """The parts of a workbook, each unpacked under limits when it is read."""

    def __init__(self, archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], workspace: Path) -> None:
        self._archive, self._entries, self._workspace = archive, entries, workspace

    def read(self, name: str) -> Path:
        """One part as a file."""
        entry = self._entries.get(name)
        if entry is None:
            raise _refused("a part that is missing", "a whole workbook")
        target = self._workspace / "part.xml"
        unpack_entry(self._archive, entry, target)
        return target

    def has(self, name: str) -> bool:
        """Whether there is such a part."""
        return name in self._entries


def _book(parts: _Parts, contract: Contract) -> tuple[list[str], _Book]:
    """The parts that hold the contract's sheets, in the workbook's order, and what their cells refer to."""
    types: dict[str, str] = {}
    _parse(parts.read("[Content_Types].xml"), {"Override": lambda a: types.update({a["PartName"]: a["ContentType"]})})
    if any("macroenabled" in kind.lower() or "binary" in kind.lower() for kind in types.values()):
        raise _refused("a workbook of the kind that holds macros", "an .xlsx workbook")
    main = next((name for name, kind in types.items() if kind.endswith("sheet.main+xml")), "/xl/workbook.xml")[1:]
    folder = PurePosixPath(main).parent
    targets: dict[str, str] = {}

    def relation(found: dict[str, str]) -> None:
        if found.get("TargetMode") == "External":
            raise _refused("links to other files", "a workbook that stands alone")
        target = PurePosixPath(found["Target"])
        targets[found["Id"]] = str(target)[1:] if target.is_absolute() else str(folder / target)

    _parse(parts.read(str(folder / "_rels" / (PurePosixPath(main).name + ".rels"))), {"Relationship": relation})
    sheets: dict[str, tuple[str, bool]] = {}
    book = _Book()

    def sheet(found: dict[str, str]) -> None:
        relation_id = next((value for name, value in found.items() if name.endswith(":id")), "")
        sheets[found["name"]] = targets.get(relation_id, ""), found.get("state", "visible") == "visible"

    def properties(found: dict[str, str]) -> None:
        if found.get("date1904") in ("1", "true"):
            book.day_zero = _DAY_ZERO_1904

    _parse(parts.read(main), {"sheet": sheet, "workbookPr": properties})
    seen = [name for name, (_, is_visible) in sheets.items() if is_visible]
    wanted = list(contract.sheets) or seen
    if not contract.sheets and len(seen) != 1:
        raise _refused(
            f"{len(seen)} sheets that can be seen", "one sheet, or a contract that names its sheets (property sheets)"
        )
    missing = [name for name in wanted if name not in sheets]
    if missing:
        raise _refused(f"{len(missing)} of the contract's sheets are missing", ", ".join(contract.sheets))
    strings, styles = str(folder / "sharedStrings.xml"), str(folder / "styles.xml")
    book.strings = list(_strings(parts.read(strings))) if parts.has(strings) else []
    book.styles = _styles(parts.read(styles)) if parts.has(styles) else []
    return [sheets[name][0] for name in wanted], book


def _rows(part: Path, book: _Book) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each row of a sheet."""
    rows: list[tuple[int, list[str]]] = []
    cells: list[str] = []
    text: list[str] = []
    at = {"row": 0, "column": 0}
    cell = {"type": "", "style": "", "has_formula": "", "value": ""}
    is_reading = is_phonetic = has_value = False

    def start(name: str, found: dict[str, str]) -> None:
        nonlocal is_reading, is_phonetic, has_value, cells, text
        name = name.rpartition(":")[2]
        if name == "c":
            place = _CELL.fullmatch(found["r"]) if "r" in found else None
            if "r" in found and (place is None or int(place[2]) != at["row"]):
                raise _refused("a cell outside of its row", "a sheet whose cells say where they are")
            column = _number_of(place[1]) if place else at["column"] + 1
            if column <= at["column"] or column > MAX_COLUMNS:
                raise _refused("cells out of order", "a sheet whose cells stand in order")
            cells.extend([""] * (column - at["column"] - 1))
            at["column"] = column
            cell.update(type=found.get("t", "n"), style=found.get("s", ""), has_formula="")
            text, has_value = [], False
        elif name == "row":
            row = int(found.get("r", at["row"] + 1))
            if row <= at["row"] or row > 1 << 20:
                raise _refused("rows out of order", "a sheet whose rows stand in order")
            at.update(row=row, column=0)
            cells = []
        elif name == "v" or (name == "t" and not is_phonetic):
            is_reading, has_value = True, True
        elif name == "f":
            cell["has_formula"] = "yes"
        elif name == "rPh":
            is_phonetic = True
        elif name == "mergeCell":
            raise _refused("merged cells, whose value stands in the first only", "a table with a value in each cell")

    def end(name: str) -> None:
        nonlocal is_reading, is_phonetic
        name = name.rpartition(":")[2]
        if name in ("v", "t"):
            is_reading = False
        elif name == "rPh":
            is_phonetic = False
        elif name == "c":
            cells.append(_value(cell, "".join(text), has_value, book))
        elif name == "row":
            rows.append((at["row"], cells))

    def characters(found: str) -> None:
        if is_reading:
            text.append(found)

    for _ in _parsed(part, start, end, characters):
        yield from rows
        rows.clear()
    yield from rows


def _value(cell: dict[str, str], text: str, has_value: bool, book: _Book) -> str:
    """A cell as text; ``_DAMAGED`` before what is not exact."""
    kind = cell["type"]
    if not has_value:
        return _DAMAGED + "formula" if cell["has_formula"] else ""
    if kind == "s":
        try:
            return book.strings[int(text)]
        except (ValueError, IndexError):
            raise _refused("a cell that refers to a text that is not there", "a whole workbook") from None
    if kind in ("inlineStr", "str"):
        return _unescaped(text)
    if kind == "b":
        return {"1": "true", "0": "false"}.get(text, _DAMAGED + text)
    if kind == "d":
        return text
    if kind != "n" or not _NUMBER.fullmatch(text):
        return _DAMAGED + text if text or cell["has_formula"] else ""
    style = book.styles[int(cell["style"])] if cell["style"].isdigit() and int(cell["style"]) < len(book.styles) else ""
    return _moment(float(text), book.day_zero) if style == "date" else _digits(text, style)


def _digits(text: str, style: str) -> str:
    """A number without exponent, to the 15 digits that a workbook keeps; with its leading zeros if it shows them."""
    value = float(text)
    if abs(value) >= 1e15:
        return _DAMAGED + text
    if style == _OTHERWISE:
        return _DAMAGED + text
    shown = f"{value:.15g}"
    if abs(float(shown) - value) > 2 * math.ulp(value):
        return _DAMAGED + text  # a value of its own, and no trace of arithmetic in binary
    if "e" in shown:
        shown = f"{value:.30f}".rstrip("0").rstrip(".") if abs(value) > 1e-12 else _DAMAGED + text
    if style and value >= 0 and shown.isdigit():
        return shown.zfill(len(style))
    return "0" if shown == "-0" else shown


def _moment(serial: float, day_zero: datetime) -> str:
    """A day, or a moment without offset, from a count of days. The day that a workbook invents (60) is none."""
    if day_zero == _DAY_ZERO and serial < 61:
        if serial < 0 or serial >= 60:
            return _DAMAGED + str(serial)
        serial += 1
    try:
        moment = day_zero + timedelta(milliseconds=round(serial * 86_400_000))
    except OverflowError:
        return _DAMAGED + str(serial)
    if moment.time() == moment.min.time():
        return moment.date().isoformat()
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def _strings(part: Path) -> Iterator[str]:
    """The shared texts, without the reading that stands beside a Japanese name."""
    found: list[str] = []
    text: list[str] = []
    is_reading = is_phonetic = False

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal is_reading, is_phonetic, text
        name = name.rpartition(":")[2]
        if name == "si":
            text = []
        elif name == "rPh":
            is_phonetic = True
        elif name == "t":
            is_reading = not is_phonetic

    def end(name: str) -> None:
        nonlocal is_reading, is_phonetic
        name = name.rpartition(":")[2]
        if name == "si":
            found.append(_unescaped("".join(text)))
        elif name == "rPh":
            is_phonetic = False
        elif name == "t":
            is_reading = False

    def characters(words: str) -> None:
        if is_reading:
            text.append(words)

    for _ in _parsed(part, start, end, characters):
        yield from found
        found.clear()
    yield from found


def _styles(part: Path) -> list[str]:
    formats: dict[str, str] = {}
    styles: list[str] = []
    is_in_cells = False

    def start(name: str, found: dict[str, str]) -> None:
        nonlocal is_in_cells
        name = name.rpartition(":")[2]
        if name == "numFmt":
            formats[found.get("numFmtId", "")] = found.get("formatCode", "")
        elif name == "cellXfs":
            is_in_cells = True
        elif name == "xf" and is_in_cells:
            styles.append(_style(found.get("numFmtId", "0"), formats))

    def end(name: str) -> None:
        nonlocal is_in_cells
        if name.rpartition(":")[2] == "cellXfs":
            is_in_cells = False

    for _ in _parsed(part, start, end, lambda _: None):
        pass
    return styles


def _style(number: str, formats: dict[str, str]) -> str:
    code = formats.get(number)
    if code is None:
        return "date" if number.isdigit() and int(number) in _DATE_FORMATS else ""
    bare = _LITERAL.sub("", code.split(";")[0])
    if re.search("[yYmMdDhHsSeEgG年月日]", bare) and not re.search("[0#?]", bare.replace("ss.0", "")):
        return "" if bare.lower() == "general" else "date"
    shown = re.sub(r"\[[^\]]*\]|_.", "", code.split(";")[0])
    if _ZEROS.fullmatch(bare.strip()) and not _ZEROS.fullmatch(shown.strip()):
        return _OTHERWISE
    if _PARTED.search(re.sub(r'["\\]', "", shown)) and "/" not in shown:
        return _OTHERWISE
    return bare if _ZEROS.fullmatch(bare) else ""


def _number_of(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _unescaped(text: str) -> str:
    """Text without the escapes that the format has for control characters."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _parse(part: Path, handlers: dict[str, Callable[[dict[str, str]], object]]) -> None:
    def start(name: str, found: dict[str, str]) -> None:
        if handler := handlers.get(name.rpartition(":")[2]):
            handler(found)

    for _ in _parsed(part, start, lambda _: None, lambda _: None):
        pass


def _parsed(
    part: Path,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    characters: Callable[[str], None],
) -> Iterator[None]:
    """Read one part, block by block. No document type is taken, so no entity can be named."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters

    def doctype(*_: object) -> None:
        raise _refused("a document type or an entity", "plain XML")

    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = doctype
    try:
        with part.open("rb") as stream:
            while block := stream.read(1 << 18):
                parser.Parse(block, False)
                yield
            parser.Parse(b"", True)
    except (expat.ExpatError, KeyError, ValueError, UnicodeError):
        raise _refused("a part that is damaged", "a whole workbook") from None


def _refused(found: str, expected: str) -> RefusedExtract:
    return RefusedExtract(
        "The workbook cannot be read.",
        found=found,
        expected=expected,
        rule="ingest/workbook.py",
        next_step="ask the sender for a plain .xlsx with one table and no macros, links or merged cells, or for CSV",
    )
