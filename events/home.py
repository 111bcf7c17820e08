"""Airflow's home on one machine: its settings, its keys and users, and the processes it consists of."""

from __future__ import annotations

import base64
import configparser
import fcntl
import gc
import importlib
import os
import secrets
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil

from events.rest import Airflow, Refused
from pipeline import store
from pipeline.errors import HrddError
from pipeline.settings import PROJECT, Settings

FIRST_PORT = 8180
DAGS = {path.stem for path in (PROJECT / "dags").glob("*.py")}

# What every component would import for itself; imported once, before the components are forked.
SHARED_IMPORTS = (
    "airflow.cli.cli_parser",
    "airflow.api_fastapi.app",
    "airflow.api_fastapi.core_api.app",
    "airflow.api_fastapi.core_api.routes.public",
    "airflow.api_fastapi.core_api.routes.ui",
    "airflow.api_fastapi.execution_api.app",
    "airflow.api_fastapi.execution_api.routes",
    "airflow.api_fastapi.execution_api.versions",
    "airflow.cli.commands.api_server_command",
    "airflow.cli.commands.scheduler_command",
    "airflow.cli.commands.triggerer_command",
    "airflow.cli.commands.dag_processor_command",
    "airflow.executors.local_executor",
    "airflow.dag_processing.manager",
    "airflow.sdk.execution_time.task_runner",
    "airflow.providers.standard.operators.hitl",
    "events.authority",
    "events.gate",
    "uvicorn",
)
TASK_IMPORTS = (
    "duckdb",
    "ingest.land",
    "ingest.load",
    "dbt.cli.main",
    "dbt.adapters.duckdb",
    "great_expectations",
    "expectations.extract_door",
    "expectations.board_door",
    "dbt_project.build",
    "publish.candidate",
    "publish.approval",
    "publish.release",
)


class Home:
    """The folder ``airflow`` in the data folder, and the components that run from it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.home = settings.place("airflow")
        self.passwords_file = self.home / "passwords.json"
        self.port = self.task_port = 0
        self._keeper = 0
        self._life = -1

    @property
    def url(self) -> str:
        """Where the API server listens; loopback only."""
        return f"http://127.0.0.1:{self.port}"

    def password(self, user: str) -> str:
        """The password that this installation made up for a user."""
        return store.read_json(self.passwords_file)[user]

    @contextmanager
    def alone(self) -> Iterator[Home]:
        """Hold the home for this process alone; whatever was started in it is stopped when the block ends."""
        store.folder(self.home)
        with (self.home / "lock").open("a") as stream:
            _lock(stream.fileno(), self.home)
            with _reserved_port(FIRST_PORT) as self.port, _reserved_port(self.port + 1) as self.task_port:
                try:
                    yield self
                finally:
                    self.stop()

    def start(self) -> None:
        """Write the configuration and fork the keeper, which starts the components; returns at once."""
        self._write_passwords()
        self._write_configuration()
        store.folder(self.home / "logs")
        sys.stdout.flush()
        sys.stderr.flush()
        life, self._life = os.pipe()
        self._keeper = os.fork()
        if self._keeper == 0:
            os.close(self._life)
            _leave(partial(self._keep, life))
        os.close(life)

    def ready(self, seconds: float = 120) -> Airflow:
        """Wait until every component reports itself healthy and every DAG is known."""
        airflow, until, is_warm = Airflow(self), time.monotonic() + seconds, False
        while time.monotonic() < until:
            self.check()
            with suppress(OSError, Refused):
                # The first call builds the API that tasks talk to, which takes seconds: better now than in a task.
                if not is_warm:
                    airflow.ping_tasks()
                    is_warm = True
                if airflow.is_healthy() and airflow.dags() >= DAGS:
                    return airflow
            time.sleep(0.2)
        raise _not_running(self.home, f"not every component was ready after {seconds:.0f} s")

    def check(self) -> None:
        """Raise if a component has ended; the keeper ends with the first of them."""
        if self._keeper and os.waitpid(self._keeper, os.WNOHANG)[0]:
            session, self._keeper = self._keeper, 0
            _kill(session)
            raise _not_running(self.home, "a component of Airflow ended by itself")

    def stop(self) -> None:
        """Stop everything that was started here, politely and then surely; leaves no process behind."""
        if self._life >= 0:
            os.close(self._life)
            self._life = -1
        if self._keeper:
            session, self._keeper = self._keeper, 0
            _wait([session], 6)
            _kill(session)

    def _keep(self, life: int) -> None:
        """The keeper: a session of its own that lives no longer than the launcher, however that one ends."""
        os.setsid()
        os.umask(0o027)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.environ.update(_environment(self.home, self.settings))
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        _write_to(self.home / "logs" / "keeper.log")
        importlib.import_module("airflow.cli.cli_parser")
        migrating = _fork(self.home, "migrate", partial(_migrate, self.home))
        _import(SHARED_IMPORTS)
        if os.waitpid(migrating, 0)[1]:
            os._exit(1)
        children = [self._component(name) for name in ("api-server", "task-server", "triggerer", "dag-processor")]
        # Tasks are forks of the scheduler: what they import is here already. The others start in the meantime.
        _import(TASK_IMPORTS)
        gc.collect()
        gc.freeze()
        children.append(self._component("scheduler"))
        while not select.select([life], [], [], 0.5)[0]:
            if os.waitpid(-1, os.WNOHANG)[0] in children:
                break
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        _wait(children, 3)
        _kill(os.getpid())

    def _write_passwords(self) -> None:
        known = store.read_json(self.passwords_file) if self.passwords_file.exists() else {}
        store.write_json(
            self.passwords_file, {name: known.get(name) or secrets.token_urlsafe(18) for name in self._users()}
        )
        self.passwords_file.chmod(0o600)

    def _component(self, name: str) -> int:
        listen = ["api-server", "--host", "127.0.0.1", "--workers", "1", "--port"]
        words = {
            # Two servers: the one for people writes its audit log while it holds up every other request, which would
            # lock out the tasks, and then itself, on a database that has one writer (README, "Two API servers").
            "api-server": [*listen, str(self.port), "--apps", "core"],
            "task-server": [*listen, str(self.task_port), "--apps", "execution"],
            "triggerer": ["triggerer", "--skip-serve-logs"],
            "dag-processor": ["dag-processor"],
            "scheduler": ["scheduler", "--skip-serve-logs"],
        }
        return _fork(self.home, name, partial(_airflow, words[name]))

    def _users(self) -> dict[str, str]:
        return {"admin": "admin", "preparer": "user", "reader": "viewer"} | {
            name: "user" for name in self.settings.approvers
        }

    def _write_configuration(self) -> None:
        file = self.home / "airflow.cfg"
        known = configparser.ConfigParser(interpolation=None)
        known.read(file)
        keys = {
            ("core", "fernet_key"): base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            ("api", "secret_key"): secrets.token_urlsafe(48),
            ("api_auth", "jwt_secret"): secrets.token_urlsafe(64),
        }
        values = _configuration(self.home, self.url, self.task_port, self._users(), self.passwords_file)
        for (section, name), new in keys.items():
            values.setdefault(section, {})[name] = known.get(section, name, fallback=new)
        written = configparser.ConfigParser(interpolation=None)
        written.read_dict(values)
        with store.put(file) as temporary, temporary.open("w") as stream:
            written.write(stream)
        file.chmod(0o600)


def _configuration(
    home: Path, url: str, task_port: int, users: Mapping[str, str], passwords: Path
) -> dict[str, dict[str, str]]:
    """Everything in which this Airflow differs from its defaults."""
    return {
        "core": {
            "dags_folder": str(PROJECT / "dags"),
            "load_examples": "False",
            "executor": "LocalExecutor",
            "parallelism": "4",  # as many workers are forked at the start, and each pays for its first task
            "auth_manager": "events.authority.TwoPersonAuthority",
            "simple_auth_manager_users": ",".join(f"{name}:{role}" for name, role in users.items()),
            "simple_auth_manager_passwords_file": str(passwords),
            "execution_api_server_url": f"http://127.0.0.1:{task_port}/execution/",
        },
        # The default of five seconds ends in `database is locked` as soon as the machine is busy.
        "database": {"sql_alchemy_conn": f"sqlite:///{home / 'airflow.db'}?timeout=60"},
        "scheduler": {
            "scheduler_idle_sleep_time": "0.1",
            "task_instance_heartbeat_timeout": "20",
            "task_instance_heartbeat_timeout_detection_interval": "5",
            "enable_health_check": "False",
        },
        "workers": {"min_heartbeat_interval": "1"},
        "triggerer": {"job_heartbeat_sec": "2"},
        "dag_processor": {"min_file_process_interval": "300", "parsing_processes": "2"},
        "api": {"base_url": url, "expose_stacktrace": "False", "expose_config": "False"},
        "logging": {
            "base_log_folder": str(home / "logs" / "tasks"),
            "logging_level": "WARNING",
            "namespace_levels": "alembic=WARNING py.warnings=ERROR",
        },
        "usage_data_collection": {"enabled": "False"},
    }


def _environment(home: Path, settings: Settings) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": str(home / "airflow.cfg"),
        "HRDD_SETTINGS": str(settings.settings_file),
        "HRDD_DATA": str(settings.data),
        "GX_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def _migrate(home: Path) -> None:
    """Bring the metadata database up to date, and let go of runs that ended with an earlier launcher.

    Their tasks can never report again, and every step finds its work by the records in the data folder; a run that
    stayed `running` would only keep the next one waiting.
    """
    _airflow(["db", "migrate"])
    from airflow.models import DagRun, TaskInstance, Trigger
    from airflow.models.asset import AssetDagRunQueue, AssetPartitionDagRun, PartitionedAssetKeyLog
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, State, TaskInstanceState
    from sqlalchemy import delete, update

    with create_session() as session:
        open_tasks = [state for state in State.unfinished if state is not None]
        session.execute(
            update(TaskInstance).where(TaskInstance.state.in_(open_tasks)).values(state=TaskInstanceState.FAILED)
        )
        session.execute(
            update(DagRun)
            .where(DagRun.state.in_([DagRunState.QUEUED, DagRunState.RUNNING]))
            .values(state=DagRunState.FAILED)
        )
        pending = AssetPartitionDagRun.created_dag_run_id.is_(None)
        session.execute(delete(PartitionedAssetKeyLog))
        session.execute(delete(AssetPartitionDagRun).where(pending))
        session.execute(delete(AssetDagRunQueue))
        session.execute(update(Trigger).values(triggerer_id=None))
    os.chmod(home / "airflow.db", 0o600)


def _airflow(words: list[str]) -> None:
    """Airflow's own command line, in this process."""
    from airflow.__main__ import main

    sys.argv = ["airflow", *words]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise


def _fork(home: Path, name: str, work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        _write_to(home / "logs" / f"{name}.log")
        _leave(work)
    return child


def _leave(work: Callable[[], None]) -> None:
    """Do the work of a forked process and end it there, whatever happens."""
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _write_to(log: Path) -> None:
    """Send what this process prints to a log of its own."""
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    empty = os.open(os.devnull, os.O_RDONLY)
    for source, descriptor in ((empty, 0), (target, 1), (target, 2)):
        os.dup2(source, descriptor)


def _import(names: tuple[str, ...]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as fault:
            print(f"not shared: {name}: {fault}", file=sys.stderr)


@contextmanager
def _reserved_port(first: int) -> Iterator[int]:
    """A free port that no other launcher takes in the seconds before the server listens on it.

    The socket is bound without sharing, so the probe of another launcher fails; it shares its address afterward, so
    the server, which shares too, can listen on it.
    """
    for port in range(first, first + 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            yield port
            return
    raise _not_running(Path(), f"no free port from {first} on")


def _lock(descriptor: int, home: Path) -> None:
    """Wait a moment for an earlier launcher to be gone, which takes it up to a few seconds."""
    until = time.monotonic() + 15
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise HrddError(
                    "Another run uses this data folder.",
                    found=f"a lock on {home / 'lock'}",
                    expected="one launcher at a time",
                    rule="events/home.py",
                    next_step="wait for the other run, or stop it, or choose another data folder with HRDD_DATA",
                ) from None
            time.sleep(0.3)


def _wait(children: list[int], seconds: float) -> None:
    """Reap these children of this process, for so long at most."""
    until = time.monotonic() + seconds
    left = set(children)
    while left and time.monotonic() < until:
        for child in list(left):
            with suppress(ChildProcessError):
                if os.waitpid(child, os.WNOHANG)[0] == 0:
                    continue
            left.discard(child)
        time.sleep(0.05)


def _kill(session: int) -> None:
    """End every process of a session, the caller last."""
    for process in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            if process != os.getpid() and os.getsid(process) == session:
                os.kill(process, signal.SIGKILL)
    if session == os.getpid():
        os._exit(0)
    with suppress(ChildProcessError):
        os.waitpid(session, 0)


def _not_running(home: Path, found: str) -> HrddError:
    return HrddError(
        "Airflow could not be kept running.",
        found=found,
        expected="its API server, scheduler, triggerer and DAG processor, all healthy",
        rule="events/home.py",
        next_step=f"read the logs in {home / 'logs'}",
    )
