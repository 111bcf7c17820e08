"""Airflow on one machine: starts its own components, follows the quarter to its release, and stops them all.

``python -m events.local run`` takes what lies in the landing (the sample year, if nothing does) to a release and
ends. ``python -m events.local up`` leaves Airflow and the page running. Nothing is simulated: the components are
Airflow's own, with its own executor and scheduler; only their imports are shared, by forking them from one process.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from events.home import Home
from events.rest import Airflow
from events.standing import APPROVED, REJECTED, WAITING, quarters_delivered, something_waits, standings
from pipeline import store
from pipeline.errors import BadSettings, HrddError, MissingExtracts
from pipeline.settings import Settings

STEPS = ("land", "load", "check", "announce", "build", "prepare", "approve", "publish")
GRACE_SECONDS = 3.5  # an answer in the first moments of a parked gate is lost (docs of this folder, "The race")
IDLE_SECONDS = 8.0  # no run at all for so long, and still something to do: nothing will come by itself


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code (0, or the code of the error that stopped it)."""
    parser = argparse.ArgumentParser(prog="python -m events.local", description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=("run", "up"))
    parser.add_argument("--json-timings", type=Path, metavar="FILE", help="write the seconds of each step")
    options = parser.parse_args(arguments)
    out = Console(soft_wrap=True, highlight=False)
    try:
        settings = Settings.load()
        with _interruptible():
            if options.command == "up":
                return up(settings, out)
            return run(settings, out, options.json_timings)
    except OSError as fault:
        out.print(f"Airflow did not answer: {fault}. Run again: it goes on from what is recorded.")
        return 1
    except HrddError as stop:
        print(stop, file=sys.stderr)
        return stop.exit_code
    except KeyboardInterrupt:
        out.print("Stopped. What was done stays done; the next start goes on from there.")
        return 130


def run(settings: Settings, out: Console, timings: Path | None = None) -> int:
    """Take everything that waits to its release. Raises the error of the step that stopped it."""
    began, started = time.monotonic(), datetime.now(UTC)
    _stop_at_a_sample_folder(settings)
    with Home(settings).alone() as home:
        if settings.landing_folder and not something_waits(settings) and not _needs_samples(settings, home):
            out.print("Nothing waits: every extract that arrived is read, and every candidate is decided.")
            return _end(settings, out)
        out.print(f"Starting Airflow on {home.url} (home: {home.home})")
        home.start()
        samples = _make_samples(settings, home) if _needs_samples(settings, home) else []
        airflow = home.ready()
        out.print(f"Airflow is ready after {time.monotonic() - began:.1f} s")
        _resume(settings, airflow)
        _deliver(settings, home, samples, out)
        watch = Watch(settings, airflow, out)
        try:
            watch.until_done()
        finally:
            if timings:
                store.write_json(timings.resolve(), {"started_at": started.isoformat()} | watch.timings())
    code = _end(settings, out)
    out.print(f"Done in {time.monotonic() - began:.1f} s; Airflow is stopped.")
    return code


def up(settings: Settings, out: Console) -> int:
    """Start Airflow and leave it running until the person stops it with Ctrl-C."""
    _stop_at_a_sample_folder(settings)
    with Home(settings).alone() as home:
        out.print("Starting Airflow ...")
        home.start()
        samples = _make_samples(settings, home) if _needs_samples(settings, home) else []
        airflow = home.ready()
        _resume(settings, airflow)
        _deliver(settings, home, samples, out)
        out.print(f"Airflow and the releases:  {home.url}/releases/")
        out.print("To read, sign in as:       reader")
        out.print(f"Passwords of its users:    {home.passwords_file} (the reader's too)")
        out.print(f"Who may approve:           {', '.join(settings.approvers) or 'nobody yet (settings: approvers)'}")
        out.print(f"Extracts go to:            {settings.landing_url}")
        out.print("Ctrl-C stops everything.")
        while True:
            home.check()
            time.sleep(1)


class Watch:
    """Follows the runs that the events start, shows each step once it has ended, and answers a sample's gate."""

    def __init__(self, settings: Settings, airflow: Airflow, out: Console) -> None:
        self.settings, self.airflow, self.out = settings, airflow, out
        self.moments = {"ready_at": datetime.now(UTC).isoformat()}
        self.told: dict[tuple[str, str, str, int], dict[str, Any]] = {}
        self.stops: list[HrddError] = []
        self.parked: dict[str, float] = {}
        self.asked: set[str] = set()

    def until_done(self) -> None:
        """Return once nothing waits; raise the first stop once nothing runs any more."""
        busy = time.monotonic()
        while True:
            self.airflow.home.check()
            runs = self.airflow.runs()
            self._tell(self.airflow.tasks())
            answering = self._gates()
            if answering or any(run["state"] in ("queued", "running") for run in runs if not self._is_parked(run)):
                busy = time.monotonic()
            elif self.stops and time.monotonic() - busy > 1.5:
                raise self.stops[0]
            elif not self.stops and not self.parked and not something_waits(self.settings):
                return
            elif not self.parked and time.monotonic() - busy > IDLE_SECONDS:
                raise _incomplete(self.settings) or _failed(None, self.airflow.home)
            time.sleep(0.3)

    def timings(self) -> dict[str, Any]:
        """When each step began and ended, and the moments between which the budgets of this project lie (UTC)."""
        latest, landing = self.settings.place("releases", "latest.json"), self.settings.landing_folder
        arrived = [file.stat().st_ctime for file in landing.rglob("*") if file.is_file()] if landing else []
        if arrived:
            self.moments["last_arrival_at"] = datetime.fromtimestamp(max(arrived), UTC).isoformat()
        if latest.exists():
            self.moments["released_at"] = datetime.fromtimestamp(latest.stat().st_mtime, UTC).isoformat()
        self.moments["ended_at"] = datetime.now(UTC).isoformat()
        steps = [
            {
                "dag": dag,
                "task": task["task_id"],
                "partition": task.get("partition_key"),
                "started_at": task["start_date"],
                "ended_at": task["end_date"],
                "seconds": task["duration"],
                "state": task["state"],
            }
            for (dag, *_), task in self.told.items()
        ]
        return self.moments | {"steps": sorted(steps, key=lambda step: step["started_at"] or "")}

    def _tell(self, tasks: list[dict[str, Any]]) -> None:
        for task in sorted(tasks, key=lambda task: task["end_date"] or ""):
            key = (task["dag_id"], task["dag_run_id"], task["task_id"], task["try_number"])
            if key in self.told or task["state"] not in ("success", "failed", "up_for_retry"):
                continue
            self.told[key] = task
            if task["task_id"] == "report":
                continue
            seconds = f"{task['duration'] or 0:6.1f} s"
            if task["state"] == "success":
                self.out.print(f"  {task['task_id']:9}{seconds}   {_said(self.airflow.result(task))}")
                continue
            stops = self.airflow.result(task, "stops") if task["state"] == "failed" else None
            for record in stops or []:
                self.stops.append(_as_error(record))
                self.out.print(f"  {task['task_id']:9}{seconds}   [red]stopped[/red]: {record['headline']}")
            if task["state"] == "up_for_retry":
                self.out.print(f"  {task['task_id']:9}{seconds}   is tried again")
            elif not stops:
                self.stops.append(_failed(task, self.airflow.home))
                self.out.print(f"  {task['task_id']:9}{seconds}   [red]failed[/red]")

    def _gates(self) -> bool:
        """Answer a sample's gate, or tell the person about it. Returns whether an answer of ours is under way."""
        now = time.monotonic()
        waiting = {gate["task_instance"]["id"]: gate["task_instance"] for gate in self.airflow.gates()}
        self.parked = {key: self.parked.get(key, now) for key, task in waiting.items()}
        if waiting:
            self.moments.setdefault("candidate_waits_at", datetime.now(UTC).isoformat())
        answering = False
        for key, task in waiting.items():
            candidate = next((s for s in standings(self.settings) if s.stage == WAITING), None)
            if candidate is None:
                continue
            if candidate.is_sample and self.settings.is_sample and self.settings.approvers:
                if self.stops:
                    continue
                answering = True
                if now - self.parked[key] >= GRACE_SECONDS:
                    approver = self.settings.approvers[0]
                    self.moments["answered_at"] = datetime.now(UTC).isoformat()
                    self.airflow.answer(task, approver, "Approve", "The sample year, approved by the sample user.")
            elif key not in self.asked:
                self.asked.add(key)
                self.out.print(
                    f"  {candidate.quarter} waits for a person: {', '.join(self.settings.approvers) or 'nobody'}"
                )
                self.out.print(f"  answer at {self.airflow.home.url}/required_actions, as one of them")
                self.out.print(f"  passwords: {self.airflow.home.passwords_file}")
                self.out.print(f"  candidate {candidate.candidate_digest}")
        if self.stops and self.parked:
            self.parked = {}
        return answering

    def _is_parked(self, run: dict[str, Any]) -> bool:
        return any(gate["dag_run_id"] == run["dag_run_id"] for gate in self.airflow.last_gates)


def _incomplete(settings: Settings) -> HrddError | None:
    """Why the newest quarter that something arrived for cannot be built, or nothing if it can."""
    from dbt_project.build import missing_in_short, plan

    for quarter in reversed(quarters_delivered(settings)):
        if missing := plan(settings, quarter).missing:
            return MissingExtracts(
                f"{quarter} cannot be built yet.",
                found=missing_in_short(missing),
                expected="every extract that the core metrics need",
                rule="dbt_project/build.py, plan",
                next_step=f"deliver them to {settings.landing_url} and run again",
            )
    return None


def _stop_at_a_sample_folder(settings: Settings) -> None:
    """Invented figures must never stand under a real company's name: its data begins in a folder of its own."""
    receipts = settings.place("landed").glob("*/*/*.json")
    if not settings.is_sample and any(store.read_json(file).get("is_sample") for file in receipts):
        raise BadSettings(
            "This data folder holds the sample year.",
            found=f"sample extracts in {settings.place('landed')}, and settings of a real installation",
            expected="an empty data folder for the company's own extracts",
            rule="events/local.py; settings.toml, is_sample",
            next_step="move the sample's data folder away, or name another one with HRDD_DATA",
        )


def _needs_samples(settings: Settings, home: Home) -> bool:
    """A sample installation with an empty landing, or with one that a kill left half written."""
    if not settings.is_sample or settings.landing_folder is None:
        return False
    note = home.home / "samples.json"
    if note.exists():
        return not store.read_json(note)["is_whole"]
    return not settings.landing_folder.exists() or not any(settings.landing_folder.iterdir())


def _make_samples(settings: Settings, home: Home) -> list[Path]:
    """Write the sample extracts beside the landing while Airflow starts; returns the folders of their files."""
    from samples.write import write_samples

    aside = home.home / "samples"
    written = write_samples(replace(settings, landing=aside.as_uri()))
    return [file.relative_to(aside) for file in written]


def _deliver(settings: Settings, home: Home, samples: list[Path], out: Console) -> None:
    """Put the sample extracts into the landing of the running Airflow, as senders do: each after its manifest."""
    landing = settings.landing_folder
    if not samples or landing is None:
        return
    note = home.home / "samples.json"
    store.write_json(note, {"is_whole": False})
    for path in samples:
        (landing / path).parent.mkdir(parents=True, exist_ok=True)
        for name in (f"{path}.manifest.json", str(path)):
            (home.home / "samples" / name).replace(landing / name)
    store.write_json(note, {"is_whole": True})
    shutil.rmtree(home.home / "samples")
    out.print(f"  {len(samples)} sample extracts lie in {settings.landing_url}")


def _resume(settings: Settings, airflow: Airflow) -> None:
    """Announce again what a killed run had reached; whatever lies before it is found by looking at the landing."""
    for now in standings(settings):
        if now.is_open:
            asset = "gate/board" if now.stage == APPROVED else "candidate/board"
            airflow.announce(asset, str(now.quarter))
    # The watcher looks too when it starts, but it does not wake over an empty landing.
    if something_waits(settings) and settings.landing_folder and not any(settings.landing_folder.rglob("*")):
        airflow.wake()


def _end(settings: Settings, out: Console) -> int:
    """Tell what stands now: the last release, and what is not in it. Without any release, say why."""
    refused = sum(1 for _ in settings.place("landed", "refused").glob("*.json"))
    if refused:
        out.print(f"{refused} files in the landing stay refused; `hrdd status` says why.")
    for now in standings(settings):
        if now.stage == REJECTED:
            out.print(f"The current candidate of {now.quarter} was rejected; corrected extracts open a new one.")
    pointer = settings.place("releases", "latest.json")
    incomplete = _incomplete(settings)
    if incomplete and not pointer.exists():
        raise incomplete
    if incomplete:
        out.print(f"{incomplete.headline} {incomplete.found}.")
    if pointer.exists():
        _show(settings, out, pointer)
    return 0


def _show(settings: Settings, out: Console, pointer: Path) -> None:
    latest = store.read_json(pointer)
    folder = settings.place("releases", latest["quarter"], f"r{latest['revision']}")
    with (folder / "tables" / "headline.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    table = Table(title=f"{settings.company}: {latest['release']}", title_justify="left")
    for name in ("metric", "value", "target", "status"):
        table.add_column(name, justify="right" if name in ("value", "target") else "left")
    for row in rows:
        provisional = " (provisional)" if row["value_state"].startswith("PROVISIONAL") else ""
        table.add_row(row["title"], row["display_value"] + provisional, row["target_value"], row["target_status"])
    (out if out.is_terminal else Console(width=120, highlight=False)).print(table)
    out.print(f"The release: {folder}")


def _said(result: Any) -> str:
    if not isinstance(result, dict):
        return ""
    return ", ".join(
        f"{name.replace('_', ' ')} {', '.join(value) if isinstance(value, list) else str(value)[:20]}"
        for name, value in result.items()
    )


def _as_error(record: dict[str, Any]) -> HrddError:
    error = HrddError(
        record["headline"],
        found=record["found"],
        expected=record["expected"],
        rule=record["rule"],
        next_step=record["next"],
    )
    error.exit_code = record["exit_code"]
    return error


def _failed(task: dict[str, Any] | None, home: Home) -> HrddError:
    what = f"the task {task['task_id']} of {task['dag_id']} failed" if task else "no run is under way"
    return HrddError(
        "The run stopped before a release.",
        found=what,
        expected="a release, or a stop that names its rule",
        rule="events/local.py",
        next_step=f"read the logs in {home.home / 'logs'} and run again",
    )


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let every polite signal end the run the way Ctrl-C does, so that everything is stopped."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
