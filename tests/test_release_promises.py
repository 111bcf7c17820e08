"""The promises about what is released (P1, P7, P20, P25, P28, P31), each a test of its name.

The others have their tests where their part is tested: P4 in test_publish_mart, P19 in test_commands and
test_reproduce, P23 and P24 in test_publish_approval, P26 in test_publish_log, P27 in test_publish_release.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pypdf
import pytest
from openpyxl import load_workbook
from publish_build import (
    HOSTILE,
    LATER,
    QUARTER,
    checked,
    decided,
    finished_build,
    made,
    prepared,
    released,
    settings_at,
)

from pipeline import store
from pipeline.errors import HrddError, NotVerified
from pipeline.settings import Settings
from publish import candidate, feed, release, viewings
from publish.glyphs import UNPRINTABLE

ATOM = {"a": "http://www.w3.org/2005/Atom"}
PUBLISHED = 20

# A reader as others write one: no code of this project. It ends when the file `stop` appears, and tells what it saw.
READER = """
import csv, hashlib, io, json, pathlib, sys, time
home, stop = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
reads, seen, wrong, was = 0, {}, [], 0
while not stop.exists() or reads < 500:
    time.sleep(0.01)
    latest = json.loads((home / "latest.json").read_bytes())
    folder = home.parent / latest["path"]
    manifest = json.loads((folder / "manifest.json").read_bytes())
    table = (folder / "tables" / "headline.csv").read_bytes()
    page = (folder / "index.html").read_bytes()
    reads += 1
    if hashlib.sha256(table).hexdigest() != manifest["files"]["tables/headline.csv"]:
        wrong.append("figures of another release")
    if hashlib.sha256(page).hexdigest() != manifest["files"]["index.html"]:
        wrong.append("a page of another release")
    if manifest["manifest_digest"] != latest["manifest_digest"] or latest["revision"] < was:
        wrong.append("a pointer to another release, or backward")
    was = latest["revision"]
    rows = csv.DictReader(io.StringIO(table.decode("utf-8-sig")))
    value = next(row["value"] for row in rows if row["metric_id"] == "wrk_heads")
    seen.setdefault(latest["manifest_digest"], set()).add(value)
print(json.dumps({"reads": reads, "seen": {name: sorted(values) for name, values in seen.items()}, "wrong": wrong}))
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path / "data")


def test_p1_readers_see_the_last_release_or_the_new_one_and_never_a_mix(settings: Settings, tmp_path: Path) -> None:
    released(settings)
    home, stop = settings.place("releases"), tmp_path / "stop"
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, str(home), str(stop)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for number in range(1, PUBLISHED + 1):
        released(settings, f"b{number + 1}", shift=number)
    stop.touch()
    told = [json.loads(reader.communicate(timeout=120)[0]) for reader in readers]
    digests = {
        store.read_json(home / str(QUARTER) / f"r{number + 1}" / "manifest.json")["manifest_digest"]: f"{2200 + number}"
        for number in range(PUBLISHED + 1)
    }
    assert sum(one["reads"] for one in told) >= 1000
    assert [one["wrong"] for one in told] == [[], []]
    for one in told:
        assert len(one["seen"]) > PUBLISHED // 2  # it was looked at while it changed
        assert all(values == [digests[name]] for name, values in one["seen"].items())


def test_p7_a_name_is_used_once_and_the_same_inputs_are_the_same_release(settings: Settings, tmp_path: Path) -> None:
    first = released(settings)
    digest = store.read_json(first / "manifest.json")["manifest_digest"]
    elsewhere = settings_at(tmp_path / "elsewhere")
    made(elsewhere)
    checked(elsewhere)
    decided(elsewhere)
    assert release.publish(elsewhere, QUARTER)["manifest_digest"] == digest
    with pytest.raises(OSError, match="not empty"), store.put_folder(first) as temporary:
        (temporary / "index.html").write_text("another")
    assert release.publish(settings, QUARTER)["manifest_digest"] == digest


# P25: who could see, and who did see, figures before they were released.


def test_p25_nothing_of_a_candidate_is_open_to_others(settings: Settings) -> None:
    prepared(settings)
    checked(settings)
    viewings.opened(settings, QUARTER, "d" * 64, "approver")
    decided(settings)
    places = [settings.place("candidates"), *settings.place("candidates").rglob("*")]
    places += [settings.place(viewings.NAME), settings.place("approvals.jsonl")]
    assert [path.name for path in places if path.stat().st_mode & 0o007] == []
    assert len(places) > 30


def test_p25_who_opened_a_candidate_is_listed_once_with_the_moment(settings: Settings) -> None:
    later = dataclasses.replace(settings, clock="2023-04-18T09:00:00+09:00")
    for person, digest in (("yuki", "a" * 64), ("sam", "a" * 64), ("yuki", "a" * 64), ("yuki", "b" * 64)):
        viewings.opened(later if person == "sam" else settings, QUARTER, digest, person)
    viewings.opened(settings, LATER, "c" * 64, "yuki")
    listed = viewings.viewings(settings, QUARTER)
    assert [(seen["person"], seen["candidate_digest"][0], seen["opened_at"][:10]) for seen in listed] == [
        ("yuki", "a", "2023-04-17"),
        ("sam", "a", "2023-04-18"),
        ("yuki", "b", "2023-04-17"),
    ]
    assert [seen["quarter"] for seen in viewings.viewings(settings)] == [str(QUARTER)] * 3 + [str(LATER)]


@pytest.mark.parametrize("line", [0, 1, 2])
def test_p25_a_list_from_which_somebody_was_taken_shows_nothing_more(settings: Settings, line: int) -> None:
    for person in ("yuki", "sam", "kai"):
        viewings.opened(settings, QUARTER, "a" * 64, person)
    file = settings.place(viewings.NAME)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:line] + lines[line + 1 :]))
    if line == 2:  # the end of a chain can be cut off; the next line then bears a number that was there before
        assert len(viewings.viewings(settings)) == 2
        return
    with pytest.raises(NotVerified):
        viewings.opened(settings, QUARTER, "a" * 64, "kai")


# P28 and P31: hostile words are kept as they were sent, and do nothing in any format.

STARTS = ["=1+1", "+A1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201"]
STARTS += ["\x00=1+1"]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a candidate in which a title, a code and the company are hostile."""
    bare = settings_at(tmp_path_factory.mktemp("hostile"))
    settings = dataclasses.replace(bare, company=f"SAMPLE {HOSTILE}")
    cells = {start: 20 + number for number, start in enumerate(STARTS)} | {"plain": 9}
    candidate.prepare_build(settings, QUARTER, finished_build(settings, title=HOSTILE, cells=cells), f"me {HOSTILE}")
    return candidate.current(settings, QUARTER)[0] / "files"


def codes(rows: list[dict[str, Any]]) -> set[str]:
    return {str(row["dimension_value"]) for row in rows if row["dimension"] == "country_iso2"}


def test_p28_a_formula_is_neutral_in_csv_and_xlsx_and_as_it_was_sent_in_parquet_and_json(hostile: Path) -> None:
    with (hostile / "tables" / "supply_chain.csv").open(encoding="utf-8-sig", newline="") as stream:
        written = codes(list(csv.DictReader(stream)))
    assert {f"'{start}" for start in STARTS} <= written
    assert "plain" in written
    rows = duckdb.sql(f"select * from read_parquet('{hostile}/tables/supply_chain.parquet')")
    sent = codes([dict(zip(rows.columns, row, strict=True)) for row in rows.fetchall()])
    assert set(STARTS) <= sent
    said = json.loads((hostile / "tables" / "supply_chain.json").read_bytes())
    assert codes(said if isinstance(said, list) else said["rows"]) == sent
    book = load_workbook(hostile / "board_figures.xlsx")
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds
    assert "n" in kinds


def test_p28_a_negative_number_stays_a_number(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    released(settings, "b1", cells={"A": 99})
    folder = released(settings, "b2", cells={"A": 90})
    with (folder / "tables" / "revision.csv").open(encoding="utf-8-sig", newline="") as stream:
        [row] = [row for row in csv.DictReader(stream) if row["dimension_value"] == "A"]
    assert row["difference"] == "-9"
    assert float(row["difference"]) == -9


def test_p31_no_payload_runs_in_the_board_pack_and_its_words_stay_words(hostile: Path) -> None:
    for name in ("board_pack.pdf", "board_pack.ja.pdf"):
        pack = pypdf.PdfReader(hostile / name, strict=True)
        text = "".join(page.extract_text() for page in pack.pages)
        assert "alert('x')" in text.replace("\n", "").replace("\u2019", "'").replace("\u2018", "'")
        objects = [str(pack.get_object(number)) for number in range(1, len(pack.xref[0]))]
        for action in ("/JavaScript", "/JS", "/Launch", "/URI", "/OpenAction", "/AA", "/EmbeddedFile"):
            assert [found for found in objects if f"'{action}'" in found] == [], action


def test_p31_a_name_that_no_font_can_show_does_not_stop_the_board_pack(tmp_path: Path) -> None:
    strange = "".join(map(chr, [*range(32), 0x7F, 0x85, 0x200B, 0x2028, 0x202E, 0xFEFF, 0xFFFF, 0x1F600, 0x10FFFF]))
    settings = dataclasses.replace(settings_at(tmp_path), company=f"SAMPLE {strange} Company")
    candidate.prepare_build(settings, QUARTER, finished_build(settings), "me")
    files = candidate.current(settings, QUARTER)[0] / "files"
    for name in ("board_pack.pdf", "board_pack.ja.pdf"):
        text = pypdf.PdfReader(files / name, strict=True).pages[0].extract_text()
        assert "SAMPLE" in text
        assert UNPRINTABLE in text
        assert not set(strange) & set(text) - {"\n", "\t"}
    load_workbook(files / "board_figures.xlsx")


def test_p31_no_payload_runs_in_the_page_the_feed_or_a_link(hostile: Path, tmp_path: Path) -> None:
    page = (hostile / "index.html").read_text()
    assert "<script>alert" not in page
    assert HOSTILE in unescape(page)
    folder = released(settings_at(tmp_path), title=HOSTILE)
    content = feed.feed(f"SAMPLE\x00\x1b {HOSTILE}", [folder], is_sample=True)
    root = ElementTree.fromstring(content)
    assert root.findtext("a:author/a:name", namespaces=ATOM) == f"SAMPLE {HOSTILE}"
    assert b"<script" not in content
    assert [link.get("href") for link in root.iterfind("a:entry/a:link", ATOM)] == ["FY2023-Q4/r1/index.html"]


# The feed.


def test_the_feed_lists_every_release_newest_first_and_holds_no_figure(settings: Settings) -> None:
    released(settings)
    moved = dataclasses.replace(settings, clock="2023-08-01T09:00:00+09:00")
    released(moved, "b2", LATER)
    latest = dataclasses.replace(settings, clock="2023-09-01T09:00:00+09:00")
    folder = released(latest, "b3", shift=1)
    content = settings.place("releases", feed.NAME).read_bytes()
    root = ElementTree.fromstring(content)
    entries = root.findall("a:entry", ATOM)
    titles = [entry.findtext("a:title", namespaces=ATOM) for entry in entries]
    assert titles == ["SAMPLE: FY2023-Q4/r2", "SAMPLE: FY2024-Q1/r1", "SAMPLE: FY2023-Q4/r1"]
    digest = store.read_json(folder / "manifest.json")["manifest_digest"]
    summary = entries[0].findtext("a:summary", namespaces=ATOM)
    assert summary == f"Supersedes FY2023-Q4/r1 (METHOD_CHANGE); a change is material. Manifest digest {digest}."
    assert root.findtext("a:updated", namespaces=ATOM) == entries[0].findtext("a:updated", namespaces=ATOM)
    with (folder / "tables" / "headline.csv").open(encoding="utf-8-sig", newline="") as stream:
        shown = {row["display_value"] for row in csv.DictReader(stream) if len(row["display_value"]) >= 3}
    assert shown
    # A digest may hold the digits of a figure by chance.
    words = re.sub(r"\b[0-9a-f]{64}\b", "", "".join(root.itertext()))
    assert {value for value in shown if value in words} == set()


def test_a_feed_that_is_gone_is_written_again_by_the_next_publish(settings: Settings) -> None:
    released(settings)
    file = settings.place("releases", feed.NAME)
    before = file.read_bytes()
    file.unlink()
    release.publish(settings, QUARTER)
    assert file.read_bytes() == before


def test_a_refused_release_is_in_no_feed(settings: Settings) -> None:
    released(settings)
    before = settings.place("releases", feed.NAME).read_bytes()
    prepared(settings, "b2", shift=1)
    checked(settings)
    with pytest.raises(HrddError):
        release.publish(settings, QUARTER)
    assert settings.place("releases", feed.NAME).read_bytes() == before
