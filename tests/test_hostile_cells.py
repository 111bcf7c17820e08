"""What may stand in a cell, held against an oracle of its own: plain Python, which shares no line with the ingest."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
import xlsxwriter
from test_ingest_promises import alone

from pipeline import store
from pipeline.database import quoted

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: sample.cells
version: 1.0.0
status: active
schema:
- name: cells
  properties:
  - {name: id, logicalType: string, primaryKey: true}
  - {name: day, logicalType: date}
  - {name: at, logicalType: timestamp}
  - {name: amount, logicalType: number, physicalType: 'DECIMAL(12,2)'}
  - {name: whole, logicalType: integer, physicalType: BIGINT}
  - {name: small, logicalType: integer, physicalType: INTEGER, logicalTypeOptions: {minimum: -5, maximum: 100}}
  - {name: ratio, logicalType: number, physicalType: DOUBLE}
  - {name: is_open, logicalType: boolean}
  - name: region
    logicalType: string
    quality: [{type: library, metric: invalidValues, arguments: {validValues: [JP, EMEA]}, mustBe: 0}]
  - {name: code, logicalType: string, logicalTypeOptions: {pattern: '[A-Z]{2}[0-9]?'}}
  - {name: tags, logicalType: array, physicalType: 'VARCHAR[]'}
  - {name: words, logicalType: string, customProperties: [{property: multiline, value: true}]}
"""
GOOD = {
    "id": "A",
    "day": "2023-01-02",
    "at": "2023-01-02T03:04:05+09:00",
    "amount": "-12.50",
    "whole": "42",
    "small": "7",
    "ratio": "0.25",
    "is_open": "true",
    "region": "JP",
    "code": "AB1",
    "tags": "x;y",
    "words": "hello",
}
NAMES = list(GOOD)
# fmt: off
CELLS = [
    "", "", "NULL", "NaN", "nan", "inf", "-inf", "Infinity", "1e2", "1E5", "1e-3", "1_000", "1,000", "1.000,00",
    "1 000", "\xa01", "\uff11\uff12", "\u0663", "0x10", "0x1p3", "1.5", "1.50", "1.505", "01", "-0", "-0.00", "+1",
    ".5", "5.", "--1", "1-", "(1)", "\xa55", "5%", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "2147483648", "9999999999.99", "10000000000",
    "0.30000000000000004", "123456789012345.6", "11111111111111111111", "100", "101", "-5", "-6", "0", "1", "true",
    "false", "TRUE", "True", "t", "yes", "on", "2023-02-28", "2023-02-29", "2024-02-29", "2023-02-30", "31/12/2023",
    "12/31/2023", "2023-1-1", "20230101", "2023-01-01T00:00:00", "2023-01-01 00:00:00", "2023-01-01T00:00:00Z",
    "2023-01-01T24:00:00Z", "2023-01-01T23:59:60Z", "2023-01-01T00:00Z", "2023-01-01T00:00:00.123456Z",
    "2023-01-01T00:00:00.1234567Z", "2023-01-01T00:00:00+0900", "2023-01-01T00:00:00+15:00",
    "2023-01-01T00:00:00-14:59", "2023-01-01t00:00:00z", "1899-12-31", "1900-01-01", "2100-12-31", "2101-01-01",
    "0001-01-01", "99999-01-01", "2023-01-01 (BC)", "infinity", "epoch", "today", "1900-01-01T00:00:00+09:00",
    "2100-12-31T23:59:59-05:00", "-2023-01-01", "+2023-01-01", "\uff12\uff10\uff12\uff13-01-01",
    "2023\u201001\u201001", "2023-00-10", "jp", "EMEA", "EMEA ", "\uff2a\uff30", "AB", "AB12", "ab", "\xc0B",
    "AB\n", "a;b", "a;;b", ";", "a;", " a;b", "a; b", "\"", "\"\"", "a\"b", "'", "\\", "\\n", "a,b", "a\tb", "a\nb",
    "a\r\nb", "a\rb", "\x00", "a\x00b", "\x1a", "\u2028", "a\u2028b", "\x85", "\ufeff", "a\ufeffb", "\u200f",
    "\u202eabc", "a\u200b", "\ufffd", "\xe9", "e\u0301", "\U0001f600", "\U0010ffff", " ", "  a", "a ", "\u3000a",
    "a\xa0", "=1+1", "@x", "-", "+", "#N/A", "None", "{}", "[]", "[1]", "<b>", "&amp;", "_x0041_", "%s", "{{x}}",
    "\x7f", "\x1b[0m", "\x01",
]
# fmt: on
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffd]|\r(?!\n)")


class NoValueError(Exception):
    """The oracle knows no value for a cell."""


def must(holds: object) -> None:
    if not holds:
        raise NoValueError


def is_bare(text: str) -> bool:
    return all(sign not in "\t\n\r " and unicodedata.category(sign)[0] != "Z" for sign in (text[0], text[-1]))


def value_of(name: str, cell: str) -> Any:
    """What a cell stands for, by the words of ingest/README.md."""
    if cell == "":
        return None
    if name in ("id", "words"):
        must(is_bare(cell))
        return cell
    if name == "day":
        must(re.fullmatch(r"\d{4}-\d\d-\d\d", cell, re.ASCII))
        return in_years(date.fromisoformat(cell))
    if name == "at":
        found = re.fullmatch(
            r"(.{10}T\d\d:\d\d(?::\d\d)?)(?:(?<=:\d\d:\d\d)\.(\d{1,6}))?(Z|[+-]\d\d:\d\d)", cell, re.ASCII
        )
        must(found and "24:" not in cell)
        local, parts, offset = found.groups() if found else ("", None, "")
        moment = datetime.fromisoformat(local).replace(microsecond=int((parts or "0").ljust(6, "0")))
        if offset != "Z":
            hours, minutes = int(offset[1:3]), int(offset[4:])
            must(hours <= 14 and minutes <= 59)
            moment -= timedelta(hours=hours, minutes=minutes) * (1 if offset[0] == "+" else -1)
        return in_years(moment)
    if name == "amount":
        must(re.fullmatch(r"-?(0|[1-9][0-9]*)([.][0-9]{1,2}0*)?", cell) and abs(Decimal(cell)) < 10**10)
        return Decimal(cell).quantize(Decimal("0.01")) + 0
    if name in ("whole", "small"):
        must(re.fullmatch("-?(0|[1-9][0-9]*)", cell))
        must(-(2**63) <= int(cell) < 2**63 and (name == "whole" or -5 <= int(cell) <= 100))
        return int(cell)
    if name == "ratio":
        must(re.fullmatch(r"-?(0|[1-9][0-9]*)([.][0-9]+)?", cell) and len(cell.lstrip("-0.").replace(".", "")) <= 15)
        return float(cell)
    if name == "tags":
        must(all(item and is_bare(item) for item in cell.split(";")))
        return cell.split(";")
    allowed = {"is_open": "true|false", "region": "JP|EMEA", "code": "[A-Z]{2}[0-9]?"}[name]
    must(re.fullmatch(allowed, cell))
    return cell == "true" if name == "is_open" else cell


def in_years(day: Any) -> Any:
    must(1900 <= day.year <= 2100)
    return day


def judged(row: dict[str, str]) -> tuple[Any, ...] | None:
    """The values of a record, or nothing if it must not load."""
    one_line = [name for name in NAMES if name not in ("tags", "words")]
    if any(map(_CONTROL.search, row.values())) or not row["id"] or any("\n" in row[name] for name in one_line):
        return None
    try:
        return tuple(value_of(name, row[name]) for name in NAMES)
    except (NoValueError, ValueError):
        return None


def text_of(rows: list[dict[str, str]], **way: Any) -> bytes:
    made = io.StringIO()
    writer = csv.writer(made, **({"lineterminator": "\n"} | way))
    writer.writerows([NAMES, *([row[name] for name in NAMES] for row in rows)])
    return made.getvalue().encode()


def zip_of(rows: list[dict[str, str]]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.csv", text_of(rows))
    return made.getvalue()


def json_of(rows: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=place % 2 == 0) + "\n" for place, row in enumerate(rows)).encode()


def parquet_of(rows: list[dict[str, str]]) -> bytes:
    with duckdb.connect() as connection, TemporaryDirectory() as folder:
        connection.execute(f"create table made ({', '.join(quoted(name) + ' varchar' for name in NAMES)})")
        marks = ", ".join("?" for _ in NAMES)
        connection.executemany(f"insert into made values ({marks})", [[row[n] or None for n in NAMES] for row in rows])
        connection.execute(f"copy made to '{folder}/a.parquet' (format parquet)")
        return (Path(folder) / "a.parquet").read_bytes()


def workbook_of(rows: list[dict[str, str]]) -> bytes:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for place, cells in enumerate([dict(zip(NAMES, NAMES, strict=True)), *rows]):
            for column, name in enumerate(NAMES):
                sheet.write_string(place, column, cells[name])
    return made.getvalue()


FORMS: dict[str, tuple[str, Callable[[list[dict[str, str]]], bytes]]] = {
    "CSV": ("a.csv", text_of),
    "CSV, all quoted, CRLF": ("a.csv", lambda rows: text_of(rows, quoting=csv.QUOTE_ALL, lineterminator="\r\n")),
    "gzip": ("a.csv.gz", lambda rows: gzip.compress(text_of(rows), mtime=0)),
    "ZIP": ("a.zip", zip_of),
    "JSON lines": ("a.jsonl", json_of),
    "Parquet": ("a.parquet", parquet_of),
    "XLSX": ("a.xlsx", workbook_of),
}


@pytest.fixture(autouse=True)
def no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_sync", lambda _: None)


@pytest.mark.parametrize("form", FORMS)
def test_p16_whatever_stands_in_a_cell_loads_as_the_oracle_says_or_not_at_all(tmp_path: Path, form: str) -> None:
    """Each hostile cell in each column, alone in its record, and then two to a record."""
    name, write = FORMS[form]
    # A workbook cannot hold most control characters; what it makes of a carriage return is a line feed.
    cells = [cell for cell in CELLS if form != "XLSX" or not re.search("[\0-\x08\x0b-\x1f]", cell)]
    alone_in_a_record = [{column: cell} for cell in cells for column in NAMES]
    seeded = random.Random(form)
    in_twos = [{column: seeded.choice(cells) for column in seeded.sample(NAMES, 2)} for _ in range(200)]
    rows = [GOOD | {"id": f"A{place}"} | hostile for place, hostile in enumerate(alone_in_a_record + in_twos)]
    expected, keys = Counter[str](), set()
    for row in rows:
        found = judged(row)
        key = unicodedata.normalize("NFC", row["id"])
        if found is not None and key not in keys:
            keys.add(key)
            expected[repr(found)] += 1
    contract = tmp_path / "cells.yaml"
    contract.write_text(CONTRACT, encoding="utf-8")
    receipt, loaded, quarantined = alone(tmp_path / "sent", write(rows), contract, name)
    assert receipt["outcome"] == "loaded", receipt["refusal"]
    got = Counter(repr(tuple(row[column] for column in NAMES)) for row in loaded)
    assert (got - expected, expected - got) == (Counter(), Counter())
    # In delimited text, a line break where none may be can make two broken records of one.
    assert len(loaded) + len(quarantined) == receipt["records_in"] >= len(rows)
    assert len(quarantined) > 1_000
