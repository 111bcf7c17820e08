"""Pull, from real servers: OpenSSH's SFTP, PostgreSQL, an S3 store and a web server, each started here on loopback."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import pytest
from airflow.sdk import Connection
from moto.server import ThreadedMotoServer
from test_server import Postgres, free_port

from ingest.contract import contract
from ingest.land import land
from ingest.load import load
from ingest.sources import Access, connection_of, failures, pull, sources
from pipeline import store
from pipeline.errors import BadSettings
from pipeline.settings import PROJECT, Settings

HEADER = ",".join(column.name for column in contract("hr", "site").columns)
SITES = f"{HEADER}\nS1,2020-04-01,E001,JP,ja;en,,\nS2,2020-04-01,E001,JP,ja,2021-01-01,\n".encode()
MORE = SITES + b"S3,2020-04-01,E002,GB,en,,\n"
MARCH = 1_680_200_000  # 2023-03-30T18:13:20Z, when the file was written at its source


@dataclass
class Place:
    """A source as a test sees it: how to reach it, the path to ask for, and how somebody puts a file there."""

    access: Access
    path: str
    write: Callable[[str, bytes, int], None]
    marks_versions: bool = True
    one_file: str = ""
    kept: dict[str, bytes] = field(default_factory=dict)


@pytest.fixture(scope="module")
def sftp() -> Iterator[Place]:
    """OpenSSH's own server with its own SFTP, a host key and a user's key of its own."""
    root = Path(tempfile.mkdtemp(prefix="sftp-of-tests-"))
    port, user = free_port(), pwd.getpwuid(os.geteuid()).pw_name
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(root / name)], check=True)
    shutil.copyfile(root / "user.pub", root / "authorized")
    (root / "outbox").mkdir()
    (root / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {root}/host\nAuthorizedKeysFile {root}/authorized\n"
        f"PidFile {root}/pid\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nStrictModes no\n"
        "Subsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-e", "-f", str(root / "sshd_config")], stderr=subprocess.DEVNULL
    )

    def write(name: str, content: bytes, written_at: int) -> None:
        (root / "outbox" / name).write_bytes(content)
        os.utime(root / "outbox" / name, (written_at, written_at))

    keys = {"host_key": (root / "host.pub").read_text(), "private_key": (root / "user").read_text()}
    try:
        for _ in range(100):
            if (root / "pid").exists():
                break
            time.sleep(0.05)
        yield Place(Access("sftp", "127.0.0.1", port, user, extra=keys), f"{root}/outbox/*", write)
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(root)


@pytest.fixture(scope="module")
def s3() -> Iterator[Place]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    bucket = boto3.client(
        "s3", endpoint_url=url, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )
    bucket.create_bucket(Bucket="outbox")

    def write(name: str, content: bytes, _: int) -> None:
        bucket.put_object(Bucket="outbox", Key=f"hr/{name}", Body=content)

    try:
        yield Place(Access("aws", login="a", password="b", extra={"endpoint_url": url}), "outbox/hr/*", write)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def http() -> Iterator[Place]:
    files: dict[str, tuple[bytes, int]] = {}

    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/out/")
            if self.headers.get("Authorization") != "Bearer SECRET-TOKEN":
                self.send_error(401)
            elif name == "elsewhere.csv":
                self.send_response(302)
                self.send_header("Location", "/out/site.csv")
                self.end_headers()
            elif name not in files:
                self.send_error(404)
            else:
                content, written_at = files[name]
                self.send_response(200)
                self.send_header("Last-Modified", self.date_time_string(written_at))
                self.send_header("Content-Length", str(len(content) + (name == "cut.csv")))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    access = Access("http", "127.0.0.1", server.server_port, schema="http", extra={"token": "SECRET-TOKEN"})
    try:
        yield Place(
            access,
            "out/site.csv",
            lambda name, content, at: files.__setitem__(name, (content, at)),
            one_file="site.csv",
        )
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Access, Callable[[str], None]]]:
    password = tmp_path_factory.mktemp("database") / "password"
    password.write_text(secrets.token_urlsafe(12))
    server = Postgres(password)
    whole = {"host": "127.0.0.1", "port": server.port, "password": password.read_text()}

    def run(statement: str) -> None:
        connection = psycopg2.connect(**whole, user="airflow", dbname="airflow")
        connection.autocommit = True
        connection.cursor().execute(statement)
        connection.close()

    access = Access("postgres", login="airflow", schema="airflow", extra={"sslmode": "disable"}, **whole)
    try:
        yield access, run
    finally:
        server.stop()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(PROJECT / "samples" / "settings.toml", tmp_path / "data")


def of(settings: Settings, **entries: str) -> Settings:
    usual = {"name": "sites", "connection": "hr_outbox", "family": "hr", "extract": "site"}
    return replace(settings, sources=(usual | entries,))


def landing(settings: Settings) -> list[Path]:
    return sorted(file for file in settings.place("landing").rglob("*.csv"))


def outcomes(results: list[dict[str, Any]]) -> list[str]:
    return [result["outcome"] for result in results]


@pytest.mark.parametrize("kind", ["sftp", "s3", "http"])
def test_a_file_is_pulled_once_and_again_when_it_changed(
    settings: Settings, kind: str, request: pytest.FixtureRequest
) -> None:
    place: Place = request.getfixturevalue(kind)
    chosen = of(settings, path=place.path)
    name = place.one_file or "site-2023-03-31.csv"
    place.write(name, SITES, MARCH)
    if not place.one_file:
        place.write(".hidden.csv", MORE, MARCH)
        place.write("half.csv.part", MORE, MARCH)
    assert outcomes(pull(chosen, lambda _: place.access)) == ["pulled"]
    [file] = landing(chosen)
    assert file.read_bytes() == SITES
    manifest = json.loads(file.with_name(file.name + ".manifest.json").read_bytes())
    assert (manifest["sha256"], manifest["bytes"]) == (store.sha256_bytes(SITES), len(SITES))
    assert manifest["extract_ts"].startswith("2023-03-30T18:13:20" if kind != "s3" else "20")
    assert pull(chosen, lambda _: place.access) == []
    assert [path.name for path in store.folder(chosen.place("pulled")).iterdir() if path.name.startswith(".put-")] == []
    place.write(name, MORE, MARCH + 60)
    assert outcomes(pull(chosen, lambda _: place.access)) == ["pulled"]
    assert sorted(file.read_bytes() for file in landing(chosen)) == sorted([SITES, MORE])


def test_what_was_pulled_arrives_like_any_other_extract(settings: Settings, sftp: Place) -> None:
    sftp.write("site-2023-03-31.csv", SITES, 1_680_500_000)  # 3 April, after the day it speaks of
    chosen = of(settings, path=sftp.path.replace("*", "site-*.csv"), as_of="name")
    assert outcomes(pull(chosen, lambda _: sftp.access)) == ["pulled"]
    [landed] = land(chosen)
    assert (landed["as_of_date"], landed["quarter"], landed["has_manifest"]) == ("2023-03-31", "FY2023-Q4", True)
    [receipt] = load(chosen)
    assert (receipt["loaded"], receipt["quarantined"], receipt["is_sample"]) == (2, 0, True)


def test_a_sender_s_own_manifest_is_passed_on(settings: Settings, sftp: Place) -> None:
    own = {"source_system": "SAMPLE HR", "rows": 2, "as_of_date": "2023-03-31", "sha256": store.sha256_bytes(SITES)}
    sftp.write("own.csv", SITES, MARCH)
    sftp.write("own.csv.manifest.json", json.dumps(own).encode(), MARCH)
    chosen = of(settings, path=sftp.path.replace("*", "own.csv"))
    pull(chosen, lambda _: sftp.access)
    [file] = landing(chosen)
    assert json.loads(file.with_name(file.name + ".manifest.json").read_bytes()) == own


def test_a_host_key_is_taken_as_ssh_keyscan_shows_it(settings: Settings, sftp: Place) -> None:
    sftp.write("known.csv", SITES, MARCH)
    chosen = of(settings, path=sftp.path.replace("*", "known.csv"))

    def with_key(shown: str) -> list[dict[str, Any]]:
        return pull(chosen, lambda _: replace(sftp.access, extra=sftp.access.extra | {"host_key": shown}))

    [error] = failures(with_key("[127.0.0.1]:22 no key"))
    assert "a host key that is none" in error.found
    assert outcomes(with_key(f"[127.0.0.1]:22 {sftp.access.extra['host_key']}")) == ["pulled"]


def test_a_server_that_is_not_the_one_we_know_gets_nothing(settings: Settings, sftp: Place, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    for extra in ({"host_key": (tmp_path / "other.pub").read_text()}, {"host_key": ""}):
        access = replace(sftp.access, extra=sftp.access.extra | extra)
        results = pull(of(settings, path=sftp.path), lambda _, access=access: access)
        assert outcomes(results) == ["failed"]
        [error] = failures(results)
        assert "PRIVATE KEY" not in str(error)
    assert landing(settings) == []


QUERY = (
    "select site_code, valid_from, entity_code, country_iso2, work_languages, contact_point_since, valid_to from site"
)


def test_a_query_is_pulled_whole_with_its_rows_counted(
    settings: Settings, database: tuple[Access, Callable[[str], None]]
) -> None:
    access, run = database
    run(
        "drop table if exists site; create table site (site_code text, valid_from date, entity_code text, "
        "country_iso2 text, work_languages text, contact_point_since date, valid_to date); "
        "insert into site values ('S1', '2020-04-01', 'E001', 'JP', 'ja;en', null, null), "
        "('S2, \"north\"', '2020-04-01', 'E001', 'JP', null, '2021-01-01', null)"
    )
    real = replace(of(settings, query=QUERY + ";", as_of="today"), clock="system")
    assert outcomes(pull(real, lambda _: access)) == ["pulled"]
    [file] = landing(real)
    manifest = json.loads(file.with_name(file.name + ".manifest.json").read_bytes())
    assert manifest["rows"] == 2
    assert refused(land(real)) == 0
    [receipt] = load(real)
    assert (receipt["loaded"], receipt["quarantined"]) == (2, 0)
    assert receipt["as_of_date"] == manifest["as_of_date"]
    assert outcomes(pull(real, lambda _: access)) == ["unchanged"]
    run("delete from site where site_code = 'S1'")
    assert outcomes(pull(real, lambda _: access)) == ["pulled"]


def refused(receipts: list[dict[str, Any]]) -> int:
    return sum(receipt["outcome"] == "refused" for receipt in receipts)


@pytest.mark.parametrize(
    "query",
    [
        "delete from kept returning name",
        "select 1) to stdout; drop table kept; copy (select 1",
        "select name from nothing_of_the_kind",
    ],
)
def test_a_query_changes_nothing_at_its_source(
    settings: Settings, database: tuple[Access, Callable[[str], None]], query: str
) -> None:
    access, run = database
    run("drop table if exists kept; create table kept (name text); insert into kept values ('stays')")
    results = pull(of(settings, query=query), lambda _: access)
    assert outcomes(results) == ["failed"]
    run("do $$ begin assert (select count(*) from kept) = 1; end $$")
    [error] = failures(results)
    assert "kept" not in str(error)
    assert access.password not in str(error)


@pytest.mark.parametrize("name", ["missing.csv", "elsewhere.csv", "cut.csv"])
def test_an_answer_that_is_not_the_whole_file_is_not_taken(settings: Settings, http: Place, name: str) -> None:
    http.write("cut.csv", SITES, MARCH)
    results = pull(of(settings, path=f"out/{name}"), lambda _: http.access)
    assert outcomes(results) == ["failed"]
    assert "SECRET-TOKEN" not in str(failures(results)[0]) + repr(http.access)
    assert landing(settings) == []


def test_a_source_that_fails_costs_no_other_anything(settings: Settings, http: Place, sftp: Place) -> None:
    http.write("site.csv", SITES, MARCH)
    gone = replace(http.access, port=free_port())
    usual = {"family": "hr", "extract": "site", "path": "out/site.csv"}
    three = ({"name": "a", "connection": "gone"}, {"name": "b", "connection": "web"}, {"name": "c", "connection": "no"})
    chosen = replace(settings, sources=tuple(each | usual for each in three))
    connections = {"gone": gone, "web": http.access}
    results = pull(chosen, connections.__getitem__)
    assert outcomes(results) == ["failed", "pulled", "failed"]
    assert [result["source"] for result in results if result["outcome"] == "failed"] == ["a", "c"]
    for error in failures(results):
        assert error.next_step
        assert error.exit_code == 10


def test_what_is_pulled_reaches_a_landing_that_is_a_bucket(
    settings: Settings, http: Place, s3: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.access.extra["endpoint_url"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    http.write("site.csv", SITES, MARCH)
    chosen = replace(of(settings, path="out/site.csv"), landing="s3://outbox/landing")
    assert outcomes(pull(chosen, lambda _: http.access)) == ["pulled"]
    [receipt] = land(chosen)
    assert (receipt["outcome"], receipt["has_manifest"]) == ("landed", True)


def test_a_kill_between_landing_and_ledger_ends_in_one_delivery(
    settings: Settings, http: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def killed(*_: Any) -> None:
        raise KilledError

    http.write("site.csv", SITES, MARCH)
    chosen = of(settings, path="out/site.csv")
    with monkeypatch.context() as until:
        until.setattr(store, "append_line", killed)
        with pytest.raises(KilledError):
            pull(chosen, lambda _: http.access)
    assert outcomes(pull(chosen, lambda _: http.access)) == ["pulled"]
    assert len(landing(chosen)) == 1


@pytest.mark.parametrize(
    "entries",
    [
        {"name": "No Name"},
        {"name": ""},
        {"path": "", "query": ""},
        {"query": "select 1"},
        {"extract": "payroll"},
        {"as_of": "yesterday"},
        {"password": "x"},
    ],
)
def test_a_source_that_says_too_little_or_too_much_is_not_used(settings: Settings, entries: dict[str, str]) -> None:
    assert sources(of(settings, path="a"))
    with pytest.raises(BadSettings, match="source"):
        sources(of(settings, **({"path": "a"} | entries)))


def test_sources_are_written_in_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[[sources]]\nname = "a"\nconnection = "c"\nfamily = "hr"\nextract = "site"\npath = "p"\n')
    assert [source.name for source in sources(Settings.load(file))] == ["a"]
    assert pull(replace(Settings.load(file, tmp_path), sources=()), lambda _: Access("http")) == []


def test_an_airflow_connection_says_how_to_reach_a_source() -> None:
    found = Connection(
        conn_id="c", conn_type="sftp", host="h", port=22, login="l", password="SECRET", extra='{"host_key": "k"}'
    )
    access = connection_of(found)
    assert (access.kind, access.host, access.port, access.extra) == ("sftp", "h", 22, {"host_key": "k"})
    assert "SECRET" not in repr(access)


@pytest.mark.parametrize("entries", [{"path": "a"}, {"query": "select 1"}])
def test_a_connection_of_another_kind_is_not_used(settings: Settings, entries: dict[str, str]) -> None:
    kind = "postgres" if "path" in entries else "sftp"
    [result] = pull(of(settings, **entries), lambda _: Access(kind))
    assert "type" in result["refusal"]["found"]
