"""docker-compose.yml: valid, closed, and its own commands carry the sample year to a release on a real PostgreSQL."""

from __future__ import annotations

import dataclasses
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from events.home import DAGS
from events.rest import Airflow, Refused
from events.server import make_secrets
from ingest.contract import contracts
from pipeline import store
from pipeline.settings import DEFAULT_FILE, PROJECT, Settings
from publish import keys
from publish.verify import verify
from samples.write import write_samples

COMPOSE = PROJECT / "docker-compose.yml"
SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer")
GIVEN = {"AIRFLOW_USERS": "admin:admin,preparer:user,approver:user", "HRDD_SETTINGS_FILE": "./settings.toml"}

pytestmark = pytest.mark.timeout(600)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def compose(*words: str, **given: str) -> subprocess.CompletedProcess[str]:
    """The compose client, as a plugin of docker or as a program of its own."""
    is_plugin = subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
    client = ["docker", "compose"] if is_plugin else ["docker-compose"]
    environment = {name: value for name, value in os.environ.items() if name not in GIVEN}
    with tempfile.NamedTemporaryFile() as empty:  # in place of a .env that somebody may have here
        return subprocess.run(
            [*client, "-f", str(COMPOSE), "--env-file", empty.name, *words],
            cwd=PROJECT,
            env=environment | given,
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services as the compose client reads them, with every variable filled in."""
    answer = compose("config", **GIVEN)
    assert answer.returncode == 0, answer.stderr
    return yaml.safe_load(answer.stdout)["services"]


def test_the_file_is_valid_and_names_the_four_services(services: dict[str, Any]) -> None:
    assert set(services) == {*SERVICES, "migrate", "postgres", "store"}


@pytest.mark.parametrize("missing", GIVEN)
def test_nothing_that_an_installation_must_choose_has_a_default(missing: str) -> None:
    answer = compose("config", **{name: value for name, value in GIVEN.items() if name != missing})
    assert answer.returncode != 0
    assert ".env.example" in answer.stderr


def test_every_image_is_pinned(services: dict[str, Any]) -> None:
    images = {name: service["image"] for name, service in services.items()}
    assert {name for name, image in images.items() if not re.fullmatch(r"[\w./-]+:\d+\.\d+[\w.-]*", image)} == set()
    base = re.search(r"^FROM (\S+)", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    assert base is not None
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base[1])


def test_every_port_is_on_the_loopback(services: dict[str, Any]) -> None:
    text = json.dumps([service.get("ports", []) for service in services.values()])
    assert text.count("127.0.0.1") == 2
    published = [port for service in services.values() for port in service.get("ports", [])]
    hosts = [port["host_ip"] if isinstance(port, dict) else port.split(":")[0] for port in published]
    assert hosts == ["127.0.0.1", "127.0.0.1"]


def test_every_service_is_closed(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
    assert {name for name, service in services.items() if not service.get("user")} == {"postgres", "store"}


def test_no_secret_and_no_default_password_stands_in_the_file(services: dict[str, Any]) -> None:
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|KEY|CONN", name):
                assert name.endswith(("_CMD", "_FILE")), name
                assert str(value).startswith(("cat /run/secrets/", "/run/secrets/", "/airflow/")), name
    text = COMPOSE.read_text() + (PROJECT / ".env.example").read_text()
    assert "latest" not in text
    assert re.search(r"airflow:airflow|minioadmin|changeme|password123", text) is None


def test_every_secret_that_is_mounted_is_made_and_the_gates_key_signs_with_the_line_that_is_made_with_it(
    tmp_path: Path,
) -> None:
    sample = Settings.load(data=tmp_path / "data")
    made = {file.name for file in make_secrets(sample, tmp_path / "secrets")}
    mounted = set(yaml.safe_load(COMPOSE.read_text())["secrets"])
    assert made - mounted == {"gate.public"}  # it is no secret
    assert mounted - made == set()
    public = tomllib.loads((tmp_path / "secrets" / "gate.public").read_text())
    real = dataclasses.replace(
        sample,
        is_sample=False,
        keys=str(tmp_path / "secrets"),
        public_keys={name: tuple(keys) for name, keys in public.items()},
        disclosure_key_file=str(tmp_path / "secrets" / "disclosure_key"),
    )
    record = keys.signed(real, {"approver": "somebody", "decision": "approved"}, keys.GATE)
    assert keys.signature_fault(record, keys.trusted(real), is_sample=False) is None
    assert keys.signature_fault({**record, "approver": "else"}, keys.trusted(real), is_sample=False) is not None
    assert len(real.disclosure_key()) >= 32


def test_the_example_of_the_environment_names_what_the_file_asks_for() -> None:
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text())) - {"HRDD_SECRETS"}
    shown = set(re.findall(r"^(\w+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    assert asked == shown


class Postgres:
    """A PostgreSQL cluster of its own, in a folder, run by a user who is not root."""

    def __init__(self, password_file: Path) -> None:
        # Not below pytest's own folder, which is closed to every user but the one who runs the tests.
        self.place = Path(tempfile.mkdtemp(prefix="postgres-of-tests-"))
        self.port, folder = free_port(), self.place / "cluster"
        self.folder = folder
        self.programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        self.as_user: dict[str, Any] = {}
        folder.mkdir(mode=0o700)
        readable = self.place / "password"
        shutil.copyfile(password_file, readable)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = pwd.getpwnam("postgres")
            self.as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            for path in (self.place, folder, readable):
                os.chown(path, user.pw_uid, user.pw_gid)
        self.run(
            "initdb", "-D", str(folder), "-U", "airflow", f"--pwfile={readable}", "--auth=scram-sha-256", "-E", "UTF8"
        )
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        self.run("pg_ctl", "-D", str(folder), "-w", "-l", str(folder / "log"), "-o", settings, "start")
        environment = os.environ | {"PGPASSWORD": password_file.read_text()}
        address = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "airflow"]
        subprocess.run([self.programs / "createdb", *address, "airflow"], env=environment, check=True)

    def run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [str(self.programs / program), *words],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **self.as_user,
        )
        assert done.returncode == 0, done.stderr

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder), "-m", "immediate", "stop")
        shutil.rmtree(self.place)


class Server:
    """The compose file's own commands and environment, started natively: only places and addresses are replaced."""

    def __init__(self, root: Path, services: dict[str, Any]) -> None:
        self.root, self.services = root, services
        self.url = f"http://127.0.0.1:{free_port()}"
        self.store_url = f"http://127.0.0.1:{free_port()}"
        self.secrets = root / "secrets"
        self.settings_file = root / "settings.toml"
        self.settings_file.write_text(DEFAULT_FILE.read_text() + '\nlanding = "s3://landing"\n')
        self.data = root / "data"
        make_secrets(Settings.load(self.settings_file, self.data), self.secrets)
        self.postgres = Postgres(self.secrets / "database_password")
        database = self.secrets / "database_url"
        database.write_text(database.read_text().replace("@postgres:5432/", f"@127.0.0.1:{self.postgres.port}/"))
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        self._start("store", [sys.executable, "-m", "moto.server", "-p", self.store_url.rsplit(":", 1)[1]], {})

    def natively(self, text: str) -> str:
        """A word of the compose file with this machine's places in it."""
        port = self.url.rsplit(":", 1)[1]
        for there, here in {
            "/run/secrets": str(self.secrets),
            "/etc/hrdd/settings.toml": str(self.settings_file),
            "http://api-server:8080": self.url,
            "http://store:8333": self.store_url,
            "--host 0.0.0.0 --port 8080": f"--host 127.0.0.1 --port {port}",
            "http://127.0.0.1:8080": self.url,
            "/hrdd/dags": str(PROJECT / "dags"),
        }.items():
            text = text.replace(there, here)
        return re.sub(r"(?<![\w.-])/(airflow|data|logs)(?=/|$)", str(self.root) + r"/\1", text)

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start a service of the compose file."""
        service = self.services[name]
        environment = {key: self.natively(str(value)) for key, value in service["environment"].items()}
        # A container has its own /airflow; so has every service here.
        environment["AIRFLOW_HOME"] = str(self.root / "airflow" / name)
        Path(environment["AIRFLOW_HOME"]).mkdir(parents=True)
        return self._start(name, [self.natively(word) for word in service["command"]], environment)

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "HRDD"))}
        path = f"{Path(sys.executable).parent}:{ours['PATH']}"
        with (self.root / f"{name}.log").open("wb") as log:
            self.started[name] = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=ours | {"PATH": path} | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.started[name]

    def password(self, user: str) -> str:
        return store.read_json(self.secrets / "airflow_passwords")[user]

    def log(self, name: str) -> str:
        return (self.root / f"{name}.log").read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        family = [
            child
            for process in self.started.values()
            if process.poll() is None
            for child in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        ]
        for process in self.started.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=8)
        for process in alive:
            process.kill()
        self.postgres.stop()

    def until(self, what: str, answer: Any, seconds: float) -> Any:
        """Ask until there is an answer; a service that ends in the meantime fails the test with its log."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name, process in self.started.items():
                assert process.poll() in (None, 0), f"{name} ended:\n{self.log(name)}"
            try:
                if found := answer():
                    return found
            except (OSError, Refused):
                pass
            time.sleep(0.5)
        raise AssertionError(f"{what} did not come in {seconds} s:\n" + "\n".join(map(self.log, self.started)))


@pytest.fixture(scope="module")
def server(services: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The whole server, started the way compose starts it: first the migration, then the four services."""
    root = tmp_path_factory.mktemp("server")
    server = Server(root, services)
    try:
        server.until("the store", lambda: urllib.request.urlopen(server.store_url, timeout=2).status, 30)
        assert server.start("migrate").wait(180) == 0, server.log("migrate")
        for name in SERVICES:
            server.start(name)
        yield server
    finally:
        server.stop()


def send_samples(server: Server) -> int:
    """Put the sample extracts into the bucket, as senders would: each after its manifest."""
    import fsspec

    local = server.root / "samples"
    written = write_samples(Settings.load(DEFAULT_FILE, local))
    credentials = (server.secrets / "store_credentials").read_text()
    key, hidden = re.findall(r"= (\S+)", credentials)
    bucket = fsspec.filesystem("s3", key=key, secret=hidden, endpoint_url=server.store_url)
    for file in written:
        name = file.relative_to(local / "landing").as_posix()
        bucket.put_file(f"{file}.manifest.json", f"landing/{name}.manifest.json")
        bucket.put_file(str(file), f"landing/{name}")
    return len(written)


def test_its_commands_carry_the_sample_year_from_the_store_to_a_release(server: Server) -> None:
    airflow = Airflow(server)  # it has what a home has: url and password
    airflow.since = "2020-01-01T00:00:00+00:00"
    server.until("a healthy Airflow", lambda: airflow.is_healthy() and airflow.dags() >= DAGS, 150)
    assert send_samples(server) == sum(terms.staged for terms in contracts().values())
    gate = server.until("the gate", airflow.gates, 180)[0]["task_instance"]
    time.sleep(5)
    airflow.answer(gate, "approver", "Approve", "The sample year, approved by the test.")
    latest = server.data / "releases" / "latest.json"
    server.until("the release", latest.exists, 60)
    release = server.data / store.read_json(latest)["path"]
    assert verify(release)["release"] == "FY2023-Q4/r1"
    assert "86.0 %" in (release / "tables" / "headline.csv").read_text()
    assert store.read_json(release / "approval.json")["approver"] == "approver"
    secrets = [(server.secrets / name).read_text() for name in ("database_password", "jwt_secret", "fernet_key")]
    logs = [server.log(name) for name in server.started]
    assert [text for text in logs for secret in secrets if secret in text] == []
