"""``make bench``: what each step takes, what Airflow adds, and how far all of it is from a plain DuckDB script.

Everything is measured in one run on one machine, so the shares and ratios hold where the seconds do not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import ingest, roofline
from pipeline import store
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings

QUARTER = FiscalQuarter.parse("FY2023-Q4")


def main() -> int:
    """Measure the steps as plain functions, the same chain through Airflow, and the roofline; print four tables."""
    out = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="hrdd-bench-") as folder:
        settings = Settings.load(PROJECT / "samples" / "settings.toml", Path(folder) / "functions")
        steps = functions(settings)
        landing = settings.landing_folder
        assert landing is not None
        plain = _seconds(
            lambda: roofline.run(
                landing,
                start=QUARTER.year_start.isoformat(),
                end=QUARTER.end.isoformat(),
                parent=settings.parent_entity_code,
                threads=settings.threads,
            )
        )
        airflow = through_airflow(Path(folder) / "airflow")
        reading = ingest.measure(Path(folder))
    _print(out, steps, plain, airflow)
    _print_reading(out, reading)
    return 0


def functions(settings: Settings) -> dict[str, float]:
    """Seconds of each step as a plain function, imports left out, over the sample extracts in a fresh data folder."""
    from dbt_project.build import build
    from expectations.board_door import check_candidate
    from expectations.extract_door import check_extracts
    from ingest.land import land
    from ingest.load import load
    from publish.approval import decide
    from publish.candidate import prepare
    from publish.release import publish
    from samples.write import write_samples

    write_samples(settings)

    def approve() -> Any:
        pointer = store.read_json(settings.place("candidates", str(QUARTER), "current.json"))
        return decide(
            settings,
            QUARTER,
            candidate_digest=pointer["candidate_digest"],
            approver=settings.approvers[0],
            decision="approved",
            reason="benchmark",
        )

    return {
        "land": _seconds(lambda: land(settings)),
        "load": _seconds(lambda: load(settings)),
        "check (extract door)": _seconds(lambda: check_extracts(settings)),
        "build": _seconds(lambda: build(settings, QUARTER)),
        "prepare": _seconds(lambda: prepare(settings, QUARTER)),
        "check (board door)": _seconds(lambda: check_candidate(settings, QUARTER)),
        "approve": _seconds(approve),
        "publish": _seconds(lambda: publish(settings, QUARTER)),
    }


def through_airflow(data: Path) -> dict[str, Any]:
    """The same chain through Airflow, from an empty data folder: the timings that the local run writes."""
    timings = data / "timings.json"
    subprocess.run(
        [sys.executable, "-m", "events.local", "run", "--json-timings", str(timings)],
        cwd=PROJECT,
        env=os.environ | {"HRDD_DATA": str(data), "HRDD_SETTINGS": str(PROJECT / "samples" / "settings.toml")},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return dict(store.read_json(timings))


def _seconds(step: Callable[[], Any]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def _print(out: Console, steps: dict[str, float], plain: float, airflow: dict[str, Any]) -> None:
    total = sum(steps.values())
    table = Table(title="Each step as a plain function", title_justify="left")
    for name in ("step", "seconds", "share", "of the roofline"):
        table.add_column(name, justify="left" if name == "step" else "right")
    for step, seconds in steps.items():
        table.add_row(step, f"{seconds:.2f}", f"{seconds / total:.0%}", f"{seconds / plain:.1f} x")
    table.add_row("all steps", f"{total:.2f}", "100%", f"{total / plain:.1f} x")
    table.add_row("roofline: plain DuckDB over the same files", f"{plain:.2f}", "", "1.0 x")
    out.print(table)

    moment = {name: _moment(value) for name, value in airflow.items() if name.endswith("_at")}
    ran = [step for step in airflow["steps"] if step["state"] == "success"]
    work = sum(step["seconds"] for step in ran if step["task"] != "approve")
    to_gate = moment["candidate_waits_at"] - moment["last_arrival_at"]
    to_release = moment["released_at"] - moment["answered_at"]
    boot = moment["ready_at"] - moment["started_at"]
    stop = moment["ended_at"] - moment["released_at"]
    gate = moment["answered_at"] - moment["candidate_waits_at"]
    whole = moment["ended_at"] - moment["started_at"]
    table = Table(title="The same chain through Airflow", title_justify="left")
    for name in ("part", "seconds", "share"):
        table.add_column(name, justify="left" if name == "part" else "right")
    parts = {
        "Airflow starts": boot,
        "our work inside tasks": work,
        "Airflow between and around tasks": whole - boot - work - gate - stop,
        "the gate waits for its answer": gate,
        "Airflow stops": stop,
    }
    for part, seconds in parts.items():
        table.add_row(part, f"{seconds:.2f}", f"{seconds / whole:.0%}")
    table.add_row("the whole run", f"{whole:.2f}", "100%")
    out.print(table)
    for what, seconds, bar in (
        ("last sample extract landing to candidate waiting", to_gate, 60),
        ("approval to latest.json", to_release, 15),
        ("the whole run from an installed environment", whole, 150),
    ):
        out.print(f"{what}: {seconds:.1f} s, {seconds / bar:.0%} of the bar of {bar} s")


def _print_reading(out: Console, reading: list[dict[str, Any]]) -> None:
    table = Table(title="Reading strictly: to typed Parquet, 2 threads", title_justify="left")
    for name in ("reader", "seconds", "MB/s", "records/s", "peak MB", "of plain DuckDB"):
        table.add_column(name, justify="left" if name == "reader" else "right")
    plain = reading[0]["seconds"]
    for row in reading:
        share = f"{plain / row['seconds']:.2f}" if "CSV" in row["reader"] else ""
        table.add_row(
            row["reader"],
            f"{row['seconds']:.1f}",
            f"{row['mb_per_second']:.0f}",
            f"{row['records_per_second']:,.0f}",
            f"{row['peak_mb']:.0f}",
            share,
        )
    out.print(table)
    out.print("hrdd is the whole of `hrdd load PATH`: SHA-256, scan, cast, keys, quarantine, receipt, to disk")
    out.print("bar: 0.60 of plain DuckDB for the CSV, under 1024 MB")


def _moment(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()


if __name__ == "__main__":
    sys.exit(main())
