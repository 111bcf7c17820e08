"""What load promises: every record is loaded typed or quarantined with a reason, and a broken file is refused whole."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from test_ingest_land import ROW, everything_in, manifest_of, sample_settings, send

from ingest import contract as contracts_module
from ingest import load as load_module
from ingest import reading as reading_module
from ingest import scan as scan_module
from ingest.archive import unpack_gzip
from ingest.casting import proofs, rules, typed
from ingest.contract import Column, Contract, contract, contracts, read_contract
from ingest.land import land, refusals
from ingest.load import load
from ingest.quarantine import REASONS, Quarantine
from ingest.scan import Text, scan
from pipeline import store
from pipeline.errors import BadSettings, HrddError, RefusedExtract
from pipeline.settings import Settings
from pipeline.status import extract_rows

WORKER = contract("hr", "worker_month")
GOOD_WORKER = {
    "as_of_date": "2023-03-31",
    "worker_key": "W1",
    "person_key": "P1",
    "source_system": "SAMPLE HR",
    "legal_entity_code": "E001",
    "worker_category": "REGULAR",
    "home_or_host": "HOME",
    "employment_status": "ACTIVE",
    "country_iso2": "JP",
    "role_flags": "INTERVIEWER;PROCUREMENT",
    "start_date": "2000-04-01",
    "fte": "0.80",
    "collective_agreement": "true",
}
GOOD_CONTACT = {
    "channel": "CCC",
    "contact_id": "C1",
    "intake_method": "WEB",
    "submitted_at": "2023-01-01T08:30:00+09:00",
    "kind": "REPORT",
    "reporter_type": "UNKNOWN",
    "identity": "NAMED",
}
GOOD_SIGN_IN = {"session_id": "S1", "sign_in_no": "1", "signed_in": "2023-01-01T08:30:00+09:00"}
GOOD_SPEND = {
    "source_system": "SAMPLE ERP",
    "invoice_id": "I1",
    "line": "1",
    "posting_date": "2023-03-31",
    "supplier_id": "S1",
    "buying_entity": "E001",
    "amount": "-1200.50",
    "currency": "JPY",
    "document_type": "CREDIT",
}
GOOD_CHANNEL = {
    "channel": "CCC",
    "valid_from": "2020-11-01",
    "languages": "ja;en",
    "reporter_types": "EMPLOYEE",
    "third_party": "true",
    "anonymous": "false",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return sample_settings(tmp_path)


def table(promised: Contract, *records: dict[str, str], header: list[str] | None = None) -> bytes:
    names = [column.name for column in promised.columns]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header or names)
    writer.writerows([record.get(name, "") for name in names] for record in records)
    return text.getvalue().encode()


def loaded(settings: Settings, path: str, content: bytes, manifest: bytes | None = None) -> dict[str, Any]:
    send(settings, path, content, manifest)
    assert refusals(land(settings)) == []
    [receipt] = load(settings)
    return receipt


def raw_rows(settings: Settings, receipt: dict[str, Any]) -> list[dict[str, Any]]:
    file = settings.place("raw", receipt["family"], receipt["extract"], receipt["extract_id"] + ".parquet")
    found = duckdb.execute("from read_parquet($1) order by _row_number", [str(file)])
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def quarantined(settings: Settings, receipt: dict[str, Any]) -> list[dict[str, Any]]:
    family, extract, extract_id = receipt["family"], receipt["extract"], receipt["extract_id"]
    return store.read_lines(settings.place("quarantine", family, extract, extract_id + ".jsonl"))


def test_good_records_become_typed_parquet_with_their_origin(settings: Settings) -> None:
    content = table(WORKER, GOOD_WORKER)
    receipt = loaded(settings, "hr/worker_month/a.csv", content, manifest_of(content))
    [row] = raw_rows(settings, receipt)
    assert list(row) == [column.name for column in WORKER.columns] + [
        "_extract_id",
        "_row_number",
        "_known_at",
        "_as_of_date",
    ]
    assert row["as_of_date"] == date(2023, 3, 31)
    assert row["role_flags"] == ["INTERVIEWER", "PROCUREMENT"]
    assert row["fte"] == Decimal("0.80")
    assert row["collective_agreement"] is True
    assert row["grade_group"] is None
    assert (row["_extract_id"], row["_row_number"]) == (receipt["extract_id"], 1)
    assert (row["_known_at"], row["_as_of_date"]) == (datetime(2023, 4, 4, 17), date(2023, 3, 31))
    file = settings.place("raw", "hr", "worker_month", receipt["extract_id"] + ".parquet")
    assert receipt["parquet_sha256"] == store.sha256_file(file)
    assert (receipt["records_in"], receipt["loaded"], receipt["quarantined"], receipt["lines_in"]) == (1, 1, 0, 2)


def test_every_contract_gives_the_types_that_it_states(settings: Settings) -> None:
    for (family, extract), promised in contracts().items():
        send(settings, f"{family}/{extract}/a.csv", table(promised))
    land(settings)
    receipts = load(settings)
    assert len(receipts) == len(contracts())
    for receipt in receipts:
        promised = contract(receipt["family"], receipt["extract"])
        assert receipt["outcome"] == "loaded"
        file = settings.place("raw", receipt["family"], receipt["extract"], receipt["extract_id"] + ".parquet")
        types = {
            name: kind
            for name, kind, *_ in duckdb.execute("describe from read_parquet($1)", [str(file)]).fetchall()
            if not name.startswith("_")
        }
        assert types == {column.name: column.physical_type for column in promised.in_raw.columns}


def test_an_instant_is_kept_in_utc(settings: Settings) -> None:
    receipt = loaded(settings, "training/attendance/a.csv", table(contract("training", "attendance"), GOOD_SIGN_IN))
    assert raw_rows(settings, receipt)[0]["signed_in"] == datetime(2022, 12, 31, 23, 30)
    assert (receipt["as_of_date"], receipt["quarter"]) == ("2023-01-01", "FY2023-Q4")


BROKEN = [
    ("hr/worker_month", GOOD_WORKER, {"worker_category": ""}, "missing"),
    ("hr/worker_month", GOOD_WORKER, {"person_key": " P1"}, "outer_space"),
    ("hr/worker_month", GOOD_WORKER, {"person_key": "P1\u3000"}, "outer_space"),
    ("hr/worker_month", GOOD_WORKER, {"worker_category": "Regular"}, "not_in_code_list"),
    ("hr/worker_month", GOOD_WORKER, {"role_flags": "INTERVIEWER;BOSS"}, "not_in_code_list"),
    ("hr/worker_month", GOOD_WORKER, {"role_flags": "INTERVIEWER; PROCUREMENT"}, "not_in_code_list"),
    ("hr/worker_month", GOOD_WORKER, {"role_flags": "INTERVIEWER;"}, "empty_item"),
    ("hotline/channel", GOOD_CHANNEL, {"languages": "ja; en"}, "outer_space"),
    ("hr/worker_month", GOOD_WORKER, {"country_iso2": "jp"}, "pattern"),
    ("hr/worker_month", GOOD_WORKER, {"country_iso2": "JPN"}, "pattern"),
    ("hr/worker_month", GOOD_WORKER, {"fte": "1e0"}, "not_a_number"),
    ("hr/worker_month", GOOD_WORKER, {"fte": "1,0"}, "not_a_number"),
    ("hr/worker_month", GOOD_WORKER, {"fte": "Infinity"}, "not_a_number"),
    ("hr/worker_month", GOOD_WORKER, {"fte": ".5"}, "not_a_number"),
    ("hr/worker_month", GOOD_WORKER, {"fte": "0.805"}, "too_many_decimals"),
    ("hr/worker_month", GOOD_WORKER, {"fte": "0.8001"}, "too_many_decimals"),
    ("hr/worker_month", GOOD_WORKER, {"fte": "01.5"}, "not_a_number"),
    ("hr/worker_month", GOOD_WORKER, {"fte": "00"}, "not_a_number"),
    ("procurement/spend", GOOD_SPEND, {"line": "007"}, "not_an_integer"),
    ("procurement/spend", GOOD_SPEND, {"line": "00"}, "not_an_integer"),
    ("hr/worker_month", GOOD_WORKER, {"fte": "100.00"}, "out_of_range"),
    ("hr/worker_month", GOOD_WORKER, {"collective_agreement": "True"}, "not_a_boolean"),
    ("hr/worker_month", GOOD_WORKER, {"start_date": "31/03/2000"}, "not_a_date"),
    ("hr/worker_month", GOOD_WORKER, {"start_date": "2023-02-29"}, "not_a_date"),
    ("hr/worker_month", GOOD_WORKER, {"start_date": "2000-4-1"}, "not_a_date"),
    ("hr/worker_month", GOOD_WORKER, {"start_date": "1899-12-31"}, "year_out_of_range"),
    ("hr/worker_month", GOOD_WORKER, {"end_date": "2101-01-01"}, "year_out_of_range"),
    ("hotline/contact", GOOD_CONTACT, {"submitted_at": "2023-01-01T08:30:00"}, "no_offset"),
    ("hotline/contact", GOOD_CONTACT, {"submitted_at": "2023-01-01 08:30+09:00"}, "not_an_instant"),
    ("hotline/contact", GOOD_CONTACT, {"submitted_at": "2023-02-29T08:30:00Z"}, "not_an_instant"),
    ("hotline/contact", GOOD_CONTACT, {"submitted_at": "2023-01-01T24:00:00Z"}, "not_an_instant"),
    ("hotline/contact", GOOD_CONTACT, {"submitted_at": "1899-01-01T08:30:00Z"}, "year_out_of_range"),
    ("procurement/spend", GOOD_SPEND, {"line": "1.0"}, "not_an_integer"),
    ("procurement/spend", GOOD_SPEND, {"line": "+1"}, "not_an_integer"),
    ("procurement/spend", GOOD_SPEND, {"line": "9223372036854775808"}, "out_of_range"),
    ("procurement/spend", GOOD_SPEND, {"supplier_id": "S\u00851"}, "control_character"),
    ("procurement/spend", GOOD_SPEND, {"supplier_id": "S\x001"}, "control_character"),
    ("procurement/spend", GOOD_SPEND, {"supplier_id": "S\x1f1"}, "control_character"),
    ("procurement/spend", GOOD_SPEND, {"supplier_id": "S\r1"}, "control_character"),
    ("procurement/spend", GOOD_SPEND, {"supplier_id": "S\ufffd1"}, "control_character"),
    ("procurement/spend", GOOD_SPEND, {"supplier_id": "S\n1"}, "line_break"),
]


@pytest.mark.parametrize(("path", "good", "fault", "reason"), BROKEN)
def test_a_broken_record_is_quarantined_and_its_neighbors_are_kept(
    settings: Settings, path: str, good: dict[str, str], fault: dict[str, str], reason: str
) -> None:
    promised = contract(*path.split("/"))
    key = next(name for name in reversed(promised.key) if promised.column(name).physical_type != "DATE")
    before, after = good, good | {key: "MOBILE_2" if key == "channel" else "2"}
    if key == "channel":
        after = good | {"channel": "JACER"}
    receipt = loaded(settings, f"{path}/a.csv", table(promised, before, good | fault, after))
    assert (receipt["records_in"], receipt["loaded"], receipt["reasons"]) == (3, 2, {reason: 1})
    assert [row["_row_number"] for row in raw_rows(settings, receipt)] == [1, 3]
    [record] = quarantined(settings, receipt)
    assert (record["record"], record["line"], record["reason"]) == (2, 3, reason)
    if reason != "control_character":
        assert record["columns"] == next(iter(fault))
    assert next(iter(fault.values())) in record["text"]
    file = settings.place("quarantine", path, receipt["extract_id"] + ".jsonl")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_status_that_no_list_has_is_loaded_as_unknown_and_counted_and_its_word_ends_in_landed(
    settings: Settings,
) -> None:
    word = "left on 31 March for family reasons"
    records = [
        GOOD_WORKER | {"worker_key": str(number), "employment_status": status}
        for number, status in enumerate(("ACTIVE", word, "active", " ACTIVE", "UNKNOWN", ""))
    ]
    receipt = loaded(settings, "hr/worker_month/a.csv", table(WORKER, *records))
    assert [row["employment_status"] for row in raw_rows(settings, receipt)] == ["ACTIVE"] + 4 * ["UNKNOWN"]
    assert (receipt["unknown"], receipt["reasons"]) == ({"employment_status": 4}, {"missing": 1})
    assert "UNKNOWN in employment_status 4" in extract_rows(settings)[0]["door"]
    files = [file for file in settings.data.rglob("*") if file.is_file()]
    holding = {file.relative_to(settings.data).parts[0] for file in files if word.encode() in file.read_bytes()}
    assert holding == {"landing", "landed"}


def test_a_state_that_is_empty_is_not_unknown_where_it_may_be_empty(settings: Settings) -> None:
    first = {"case_id": "C1", "changed_at": "2023-01-01T08:30:00+09:00", "from_status": "", "to_status": "NEW"}
    later = first | {"changed_at": "2023-01-02T08:30:00+09:00", "from_status": "NEW", "to_status": "TRIAGED"}
    history = contract("hotline", "status_history")
    receipt = loaded(settings, "hotline/status_history/a.csv", table(history, first, later))
    states = [(row["from_status"], row["to_status"]) for row in raw_rows(settings, receipt)]
    assert states == [(None, "NEW"), ("NEW", "UNKNOWN")]
    assert receipt["unknown"] == {"to_status": 1}


def test_every_state_counts_as_unknown_where_it_is_not_listed_and_no_other_code_does() -> None:
    columns = [(promised.name, column) for promised in contracts().values() for column in promised.columns]
    kept = {(name, column.name) for name, column in columns if column.unlisted}
    assert kept == {(name, column.name) for name, column in columns if column.codes and column.name.endswith("status")}
    assert len(kept) == 9


BOUNDARY = [
    ("hr/worker_month", GOOD_WORKER, {"start_date": "1900-01-01", "end_date": "2100-12-31"}),
    ("hr/worker_month", GOOD_WORKER, {"fte": "99.99"}),
    ("hr/worker_month", GOOD_WORKER, {"fte": "-0.5"}),
    ("hr/worker_month", GOOD_WORKER, {"fte": "-0"}),
    ("hr/worker_month", GOOD_WORKER, {"fte": "1.500"}),
    ("hr/worker_month", GOOD_WORKER, {"fte": "1." + 60 * "0"}),
    ("procurement/spend", GOOD_SPEND, {"line": "-0"}),
    ("hr/worker_month", GOOD_WORKER, {"start_date": "2020-02-29", "collective_agreement": "false"}),
    ("procurement/spend", GOOD_SPEND, {"line": "-9223372036854775808"}),
    ("procurement/spend", GOOD_SPEND, {"supplier_id": 'a, "quoted" ; = + - @ 名\ttab'}),
    ("hotline/contact", GOOD_CONTACT, {"submitted_at": "2023-01-01T23:59:59.123456-14:59"}),
]


@pytest.mark.parametrize(("path", "good", "change"), BOUNDARY)
def test_a_value_on_the_boundary_is_kept(
    settings: Settings, path: str, good: dict[str, str], change: dict[str, str]
) -> None:
    receipt = loaded(settings, f"{path}/a.csv", table(contract(*path.split("/")), good | change))
    assert (receipt["loaded"], receipt["reasons"]) == (1, {})
    for name in change.keys() & {"supplier_id"}:
        assert raw_rows(settings, receipt)[0][name] == change[name]


def test_a_note_may_have_lines_and_other_columns_may_not(settings: Settings) -> None:
    promised = contract("register", "salient_issue")
    good = {
        "record_id": "R1",
        "recorded_on": "2023-03-01",
        "recorded_by": "office",
        "issue": "X",
        "since": "2022-04-01",
    }
    receipt = loaded(
        settings,
        "register/salient_issue/a.csv",
        table(promised, good | {"note": "two\r\nlines"}, good | {"record_id": "R2", "issue": "two\nlines"}),
    )
    assert [row["note"] for row in raw_rows(settings, receipt)] == ["two\r\nlines"]
    assert receipt["reasons"] == {"line_break": 1}
    assert receipt["lines"] == {"header": 1, "blank": 0, "loaded": 2, "quarantined": 2}
    assert receipt["lines_in"] == 5


def test_the_first_good_record_of_a_key_stays_and_later_ones_are_quarantined(settings: Settings) -> None:
    broken_first = GOOD_WORKER | {"worker_category": "?"}
    receipt = loaded(settings, "hr/worker_month/a.csv", table(WORKER, broken_first, GOOD_WORKER, GOOD_WORKER))
    assert [row["_row_number"] for row in raw_rows(settings, receipt)] == [2]
    assert receipt["reasons"] == {"duplicate_key": 1, "not_in_code_list": 1}
    assert quarantined(settings, receipt)[1]["columns"] == "as_of_date, worker_key"


@pytest.mark.parametrize(
    ("lines", "reasons"),
    [
        (['E{n},2020-04-01,A"B,JP,true,JP,,'], {"stray_quote": 1}),
        (['E{n},2020-04-01,"A"B,JP,true,JP,,'], {"stray_quote": 1}),
        (['E{n},2020-04-01,"AB,JP,true,JP,,', 'F{n},2020-04-01,"CD",JP,true,JP,,'], {"stray_quote": 1}),
        (["E{n},2020-04-01,AB,JP,true,JP,"], {"width": 1}),
        (["E{n},2020-04-01,AB,JP,true,JP,,,"], {"width": 1}),
        (['"E{n}",2020-04-01'], {"width": 1}),
        ([",,,,,,,"], {"missing": 1}),
        ([" "], {"width": 1}),
        (["", "\r"], {}),
    ],
)
def test_a_fault_of_structure_takes_no_neighbor_with_it(
    settings: Settings, lines: list[str], reasons: dict[str, int]
) -> None:
    good = ["E{n},2020-04-01,AB,JP,true,JP,,", '"E{n}","2020-04-01","A ""B""",JP,true,"JP",,""\r']
    body = [line.replace("{n}", str(place)) for place, line in enumerate([good[0], *lines, *good])]
    header = ",".join(column.name for column in contract("hr", "entity").columns)
    receipt = loaded(settings, "hr/entity/a.csv", ("\n".join(["\ufeff" + header, *body]) + "\n").encode())
    assert receipt["reasons"] == reasons
    assert receipt["quarantined"] == sum(reasons.values())
    assert [row["name"] for row in raw_rows(settings, receipt)][-2:] == ["AB", 'A "B"']
    assert sum(receipt["lines"].values()) == receipt["lines_in"] == len(body) + 1


def test_a_file_of_broken_records_only_is_loaded_with_no_row(settings: Settings) -> None:
    receipt = loaded(settings, "hr/entity/a.csv", table(contract("hr", "entity"), {"name": "A"}, {"name": "B"}))
    assert (receipt["outcome"], receipt["loaded"], receipt["quarantined"]) == ("loaded", 0, 2)
    assert raw_rows(settings, receipt) == []


def _cell(column: Column, number: int) -> st.SearchStrategy[str]:
    match column.physical_type:
        case _ if column.name == "record_id":
            return st.just(f"R{number}")
        case _ if column.codes:
            return st.sampled_from(column.codes)
        case "DATE":
            return st.dates(date(1900, 1, 1), date(2023, 4, 17)).map(str)
        case "BOOLEAN":
            return st.sampled_from(["true", "false"])
        case _ if column.pattern:
            return st.sampled_from(["JP", "AU"])
        case _:
            words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)
            return st.tuples(words, words).map(", ".join) | words | words.map(lambda word: word + '"\n"' + word)


CHECK = contract("register", "customer_check")
FAULTS = {
    "missing": lambda cells: [*cells[:2], "", *cells[3:]],
    "not_a_date": lambda cells: [cells[0], "yesterday", *cells[2:]],
    "width": lambda cells: cells[:-1],
    "control_character": lambda cells: [*cells[:2], "a\x07", *cells[3:]],
    "duplicate_key": lambda cells: ["R0", *cells[1:]],
}


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_is_sent_each_record_is_loaded_as_sent_or_quarantined(data: st.DataObject) -> None:
    records, planted = [], Counter()
    for number in range(data.draw(st.integers(1, 8))):
        cells = [data.draw(_cell(column, number)) for column in CHECK.columns]
        cells = [
            cell.replace("\n", "") if "\n" in cell and not column.multiline else cell
            for column, cell in zip(CHECK.columns, cells, strict=True)
        ]
        fault = data.draw(st.none() | st.sampled_from(sorted(FAULTS))) if number else None
        records.append((fault, FAULTS[fault](cells) if fault else cells))
        planted.update([fault] if fault else [])
    text, ending = io.StringIO(), data.draw(st.sampled_from(["\n", "\r\n"]))
    quoting = data.draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
    writer = csv.writer(text, lineterminator=ending, quoting=quoting)
    writer.writerow([column.name for column in CHECK.columns])
    blanks = 0
    for _, cells in records:
        for _ in range(data.draw(st.integers(0, 1))):
            text.write(ending)
            blanks += 1
        writer.writerow(cells)
    content = text.getvalue().encode()
    if data.draw(st.booleans()):
        content = content.removesuffix(ending.encode())
    with TemporaryDirectory() as folder:
        settings = sample_settings(Path(folder))
        receipt = loaded(settings, "register/customer_check/a.csv", content)
        assert receipt["records_in"] == len(records) == receipt["loaded"] + receipt["quarantined"]
        assert receipt["reasons"] == dict(planted)
        lines = receipt["lines"]
        assert sum(lines.values()) == receipt["lines_in"] == content.count(b"\n") + (not content.endswith(b"\n"))
        assert lines["blank"] == blanks
        rows = raw_rows(settings, receipt)
        good = [(number, cells) for number, (fault, cells) in enumerate(records, 1) if fault is None]
        assert [row["_row_number"] for row in rows] == [number for number, _ in good]
        for row, (_, cells) in zip(rows, good, strict=True):
            for column, cell in zip(CHECK.columns, cells, strict=True):
                value = row[column.name]
                assert (str(value).lower() if isinstance(value, bool) else str(value)) == cell
        bad = quarantined(settings, receipt)
        assert [record["record"] for record in bad] == [n for n, (fault, _) in enumerate(records, 1) if fault]
        assert all(record["text"].encode() in content for record in bad)


ENTITY_TABLE = table(
    contract("hr", "entity"),
    *(
        {
            "entity_code": f"E{number:03}",
            "valid_from": "2020-04-01",
            "name": "A, B",
            "country_iso2": "JP",
            "consolidated": "true",
            "region": "JP",
            "valid_to": "2030-03-31",
        }
        for number in range(4)
    ),
)


def test_a_file_cut_anywhere_is_always_refused_if_it_has_a_manifest(settings: Settings) -> None:
    whole = manifest_of(ENTITY_TABLE)
    for length in range(len(ENTITY_TABLE)):
        send(settings, f"hr/entity/cut at {length}.csv", ENTITY_TABLE[:length], whole)
    send(settings, "hr/entity/whole.csv", ENTITY_TABLE, whole)
    outcomes = Counter(receipt["outcome"] for receipt in land(settings))
    assert outcomes == {"refused": len(ENTITY_TABLE), "landed": 1}


def test_a_file_short_of_records_is_refused_by_the_manifests_rows_alone(settings: Settings) -> None:
    only_rows = manifest_of(ENTITY_TABLE, sha256=None, bytes=None)
    send(settings, "hr/entity/short.csv", ENTITY_TABLE[: ENTITY_TABLE.index(b"E003")], only_rows)
    send(settings, "hr/entity/whole.csv", ENTITY_TABLE, only_rows)
    land(settings)
    receipts = load(settings)
    assert Counter(receipt["outcome"] for receipt in receipts) == {"refused": 1, "loaded": 1}
    [refusal] = refusals(receipts)
    assert (refusal.found, refusal.expected[:6]) == ("3 records", "4 rows")


@pytest.mark.parametrize(("entry", "count"), [("rowz", 1), ("rows", 0)])
def test_a_load_receipt_counts_the_manifests_entries_that_nothing_is_held_to(
    settings: Settings, entry: str, count: int
) -> None:
    manifest = manifest_of(ENTITY_TABLE, **{"rows": None, entry: 4})
    assert loaded(settings, "hr/entity/a.csv", ENTITY_TABLE, manifest)["unknown_entries"] == count


def test_without_a_manifest_an_open_last_line_is_a_warning(settings: Settings) -> None:
    receipt = loaded(settings, "hr/entity/a.csv", ENTITY_TABLE[:-1])
    assert (receipt["outcome"], receipt["loaded"], len(receipt["warnings"])) == ("loaded", 4, 2)


@pytest.mark.parametrize(
    ("total", "outcome"), [("-2401.00", "loaded"), (-2401, "loaded"), ("-2401.01", "refused"), ("x", "refused")]
)
def test_control_totals_are_proven(settings: Settings, total: object, outcome: str) -> None:
    content = table(contract("procurement", "spend"), GOOD_SPEND, GOOD_SPEND | {"line": "2"})
    manifest = manifest_of(content, control_totals={"amount": total})
    receipt = loaded(settings, "procurement/spend/a.csv", content, manifest)
    assert receipt["outcome"] == outcome
    assert "2401" not in json.dumps(receipt)


def test_a_control_total_counts_quarantined_records_and_says_when_it_cannot(settings: Settings) -> None:
    spend = contract("procurement", "spend")
    broken = GOOD_SPEND | {"line": "2", "currency": "yen"}
    content = table(spend, GOOD_SPEND, broken)
    manifest = manifest_of(content, control_totals={"amount": "-2401.00"})
    assert loaded(settings, "procurement/spend/a.csv", content, manifest)["quarantined"] == 1
    content = table(spend, GOOD_SPEND, broken | {"amount": "much"})
    manifest = manifest_of(content, control_totals={"amount": "-2401.00"})
    receipt = loaded(settings, "procurement/spend/b.csv", content, manifest)
    assert (receipt["outcome"], ["amount" in warning for warning in receipt["warnings"]]) == ("loaded", [True])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "header"),
        (b"\n" + ENTITY_TABLE, "header"),
        (ENTITY_TABLE.replace(b"A, B", b"A \x96 B"), "line 2"),
        (ENTITY_TABLE.decode().encode("utf-16"), "UTF-16"),
        (ENTITY_TABLE.replace(b"region", b"Region "), "in place 6; region not found"),
        (ENTITY_TABLE.replace(b",region,", b',"region\n",'), "header"),
        (ENTITY_TABLE.replace(b"name", b"entity_code", 1), "entity_code is there more than once; name is missing"),
        (ENTITY_TABLE.replace(b",consolidated", b",company", 1), "entity_code is there more than once"),
        (ENTITY_TABLE.replace(b",consolidated", b"", 1), "consolidated is missing"),
        (ENTITY_TABLE.replace(b"region", b"plant", 1), "in place 6; region not found"),
        (ENTITY_TABLE.replace(b"region", "Home\u00a0Address".encode(), 1), "home_address"),
        (ENTITY_TABLE.replace(b"region", b"Medical History", 1), "medical_*"),
        (ENTITY_TABLE.split(b"\n", 1)[1], "0 known names"),
        (ENTITY_TABLE.replace(b'E002,2020-04-01,"A, B"', b'E002,2020-04-01,"A, B'), None),
        (ENTITY_TABLE + b'E9,2020-04-01,"open,JP,true,JP,,\n', None),
    ],
)
def test_a_fault_of_the_whole_file_refuses_it_in_four_parts(
    settings: Settings, content: bytes, says: str | None
) -> None:
    receipt = loaded(settings, "hr/entity/a.csv", content)
    if says is None:
        assert (receipt["outcome"], receipt["reasons"]) == ("loaded", {"stray_quote": 1})
        return
    assert (receipt["outcome"], receipt["loaded"]) == ("refused", 0)
    [refusal] = refusals([receipt])
    assert says in str(refusal)
    assert all(refusal.parts().values())
    assert "E000" not in str(refusal)
    assert not list(settings.place("raw").rglob("*.parquet"))
    assert load(settings) == []


def test_a_column_may_come_under_an_alias_and_in_any_place(settings: Settings) -> None:
    content = ENTITY_TABLE.replace(b"entity_code", b"companyCode", 1)
    moved = b"\n".join(b",".join(reversed(line.split(b","))) for line in content.replace(b'"A, B"', b"AB").split(b"\n"))
    receipt = loaded(settings, "hr/entity/a.csv", moved)
    assert [row["entity_code"] for row in raw_rows(settings, receipt)] == ["E000", "E001", "E002", "E003"]


WITH_BLOOD_TYPE = ENTITY_TABLE.replace(b"policy_adopted_on", b"Blood Type", 1).replace(b"JP,,", b"JP,SECRET-AB,")


def holders(settings: Settings) -> set[str]:
    return {path.split("/")[0] for path, kept in everything_in(settings.data).items() if b"SECRET-AB" in kept}


def test_no_value_of_a_forbidden_column_stays_past_landing(settings: Settings) -> None:
    receipt = loaded(settings, "hr/entity/a.csv", WITH_BLOOD_TYPE)
    assert "must not be collected" in receipt["refusal"]["headline"]
    assert (receipt["is_kept"], holders(settings)) == (False, {"landing"})
    assert (land(settings), load(settings)) == ([], [])
    # The same bytes under another name and of another day are refused as before, and go as before.
    send(settings, "hr/entity/b.csv", WITH_BLOOD_TYPE)
    send(settings, "hr/entity/c.csv", WITH_BLOOD_TYPE, manifest_of(WITH_BLOOD_TYPE, rows=None))
    assert [receipt["outcome"] for receipt in land(settings)] == ["landed"]
    assert {receipt["is_kept"] for receipt in load(settings)} == {False}
    assert (holders(settings), load(settings)) == ({"landing"}, [])


def test_a_kill_before_forbidden_bytes_are_deleted_is_made_good(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    send(settings, "hr/entity/a.csv", WITH_BLOOD_TYPE)
    land(settings)
    with monkeypatch.context() as patched:
        patched.setattr(load_module, "_forget", killed)
        with pytest.raises(KeyboardInterrupt):
            load(settings)
    assert holders(settings) == {"landing", "landed"}
    assert [receipt["is_kept"] for receipt in load(settings)] == [False]
    assert holders(settings) == {"landing"}


def test_a_column_that_is_no_longer_forbidden_comes_in_when_it_is_sent_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = ENTITY_TABLE.replace(b"policy_adopted_on", b"Blood Type", 1)
    assert loaded(settings, "hr/entity/a.csv", content)["is_kept"] is False
    allowed = replace(contract("hr", "entity"), forbidden_columns=(), digest="another")
    columns = tuple(
        replace(column, aliases=("Blood Type",)) if column.name == "policy_adopted_on" else column
        for column in allowed.columns
    )
    known = contracts() | {("hr", "entity"): replace(allowed, columns=columns)}
    monkeypatch.setattr(contracts_module, "contracts", lambda: known)
    assert load(settings) == []
    send(settings, "hr/entity/again.csv", content)
    land(settings)
    assert [receipt["outcome"] for receipt in load(settings)] == ["loaded"]


def test_a_restricted_value_is_only_where_records_are(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    promised = contract("hotline", "contact")
    records = [
        GOOD_CONTACT | {"contact_id": "SECRET-good"},
        GOOD_CONTACT | {"contact_id": "SECRET-broken", "kind": "SECRET-kind"},
        GOOD_CONTACT | {"contact_id": "SECRET-later", "submitted_at": "2023-04-19T08:30:00+09:00"},
    ]
    for path, content in {
        "kept.csv": table(promised, *records[:2]),
        "late.csv": table(promised, *records),
        "open.csv": table(promised, *records) + b'CCC,"SECRET-open',
        "headless.csv": table(promised, *records).split(b"\n", 1)[1],
    }.items():
        send(settings, f"hotline/contact/{path}", content)
    said = str(land(settings))
    receipts = load(settings)
    said += str(receipts) + "".join(str(refusal) for refusal in refusals(receipts)) + "".join(capfd.readouterr())
    assert sorted(receipt["outcome"] for receipt in receipts) == ["loaded", "refused", "refused", "refused"]
    assert "SECRET" not in said
    holding = [path for path, kept in everything_in(settings.data).items() if b"SECRET" in kept]
    assert {path.split("/")[0] for path in holding} == {"landing", "landed", "quarantine"}
    assert not any(path.endswith(".json") for path in holding)


@pytest.mark.parametrize(("as_of_date", "warnings"), [("2023-03-31", 0), ("2022-12-31", 1)])
def test_added_records_of_a_wrong_quarter_are_warned_of(settings: Settings, as_of_date: str, warnings: int) -> None:
    content = table(contract("procurement", "spend"), GOOD_SPEND)
    receipt = loaded(settings, "procurement/spend/a.csv", content, manifest_of(content, as_of_date=as_of_date))
    assert receipt["outcome"] == "loaded"
    told = [warning for warning in receipt["warnings"] if "no record is of FY2023-Q3" in warning]
    assert len(told) == warnings


def test_a_file_that_is_read_in_parts_gives_what_it_gives_whole(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promised = contract("hotline", "contact")
    rows = [GOOD_CONTACT | {"contact_id": f"C{number}", "language": "ja"} for number in range(60)]
    lines = table(promised, *rows).split(b"\n")
    for at, wrong in (
        (7, b""),
        (8, b"one,cell"),
        (21, lines[21] + b",more"),
        (30, lines[30].replace(b"ja", b'j"a')),
        (44, lines[43]),
    ):
        lines[at] = wrong
    content = b"\r\n".join(lines[:20]) + b"\r\n" + b"\n".join(lines[20:])

    def outcome(folder: str) -> tuple[Any, ...]:
        own = replace(settings, data=tmp_path / folder)
        receipt = loaded(own, "hotline/contact/a.csv", content)
        quarantined = next(own.place("quarantine").rglob("*.jsonl")).read_bytes()
        names = ("records_in", "loaded", "lines", "faults", "reasons")
        return [receipt[name] for name in names], raw_rows(own, receipt), quarantined

    whole = outcome("whole")
    monkeypatch.setattr(reading_module, "_KEYS_AT_ONCE", 7)
    for block, part in ((64, 200), (256, 256), (512, 1500), (1 << 18, 1)):
        monkeypatch.setattr(scan_module, "BLOCK", block)
        monkeypatch.setattr(scan_module, "PART", part)
        assert outcome(f"{block}-{part}") == whole


@pytest.mark.parametrize(
    ("physical", "value"),
    [
        ("TIMESTAMP", "1999-12-31T20:59:59-05:00"),
        ("TIMESTAMP", "2101-01-01T08:59:59+09:00"),
        ("DATE", "2100-12-31"),
        ("BIGINT", "-10"),
        ("INTEGER", "2147483647"),
        ("DECIMAL(6,2)", "-10.50"),
        ("DECIMAL(3,0)", "990"),
        ("BOOLEAN", "true"),
    ],
)
def test_the_quick_proof_lets_through_what_the_rules_let_through_and_nothing_else(physical: str, value: str) -> None:
    """Of a good value with any two of its signs changed, taken out or doubled."""
    column = replace(WORKER.columns[0], physical_type=physical, required=False)
    promised = replace(WORKER, columns=(column,))
    proven = " and ".join(proofs(promised, may_have_outer_space=True))
    faulty = " or ".join(f"coalesce({is_wrong}, false)" for _, _, is_wrong in rules(promised))
    signs = ["", *"0129-+.:TZe/ \t\n", "\uff16"]
    change = (
        "select distinct s[: place] || unnest($1::varchar[]) || s[place + width + 1 :] as s "
        "from {}, generate_series(0, len(s)) as places(place), (select unnest([0, 1]) as width)"
    )
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create table once as {change.format('(select $2 as s)')}", [signs, value])
        connection.execute(f"create table changed as {change.format('once')}", [signs])
        checked, good, apart = connection.execute(
            f"select count(*), count(*) filter (is_proven), list(c0) filter (is_proven = is_faulty) from ("
            f"select c0, coalesce({proven}, false) as is_proven, {faulty} as is_faulty "
            f"from (select *, {typed(promised, 0)} as v0 from (select nullif(s, '') as c0 from changed)))"
        ).fetchall()[0]
    assert apart is None
    assert 0 < good < checked


@pytest.mark.parametrize(("day", "outcome"), [("2023-04-05", "loaded"), ("2023-04-06", "refused")])
def test_a_file_cannot_speak_of_days_after_it_was_known(settings: Settings, day: str, outcome: str) -> None:
    content = table(WORKER, GOOD_WORKER, GOOD_WORKER | {"as_of_date": day})
    receipt = loaded(settings, "hr/worker_month/a.csv", content, manifest_of(content))
    assert receipt["outcome"] == outcome


@pytest.mark.parametrize(
    ("as_of_date", "outcome"), [("2023-03-31", "loaded"), ("2023-01-01", "loaded"), ("2022-12-31", "refused")]
)
def test_a_snapshot_of_a_wrong_quarter_is_refused(settings: Settings, as_of_date: str, outcome: str) -> None:
    content = table(WORKER, GOOD_WORKER)
    receipt = loaded(settings, "hr/worker_month/a.csv", content, manifest_of(content, as_of_date=as_of_date))
    assert receipt["outcome"] == outcome
    if outcome == "refused":
        assert "FY2023-Q4" in receipt["refusal"]["found"]
        assert "FY2023-Q3" in receipt["refusal"]["expected"]


def test_without_a_manifest_the_latest_period_is_the_date_of_the_file(settings: Settings) -> None:
    content = table(WORKER, GOOD_WORKER | {"as_of_date": "2022-12-31"}, GOOD_WORKER)
    receipt = loaded(settings, "hr/worker_month/a.csv", content)
    assert (receipt["as_of_date"], receipt["quarter"]) == ("2023-03-31", "FY2023-Q4")
    reference = loaded(settings, "hr/entity/a.csv", ENTITY_TABLE)
    assert (reference["as_of_date"], reference["quarter"]) == (None, None)


def test_a_compressed_file_loads_as_the_plain_one_does(settings: Settings) -> None:
    receipt = loaded(
        settings, "hr/entity/a.csv.gz", gzip.compress(ENTITY_TABLE[:200]) + gzip.compress(ENTITY_TABLE[200:])
    )
    assert (receipt["outcome"], receipt["loaded"]) == ("loaded", 4)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(ENTITY_TABLE)[:-1], "cut short"),
        (ENTITY_TABLE, "cut short"),
        (gzip.compress(bytes(40 << 20)), "too big"),
    ],
)
def test_a_broken_or_swollen_archive_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "packed").write_bytes(content)
    with pytest.raises(RefusedExtract, match=says):
        unpack_gzip(tmp_path / "packed", tmp_path / "inside")


def test_the_same_bytes_give_the_same_parquet_and_a_kill_changes_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    content = table(WORKER, GOOD_WORKER, GOOD_WORKER, *(GOOD_WORKER | {"worker_key": f"W{n}"} for n in range(2, 500)))
    other = sample_settings(tmp_path / "other")
    loaded(other, "hr/worker_month/a.csv", content, manifest_of(content))
    send(settings, "hr/worker_month/a.csv", content, manifest_of(content))
    land(settings)
    for after in ("write_json", "write_bytes"):

        def killed(*_: Any) -> None:
            raise KilledError

        with monkeypatch.context() as until:
            until.setattr(store, after, killed)
            with pytest.raises(KilledError):
                load(settings)
        assert not list(settings.place("raw").rglob("*.json"))
    assert len(load(settings)) == 1
    assert load(settings) == []
    for step in ("raw", "quarantine"):
        assert everything_in(settings.place(step)) == everything_in(other.place(step))


def test_what_a_killed_process_left_half_written_is_swept_away(settings: Settings) -> None:
    loaded(settings, "hr/entity/a.csv", ENTITY_TABLE)
    before = everything_in(settings.data)
    for place in ("landed/hr/entity", "landed/refused", "raw/hr/entity", "quarantine/hr/entity"):
        store.folder(settings.place(place))
        settings.place(place, ".put-half").write_bytes(b"half")
    assert (land(settings), load(settings)) == ([], [])
    assert everything_in(settings.data) == before


def test_a_file_refused_under_an_older_contract_is_tried_again_under_the_new_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = ENTITY_TABLE.replace(b"entity_code", b"Gesellschaft", 1)
    assert loaded(settings, "hr/entity/a.csv", content)["outcome"] == "refused"
    assert load(settings) == []
    old = contract("hr", "entity")
    columns = (replace(old.columns[0], aliases=("Gesellschaft",)), *old.columns[1:])
    mended = {**contracts(), ("hr", "entity"): replace(old, columns=columns, digest="new")}
    monkeypatch.setattr(contracts_module, "contracts", lambda: mended)
    [receipt] = load(settings)
    assert (receipt["outcome"], receipt["contract_digest"]) == ("loaded", "new")
    assert load(settings) == []


@pytest.mark.parametrize("passed", [True, False, None])
def test_a_file_that_went_to_quarantine_whole_is_read_by_a_mended_contract_unless_a_build_may_have_read_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, passed: bool | None
) -> None:
    content = ENTITY_TABLE.replace(b"JP", b"Nippon")
    before = loaded(settings, "hr/entity/a.csv", content, manifest_of(content))
    assert before["loaded"] == 0
    assert load(settings) == []
    if passed is not None:
        verdict = settings.place("raw", "hr", "entity", before["extract_id"] + ".verdict.json")
        store.write_json(verdict, {"passed": passed})
    old = contract("hr", "entity")
    free = tuple(
        replace(column, codes=(), pattern=None) if column.name in ("region", "country_iso2") else column
        for column in old.columns
    )
    mended = {**contracts(), ("hr", "entity"): replace(old, columns=free, digest="new")}
    monkeypatch.setattr(contracts_module, "contracts", lambda: mended)
    again = load(settings)
    if passed:
        assert again == []
        later = manifest_of(content, extract_ts="2023-04-05T03:00:00+09:00")
        again = [loaded(settings, "hr/entity/a.csv", content, later)]
    assert [(receipt["loaded"], receipt["quarantined"]) for receipt in again] == [(before["records_in"], 0)]
    assert (again[0]["extract_id"] != before["extract_id"]) == bool(passed)
    assert not settings.place("quarantine", "hr", "entity", again[0]["extract_id"] + ".jsonl").exists()
    assert load(settings) == []


def test_a_file_of_which_a_record_was_loaded_stays_as_it_is_under_a_mended_contract(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert loaded(settings, "hr/worker_month/a.csv", table(WORKER, GOOD_WORKER, {}))["loaded"] == 1
    mended = {name: replace(each, digest="new") for name, each in contracts().items()}
    monkeypatch.setattr(contracts_module, "contracts", lambda: mended)
    assert load(settings) == []


def test_landed_bytes_that_changed_stop_the_load_after_the_others(settings: Settings) -> None:
    send(settings, "hr/entity/a.csv", ENTITY_TABLE)
    [landed] = land(settings)
    settings.place("landed", "hr", "entity", landed["extract_id"]).write_bytes(ENTITY_TABLE + b"x")
    send(settings, "hr/worker_month/a.csv", table(WORKER, GOOD_WORKER))
    land(settings)
    with pytest.raises(HrddError, match="changed"):
        load(settings)
    assert [file.parent.name for file in settings.place("raw").rglob("*.parquet")] == ["worker_month"]


def test_the_page_lists_the_reasons_of_the_code() -> None:
    page = (Path(load_module.__file__).parent / "README.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", page, re.M)).items() >= REASONS.items()
    section = page.split("## Records")[1].split("## Files")[0]
    assert re.findall(r"^\| `(\w+)`", section, re.M) == list(REASONS)


def test_each_reason_has_an_input_that_meets_it() -> None:
    elsewhere = {"width", "stray_quote", "duplicate_key", "too_long", "not_an_object", "unknown_name", "damaged_cell"}
    elsewhere.add("separator_in_item")
    assert {reason for *_, reason in BROKEN} | elsewhere | {"length"} == set(REASONS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("physicalType: VARCHAR\n", "physicalType: JSON\n"),
        ("value: snapshot", "value: sometimes"),
        ("value: [utf-8]", "value: [utf-7]"),
        ("id: hr.entity", "id: hr.other"),
        ("aliases, value: [region]", "aliases, value: [name]"),
        ("periodColumn, value: null", "periodColumn, value: region"),
        ("classification: internal", "classification: secret"),
        ("first_name,", "first_name, region,"),
        ("kind: DataContract", "kind: ["),
        ("required, value: true", "staged, value: true"),
        ("aliases, value: [isConsolidated]", "valueAliases, value: {'true': [x], 'false': [x]}"),
        ("aliases, value: [isConsolidated]", "valueAliases, value: {perhaps: [x]}"),
        ("aliases, value: [region]", "valueAliases, value: {JP: [EMEA]}"),
        ("aliases, value: [region]", "unlisted, value: OTHER"),
        ("aliases, value: [isConsolidated]", "unlisted, value: UNKNOWN"),
    ],
)
def test_a_contract_that_cannot_be_held_is_not_used(tmp_path: Path, old: str, new: str) -> None:
    whole = (contracts_module.CONTRACTS / "hr" / "entity.yaml").read_text(encoding="utf-8")
    file = tmp_path / "hr" / "entity.yaml"
    file.parent.mkdir()
    file.write_text(whole, encoding="utf-8")
    assert read_contract(file) == contract("hr", "entity")
    assert old in whole
    file.write_text(whole.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadSettings, match="contract"):
        read_contract(file)


@given(st.text('",;\r\n\0ax ', max_size=16))
def test_no_text_makes_the_scan_lose_a_line(cell: str) -> None:
    content = ENTITY_TABLE + f"E9,2020-04-01,{cell},JP,true,JP,,\n".encode() + ROW
    with TemporaryDirectory() as folder:
        workspace = Path(folder)
        (workspace / "text").write_bytes(content)
        quarantine = Quarantine(workspace)
        entity = contract("hr", "entity")
        found = scan(Text(workspace / "text", ",", '"'), entity, quarantine, workspace / "clean")
        places = list(found.find(range(1, found.records + 1)))
        broken = {record["record"]: record for record in quarantine.broken()}
    assert 1 + found.blank_lines + sum(lines for _, _, lines, _ in places) == found.lines == content.count(b"\n")
    kept = "".join(own for *_, own in places)
    whole = content.decode().split("\n", 1)[1]
    assert re.sub(r"(?m)^\r?\n", "", kept) == re.sub(r"(?m)^\r?\n", "", whole)
    assert not any(number in broken for number in range(1, 5))
    assert places[-1][3].endswith(ROW.decode())
    assert all(places[number - 1][3] == record["text"] for number, record in broken.items())
    assert places[-1][3] == ROW.decode() or '"' in cell
