"""The promises about what comes in (P8 to P18, P28 to P31), each a test of its name."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import json
import os
import re
import stat
import time
import unicodedata
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fault_corpus import HEADER, Fault, contract_file, corpus, records, written
from test_ingest_land import ENTITY, ROW, sample_settings, send
from test_ingest_land import manifest_of as landing_manifest_of
from test_ingest_load import GOOD_WORKER, WORKER, table
from test_ingest_load import loaded as loaded_by

from benchmarks import ingest as bench
from ingest import alone as alone_module
from ingest import archive, reading
from ingest.alone import load_file, summary
from ingest.encoding import ENCODINGS
from ingest.land import land
from ingest.load import load
from pipeline import store
from pipeline.settings import PROJECT, Settings

SETTINGS = Settings.load(PROJECT / "samples" / "settings.toml", Path("data"))
CORPUS = corpus()


@pytest.fixture(autouse=True)
def no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What survives a loss of power is not what is tested here."""
    monkeypatch.setattr(store, "_sync", lambda _: None)


def alone(
    folder: Path, content: bytes, contract: Path | str, name: str = "sent.csv", manifest: bytes | None = None
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """Load one file alone: its receipt, the loaded records and the quarantined ones."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    if manifest is not None:
        (folder / (name + ".manifest.json")).write_bytes(manifest)
    receipt, _ = load_file(SETTINGS, folder / name, str(contract), folder / "into")
    told = json.loads(summary(receipt))
    assert told["records"] == told["loaded"] + told["quarantined"]
    assert told["refused"] == (told["reason"] is not None)
    return receipt, rows_of(folder / "into" / "loaded.parquet"), rows_of(folder / "into" / "quarantine.parquet")


def rows_of(file: Path) -> list[dict[str, Any]]:
    found = duckdb.execute("from read_parquet($1, hive_partitioning = false)", [str(file)])
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def as_sent(row: dict[str, Any]) -> list[str]:
    """A loaded record as its sender would write it."""
    cells = ["" if row[name] is None else str(row[name]) for name in HEADER]
    return [*cells[:3], cells[3].lower(), *cells[4:]]


def test_the_corpus_has_300_distinct_faults() -> None:
    assert len(CORPUS) >= 300
    assert len({fault.content for fault in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("part", range(8))
def test_p8_nothing_is_lost_and_nothing_is_invented(tmp_path: Path, part: int) -> None:
    truth = {cells[0]: cells for cells in records()}
    contract = contract_file(tmp_path)
    for number, fault in list(enumerate(CORPUS))[part::8]:
        receipt, loaded, quarantined = alone(tmp_path / str(number), fault.content, contract)
        _prove(fault, receipt, loaded, quarantined, truth)


def _prove(
    fault: Fault,
    receipt: dict[str, Any],
    loaded: list[dict[str, Any]],
    quarantined: list[dict[str, Any]],
    truth: dict[str, list[str]],
) -> None:
    if receipt["outcome"] == "refused":
        assert fault.is_whole, f"{fault.name}: a record cost the file, {receipt['refusal']}"
        assert all(receipt["refusal"].values()), fault.name
        assert "no rule foresees" not in receipt["refusal"]["found"], fault.name
        assert [row["bytes"] for row in quarantined] == [fault.content], fault.name
        return
    assert not fault.is_whole, f"{fault.name}: loaded in spite of its fault"
    wrong = [row["case_id"] for row in loaded if truth.get(row["case_id"]) != as_sent(row)]
    assert wrong == [], f"{fault.name}: silently wrong"
    kept = {row["case_id"] for row in loaded}
    assert kept & fault.faulty == set(), f"{fault.name}: the broken record was loaded"
    lost = set(truth) - fault.faulty - kept
    assert len(lost) <= fault.harmed, f"{fault.name}: {lost} went with it"
    assert receipt["records_in"] == len(loaded) + len(quarantined), fault.name
    # In bytes: each quarantined record stands in its lines as sent, and the rest is header, blank and loaded.
    rest = io.BytesIO(fault.content).readlines()
    for row in reversed(quarantined):
        own = slice(row["line"] - 1, row["line"] - 1 + row["lines"])
        assert b"".join(rest[own]) == row["bytes"], fault.name
        del rest[own]
    left = csv.reader(io.StringIO(b"".join(rest).decode(), newline=""))
    assert [cells for cells in left if cells] == [HEADER, *map(as_sent, loaded)], fault.name
    lines = receipt["lines"]
    physical = fault.content.count(b"\n") + (not fault.content.endswith(b"\n"))
    assert sum(lines.values()) == receipt["lines_in"] == physical, fault.name
    assert lines["quarantined"] == sum(row["lines"] for row in quarantined), fault.name
    assert Counter(row["reason"] for row in quarantined) == receipt["reasons"], fault.name


def manifest_of(content: bytes, **promises: Any) -> bytes:
    whole = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "rows": 12}
    return json.dumps({name: value for name, value in (whole | promises).items() if value is not None}).encode()


def test_p9_the_same_bytes_are_a_no_op_and_other_bytes_under_the_name_a_new_version(tmp_path: Path) -> None:
    settings = sample_settings(tmp_path)
    send(settings, "hr/entity/a.csv", ENTITY + ROW)
    [first] = land(settings)
    send(settings, "hr/entity/b.csv", ENTITY + ROW)
    assert land(settings) == []
    send(settings, "hr/entity/a.csv", ENTITY + ROW.replace(b"E001", b"E002"))
    [second] = land(settings)
    os.utime(settings.place("landing", "hr/entity/a.csv"), ns=(1, 1))  # the same name and bytes, sent once more
    assert land(settings) == []
    assert [line["outcome"] for line in store.read_lines(settings.place("landed", "arrivals.jsonl"))] == [
        "landed",
        "repeat",
        "landed",
        "repeat",
    ]
    assert first["extract_id"] != second["extract_id"]
    for receipt, code in ((first, b"E001"), (second, b"E002")):
        kept = settings.place("landed", "hr", "entity", receipt["bytes_sha256"]).read_bytes()
        assert kept == ENTITY + ROW.replace(b"E001", code)
    assert [receipt["loaded"] for receipt in load(settings)] == [1, 1]


def test_p10_a_file_cut_anywhere_is_refused_with_a_manifest_and_warned_of_without(tmp_path: Path) -> None:
    whole = written(records()).encode()
    contract, manifest = contract_file(tmp_path), manifest_of(written(records()).encode())
    last_three = whole.rstrip(b"\n").rfind(b"\n", 0, whole.find(b"C010"))
    cuts = [*range(last_three + 1, len(whole)), *range(0, last_three, max(1, last_three // 50))]
    truth = [as_sent(row) for row in alone(tmp_path / "whole", whole, contract, manifest=manifest)[1]]
    assert truth == records()
    for cut in cuts:
        receipt, loaded, _ = alone(tmp_path / "cut", whole[:cut], contract, manifest=manifest)
        assert (receipt["outcome"], loaded) == ("refused", [])
    (tmp_path / "cut" / "sent.csv.manifest.json").unlink()
    for cut in cuts[::10]:
        receipt, loaded, _ = alone(tmp_path / "cut", whole[:cut], contract)
        assert receipt["outcome"] == "refused" or any("manifest" in warning for warning in receipt["warnings"])
        assert len([row for row in loaded if as_sent(row) not in truth]) <= 1
        if receipt["outcome"] == "loaded" and whole[cut - 1 : cut] != b"\n":
            assert any("does not end" in warning for warning in receipt["warnings"])


def written_while_it_is_read(monkeypatch: pytest.MonkeyPatch, file: Path, content: bytes) -> None:
    def read(*given: Any) -> Any:
        file.write_bytes(content)
        return reading.read(*given)

    monkeypatch.setattr(alone_module, "read", read)


def test_p10_a_file_that_grows_while_it_is_read_is_refused_and_no_byte_of_it_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written(records()).encode()
    contract = contract_file(tmp_path)
    written_while_it_is_read(monkeypatch, tmp_path / "growing" / "sent.csv", whole)
    receipt, loaded, kept = alone(tmp_path / "growing", whole[: len(whole) // 2], contract)
    assert (receipt["refusal"]["headline"], loaded, kept) == ("The file changed while it was read.", [], [])
    monkeypatch.undo()
    assert alone(tmp_path / "growing", whole, contract)[0]["loaded"] == len(records())


def test_p10_the_digest_is_of_what_was_read_where_the_times_of_a_file_tell_of_no_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where it is written within one tick of the clock, or through a map of its pages."""
    before, after = written(records()).encode(), written(records()).replace("note 1\n", "note X\n").encode()
    contract = contract_file(tmp_path)
    written_while_it_is_read(monkeypatch, tmp_path / "changed" / "sent.csv", after)
    monkeypatch.setattr(alone_module._Sent, "has_changed", lambda _: False)
    receipt, loaded, _ = alone(tmp_path / "changed", before, contract)
    assert (receipt["sha256"], loaded[0]["note"]) == (hashlib.sha256(after).hexdigest(), "note X")
    receipt, loaded, _ = alone(tmp_path / "changed", before, contract, manifest=manifest_of(before))
    assert (receipt["outcome"], loaded) == ("refused", [])
    # Of what is not read where it stands, there was a copy before.
    (tmp_path / "changed" / "sent.csv.manifest.json").unlink()
    receipt, loaded, _ = alone(tmp_path / "changed", codecs.BOM_UTF8 + before, contract)
    assert (receipt["sha256"], loaded[0]["note"]) == (hashlib.sha256(codecs.BOM_UTF8 + before).hexdigest(), "note 1")


def test_p10_what_is_read_a_second_time_for_quarantine_is_the_bytes_that_were_scanned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = written(records()).replace(",JP,", ",XX,", 1).encode()
    contract = contract_file(tmp_path)
    assert len(alone(tmp_path / "as-it-was", content, contract)[2]) == 1

    def prove(*given: Any) -> Any:
        (tmp_path / "changed" / "sent.csv").write_bytes(content.replace(b",XX,", b",YY,"))
        return []

    monkeypatch.setattr(reading, "_prove_control_totals", prove)
    monkeypatch.setattr(alone_module._Sent, "has_changed", lambda _: False)
    receipt, loaded, kept = alone(tmp_path / "changed", content, contract)
    assert (receipt["refusal"]["headline"], loaded, kept) == ("The file changed while it was read.", [], [])


def test_p10_rows_and_control_totals_alone_catch_what_a_digest_would(tmp_path: Path) -> None:
    whole = written(records()).encode()
    total = str(sum(Decimal(cells[2]) for cells in records()))
    contract = contract_file(tmp_path)
    rows, totals = (manifest_of(whole, sha256=None, bytes=None, **more) for more in ({}, {"rows": None}))
    totals = json.dumps(json.loads(totals) | {"control_totals": {"amount": total}}).encode()
    short = whole[: whole.rindex(b"C012")]
    changed = whole.replace(b"204.25", b"204.2", 1)
    for content, manifest, outcome in [
        (whole, rows, "loaded"),
        (short, rows, "refused"),
        (whole, totals, "loaded"),
        (short, totals, "refused"),
        (changed, totals, "refused"),
    ]:
        assert alone(tmp_path / "sent", content, contract, manifest=manifest)[0]["outcome"] == outcome


CLOCKS = {
    "two days before it was extracted": "2023-04-03T02:00:00+09:00",
    "two days after": "2023-04-07T02:00:00+09:00",
    "far in the east": "2023-04-17T00:00:00+14:00",
    "the end of a leap day, far in the west": "2024-02-29T23:59:59-11:00",
    "the last second of a year": "2023-12-31T23:59:59Z",
    "the first second of a year": "2024-01-01T00:00:00Z",
    "the hour that is left out in spring": "2025-03-30T01:30:00Z",
    "the hour that comes twice in autumn": "2023-11-05T01:30:00-05:00",
}


@pytest.fixture
def on_kiritimati(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock is fourteen hours ahead."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("clock", CLOCKS)
def test_p12_the_quarter_comes_from_the_declared_period_and_not_from_the_clock(
    tmp_path: Path, clock: str, on_kiritimati: None
) -> None:
    assert time.strftime("%z") == "+1400"
    settings = replace(sample_settings(tmp_path), clock=CLOCKS[clock])
    content = table(WORKER, GOOD_WORKER)
    receipt = loaded_by(settings, "hr/worker_month/a.csv", content, landing_manifest_of(content))
    assert (receipt["quarter"], receipt["as_of_date"]) == ("FY2023-Q4", "2023-03-31")
    other = replace(sample_settings(tmp_path / "other"), clock="2023-06-01T00:00:00Z")
    again = loaded_by(other, "hr/worker_month/a.csv", content, landing_manifest_of(content))
    differ = {name for name in receipt if receipt[name] != again[name]}
    assert differ <= {"warnings"}  # that the extract comes from the future
    assert bool(differ) == (clock == "two days before it was extracted")


def test_p13_a_header_is_the_contracts_or_the_file_is_refused(tmp_path: Path) -> None:
    contract = contract_file(tmp_path)
    rows = [list(reversed(HEADER)), *(list(reversed(cells)) for cells in records())]
    reordered = written(rows, header=False).encode()
    for content in (reordered, b"\xef\xbb\xbf" + written(records()).encode()):
        receipt, loaded, _ = alone(tmp_path / "sent", content, contract)
        assert receipt["outcome"] == "loaded"
        assert [as_sent(row) for row in loaded] == records()
    # Missing, more, renamed, twice, in capitals, with a mark or a hard blank: P8 proves that each refuses the file.
    refused = [fault.name for fault in CORPUS if fault.is_whole and fault.name.startswith(("column ", "a column more"))]
    assert len(refused) >= 60


@pytest.mark.parametrize("ending", ["\r", "", ","])
def test_p13_a_header_on_which_a_record_hangs_shows_no_value_of_it(tmp_path: Path, ending: str) -> None:
    """Lines that end in carriage returns alone, and a header whose line end was lost."""
    rows = [[*cells[:5], "Secret", "Word"] for cells in records()]
    body = written(rows, header=False).replace("\n", "\r" if ending == "\r" else "\n")
    content = (",".join(HEADER) + ending + body).encode()
    receipt, _, _ = alone(tmp_path / "sent", content, contract_file(tmp_path))
    assert receipt["outcome"] == "refused"
    assert not {"Secret", "Word", "JP", "C001"} & set(re.findall(r"\w+", json.dumps(receipt["refusal"])))
    assert ("carriage return" in receipt["refusal"]["found"]) == (ending == "\r")


@pytest.mark.parametrize("name", ["day", "amount", "is_open", "region"])
def test_p13_a_column_of_another_type_loads_nothing_and_says_which(tmp_path: Path, name: str) -> None:
    place = HEADER.index(name)
    rows = [[*cells[:place], cells[6], *cells[place + 1 :]] for cells in records()]
    receipt, loaded, _ = alone(tmp_path / "sent", written(rows).encode(), contract_file(tmp_path))
    assert (loaded, receipt["quarantined"]) == ([], 12)
    assert [fault["columns"] for fault in receipt["faults"]] == [name]


@pytest.mark.parametrize(
    ("content", "outcome", "count"),
    [("", "refused", 0), (written([]), "loaded", 0), (written(records(1)), "loaded", 1)],
)
def test_p14_empty_and_nearly_empty_files_are_told_apart(
    tmp_path: Path, content: str, outcome: str, count: int
) -> None:
    receipt, loaded, _ = alone(tmp_path / "sent", content.encode(), contract_file(tmp_path))
    assert (receipt["outcome"], len(loaded)) == (outcome, count)
    assert receipt["loaded"] == count


LETTERS = {"cp1252": "Z\u00fcrich \u2013 \u20ac", "latin-1": "Z\u00fcrich", "cp949": "\uc11c\uc6b8 \ub625"}


ENCODED = [
    ("utf-8", "utf-8"),
    ("utf-8-sig", "utf-8"),
    ("utf-16", "utf-16"),
    ("utf-16-le", "utf-16-le"),
    ("utf-16-be", "utf-16-be"),
    ("cp932", "cp932"),
    ("cp932", "shift_jis"),
    ("cp932", "utf-8, cp932"),
    ("utf-8", "utf-8, cp932"),
    ("euc_jp", "euc-jp"),
    ("cp949", "cp949"),
    ("cp1252", "cp1252"),
    ("cp1252", "windows-1252"),
    ("latin-1", "latin-1"),
    ("latin-1", "iso-8859-1"),
]


@pytest.mark.parametrize(("codec", "accepted"), ENCODED)
def test_p15_an_encoding_of_the_contract_is_read_and_any_other_refused(
    tmp_path: Path, codec: str, accepted: str
) -> None:
    local = LETTERS.get(codec, "\u6a2a\u6d5c")
    rows = [[cell.replace("\u6a2a\u6d5c", local) for cell in cells] for cells in records()]
    content = written(rows).encode(codec)
    receipt, loaded, _ = alone(tmp_path / "sent", content, contract_file(tmp_path, encodings=accepted))
    assert receipt["outcome"] == "loaded", receipt["refusal"]
    assert [as_sent(row) for row in loaded] == rows
    # Every byte of one old encoding may be a letter of another: between those the contract's word is all there is.
    others = {"utf-8", "utf-16"} | ({"cp932", "cp1252", "latin-1", "cp949"} if codec.startswith("utf") else set())
    for other in others - set(accepted.split(", ")):
        receipt, loaded, _ = alone(tmp_path / "other", content, contract_file(tmp_path, encodings=other))
        assert (receipt["outcome"], loaded) == ("refused", []), other


def test_p15_every_encoding_that_a_contract_can_name_is_among_them() -> None:
    assert set(ENCODINGS) <= {name for _, accepted in ENCODED for name in accepted.split(", ")}


@pytest.mark.parametrize(
    ("content", "accepted", "line"),
    [
        ("note 3|note \u6a2a", "utf-8", 4),
        ("note 3|note ①髙㈱", "cp932", None),
        ("note 3|note \u2013", "cp1252", None),
        ("note 3|note é", "latin-1", None),
    ],
)
def test_p15_a_mixed_encoding_is_refused_with_the_line(
    tmp_path: Path, content: str, accepted: str, line: int | None
) -> None:
    plain = written([[*cells[:5], "x", cells[6]] for cells in records()])
    old, new = content.split("|")
    codec = accepted if line is None else "cp932"
    mended = plain.replace(old, new).encode(codec)
    receipt, _, _ = alone(tmp_path / "one", mended, contract_file(tmp_path, encodings=accepted))
    assert receipt["outcome"] == ("loaded" if line is None else "refused")
    mixed = mended.replace(b"note 7", "note 横浜".encode("utf-8" if line is None else "cp932"))
    receipt, _, _ = alone(tmp_path / "two", mixed, contract_file(tmp_path, encodings=accepted))
    assert receipt["outcome"] == "refused"
    assert f"line {line or 8}" in receipt["refusal"]["found"]


def test_p15_controls_that_a_wrong_encoding_leaves_are_refused_with_the_line(tmp_path: Path) -> None:
    content = written(records()).encode("latin-1", "ignore").replace(b"note 3", b"note \x96")
    receipt, _, _ = alone(tmp_path / "sent", content, contract_file(tmp_path, encodings="latin-1"))
    assert "line 4" in receipt["refusal"]["found"]


UNICODE = "- {property: unicodeForm, value: NFC}\n- {property: fullWidthDigits, value: true}\n"


def test_p16_no_value_is_rounded_guessed_or_mended_unless_the_contract_says_so(tmp_path: Path) -> None:
    nfd = unicodedata.normalize("NFD", "ガーナ")
    rows = [[*records(1)[0][:2], "\uff11\uff12\uff0e\uff15", *records(1)[0][3:5], nfd, "n"]]
    receipt, _, _ = alone(tmp_path / "as sent", written(rows).encode(), contract_file(tmp_path))
    assert receipt["reasons"] == {"not_a_number": 1}
    receipt, [row], _ = alone(tmp_path / "by rule", written(rows).encode(), contract_file(tmp_path, more=UNICODE))
    assert (row["amount"], row["place"]) == (Decimal("12.50"), "ガーナ")
    twins = [[unicodedata.normalize(form, "ガ"), *records(1)[0][1:]] for form in ("NFC", "NFD")]
    receipt, loaded, _ = alone(tmp_path / "twins", written(twins).encode(), contract_file(tmp_path))
    assert (receipt["reasons"], [row["case_id"] for row in loaded]) == ({"duplicate_key": 1}, ["ガ"])


def test_p16_a_date_of_another_form_is_read_only_as_the_contract_says(tmp_path: Path) -> None:
    rows = [[cells[0], "03/04/2024", *cells[2:]] for cells in records(2)]
    text = contract_file(tmp_path).read_text(encoding="utf-8")
    for form, day in (("dd/MM/yyyy", date(2024, 4, 3)), ("MM/dd/yyyy", date(2024, 3, 4))):
        contract = tmp_path / "case.yaml"
        options = f"logicalType: date, logicalTypeOptions: {{format: {form}}}"
        contract.write_text(text.replace("logicalType: date", options), encoding="utf-8")
        assert {row["day"] for row in alone(tmp_path / "sent", written(rows).encode(), contract)[1]} == {day}
    receipt, _, _ = alone(tmp_path / "sent", written(rows).encode(), contract_file(tmp_path))
    assert receipt["reasons"] == {"not_a_date": 2}


@pytest.mark.parametrize(("size", "reasons"), [(3 << 20, {}), (9 << 20, {"too_long": 1})])
def test_p17_a_huge_cell_is_kept_or_quarantined_and_its_neighbors_are_kept(
    tmp_path: Path, size: int, reasons: dict[str, int]
) -> None:
    rows = records()
    rows[5][6] = "x" * size
    receipt, loaded, quarantined = alone(tmp_path / "sent", written(rows).encode(), contract_file(tmp_path))
    assert receipt["reasons"] == reasons
    assert len(loaded) == 12 - len(reasons)
    assert all(len(row["text"]) > size for row in quarantined)


def test_p17_a_table_of_1_000_columns_is_loaded_in_groups_that_memory_holds(tmp_path: Path) -> None:
    names = [f"column_{number}" for number in range(1_000)]
    contract = tmp_path / "wide.yaml"
    contract.write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nid: sample.wide\nversion: 1.0.0\nstatus: active\nschema:\n"
        "- name: wide\n  properties:\n" + "".join(f"  - {{name: {name}, logicalType: string}}\n" for name in names)
    )
    content = ",".join(names) + "\n" + (",".join("x" for _ in names) + "\n") * 10_000
    (tmp_path / "sent.csv").write_text(content)
    receipt, _ = load_file(SETTINGS, tmp_path / "sent.csv", str(contract), tmp_path / "into")
    assert (receipt["outcome"], receipt["loaded"]) == ("loaded", 10_000)
    groups = "select distinct row_group_id, row_group_num_rows from parquet_metadata($1)"
    sizes = duckdb.execute(groups, [str(tmp_path / "into" / "loaded.parquet")]).fetchall()
    assert sum(rows for _, rows in sizes) == 10_000
    assert max(rows for _, rows in sizes) * 1_000 < 1 << 23


def test_p17_a_file_of_a_million_records_is_read_in_less_than_a_gigabyte_and_two_minutes(tmp_path: Path) -> None:
    """By ``make bench``'s own measurement: each reader in a process of its own."""
    *_, strict, workbook = bench.measure(tmp_path, records=1_000_000, rows=2_000)
    for took in (strict, workbook):
        assert took["peak_mb"] < 1024
        assert took["seconds"] < 120
    assert store.read_json(tmp_path / "into" / "receipt.json")["loaded"] == 2_000


@pytest.mark.parametrize("first", ["case_id", "x"], ids=["some known", "none known"])
def test_p17_10_000_columns_are_refused_at_once_with_a_word_on_what_to_do(tmp_path: Path, first: str) -> None:
    names = [first, *HEADER[1:], *(f"column_{number}" for number in range(10_000))]
    content = (",".join(names) + "\n" + ",".join("x" for _ in names) + "\n").encode()
    began = time.process_time()
    receipt, _, _ = alone(tmp_path / "sent", content, contract_file(tmp_path))
    assert time.process_time() - began < 2
    assert (receipt["outcome"], len(json.dumps(receipt["refusal"])) < 1_000) == ("refused", True)
    assert "10007 columns" in receipt["refusal"]["found"]
    assert "columns of the contract only" in receipt["refusal"]["next"]


def test_p17_a_contract_of_10_000_columns_is_refused_at_once(tmp_path: Path) -> None:
    columns = "".join(f"  - {{name: c{number}, logicalType: string}}\n" for number in range(10_000))
    (tmp_path / "wide.yaml").write_text(contract_file(tmp_path).read_text().split("  - {name")[0] + columns)
    began = time.process_time()
    receipt, _, _ = alone(tmp_path / "sent", b"x\n", tmp_path / "wide.yaml")
    assert time.process_time() - began < 10
    assert "10000 columns, more than 2000" in receipt["refusal"]["found"]


def test_a_file_with_a_forbidden_column_leaves_none_of_its_bytes(tmp_path: Path) -> None:
    contract = contract_file(tmp_path, more="- {property: forbiddenColumns, value: [blood type]}\n")
    receipt, loaded, quarantined = alone(tmp_path / "sent", GOOD.replace(b"note", b"Blood_Type", 1), contract)
    assert (receipt["outcome"], loaded, quarantined) == ("refused", [], [])


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")
        for name, content in entries:
            archive.writestr(name, content)
    return made.getvalue()


def link_entry() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("a.csv")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def encrypted(content: bytes) -> bytes:
    """The archive with the mark of encryption on its entry."""
    raw = bytearray(content)
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + place] |= 1
    return bytes(raw)


GOOD = written(records()).encode()
ARCHIVES = [
    ("a.csv.gz", gzip.compress(GOOD), "loaded"),
    ("a.csv.gz", gzip.compress(GOOD[:99]) + gzip.compress(GOOD[99:]), "loaded"),
    ("a.zip", zipped(("folder/a.csv", GOOD)), "loaded"),
    ("a.csv.gz", gzip.compress(GOOD)[:-1], "refused"),
    ("a.csv.gz", gzip.compress(GOOD) + b"more", "refused"),
    ("a.csv.gz", b"", "refused"),
    ("a.csv.gz", GOOD, "refused"),
    ("a.csv", gzip.compress(GOOD), "refused"),
    ("a.csv.gz", gzip.compress(gzip.compress(GOOD)), "refused"),
    ("a.csv.gz", gzip.compress(GOOD + bytes(40 << 20)), "refused"),
    ("a.zip", zipped(("a.csv", GOOD + bytes(40 << 20))), "refused"),
    ("a.zip", zipped(("a.csv", GOOD))[:-30], "refused"),
    ("a.zip", zipped(("a.csv", GOOD))[:60] + b"?" + zipped(("a.csv", GOOD))[61:], "refused"),
    ("a.zip", zipped(("a.csv", GOOD), ("b.csv", GOOD)), "refused"),
    ("a.zip", zipped(("a.csv", GOOD), ("a.csv", GOOD)), "refused"),
    ("a.zip", zipped(("a.csv", GOOD), ("A.CSV", GOOD)), "refused"),
    ("a.zip", zipped(), "refused"),
    ("a.zip", zipped(("../a.csv", GOOD)), "refused"),
    ("a.zip", zipped(("/a.csv", GOOD)), "refused"),
    ("a.zip", zipped(("..\\a.csv", GOOD)), "refused"),
    ("a.zip", zipped(("c:a.csv", GOOD)), "refused"),
    ("a.zip", zipped((link_entry(), b"/etc/passwd")), "refused"),
    ("a.zip", zipped(("a.zip", zipped(("a.csv", GOOD)))), "refused"),
    ("a.zip", zipped(("a.csv.gz", gzip.compress(GOOD))), "refused"),
    ("a.zip", zipped(("a.exe", b"MZ")), "refused"),
    ("a.zip", encrypted(zipped(("a.csv", GOOD))), "refused"),
    ("a.zip", zipped(*((f"{number}.csv", b"") for number in range(2_100))), "refused"),
]


@pytest.mark.parametrize(("name", "content", "outcome"), ARCHIVES, ids=[str(n) for n in range(len(ARCHIVES))])
def test_p18_an_archive_opens_within_limits_or_not_at_all(
    tmp_path: Path, name: str, content: bytes, outcome: str
) -> None:
    receipt, loaded, _ = alone(tmp_path / "sent", content, contract_file(tmp_path), name)
    assert receipt["outcome"] == outcome, receipt
    assert [as_sent(row) for row in loaded] == (records() if outcome == "loaded" else [])
    if outcome == "refused":
        assert "no rule foresees" not in receipt["refusal"]["found"]


@pytest.mark.parametrize(
    ("limit", "value", "says"), [("MAX_SECONDS", -1, "seconds"), ("MAX_TEXT_BYTES", 99, "99 bytes")]
)
@pytest.mark.parametrize("name", ["a.csv.gz", "a.zip"])
def test_p18_no_archive_takes_longer_or_more_room_than_its_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: str, value: int, says: str
) -> None:
    content = gzip.compress(GOOD) if name.endswith(".gz") else zipped(("a.csv", GOOD))
    assert alone(tmp_path / "sent", content, contract_file(tmp_path), name)[0]["outcome"] == "loaded"
    monkeypatch.setattr(archive, limit, value)
    receipt, loaded, _ = alone(tmp_path / "sent", content, contract_file(tmp_path), name)
    assert (receipt["outcome"], loaded) == ("refused", [])
    assert says in receipt["refusal"]["found"]


PAYLOADS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    "<script>alert(1)</script>",
    "<img src=x onerror=y>",
]
PAYLOADS += [
    "{{ env_var('HOME') }}",
    "'); drop table x; --",
    "[click](javascript:x)",
    "${jndi:ldap://x}",
    "%s%n",
    "../x",
]


def test_p28_a_formula_is_stored_as_it_was_sent_and_a_negative_number_stays_one(tmp_path: Path) -> None:
    rows = [[f"C{place}", "2023-01-01", "-1.50", "true", "JP", word, word] for place, word in enumerate(PAYLOADS)]
    _, loaded, _ = alone(tmp_path / "sent", written(rows).encode(), contract_file(tmp_path))
    assert [as_sent(row) for row in loaded] == rows
    assert {row["amount"] for row in loaded} == {Decimal("-1.50")}


@pytest.mark.parametrize("start", ["\t", "\r", "\0"])
def test_p28_a_formula_behind_a_sign_that_nobody_sees_is_quarantined_as_it_was_sent(tmp_path: Path, start: str) -> None:
    rows = records()
    rows[3][6] = start + "=1+1"
    _, loaded, [broken] = alone(tmp_path / "sent", written(rows).encode(), contract_file(tmp_path))
    assert [as_sent(row) for row in loaded] == [*rows[:3], *rows[4:]]
    assert (start + "=1+1").encode() in broken["bytes"]


HOSTILE_NAMES = [
    "a.csv'); create table pwned as select 1; --",
    "[ab]*?.csv",
    "{a,b}.csv",
    "year=2023.csv",
    "~root.csv",
    "$(touch x).csv",
    "a\nb.csv",
    "\u202egnp.csv",
    "x" * 251 + ".csv",
    "-rf.csv",
    "{{ env_var('HOME') }}.csv",
    "<script>.csv",
    "s3:.csv",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
def test_p29_a_hostile_name_is_a_name_and_nothing_more(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "it's [a] {folder}*"
    folder.mkdir()
    (folder / "ab.csv").write_bytes(b"not,this\n")
    (folder / name).write_bytes(GOOD)
    receipt, stop = load_file(SETTINGS, folder / name, str(contract_file(tmp_path)), folder / "k=v" / "in'to")
    assert (stop, receipt["loaded"], receipt["sent_as"]) == (None, 12, name)
    assert len(rows_of_folder(folder / "k=v" / "in'to")) == 12
    assert sorted(path.name for path in (folder / "k=v" / "in'to").iterdir()) == [
        "loaded.parquet",
        "quarantine.parquet",
        "receipt.json",
    ]


def test_p29_a_name_that_is_no_utf_8_is_written_escaped(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff.csv"))
    path.write_bytes(GOOD)
    receipt, stop = load_file(SETTINGS, path, str(contract_file(tmp_path)), tmp_path / "into")
    assert (stop, receipt["loaded"], receipt["sent_as"]) == (None, 12, "a\\xff.csv")
    assert json.loads((tmp_path / "into" / "receipt.json").read_text(encoding="utf-8")) == receipt


def test_p29_names_that_only_look_alike_are_two_files_and_a_hard_link_is_a_copy(tmp_path: Path) -> None:
    settings = sample_settings(tmp_path)
    names = ["A.csv", "a.csv", *(unicodedata.normalize(form, "ガ.csv") for form in ("NFC", "NFD"))]
    for number, name in enumerate(names):
        send(settings, f"hr/entity/{name}", ENTITY + ROW.replace(b"E001", b"E%03d" % number))
    outside = tmp_path / "outside.csv"
    outside.write_bytes(ENTITY + ROW.replace(b"E001", b"E009"))
    settings.place("landing", "hr", "entity", "hard link.csv").hardlink_to(outside)
    receipts = land(settings)
    assert sorted(receipt["sent_as"] for receipt in receipts) == sorted([*names, "hard link.csv"])
    assert len({receipt["extract_id"] for receipt in receipts}) == 5
    outside.write_bytes(b"changed afterwards")
    assert [receipt["loaded"] for receipt in load(settings)] == [1] * 5


def test_p29_a_path_through_parents_or_from_the_home_folder_is_the_path_that_it_is(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "sent.csv").write_bytes(GOOD)
    contract = str(contract_file(tmp_path))
    _, stop = load_file(SETTINGS, tmp_path / "folder" / ".." / "sent.csv", contract, tmp_path / "into")
    assert stop is None
    for path in (Path("~/sent.csv"), tmp_path / "folder" / ".." / ".." / "sent.csv"):
        _, stop = load_file(SETTINGS, path, contract, tmp_path / "into")
        assert stop is not None
        assert "no file" in stop.found


def test_results_that_cannot_be_written_are_told_in_four_parts(tmp_path: Path) -> None:
    (tmp_path / "sent.csv").write_bytes(GOOD)
    receipt, stop = load_file(SETTINGS, tmp_path / "sent.csv", str(contract_file(tmp_path)), tmp_path / "sent.csv")
    assert stop is not None
    assert (receipt["outcome"], stop.exit_code) == ("refused", 1)
    assert "no rule foresees" not in stop.found
    assert (tmp_path / "sent.csv").read_bytes() == GOOD


def rows_of_folder(folder: Path) -> list[Any]:
    with (folder / "loaded.parquet").open("rb") as stream:
        copy = Path(folder.parents[2] / "plain.parquet")
        copy.write_bytes(stream.read())
    return rows_of(copy)


def test_p29_links_devices_and_folders_are_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "sent.csv").write_bytes(GOOD)
    (tmp_path / "link.csv").symlink_to(tmp_path / "sent.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    paths = [*(tmp_path / f"{name}.csv" for name in ("link", "pipe", "folder", "nothing")), Path("/dev/zero")]
    for path in [*paths, Path("http://127.0.0.1/a.csv"), Path("s3://a/b.csv"), Path("a\0.csv"), Path("x" * 300)]:
        receipt, stop = load_file(SETTINGS, path, str(contract_file(tmp_path)), tmp_path / "into")
        assert stop is not None
        assert (receipt["outcome"], stop.exit_code) == ("refused", 3)
        assert "no rule foresees" not in stop.found
        assert rows_of(tmp_path / "into" / "loaded.parquet") == []


@pytest.mark.parametrize("name", ['"); drop table x; --', "'; select 1 --", "{{ x }}", "a\tb", "cell", "C0", "_number"])
def test_p30_a_name_never_becomes_sql(tmp_path: Path, name: str) -> None:
    contract = contract_file(tmp_path)
    receipt, _, _ = alone(tmp_path / "unknown", GOOD.replace(b"note", name.encode(), 1), contract)
    assert receipt["outcome"] == "refused"
    assert "drop" not in str(receipt["refusal"])
    aliased = contract.read_text(encoding="utf-8").replace(
        "{property: multiline, value: false}]}\n  - {name: note",
        "{property: multiline, value: false}]}\n  - {name: note",
    )
    aliases = f"{{property: aliases, value: [{json.dumps(name)}]}}, {{property: multiline, value: false}}]}}\ncustom"
    contract.write_text(aliased.replace("{property: multiline, value: false}]}\ncustom", aliases), encoding="utf-8")
    header = written([[*HEADER[:-1], name], *records()], header=False).encode()
    receipt, loaded, _ = alone(tmp_path / "alias", header, contract)
    assert receipt["outcome"] == "loaded", receipt["refusal"]
    assert [as_sent(row) for row in loaded] == records()


def test_p31_no_payload_of_a_file_reaches_a_receipt_or_a_message(tmp_path: Path) -> None:
    contract = contract_file(tmp_path)
    for number, word in enumerate(PAYLOADS):
        for place in range(len(HEADER)):
            rows = records()
            rows[3][place] = word + " "
            receipt, _, _ = alone(tmp_path / str(number), written(rows).encode(), contract)
            assert receipt["quarantined"] == 1
            assert word not in json.dumps(receipt, ensure_ascii=False)
        header = written([[*HEADER[:-1], word], *records()], header=False).encode()
        receipt, _, _ = alone(tmp_path / str(number), header, contract)
        assert receipt["outcome"] == "refused"
        assert word not in json.dumps(receipt["refusal"], ensure_ascii=False)
