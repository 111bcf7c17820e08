"""The whole way through a real Airflow: once undisturbed, once over another truth, once with people who misbehave."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import itertools
import json
import os
import re
import secrets
import shutil
import signal
import sqlite3
import struct
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import psycopg2
import pypdf
import pytest
from disclosure_cases import cube_rows
from launcher import Launcher, Released, headline, released_bytes
from test_server import Postgres
from test_trace import STARTS_LATER, TRACE

from dbt_project.build import DATABASE
from events.home import Home
from events.rest import Airflow, Refused
from events.standing import standing
from pipeline import store
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings
from publish import candidate, hotline
from publish.cube import SPANS, Counts
from publish.programme import Rules, programme
from publish.tables import number_text
from publish.verify import verify
from samples.write import write_samples

QUARTER = FiscalQuarter(2023, 4)

pytestmark = pytest.mark.timeout(900)


def settings_of(data: Path) -> Settings:
    return Settings.load(data=data)


@pytest.fixture
def copy(released: Released, tmp_path: Path) -> Path:
    """The released data folder, to go on from."""
    data = tmp_path / "data"
    # copytree with copy2 keeps the times of the files, by which an arrival is known to be recorded.
    shutil.copytree(released.data, data, symlinks=True)
    shutil.rmtree(data / "airflow")
    return data


def test_one_command_releases_the_golden_figures(released: Released) -> None:
    rows = headline(released.data)
    assert len(rows) == 24
    training = rows["trn_bhr_completion_rate"]
    assert (training["display_value"], training["target_status"]) == ("86.0 %", "MISSED")
    assert float(training["denominator"]) == 22_200
    shown = {row["display_value"] for row in rows.values()}
    assert {"109", "85.0 %", "approx. 700", "64", "4 of 4"} <= shown
    assert str(released.data / "releases" / str(QUARTER) / "r1") in released.text
    assert "86.0 %" in released.text


def test_every_passage_of_the_founding_document_has_its_figures_in_the_release(released: Released) -> None:
    def rows(table: str) -> list[dict[str, str]]:
        file = released.data / "releases" / str(QUARTER) / "r1" / "tables" / f"{table}.csv"
        with file.open(encoding="utf-8", newline="") as stream:
            return [row for row in csv.DictReader(stream) if row.get("fiscal_quarter", str(QUARTER)) == str(QUARTER)]

    headlines = {row["metric_id"]: (row["headline_perimeter"], row["basis"]) for row in rows("dim_metric")}
    totals = {
        row["metric_id"]: row["value_state"]
        for row in rows("metric_values")
        if row["dimension"] == "total" and (row["perimeter"], row["basis"]) == headlines[row["metric_id"]]
    }
    named = {metric for metrics in TRACE.values() for metric in metrics.split()}
    # A part of the cases reported is told as that part, and has no total of its own (publish/programme.yml).
    assert headlines.keys() - totals.keys() == programme().never == {"grv_anonymous_share"}
    by_identity = {row["dimension_value"]: row["value"] for row in rows("grievance") if row["dimension"] == "identity"}
    assert by_identity["ANONYMOUS_OR_UNKNOWN"] == "26"
    assert {
        metric for metric in named & totals.keys() if totals[metric] in ("NOT_MEASURED", "SUPPRESSED")
    } <= STARTS_LATER


def test_the_release_verifies_offline(released: Released) -> None:
    folder = released.data / "releases" / str(QUARTER) / "r1"
    assert verify(folder)["release"] == f"{QUARTER}/r1"


def test_the_approval_was_given_by_a_second_user_through_airflow(released: Released) -> None:
    approval = store.read_json(released.data / "releases" / str(QUARTER) / "r1" / "approval.json")
    assert (approval["approver"], approval["prepared_by"], approval["decision"]) == ("approver", "pipeline", "approved")


def test_every_step_is_shown_in_its_order(released: Released) -> None:
    steps = [line.split()[0] for line in released.lines if line.startswith("  ") and " s   " in line]
    assert steps == ["land", "load", "check", "announce", "build", "prepare", "check", "approve", "publish"]


def test_nothing_is_left_running(released: Released) -> None:
    assert released.processes > 5
    assert released.left == []


HEX = re.compile(rb"[0-9a-f]{32,}")
ENCODED = re.compile(rb"[A-Za-z0-9+/]{8,}")


class Canaries:
    """Words that may lie nowhere: as they are, in UTF-16, base64 or hexadecimal, or as their SHA-256."""

    def __init__(self, words: Iterable[str]) -> None:
        known = {word.encode() for word in words}
        keyed = {word for word in known if HEX.fullmatch(word)}  # a pseudonym looks like any other digest
        self.digests = {hashlib.sha256(word).hexdigest().encode() for word in known} | keyed
        plain = sorted(known - keyed)
        # A search for what all begin with, and only there for each of them, is a hundred times as fast.
        alike = [one == other for one, other in zip(plain[0], plain[-1], strict=False)]
        start = plain[0][: alike.index(False) if False in alike else len(alike)]
        ends = b"|".join(re.escape(word.removeprefix(start)) for word in plain)
        self.words = re.compile(re.escape(start) + b"(?:" + ends + b")")

    def are_in(self, content: bytes) -> bool:
        return any(self._are_read_in(reading) for reading in self._readings(content))

    def _readings(self, content: bytes) -> Iterator[bytes]:
        yield content
        yield content.replace(b"\0", b"")
        for run in set(ENCODED.findall(content)):  # a key of a person stands in many rows
            for start in range(4):
                yield base64.b64decode(run[start : len(run) - ((len(run) - start) % 4 == 1)] + b"==")
            if re.fullmatch(rb"[0-9a-f]+", run):
                yield from (bytes.fromhex(run[start : len(run) - (len(run) - start) % 2].decode()) for start in (0, 1))

    def _are_read_in(self, text: bytes) -> bool:
        windows = (
            run[start : start + size]
            for run in set(HEX.findall(text))
            for size in (32, 64)
            for start in range(len(run) - size + 1)
        )
        return bool(self.words.search(text)) or any(window in self.digests for window in windows)


def test_d01_a_canary_is_seen_in_every_way_in_which_it_may_be_written() -> None:
    canaries, secret = Canaries(["HC-20001", "HC-20017", "7664e65aa71e4f5efb0714ea63ec1301"]), b"HC-20017"
    written = [secret, secret.decode().encode("utf-16-le"), secret.hex().encode(), b"7664e65aa71e4f5efb0714ea63ec1301"]
    written += [base64.b64encode(b"-" * shift + secret + b"-" * more) for shift in range(3) for more in range(3)]
    written += [hashlib.sha256(secret).hexdigest().encode(), base64.b64encode(written[3])]
    for form in written:
        assert canaries.are_in(b'{"x": "' + form + b'"}'), form
        assert not canaries.are_in(b'{"x": "' + form[:3] + b"-" + form[3:-2] + b'"}')


def contents(file: Path) -> Iterator[bytes]:
    """A file's bytes, and what lies compressed in it: parts of an archive, values of a table, the words of a PDF."""
    yield file.read_bytes()
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as book:
            yield from (book.read(name) for name in book.namelist())
    elif file.suffix == ".gz":
        yield gzip.decompress(file.read_bytes())
    elif file.suffix == ".pdf":
        yield "".join(page.extract_text() for page in pypdf.PdfReader(file).pages).encode()
    elif file.suffix == ".parquet":
        with duckdb.connect() as connection:
            yield repr(connection.execute("from read_parquet($1)", [str(file)]).fetchall()).encode()
    elif file.suffix == ".duckdb":
        with duckdb.connect(str(file), read_only=True) as connection:
            for (table,) in connection.execute("select table_name from duckdb_tables()").fetchall():
                yield repr(connection.execute(f'from "{table}"').fetchall()).encode()


def holding(data: Path, closed: set[str], found: Callable[[bytes], object]) -> list[str]:
    """The files outside the closed layers in whose contents something is found."""
    files = [file for file in sorted(data.rglob("*")) if file.is_file() and not file.is_symlink()]
    return [
        file.relative_to(data).as_posix()
        for file in files
        if file.relative_to(data).parts[0] not in closed and any(found(text) for text in contents(file))
    ]


def test_d01_no_case_is_in_anything_that_a_run_leaves_for_others(released: Released) -> None:
    """Canaries: the id of every case and its pseudonym, in every byte beside the closed layers of the pipeline."""
    data = released.data
    with duckdb.connect() as connection:
        raw, sent = (str(data / place / "hotline" / "case" / f"*.{kind}") for place, kind in
                     (("raw", "parquet"), ("landing", "csv")))  # fmt: skip
        found_keys = connection.execute(
            "select case_id from read_parquet($1) union select case_id from read_csv($2, all_varchar = true)",
            [raw, sent],
        ).fetchall()
    keys = sorted(key for (key,) in found_keys)
    assert len(keys) > 400
    canaries = Canaries(keys)
    closed = {"landing", "landed", "raw", "quarantine", "builds"}
    assert {place.name for place in data.iterdir()} - closed >= {"releases", "candidates", "mart", "airflow"}
    assert holding(data, closed, canaries.are_in) == []
    assert not canaries.are_in(released.text.encode())
    # The scan sees what lies compressed: the same canaries are found where they may be.
    assert any(name.endswith(".parquet") for name in holding(data / "raw" / "hotline", set(), canaries.are_in))
    # The closed layers hold cases, for the service account only: under pseudonyms, and past landed under nothing else.
    # What lies in a build's inputs is the same file as in raw.
    as_sent = Canaries(key for key in keys if not HEX.fullmatch(key.encode()))
    assert holding(data / "landed" / "hotline", set(), as_sent.words.search) != []
    for layer in ("raw", "quarantine"):
        assert holding(data / layer, set(), as_sent.words.search) == []
    for build in [record.parent for record in (data / "builds" / str(QUARTER)).glob("*/build.json")]:
        inputs = [file for file in (build / "inputs" / "hotline").rglob("*") if file.is_file()]
        assert inputs
        assert all(file.stat().st_nlink > 1 for file in inputs)
        assert holding(build, {"inputs"}, as_sent.words.search) == []


LONG, SURE = 8, 12  # signs of a number that no other one has by chance, and those that no rounding changes

WRITTEN = re.compile(rb"(?<![\w.])\d+(?:\.\d+)?")


def test_d18_no_number_that_is_not_printed_is_in_any_byte_that_others_read(released: Released, tmp_path: Path) -> None:
    """Check 18, as a stranger does it who trusts no table: what the build knows and the release does not print, as
    digits or as eight bytes of a column, a footer or a cache. Small counts, of which files are full, are check 17's.
    """
    data = released.data
    folder = data / "releases" / str(QUARTER) / "r1"
    shown: set[str] = set()
    for file in sorted((folder / "tables").glob("*.csv")):
        with file.open(newline="") as stream:
            shown |= {cell[:SURE] for row in csv.reader(stream) for cell in row}
    build = data / "builds" / str(QUARTER) / store.read_json(folder / "manifest.json")["build_id"]
    with duckdb.connect(str(build / "due_diligence.duckdb"), read_only=True) as connection:
        known = connection.execute(
            "select distinct unnest([numerator, denominator, value]) from fct_metric_value where fiscal_quarter = $1",
            [str(QUARTER)],
        ).fetchall()
    digits = {number: number_text(number)[:SURE] for (number,) in known if number is not None}
    secret = {number: text for number, text in digits.items() if len(text.strip("0")) >= LONG and text not in shown}
    assert len(secret) > 50
    texts = set(secret.values())
    packed = [struct.pack("<d", number) for number in secret]
    packed += [struct.pack("<q", int(number)) for number in secret if number.is_integer()]
    eight_bytes = np.array(packed, dtype="S8").view("<u8")

    def told(content: bytes) -> bool:
        numbers = set(WRITTEN.findall(content.replace(b",", b"")))
        if any(number_text(float(number))[:SURE] in texts for number in numbers):
            return True
        if not content.startswith(b"PAR1"):
            return False
        windows = (
            np.frombuffer(content[start : len(content) - (len(content) - start) % 8], "<u8") for start in range(8)
        )
        return any(np.isin(window, eight_bytes).any() for window in windows)

    closed = {"landing", "landed", "raw", "quarantine", "builds"}
    assert holding(data, closed, told) == []
    assert not told(released.text.encode())
    # The same search finds them where they may be.
    assert holding(build, {"inputs", "target"}, told) == ["due_diligence.duckdb"]
    with duckdb.connect() as connection:
        file = str(tmp_path / "footer.parquet")
        connection.execute(f"copy (select unnest([1.0, $1::double, 1e300]) as value) to '{file}'", [max(secret)])
    assert told((tmp_path / "footer.parquet").read_bytes())


ABOUT_THE_CODE = ("dag", "dag_code", "dag_version", "serialized_dag")
AFTER_THE_BUILD = ("prepare_candidate", "check_board_gate", "publish_board_release")


def twin_of(data: Path, twin: Path) -> None:
    """The same data folder after its build, and in the build another truth that no printed cell tells from the first:
    two cases changed their kinds of reporter with each other, and what is printed of no entity is another number."""
    for layer in ("landing", "landed", "raw", "quarantine", "qa", "builds"):
        if (data / layer).exists():
            shutil.copytree(data / layer, twin / layer, symlinks=True)
    settings = settings_of(data)
    [build] = (twin / "builds" / str(QUARTER)).glob("*/build.json")
    counts = hotline.counts_of(candidate._inner(settings, build.with_name(DATABASE), QUARTER).rows, programme())
    truth = pattern_of(settings, counts)
    one, other = next(
        (one, other)
        for one, other in itertools.combinations([tuple(place) for place in np.argwhere(counts[:8] > 0)], 2)
        if one[0] != other[0] and one[1] != other[1] and one[2] == other[2]
        if pattern_of(settings, swapped(counts, one, other)) == truth
    )
    with duckdb.connect(str(build.with_name(DATABASE))) as connection:
        connection.execute("delete from int_hotline_cube where fiscal_year = $1", [QUARTER.fiscal_year])
        connection.executemany(
            "insert into int_hotline_cube (fiscal_year, quarter_number, category, reporter_type, identity, cases)"
            " values (?, ?, ?, ?, ?, ?)",
            cube_rows(swapped(counts, one, other), QUARTER.fiscal_year),
        )
        for table in ("fct_metric_value", "board_grievance"):
            [(moved,)] = connection.execute(
                f"update {table} set numerator = numerator + 3, value = value + 3"
                " where metric_id = 'grv_hrh_cases_reported' and dimension = 'entity_code'"
            ).fetchall()
            assert moved > 1


def swapped(counts: Counts, one: Sequence[int], other: Sequence[int]) -> Counts:
    twin = counts.copy()
    for place, kind in ((one, other[1]), (other, one[1])):
        twin[tuple(place)] -= 1
        twin[place[0], kind, place[2], place[3]] += 1
    return twin


def pattern_of(settings: Settings, counts: Counts) -> object:
    rules = Rules(programme(), settings.disclosure_key(), settings.withhold_below)
    claims = {programme().cube.cell(span, category="FORCED_LABOUR_TRAFFICKING"): 0 for span in SPANS}
    return hotline.pattern_of(counts, rules, claims)


def told_by(data: Path) -> dict[str, set[str]]:
    """What a whole run leaves in Airflow's home about the steps that saw the counts: its database and logs, without
    moments, paths and the names of runs and processes."""
    own = re.compile(
        r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?(_\w{8})?|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{32}\b"
        r"|00-[0-9a-f]{32}-[0-9a-f]{16}-\d\d|pid=\d+"
    )

    def plain(text: object) -> str:
        return own.sub("*", str(text).replace(str(data), "*"))

    found: dict[str, set[str]] = {}
    with closing(sqlite3.connect(data / "airflow" / "airflow.db")) as connection:
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            rows = connection.execute(f'select * from "{table}"')
            names = [column[0] for column in rows.description]
            if "dag_id" in names and table not in ABOUT_THE_CODE:
                mine = [row for row in rows if row[names.index("dag_id")] in AFTER_THE_BUILD]
                found[table] = {plain(value) for row in mine for value in row if isinstance(value, str)}
    for file in (data / "airflow" / "logs" / "tasks").rglob("*.log"):
        if any(f"dag_id={dag}" in file.as_posix() for dag in AFTER_THE_BUILD):
            name = plain(file.relative_to(data / "airflow" / "logs"))
            found[name] = {plain(line) for line in file.read_text().splitlines()}
    return found


def test_d17_two_truths_that_agree_on_what_is_printed_are_one_run_to_who_reads_all_it_leaves(
    released: Released, tmp_path: Path
) -> None:
    """Through Airflow from the finished build to the release, beside the first run: the same bytes in every file, the
    same verdict, and the same words in logs, results of tasks and Airflow's own database."""
    twin_of(released.data, tmp_path)
    launcher = Launcher(tmp_path)
    assert launcher.end() == 0, launcher.text
    assert released_bytes(tmp_path) == released_bytes(released.data)
    assert store.checksums(tmp_path / "candidates") == store.checksums(released.data / "candidates")
    marts = [place / "mart" / "releases" / f"{QUARTER}-r1.duckdb" for place in (tmp_path, released.data)]
    assert list(contents(marts[0]))[1:] == list(contents(marts[1]))[1:]  # DuckDB's own pages are never the same twice
    told, first = told_by(tmp_path), told_by(released.data)
    assert told["xcom"]
    assert told["task_instance"]
    assert any("task_id=prepare" in name for name in told)
    assert told == first


def test_d19_what_a_task_hands_on_is_an_id_a_digest_or_a_count_of_what_is_printed(
    released: Released,
) -> None:
    with closing(sqlite3.connect(released.data / "airflow" / "airflow.db")) as connection:
        rows = connection.execute("select dag_id, task_id, key, value from xcom").fetchall()
    handed: dict[tuple[str, str], set[str]] = {}
    for dag, task, key, value in rows:
        content = json.loads(str(value))  # SQLite gives a bare number back as one
        handed.setdefault((dag, task), set()).update(content if key == "return_value" else {key})
        parts = content.values() if isinstance(content, dict) else [content]
        assert len(str(value)) < 300
        for part in parts:
            texts = part if isinstance(part, list) else [] if isinstance(part, int) else [part]
            assert all(re.fullmatch(r"[\w./-]{1,64}", text) for text in texts)
    assert handed == {
        ("land_extracts", "land"): {"files"},
        ("land_extracts", "load"): {"extracts", "records", "quarantined"},
        ("land_extracts", "check"): {"extracts", "checks"},
        ("land_extracts", "announce"): {"quarters"},
        ("build_mart", "build"): {"quarter", "build_id"},
        ("prepare_candidate", "prepare"): {"quarter", "candidate_digest", "files", "withheld_cells"},
        ("check_board_gate", "check"): {"quarter", "candidate_digest", "checks"},
        ("check_board_gate", "approve"): {"decision", "candidate_digest"},
        ("publish_board_release", "publish"): {"release", "manifest_digest"},
    }


def test_d20_what_great_expectations_leaves_has_rules_and_counts_and_no_value(released: Released) -> None:
    data = released.data
    verdicts = [*data.rglob("*.verdict.json"), *data.rglob("verdict.json")]
    assert len(verdicts) > 50
    for file in verdicts:
        for check in store.read_json(file)["checks"]:
            assert check.keys() == {"check", "subject", "loudness", "status", "found", "expected", "rule", "next"}
    words = re.compile(rb"unexpected_|observed_value|partial_unexpected|gx/uncommitted|data_docs")
    assert holding(data, {"landing", "landed", "quarantine", "builds"}, words.search) == []
    assert not words.search(released.text.encode())


def test_d21_no_scratch_file_and_no_core_is_left_and_no_query_is_echoed(released: Released) -> None:
    data = released.data
    assert list(released.scratch.rglob("*")) == []
    left = re.compile(r"^core(\.\d+)?$|\.tmp$|\.wal$|^\.put-|^tmp")
    assert [file for file in data.rglob("*") if left.search(file.name)] == []
    said = [file.read_text(errors="replace") for file in (data / "airflow" / "logs").rglob("*") if file.is_file()]
    echo = re.compile(r"(?i)\bselect\b.{1,200}\b(from|case_id)\b|read_parquet|stg_hotline")
    assert [echo.search(text) for text in [*said, released.text] if echo.search(text)] == []


def test_no_secret_reaches_a_log(released: Released) -> None:
    data = released.data
    home = data / "airflow"
    secrets = list(store.read_json(home / "passwords.json").values())
    for line in (home / "airflow.cfg").read_text().splitlines():
        name, _, value = line.partition(" = ")
        if name in ("fernet_key", "secret_key", "jwt_secret"):
            secrets.append(value)
    assert len(secrets) == 7
    logs = [file.read_text(errors="replace") for file in (home / "logs").rglob("*") if file.is_file()]
    assert len(logs) > 5
    assert [text for text in [*logs, released.text] for secret in secrets if secret in text] == []
    closed = ("airflow.cfg", "passwords.json", "airflow.db")
    assert {(home / name).stat().st_mode & 0o777 for name in closed} == {0o600}


def test_a_second_run_finds_nothing_to_do_and_starts_nothing(released: Released) -> None:
    data = released.data
    before = released_bytes(data)
    again = Launcher(data)
    assert again.end() == 0
    assert "Nothing waits" in again.text
    assert "Starting Airflow" not in again.text
    assert "86.0 %" in again.text
    assert released_bytes(data) == before


def test_ctrl_c_stops_everything(copy: Path) -> None:
    write_samples(settings_of(copy), late=True)
    launcher = Launcher(copy)
    launcher.until("is ready")
    os.kill(launcher.process.pid, signal.SIGINT)
    assert launcher.end(30) == 130
    assert launcher.left() == []


def late_files(data: Path) -> list[Path]:
    """Ten deliveries after the release: the seven late categories one by one, and three that say nothing new."""
    settings = settings_of(data)
    original = write_samples(settings, late=True)[-1]
    manifest = json.loads(Path(f"{original}.manifest.json").read_text())
    header, *rows = original.read_text().splitlines()
    original.unlink()
    Path(f"{original}.manifest.json").unlink()
    files = []
    for number, row in enumerate([*rows, *rows[:3]]):
        content = f"{header}\n{row}\n".encode() if number < len(rows) else f"{header}\n{row}\n{row}\n".encode()
        file = original.with_name(f"late_{number:02}.csv")
        promised = manifest | {"rows": content.count(b"\n") - 1, "sha256": store.sha256_bytes(content)}
        promised["control_totals"] = {}
        store.write_json(Path(f"{file}.manifest.json"), promised)
        files.append((file, content))
    for file, content in reversed(files):
        store.write_bytes(file, content)
    return [file for file, _ in files]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A PostgreSQL with one table of posts, as a source: the settings that name it, and Airflow's connection to it."""
    secret = tmp_path / "password"
    secret.write_text(secrets.token_urlsafe(12))
    server = Postgres(secret)
    try:
        address = {"host": "127.0.0.1", "port": server.port, "password": secret.read_text()}
        with closing(psycopg2.connect(**address, user="airflow", dbname="airflow")) as connection:
            connection.cursor().execute(
                "create table post (worker text, since date); "
                "insert into post values ('SAMPLE W1', '2020-04-01'), ('SAMPLE W2', '2021-04-01')"
            )
            connection.commit()
        settings = tmp_path / "settings.toml"
        settings.write_text((PROJECT / "samples" / "settings.toml").read_text() + SOURCE)
        login = {"conn_type": "postgres", "login": "airflow", "schema": "airflow", "extra": {"sslmode": "disable"}}
        yield {"HRDD_SETTINGS": str(settings), "AIRFLOW_CONN_POSTS_DATABASE": json.dumps(login | address)}
    finally:
        server.stop()


SOURCE = '''
[[sources]]
name = "posts"
connection = "posts_database"
family = "hr"
extract = "job_event"
query = """select worker as worker_key, since as start_date, 1 as seq, 'HIRE' as event, null as event_reason,
  null as from_entity_code, 'E001' as to_entity_code, 'REGULAR' as worker_category, null as end_date from post"""
as_of = "today"
'''


@pytest.fixture
def airflow(copy: Path, database: dict[str, str]) -> Iterator[Airflow]:
    """A running Airflow over the released data folder, as `make up` starts it, with a source to pull from."""
    launcher = Launcher(copy, "up", **database)
    launcher.until("Ctrl-C stops everything")
    home = Home(settings_of(copy))
    home.port = int(launcher.text.split("http://127.0.0.1:")[1].split("/")[0])
    client = Airflow(home)
    client.since = "2020-01-01T00:00:00+00:00"
    yield client
    os.kill(launcher.process.pid, signal.SIGTERM)
    launcher.end(30)
    assert launcher.left() == []


def wait_for(what: Any, seconds: float = 90) -> Any:
    """Ask until the answer is something, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := what():
            return answer
        time.sleep(0.3)
    raise AssertionError(f"nothing came within {seconds} s")


def refused(airflow: Airflow, user: str | None, method: str, path: str, body: Any = None) -> int:
    """The status with which a call is refused, or 200."""
    try:
        airflow.call(method, path, body, user=user)
    except Refused as fault:
        return fault.status
    return 200


def ended(airflow: Airflow, dag: str, task: str, count: int = 1) -> list[dict[str, Any]]:
    """The tasks of a DAG that have ended, once there are so many."""
    found = [entry for entry in airflow.tasks() if entry["dag_id"] == dag and entry["task_id"] == task]
    done = [entry for entry in found if entry["state"] in ("success", "failed", "skipped")]
    return done if len(done) >= count else []


def is_pulled_and_loaded(airflow: Airflow, settings: Settings) -> None:
    """A pull puts what a source has into the landing; that arrival, and nothing else, starts the rest."""
    place = settings.place("raw", "hr", "job_event")
    assert not place.exists()
    run = {"logical_date": None}
    assert refused(airflow, "admin", "POST", "/api/v2/dags/pull_extracts/dagRuns", run) == 200
    [task, *_] = wait_for(lambda: ended(airflow, "pull_extracts", "pull"))
    assert (task["state"], airflow.result(task, "return_value")) == ("success", {"files": 1})
    [receipt] = [store.read_json(file) for file in wait_for(lambda: list(place.glob("?" * 64 + ".json")))]
    assert (receipt["outcome"], receipt["loaded"], receipt["has_manifest"]) == ("loaded", 2, True)
    assert receipt["as_of_date"]


def test_late_files_forgery_and_a_rejection_change_no_release(airflow: Airflow) -> None:
    """One long story, because each Airflow takes its time to start: what the people in it may not do, they cannot."""
    is_pulled_and_loaded(airflow, airflow.home.settings)
    data = airflow.home.settings.data
    settings = airflow.home.settings
    before = released_bytes(data)

    # Ten late files, in reverse order, open one candidate: one build, one gate.
    builds = set((data / "builds" / str(QUARTER)).iterdir())
    late_files(data)
    gates = wait_for(airflow.gates, 300)  # patience, and no bar: machines are shared
    assert len(gates) == 1
    assert len(set((data / "builds" / str(QUARTER)).iterdir()) - builds) == 1
    now = standing(settings, QUARTER)
    assert now is not None
    assert now.stage == "waiting"
    assert now.candidate_digest in gates[0]["body"]
    assert released_bytes(data) == before

    # Exactly what rests on the hotline differs, and each such figure bears the reason that lies behind it.
    files = data / "candidates" / str(QUARTER) / now.candidate_digest / "files"
    with (files / "tables" / "revision.csv").open(encoding="utf-8", newline="") as stream:
        differing = [(row["metric_id"], row["reasons"]) for row in csv.DictReader(stream)]
    assert ("grv_cases_by_category", "LATE_DATA") in differing
    assert {reasons for _, reasons in differing} == {"LATE_DATA"}
    assert {metric.split("_")[0] for metric, _ in differing} == {"grv", "qa"}
    time.sleep(3.5)

    # Nobody below ADMIN can pretend that the gate was answered, and nobody but the approver can answer it.
    gate = gates[0]["task_instance"]
    path = f"/api/v2/dags/check_board_gate/dagRuns/{gate['dag_run_id'].replace('+', '%2B')}/taskInstances/approve"
    answer = {"chosen_options": ["Approve"], "params_input": {"reason": "x"}}
    forged = {"key": "return_value", "value": {"decision": "approved", "candidate_digest": now.candidate_digest}}
    assert refused(airflow, None, "PATCH", f"{path}/-1/hitlDetails", answer) == 401
    for user in ("preparer", "admin"):
        assert refused(airflow, user, "PATCH", f"{path}/-1/hitlDetails", answer) == 403
    for user in ("preparer", "approver"):
        assert refused(airflow, user, "PATCH", path, {"new_state": "success"}) == 403
        assert refused(airflow, user, "POST", f"{path}/xcomEntries", forged) == 403
    assert refused(airflow, "approver", "POST", "/api/v2/dags/build_mart/dagRuns", {"logical_date": None}) == 403

    # An ADMIN can mark and forge; it publishes nothing, for publishing reads its evidence itself.
    assert refused(airflow, "admin", "POST", f"{path}/xcomEntries", forged) in (200, 201)
    assert refused(airflow, "admin", "PATCH", path, {"new_state": "success"}) == 200
    airflow.announce("gate/board", str(QUARTER))
    stopped = wait_for(lambda: ended(airflow, "publish_board_release", "publish"))
    assert {task["state"] for task in stopped} == {"failed"}
    assert [stop["exit_code"] for stop in airflow.result(stopped[0], "stops")] == [6]
    assert released_bytes(data) == before

    # A key that is no quarter starts nothing.
    run = {"logical_date": None, "partition_key": "2023Q4"}
    assert refused(airflow, "preparer", "POST", "/api/v2/dags/check_board_gate/dagRuns", run) == 400

    # The candidate still waits for its person; the person says no, and the last release stays.
    run["partition_key"] = str(QUARTER)
    assert refused(airflow, "preparer", "POST", "/api/v2/dags/check_board_gate/dagRuns", run) == 200
    gate = wait_for(airflow.gates)[0]["task_instance"]
    time.sleep(3.5)
    airflow.answer(gate, "approver", "Reject", "The late categories are not confirmed.")
    rejected = wait_for(
        lambda: [task for task in ended(airflow, "check_board_gate", "approve", 2) if task["state"] == "failed"]
    )
    assert [stop["exit_code"] for stop in airflow.result(rejected[0], "stops")] == [6]
    now = standing(settings, QUARTER)
    assert now is not None
    assert now.stage == "rejected"
    assert released_bytes(data) == before

    # The page shows the release to whoever may sign in, and nothing else to anybody.
    page = f"/releases/{QUARTER}/r1/"
    assert refused(airflow, None, "GET", page + "manifest.json") == 401
    assert airflow.call("GET", page + "manifest.json", user="preparer")["release"] == f"{QUARTER}/r1"
    for elsewhere in ("..%2f..%2flanded/arrivals.jsonl", "%2e%2e/airflow/passwords.json", "nothing.csv"):
        assert refused(airflow, "preparer", "GET", "/releases/" + elsewhere) in (401, 403, 404)
        assert refused(airflow, None, "GET", "/releases/" + elsewhere) in (401, 403, 404)


def test_d01_a_refused_file_is_told_in_four_parts_and_touches_no_release(copy: Path) -> None:
    columns = ("narrative", "reporter_name", "email", "phone", "subject", "site", "attachment", "who")
    told = {column: f"CANARY-{secrets.token_hex(8)}" for column in columns}
    before, built = released_bytes(copy), store.checksums(copy / "builds")
    broken = copy / "landing" / "hotline" / "gossip" / "x.csv"
    broken.parent.mkdir()
    broken.write_text(f"who,what\n{told['who']},{told['narrative']}\n")
    report = story(copy, told)
    launcher = Launcher(copy)
    assert launcher.end() == 3, launcher.text
    for part in ("found", "expected", "rule", "next"):
        assert f"\n  {part}" in launcher.text
    assert launcher.left() == []
    assert released_bytes(copy) == before
    broken.unlink()
    report.unlink()
    again = Launcher(copy)
    assert again.end() == 0, again.text
    assert released_bytes(copy) == before
    # Check 1: what the refused report told is in no byte that is left, not even in the closed layers: releases,
    # candidates, the analysts' database, receipts, verdicts, quarantine, Airflow's logs, its database with the XComs.
    # The builds are those of before it came, byte for byte; landing belongs to its senders.
    canaries = Canaries(told.values())
    assert (copy / "airflow" / "airflow.db").exists()
    assert {"raw", "candidates", "releases", "mart", "airflow"} <= {place.name for place in copy.iterdir()}
    assert store.checksums(copy / "builds") == built
    assert holding(copy, {"builds", "landing", "landed"}, canaries.are_in) == []
    assert holding(copy / "landed" / "hotline", set(), canaries.are_in) == []
    assert not canaries.are_in((launcher.text + again.text).encode())


def story(data: Path, told: dict[str, str]) -> Path:
    """The cases of the sample year, sent once more with what nobody may collect."""
    [sent] = (data / "landing" / "hotline" / "case").glob("*.csv")
    header, *rows = sent.read_text().splitlines()
    more = [f"{row},{','.join(told.values())}" for row in rows[:5]]
    file = sent.with_name("with_stories.csv")
    file.write_text("\n".join([",".join([header, *told]), *more]) + "\n")
    return file
