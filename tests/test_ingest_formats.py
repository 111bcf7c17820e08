"""The same table in every format and encoding gives the same records, and what a format hides is found."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import openpyxl
import pytest
import xlsxwriter
from fault_corpus import HEADER, contract_file, records, written
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.styles import numbers
from test_ingest_promises import alone, as_sent, manifest_of, zipped

from ingest import parquet, thrift
from ingest.contract import read_contract
from ingest.encoding import ENCODINGS
from ingest.pages import Joined
from ingest.quarantine import Quarantine
from ingest.thrift import BrokenThriftError
from pipeline import store
from pipeline.errors import RefusedExtract

LETTERS = st.characters(
    codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"], exclude_characters="\ufeff\ufffd"
)
FREE = (LETTERS | st.sampled_from('",;\t\n|')).filter(lambda sign: sign != "\r")


def trimmed(text: str) -> str:
    """Text that no rule of outer space concerns."""
    return re.sub(
        r"^[\s\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+|[\s\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+$", "", text
    )


ROWS = st.lists(
    st.tuples(
        st.dates(date(1900, 3, 1), date(2100, 12, 31)).map(str),
        st.decimals(-9_999_999, 9_999_999, places=2).map(lambda number: f"{number:.2f}"),
        st.sampled_from(["true", "false"]),
        st.sampled_from(["JP", "EMEA", "APAC"]),
        st.text(LETTERS, max_size=12).map(trimmed),
        st.text(FREE, max_size=20).map(trimmed),
    ),
    min_size=1,
    max_size=6,
).map(lambda rows: [[f"C{number}", *row] for number, row in enumerate(rows, 1)])


def workbook_of(rows: list[list[str]]) -> bytes:
    """Dates, numbers and truths as a workbook holds them, the rest as text."""
    made = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(made, options) as book:
        sheet = book.add_worksheet("Cases")
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, HEADER)
        for place, cells in enumerate(rows, 1):
            sheet.write_string(place, 0, cells[0])
            sheet.write_datetime(place, 1, datetime.fromisoformat(cells[1]), day)
            sheet.write_number(place, 2, float(cells[2]))
            sheet.write_boolean(place, 3, cells[3] == "true")
            for column in (4, 5, 6):
                sheet.write_string(place, column, cells[column])
    return made.getvalue()


def json_of(rows: list[list[str]]) -> bytes:
    lines = []
    for cells in rows:
        found: dict[str, Any] = dict(zip(HEADER, [cell or None for cell in cells], strict=True))
        lines.append(json.dumps(found | {"is_open": cells[3] == "true"}, ensure_ascii=False))
    return "\n".join(lines).encode() + b"\n"


def parquet_of(rows: list[list[str]]) -> bytes:
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute(
            "create table t (case_id varchar, day date, amount decimal(12,2), is_open boolean, region varchar, "
            "place varchar, note varchar)"
        )
        connection.executemany("insert into t values (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute(f"copy t to '{folder}/t.parquet'")
        return Path(folder, "t.parquet").read_bytes()


def text_of(**way: Any) -> Callable[[list[list[str]]], bytes]:
    codec = way.pop("codec", "utf-8")

    def write(rows: list[list[str]]) -> bytes:
        text = io.StringIO()
        csv.writer(text, **{"lineterminator": "\n", **way}).writerows([HEADER, *rows])
        return text.getvalue().encode(codec)

    return write


FORMATS: dict[str, tuple[str, Callable[[list[list[str]]], bytes], dict[str, str]]] = {
    "CSV": ("a.csv", text_of(), {}),
    "CSV with CRLF, all quoted": ("a.csv", text_of(lineterminator="\r\n", quoting=csv.QUOTE_ALL), {}),
    "CSV with a byte order mark": ("a.csv", text_of(codec="utf-8-sig"), {}),
    "CSV in UTF-16": ("a.csv", text_of(codec="utf-16"), {"encodings": "utf-16"}),
    "CSV in UTF-16 BE": ("a.csv", text_of(codec="utf-16-be"), {"encodings": "utf-16-be"}),
    "TSV": ("a.tsv", text_of(delimiter="\t"), {"delimiter": '"\\t"'}),
    "semicolons": ("a.csv", text_of(delimiter=";"), {"delimiter": '";"'}),
    "pipes": ("a.txt", text_of(delimiter="|"), {"delimiter": '"|"'}),
    "a delimiter past ASCII": ("a.txt", text_of(delimiter="\u00a7"), {"delimiter": '"\u00a7"'}),
    "gzip": ("a.csv.gz", lambda rows: gzip.compress(text_of()(rows)), {}),
    "ZIP": ("a.zip", lambda rows: zipped(("a.csv", text_of()(rows))), {}),
    "XLSX": ("a.xlsx", workbook_of, {}),
    "Parquet": ("a.parquet", parquet_of, {}),
    "JSON lines": ("a.jsonl", json_of, {}),
    "JSON lines, gzip": ("a.ndjson.gz", lambda rows: gzip.compress(json_of(rows)), {}),
}


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=12, deadline=None)
@given(rows=ROWS)
def test_every_table_comes_back_as_it_was_through_every_format(form: str, rows: list[list[str]]) -> None:
    name, write, way = FORMATS[form]
    with TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_sync", lambda _: None)
        folder = Path(temporary)
        contract = contract_file(folder, multiline="true", **way)
        receipt, loaded, quarantined = alone(folder / "sent", write(rows), contract, name)
        assert receipt["outcome"] == "loaded", receipt["refusal"]
        assert quarantined == []
        assert [as_sent(row) for row in loaded] == rows


WRAPPED: dict[str, Callable[[bytes], bytes]] = {
    "a.csv": bytes,
    "a.tsv": bytes,
    "a.csv.gz": gzip.compress,
    "a.zip": lambda content: zipped(("a.csv", content)),
}


@pytest.mark.parametrize("encoding", {codec: name for name, codec in ENCODINGS.items()}.values())
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_table_comes_back_as_it_was_in_every_encoding(encoding: str, data: st.DataObject) -> None:
    codec = ENCODINGS[encoding]
    words = st.text(st.sampled_from(letters_of(codec)), max_size=12).map(trimmed)
    rows = data.draw(ROWS)
    rows = [[*cells[:5], data.draw(words), data.draw(words)] for cells in rows]
    name = data.draw(st.sampled_from(list(WRAPPED)))
    delimiter = "\t" if name == "a.tsv" else ","
    content = WRAPPED[name](text_of(codec=codec, delimiter=delimiter)(rows))
    with TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_sync", lambda _: None)
        way = {"encodings": encoding, "delimiter": json.dumps(delimiter), "multiline": "true"}
        receipt, loaded, _ = alone(Path(temporary) / "sent", content, contract_file(Path(temporary), **way), name)
    # An old file whose every line could be UTF-8 too is refused rather than guessed; it is never read wrongly.
    assert [as_sent(row) for row in loaded] == (rows if receipt["outcome"] == "loaded" else [])
    assert receipt["outcome"] == "loaded" or (not codec.startswith("utf") and "UTF-8" in receipt["refusal"]["found"])


@cache
def letters_of(codec: str) -> list[str]:
    """What an encoding has and a cell may hold."""
    signs = [sign for sign in map(chr, range(0x20, 0x10000)) if _is_in(sign, codec) and trimmed(sign)]
    hidden = {*map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029", "\ufeff", "\ufffd"}
    return [sign for sign in signs if sign not in hidden]


def _is_in(sign: str, codec: str) -> bool:
    try:
        return sign.encode(codec).decode(codec) == sign
    except UnicodeError:
        return False


def changed(content: bytes, **parts: tuple[str, str] | str) -> bytes:
    """A workbook with parts altered (old, new) or added; `__` in a name stands for a slash, `_` for a dot."""
    made = io.BytesIO()
    wanted = {name.replace("__", "/").replace("_xml", ".xml").replace("_bin", ".bin"): c for name, c in parts.items()}
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            text = old.read(entry).decode()
            change = wanted.pop(entry.filename, None)
            if change is not None:
                assert isinstance(change, tuple)
                assert change[0] in text
                text = text.replace(*change)
            new.writestr(entry.filename, text)
        for name, text in wanted.items():
            assert isinstance(text, str)
            new.writestr(name, text)
    return made.getvalue()


BOOK = workbook_of(records())
SHEET = "xl__worksheets__sheet1_xml"
HOSTILE = {
    "macros": changed(BOOK, xl__vbaProject_bin="x"),
    "a link to another file": changed(BOOK, xl__externalLinks__externalLink1_xml="<a/>"),
    "a connection": changed(BOOK, xl__connections_xml="<a/>"),
    "a document type": changed(BOOK, **{SHEET: ("<worksheet", '<!DOCTYPE a [<!ENTITY b "c">]><worksheet')}),
    "an entity": changed(BOOK, xl__sharedStrings_xml=("<sst", '<!DOCTYPE a SYSTEM "http://a/b"><sst')),
    "merged cells": changed(
        BOOK, **{SHEET: ("</sheetData>", '</sheetData><mergeCells><mergeCell ref="A2:A3"/></mergeCells>')}
    ),
    "a swollen sheet": changed(BOOK, **{SHEET: ("<sheetData>", " " * (30 << 20) + "<sheetData>")}),
    "a text that is not there": changed(BOOK, **{SHEET: ("<v>7</v>", "<v>999</v>")}),
    "rows out of order": changed(BOOK, **{SHEET: ('<row r="4"', '<row r="3"')}),
    "a damaged sheet": changed(BOOK, **{SHEET: ("</sheetData>", "")}),
    "the kind that holds macros": changed(
        BOOK, **{"[Content_Types]_xml": ("spreadsheetml.sheet.main", "sheet.macroEnabled.main")}
    ),
    "cut short": BOOK[:-100],
    "an encrypted or old one": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "no workbook": zipped(("a.csv", b"x")),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_p18_a_workbook_that_runs_reaches_outside_or_is_damaged_is_refused(tmp_path: Path, what: str) -> None:
    receipt, _, _ = alone(tmp_path / "sent", HOSTILE[what], contract_file(tmp_path), "a.xlsx")
    assert receipt["outcome"] == "refused"
    assert "no rule foresees" not in receipt["refusal"]["found"]


def book_of(change: Callable[[Any], None], rows: list[list[str]] | None = None) -> bytes:
    """The workbook after a person changed its only sheet."""
    book = openpyxl.load_workbook(io.BytesIO(workbook_of(rows or records())))
    change(book.active)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


@pytest.mark.parametrize(
    ("cell", "value", "reasons"),
    [
        ("F4", "#N/A", {"damaged_cell": 1}),
        ("F4", "=1+1", {"damaged_cell": 1}),
        ("F4", 12345678901234567, {"damaged_cell": 1}),
        ("C4", 1.005, {"too_many_decimals": 1}),
        ("C4", 1e20, {"damaged_cell": 1}),
        ("C4", 1234567890123.456, {"damaged_cell": 1}),
        ("B4", datetime(2023, 1, 1, 9), {"not_a_date": 1}),
        ("B4", 45000, {"not_a_date": 1}),
        ("D4", 1, {"not_a_boolean": 1}),
        ("H4", "beside the table", {"width": 1}),
        ("A4", None, {"missing": 1}),
        ("F4", 123, {}),
        ("C4", 0.1 + 0.2, {}),
        ("F4", 0.1 + 0.2, {}),
    ],
)
def test_a_cell_that_is_not_exact_is_quarantined_with_its_row(
    tmp_path: Path, cell: str, value: Any, reasons: dict[str, int]
) -> None:
    def change(sheet: Any) -> None:
        sheet[cell] = value
        if isinstance(value, int | float):
            sheet[cell].number_format = "General"

    receipt, loaded, quarantined = alone(tmp_path / "sent", book_of(change), contract_file(tmp_path), "a.xlsx")
    assert receipt["reasons"] == reasons
    assert [(row["record"], row["line"], row["lines"]) for row in quarantined] == [(3, 4, 1)] * len(reasons)
    assert len(loaded) == 12 - len(reasons)
    if not reasons:
        shown = {123: "123", 0.1 + 0.2: "0.3"}[value]
        assert Decimal(str(loaded[2]["amount" if cell == "C4" else "place"])) == Decimal(shown)


def test_leading_zeros_furigana_and_the_1904_calendar_are_read_as_a_person_sees_them(tmp_path: Path) -> None:
    def zeros(sheet: Any) -> None:
        sheet["F2"], sheet["F2"].number_format = 42, "00000"

    _, loaded, _ = alone(tmp_path / "zeros", book_of(zeros), contract_file(tmp_path), "a.xlsx")
    assert loaded[0]["place"] == "00042"
    reading = "<rPh sb='0' eb='2'><t>\u30e8\u30b3\u30cf\u30de</t></rPh>"
    with_reading = changed(BOOK, xl__sharedStrings_xml=("\u6a2a\u6d5c</t>", f"\u6a2a\u6d5c</t>{reading}"))
    _, loaded, _ = alone(tmp_path / "reading", with_reading, contract_file(tmp_path), "a.xlsx")
    assert [as_sent(row) for row in loaded] == records()
    calendar = changed(BOOK, xl__workbook_xml=("<workbookPr", '<workbookPr date1904="1"'))
    _, loaded, _ = alone(tmp_path / "1904", calendar, contract_file(tmp_path), "a.xlsx")
    assert (loaded[0]["day"] - date.fromisoformat(records()[0][1])).days == 1462
    assert numbers.is_date_format("yyyy-mm-dd")


@pytest.mark.parametrize(
    "form",
    ['"S-"000', r"\S000", '000" kg"', "000-000", "000 000", r"000\-0000", "(000) 000-0000", '###"-"####', "00:00"],
)
def test_a_number_that_its_format_shows_as_another_text_is_quarantined(tmp_path: Path, form: str) -> None:
    def labeled(sheet: Any) -> None:
        sheet["F2"], sheet["F2"].number_format = 7, form
        sheet["F3"], sheet["F3"].number_format = 7, "[Red]000"

    receipt, loaded, _ = alone(tmp_path / "sent", book_of(labeled), contract_file(tmp_path), "a.xlsx")
    assert receipt["reasons"] == {"damaged_cell": 1}
    assert (len(loaded), loaded[0]["place"]) == (11, "007")


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("0.00", "7"),
        ("# ##0", "7"),
        ("#,##0.0", "7"),
        ("0.00E+00", "7"),
        ("# ?/?", "7"),
        ('0.0" kg"', "7"),
        ("00000", "00007"),
    ],
)
def test_a_number_that_its_format_shows_as_a_number_is_read(tmp_path: Path, form: str, shown: str) -> None:
    def styled(sheet: Any) -> None:
        sheet["F2"], sheet["F2"].number_format = 7, form

    _, loaded, quarantined = alone(tmp_path / "sent", book_of(styled), contract_file(tmp_path), "a.xlsx")
    assert (loaded[0]["place"], quarantined) == (shown, [])


def test_a_header_is_searched_and_sheets_are_chosen_only_as_the_contract_says(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(BOOK))
    second = book.copy_worksheet(book.active)
    second.title = "Later"
    for row in range(2, 14):
        second.cell(row, 1).value = f"L{row}"
    for sheet in book.worksheets:
        sheet.insert_rows(1, 3)
        sheet["A1"] = "Cases of the year"
    made = io.BytesIO()
    book.save(made)
    plain = contract_file(tmp_path)
    assert alone(tmp_path / "sent", made.getvalue(), plain, "a.xlsx")[0]["outcome"] == "refused"
    rules = "- {property: header, value: search}\n- {property: sheets, value: [Cases, Later]}\n"
    chosen = contract_file(tmp_path, more=rules)
    receipt, loaded, _ = alone(tmp_path / "sent", made.getvalue(), chosen, "a.xlsx")
    assert receipt["outcome"] == "loaded", receipt["refusal"]
    assert (len(loaded), receipt["lines"]["header"]) == (24, 8)
    text = b"Cases of March\n\n" + written(records()).encode()
    receipt, loaded, _ = alone(tmp_path / "text", text, contract_file(tmp_path, more=rules))
    assert ([as_sent(row) for row in loaded], receipt["lines"]["header"]) == (records(), 3)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json", "not_an_object"),
        (b"[1, 2]", "not_an_object"),
        (b'{"case_id": "C1", "case_id": "C2"}', "not_an_object"),
        (b'{"case_id": "C1", "amount": NaN}', "not_an_object"),
        (b'{"case_id": {"a": 1}}', "not_an_object"),
        (b'{"case_id": "\\ud800"}', "not_an_object"),
        (b"[" * 100_000, "not_an_object"),
        (b'{"case_id": "C1", "stranger": 1}', "unknown_name"),
        (b'{"case_id": "C1"}', "missing"),
        (json_of([[*records(1)[0][:2], "1e2", *records(1)[0][3:]]]).replace(b'"1e2"', b"1e2").strip(), "not_a_number"),
        (json_of([[*records(1)[0][:5], "a\0b", "n"]]).strip(), "control_character"),
    ],
)
def test_a_broken_line_of_json_is_quarantined_as_it_was_sent(tmp_path: Path, line: bytes, reason: str) -> None:
    content = json_of(records()[1:3]) + b"\n" + line + b"\n" + json_of(records()[3:])
    receipt, loaded, quarantined = alone(tmp_path / "sent", content, contract_file(tmp_path), "a.jsonl")
    assert receipt["reasons"] == {reason: 1}
    assert [as_sent(row) for row in loaded] == records()[1:]
    assert [(row["line"], row["bytes"]) for row in quarantined] == [(4, line + b"\n")]
    assert receipt["lines"] == {"header": 0, "blank": 1, "loaded": 11, "quarantined": 1}


def test_a_name_that_no_object_has_refuses_the_file(tmp_path: Path) -> None:
    content = json_of(records()).replace(b'"note"', b'"remark"')
    assert alone(tmp_path / "sent", content, contract_file(tmp_path), "a.jsonl")[0]["outcome"] == "refused"


@pytest.mark.parametrize("cut", [0, 4, 100, -1, -8])
def test_a_damaged_parquet_file_is_refused(tmp_path: Path, cut: int) -> None:
    whole = parquet_of(records())
    receipt, _, _ = alone(tmp_path / "sent", whole[:cut], contract_file(tmp_path), "a.parquet")
    assert receipt["outcome"] == "refused"
    assert "no rule foresees" not in receipt["refusal"]["found"]


def test_a_changed_byte_of_a_parquet_page_is_found_where_the_file_has_checksums(tmp_path: Path) -> None:
    """A file that Apache Arrow wrote, with a dictionary: whichever byte of its pages changes, nothing loads wrongly."""
    whole = (Path(__file__).parent / "checksummed.parquet").read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    contract = read_contract(contract_file(tmp_path), of_this_house=False)
    refused = 0
    with duckdb.connect(config={"threads": 1}) as connection:

        def rows(content: bytes) -> bytes:
            file = tmp_path / "sent"
            file.write_bytes(content)
            text, _, has_checksums = parquet.as_text(file, contract, Quarantine(tmp_path), tmp_path, connection)
            assert has_checksums
            return text.file.read_bytes()

        as_written = rows(whole)
        for place in range(footer):
            try:
                assert rows(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]) == as_written
            except RefusedExtract:
                refused += 1
    assert refused > 0.95 * footer


def test_a_parquet_file_says_in_its_receipt_whether_it_has_checksums(tmp_path: Path) -> None:
    whole = (Path(__file__).parent / "checksummed.parquet").read_bytes()
    contract = contract_file(tmp_path)
    for content, warned in ((whole, False), (parquet_of(records()), True)):
        receipt, loaded, _ = alone(tmp_path / "sent", content, contract, "a.parquet")
        assert [as_sent(row) for row in loaded] == records()
        assert any("without checksums" in warning for warning in receipt["warnings"]) is warned
        receipt, _, _ = alone(tmp_path / "proven", content, contract, "a.parquet", manifest_of(content))
        assert receipt["warnings"] == []
    changed_byte = whole.replace(b"Tokyo", b"Kyoto", 1)
    receipt, loaded, _ = alone(tmp_path / "changed", changed_byte, contract, "a.parquet")
    assert (receipt["outcome"], loaded) == ("refused", [])
    assert "checksum" in receipt["refusal"]["found"]


def test_joined_parquet_files_are_their_rows_one_after_the_other_and_nothing_is_read_again(tmp_path: Path) -> None:
    """The same rows, the same groups, and of each group the same bytes, wherever it lies now."""
    files = [tmp_path / f"{number}.parquet" for number in range(3)]
    joined = tmp_path / "joined.parquet"

    def join(some: list[Path]) -> None:
        with Joined(joined) as whole:
            for file in some:
                whole.add(file)
            whole.finish()

    with duckdb.connect() as connection:
        for number, file in enumerate(files):
            connection.execute(
                f"copy (select i, 'w' || i % 7 as word, [i::varchar] as items, if(i % 3 = 0, null, i / 7) as part "
                f"from range({number * 9000}, {number * 9000 + 5000}) as numbers(i)) to '{file}' "
                "(format parquet, compression zstd, row_group_size 2048)"
            )
        join(files)

        def rows(source: str) -> list[Any]:
            return connection.execute(f"select * from read_parquet({source}) order by i").fetchall()

        assert connection.execute(f"select i from '{joined}'").fetchall() == [(row[0],) for row in rows(f"'{joined}'")]
        assert rows(f"'{joined}'") == rows(str([str(file) for file in files]))
        assert rows(f"'{joined}'")[6000:6001] == connection.execute(f"from '{joined}' where i = 10000").fetchall()
        about = "select num_values, stats_min_value, stats_max_value, total_compressed_size from parquet_metadata"
        apart = [line for file in files for line in connection.execute(f"{about}('{file}')").fetchall()]
        assert connection.execute(f"{about}('{joined}')").fetchall() == apart
        join(files[:1])
        assert joined.read_bytes() == files[0].read_bytes()
        connection.execute(f"copy (select 1 as other) to '{files[1]}'")
    with pytest.raises(ValueError, match="different columns"):
        join(files)


def test_a_header_of_thrift_is_written_as_it_was_read_and_a_broken_one_is_no_crash() -> None:
    whole = (Path(__file__).parent / "checksummed.parquet").read_bytes()
    footer = whole[-8 - int.from_bytes(whole[-8:-4], "little") : -8]
    fields, end = thrift.read(footer)
    assert (thrift.write(fields), end) == (footer, len(footer))
    for place in range(len(footer)):
        for broken in (footer[:place], footer[:place] + bytes([footer[place] ^ 0xFF]) + footer[place + 1 :]):
            with suppress(BrokenThriftError):
                thrift.read(broken)


LISTS = """apiVersion: v3.1.0
kind: DataContract
id: sample.moment
version: 1.0.0
status: active
schema:
- name: moment
  properties:
  - {name: code, logicalType: string, primaryKey: true}
  - {name: day, physicalType: DATE, logicalType: date}
  - {name: at, physicalType: TIMESTAMP, logicalType: timestamp}
  - {name: tags, physicalType: 'VARCHAR[]', logicalType: array, items: {logicalType: string}}
"""


def moments(folder: Path, query: str) -> tuple[Path, bytes]:
    """A contract of days, instants and lists, and a Parquet file with the rows of a query."""
    contract, file = folder / "moment.yaml", folder / "rows.parquet"
    contract.write_text(LISTS, encoding="utf-8")
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"copy ({query}) to '{file}'")
    return contract, file.read_bytes()


@pytest.mark.parametrize("name", ["wide_decimal", "no_rows"])
def test_a_decimal_that_would_be_rounded_is_refused_and_a_file_without_rows_is_read(tmp_path: Path, name: str) -> None:
    """Two files that Apache Arrow wrote: a decimal of 50 digits, which DuckDB reads as a double, and no row at all."""
    content = (Path(__file__).parent / f"{name}.parquet").read_bytes()
    receipt, loaded, _ = alone(tmp_path / "sent", content, contract_file(tmp_path), "a.parquet")
    assert (loaded, receipt["outcome"]) == ([], "refused" if name == "wide_decimal" else "loaded")
    if name == "wide_decimal":
        assert "another type" in receipt["refusal"]["found"]
        assert receipt["refusal"]["found"].endswith(" amount")


def test_an_instant_in_parquet_is_read_to_the_microsecond_or_not_at_all(tmp_path: Path) -> None:
    contract, content = moments(
        tmp_path,
        "select code, date '2023-01-01' as day, ns::timestamptz_ns as at, ['a'] as tags from (values "
        "('1', timestamp_ns '2023-01-01 00:00:00.123456000'), ('2', timestamp_ns '2023-01-01 00:00:00.123456789')) "
        "t(code, ns)",
    )
    receipt, [kept], _ = alone(tmp_path / "sent", content, contract, "a.parquet")
    assert kept["at"] == datetime(2023, 1, 1, 0, 0, 0, 123456)
    assert receipt["reasons"] == {"not_an_instant": 1}


@pytest.mark.parametrize(
    ("day", "outcome", "reasons"),
    [
        ("timestamptz '2023-01-01 00:00:00+00'", "refused", {}),
        ("timestamp '2023-01-01 00:00:00'", "loaded", {}),
        ("timestamp_ns '2023-01-01 00:00:00'", "loaded", {}),
        ("timestamp_ns '2023-01-01 00:00:00.000000001'", "loaded", {"not_a_date": 1}),
    ],
)
def test_a_moment_in_a_column_of_days_is_a_day_only_at_a_midnight_that_has_no_offset(
    tmp_path: Path, day: str, outcome: str, reasons: dict[str, int]
) -> None:
    contract, content = moments(tmp_path, f"select '1' as code, {day} as day, null::timestamptz as at, ['a'] as tags")
    receipt, loaded, _ = alone(tmp_path / "sent", content, contract, "a.parquet")
    assert (receipt["outcome"], receipt["reasons"]) == (outcome, reasons)
    assert "day" in receipt["refusal"]["found"] if outcome == "refused" else len(loaded) + len(reasons) == 1


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_list_whose_items_cannot_be_told_apart_is_quarantined_alone(tmp_path: Path, form: str) -> None:
    contract, content = moments(
        tmp_path,
        "select code, null::date as day, null::timestamptz as at, tags from (values "
        "('1', ['a', 'b']), ('2', ['a;b', 'c']), ('3', ['d', null]), ('4', ['e']), ('5', ['']), ('6', [null]), "
        "('7', []), ('8', null)) t(code, tags)",
    )
    if form == "jsonl":
        lists = [["a", "b"], ["a;b", "c"], ["d", None], ["e"], [""], [None], [], None]
        rows = [{"code": str(n), "day": None, "at": None, "tags": tags} for n, tags in enumerate(lists, 1)]
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    receipt, loaded, quarantined = alone(tmp_path / "sent", content, contract, f"a.{form}")
    told = [(row["code"], row["tags"]) for row in loaded]
    assert told == [("1", ["a", "b"]), ("4", ["e"]), ("7", None), ("8", None)]
    assert [(row["line"], row["columns"], row["reason"]) for row in quarantined] == [
        (2, "tags", "separator_in_item"),
        (3, "tags", "empty_item"),
        (5, "tags", "empty_item"),
        (6, "tags", "empty_item"),
    ]
    assert "a;b" in quarantined[0]["text"]
    assert receipt["outcome"] == "loaded"
