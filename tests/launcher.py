"""A launcher as a test sees it, and the sample year as one such launcher released it."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from sample_year import Q4

from pipeline import store
from pipeline.settings import PROJECT


def listen_to_ctrl_c() -> None:
    """Ctrl-C as a terminal gives it: a process of parallel tests ignores it, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Launcher:
    """One start of ``python -m events.local`` over a data folder, its lines, and every process it ever had."""

    def __init__(self, data: Path, command: str = "run", *options: str, **environment: str) -> None:
        self.data = data
        environment = os.environ | {"HRDD_DATA": str(data), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"} | environment
        environment.pop("AIRFLOW_HOME", None)
        self.environment = environment
        self.process = subprocess.Popen(
            [sys.executable, "-m", "events.local", command, *options],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=listen_to_ctrl_c,
        )
        self.lines: list[str] = []
        self.family: set[psutil.Process] = set()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line.rstrip())
            self._count()

    def _count(self) -> None:
        try:
            parent = psutil.Process(self.process.pid)
            self.family |= {parent, *parent.children(recursive=True)}
        except psutil.NoSuchProcess:
            return

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def until(self, needle: str, seconds: float = 240) -> None:
        """Wait for a line; fail with everything that was said if the process ends before."""
        end = time.monotonic() + seconds
        while needle not in self.text:
            assert self.process.poll() is None, f"ended before {needle!r}:\n{self.text}"
            assert time.monotonic() < end, f"no {needle!r} in {seconds} s:\n{self.text}"
            time.sleep(0.05)

    def end(self, seconds: float = 240) -> int:
        code = self.process.wait(seconds)
        self._reader.join(10)
        return code

    def kill_everything(self) -> None:
        """What a power cut does: no process of the tree gets to say a last word."""
        self._count()
        for process in self.family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(20)

    def left(self, seconds: float = 12) -> list[str]:
        """Processes that are still there so long after the end."""
        _, alive = psutil.wait_procs(self.family, timeout=seconds)
        return [str(process) for process in alive]


def released_bytes(data: Path) -> dict[str, str]:
    return store.checksums(data / "releases")


def headline(data: Path) -> dict[str, dict[str, str]]:
    with (data / "releases" / str(Q4) / "r1" / "tables" / "headline.csv").open(newline="") as stream:
        return {row["metric_id"]: row for row in csv.DictReader(stream)}


@dataclass(frozen=True)
class Released:
    """The sample year, taken to its release by one command: where it lies, and what the command said and left."""

    data: Path
    scratch: Path
    lines: list[str]
    processes: int
    left: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def release_of_the_sample_year(place: Path) -> Released:
    """Released once for all processes of the tests: whoever comes later gets what the first one made."""
    note = place / "told.json"
    with store.alone(place.with_suffix(".lock")):
        if not note.exists():
            launcher = Launcher(store.folder(place / "data"), TMPDIR=str(store.folder(place / "scratch")))
            assert launcher.end() == 0, launcher.text
            told = {"lines": launcher.lines, "processes": len(launcher.family), "left": launcher.left()}
            store.write_json(note, told)
    return Released(place / "data", place / "scratch", **store.read_json(note))
