"""What DuckDB's own reader does in silence, one test a silence: here each is heard, and costs no neighbor anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from fault_corpus import HEADER, contract_file, records, written
from test_ingest_promises import SETTINGS, alone, as_sent, manifest_of

from ingest.alone import load_file
from pipeline import store
from pipeline.database import connect

TEXT = written(records())
HEAD, _, BODY = TEXT.partition("\n")
LINES = TEXT.split("\n")[:-1]


@pytest.fixture(autouse=True)
def no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_sync", lambda _: None)


def with_line(change: Callable[[str], str], place: int = 4) -> str:
    """The good file with one line written otherwise."""
    return "\n".join([*LINES[:place], change(LINES[place]), *LINES[place + 1 :]]) + "\n"


REFUSED = {
    "1 a stray quote in the header": '"' + TEXT,
    "2 the header's last delimiter is missing": TEXT.replace("place,note", "placenote", 1),
    "5 no header": BODY,
    "6 a preamble": "Cases of March\n\n" + TEXT,
    "10 a renamed column": TEXT.replace("place", "site", 1),
    "10 a doubled column": TEXT.replace("place", "note", 1),
    "13 UTF-16": TEXT.encode("utf-16"),
    "14 CP1252 read as Latin-1": TEXT.encode("latin-1", "ignore").replace(b"note 3", b"note \x96"),
    "loud: one byte that is no UTF-8": TEXT.encode().replace(b"note 3", b"note \xff"),
}


@pytest.mark.parametrize("silence", REFUSED)
def test_a_silence_about_a_file_is_a_refusal_here(tmp_path: Path, silence: str) -> None:
    content = REFUSED[silence]
    contract = contract_file(tmp_path, encodings="latin-1" if "Latin-1" in silence else "utf-8")
    sent = content if isinstance(content, bytes) else content.encode()
    receipt, loaded, _ = alone(tmp_path / "sent", sent, contract)
    assert (receipt["outcome"], loaded) == ("refused", [])
    assert all(receipt["refusal"].values())


# The file, how many of its records are faulty, and which good ones (by their place) must be there as they were sent.
QUARANTINED: dict[str, tuple[str, int]] = {
    "3 a delimiter too many and an empty last cell": (with_line(lambda line: line.replace(",", ",,", 1)), 1),
    "4 a delimiter missing beside a quoted cell that holds some": (
        with_line(lambda line: line.replace(',"', '"', 1), LINES.index(next(x for x in LINES if '"Tokyo, ' in x))),
        1,
    ),
    "6 a second header row": (with_line(lambda line: HEAD + "\n" + line), 1),
    "6 a footer": (TEXT + "12 records\n", 1),
    "6 a total": (TEXT + "total,,99999.99,,,,\n", 1),
    "7 a second table of the same width": (TEXT + "a,b,c,d,e,f,g\n1,2,3,4,5,6,7\n", 2),
    "8 rows of delimiters only": (TEXT + ",,,,,,\n,,,,,,\n", 2),
    "9 a blank behind each delimiter": (with_line(lambda line: line.replace(",", ", ")), 1),
    "12 NUL": (with_line(lambda line: line.replace("note", "no\0te")), 1),
    "12 U+0085": (with_line(lambda line: line.replace("note", "no\u0085te")), 1),
    "12 U+2028": (with_line(lambda line: line.replace("note", "no\u2028te")), 1),
    "16 rounding": (with_line(lambda line: line.replace(".45", ".455")), 1),
    "16 an exponent": (with_line(lambda line: line.replace("68.45", "1e2").replace("-1e2", "1e2")), 1),
    "16 an underscore": (with_line(lambda line: line.replace("68.45", "1_000")), 1),
    "16 infinity": (with_line(lambda line: line.replace("68.45", "infinity")), 1),
    "16 a far year": (with_line(lambda line: line.replace("2023-", "20230-")), 1),
    "20 a control Z as last line": (TEXT + "\x1a\n", 1),
    "21 a byte order mark and one short line": ("\ufeff" + with_line(lambda line: line.rpartition(",")[0]), 1),
    "loud: mixed line ends and a lone carriage return": (
        "\r\n".join(LINES[:6]) + "\r\n" + "\n".join([LINES[6].replace("note", "no\rte"), *LINES[7:]]) + "\n",
        1,
    ),
}


@pytest.mark.parametrize("silence", QUARANTINED)
def test_a_silence_about_a_record_is_that_record_in_quarantine_here(tmp_path: Path, silence: str) -> None:
    content, faulty = QUARANTINED[silence]
    receipt, loaded, quarantined = alone(tmp_path / "sent", content.encode(), contract_file(tmp_path))
    assert (receipt["outcome"], len(quarantined)) == ("loaded", faulty)
    kept = [as_sent(row) for row in loaded]
    assert kept == [cells for cells in records() if cells in kept]
    assert len(kept) == receipt["records_in"] - faulty >= len(records()) - faulty


def test_10_reordered_columns_are_read_by_their_names(tmp_path: Path) -> None:
    rows = [list(reversed(cells)) for cells in [HEADER, *records()]]
    _, loaded, _ = alone(tmp_path / "sent", written(rows, header=False).encode(), contract_file(tmp_path))
    assert [as_sent(row) for row in loaded] == records()


@pytest.mark.parametrize("cut", [",note 12\n", "2\n"], ids=["before the last cell", "inside the last cell"])
def test_11_a_cut_at_the_end_of_a_cell_is_caught_by_the_manifest_and_warned_of_without(
    tmp_path: Path, cut: str
) -> None:
    contract, short = contract_file(tmp_path), TEXT.removesuffix(cut).encode()
    with_one, _, _ = alone(tmp_path / "with", short, contract, manifest=manifest_of(TEXT.encode()))
    assert with_one["outcome"] == "refused"
    without, _, _ = alone(tmp_path / "without", short, contract)
    assert any("does not end" in warning for warning in without["warnings"])


def test_15_a_cell_of_two_quotes_and_an_empty_cell_are_null_by_rule_and_missing_where_required(tmp_path: Path) -> None:
    good = records(3)
    lines = [",".join([*cells[:5], place, "x"]) for cells, place in zip(good, ['""', "", '""'], strict=True)]
    lines[2] = lines[2].replace("C003", '""')
    content = "\n".join([HEAD, *lines]) + "\n"
    receipt, loaded, _ = alone(tmp_path / "sent", content.encode(), contract_file(tmp_path))
    assert [row["place"] for row in loaded] == [None, None]
    assert receipt["reasons"] == {"missing": 1}


def test_17_a_name_with_glob_signs_names_one_file_only(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(TEXT + "not,this\n", encoding="utf-8")
    receipt, loaded, _ = alone(tmp_path, TEXT.encode(), contract_file(tmp_path), "[ab]*.csv")
    assert (receipt["sent_as"], [as_sent(row) for row in loaded]) == ("[ab]*.csv", records())


def test_18_a_folder_that_looks_like_a_partition_adds_no_column(tmp_path: Path) -> None:
    _, loaded, _ = alone(tmp_path / "region=XX" / "note=from the path", TEXT.encode(), contract_file(tmp_path))
    assert list(loaded[0]) == [*HEADER, "_row_number"]
    assert [as_sent(row) for row in loaded] == records()


def test_19_a_width_that_changes_far_into_the_file_loses_no_record(tmp_path: Path) -> None:
    def row(number: int) -> str:
        return f"C{number:06},2023-01-01,1.00,true,JP,somewhere far away from the start of the file,{number:030}"

    lines = [row(number) + (",more" if number > 29_000 else "") for number in range(1, 30_001)]
    content = "\n".join([HEAD, *lines]) + "\n"
    receipt, loaded, _ = alone(tmp_path / "sent", content.encode(), contract_file(tmp_path))
    assert (receipt["loaded"], receipt["reasons"]) == (29_000, {"width": 1_000})
    assert [row["case_id"] for row in loaded] == [f"C{number:06}" for number in range(1, 29_001)]
    twice = content + "\n".join(lines[::3]) + "\n"
    receipt, loaded, _ = alone(tmp_path / "twice", twice.encode(), contract_file(tmp_path))
    assert receipt["reasons"] == {"duplicate_key": 9_667, "width": 1_333}
    assert [row["_row_number"] for row in loaded] == list(range(1, 29_001))


def test_22_a_name_that_is_no_table_is_neither_a_frame_nor_a_file(tmp_path: Path) -> None:
    worker: Any = pd.DataFrame({"x": [1]})
    (tmp_path / "typo.csv").write_text("x\n1\n", encoding="utf-8")
    assert len(worker) == 1
    with connect(SETTINGS, folders=[tmp_path]) as connection, pytest.raises(duckdb.Error):
        connection.execute("select * from worker").fetchall()
    outside = tmp_path / "outside"
    outside.mkdir()
    with connect(SETTINGS, folders=[outside]) as connection, pytest.raises(duckdb.Error):
        connection.execute(f"select * from '{tmp_path}/typo.csv'").fetchall()


def test_loud_a_line_past_duckdbs_two_megabytes_is_read(tmp_path: Path) -> None:
    content = with_line(lambda line: line.replace("note", "n" * 2_100_000))
    (tmp_path / "sent.csv").write_text(content, encoding="utf-8")
    receipt, stop = load_file(SETTINGS, tmp_path / "sent.csv", str(contract_file(tmp_path)), tmp_path / "into")
    assert (stop, receipt["loaded"]) == (None, 12)
