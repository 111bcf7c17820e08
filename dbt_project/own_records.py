"""What the pipeline wrote down about itself, as records that a build can count: the figures about the figures.

Receipts, verdicts and releases are files of the data folder. A build sees none of them: it gets tables of names,
days and counts, written beside the extracts (docs/layout.md), and a digest of them is a part of its id.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipeline import store
from pipeline.database import connect
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

Records = dict[str, list[dict[str, Any]]]

# An extract that names no day is as old as can be, as the extract door has it.
AGE_OF_NO_DAY = 9999
# Columns of each table, with their types.
TABLES: dict[str, dict[str, str]] = {
    "freshness": {"fiscal_quarter": "VARCHAR", "extract": "VARCHAR", "age_business_days": "BIGINT"},
    "check": {
        "fiscal_quarter": "VARCHAR",
        "suite": "VARCHAR",
        "extract_id": "VARCHAR",
        "check_name": "VARCHAR",
        "is_passed": "BOOLEAN",
    },
    "vanished": {
        "fiscal_quarter": "VARCHAR",
        "extract": "VARCHAR",
        "extract_id": "VARCHAR",
        "vanished_rows": "BIGINT",
    },
    "signoff": {"fiscal_quarter": "VARCHAR", "role": "VARCHAR", "lead_days": "BIGINT"},
    "published": {
        "metric_id": "VARCHAR",
        "perimeter": "VARCHAR",
        "basis": "VARCHAR",
        "fiscal_quarter": "VARCHAR",
        "numerator": "DOUBLE",
        "denominator": "DOUBLE",
    },
}


def own_records(
    settings: Settings, quarter: FiscalQuarter, cutoff: datetime, taken: Sequence[Mapping[str, Any]]
) -> Records:
    """The tables of ``TABLES`` for a build of the quarter that takes these deliveries (load receipts).

    Only what was on file by the cut-off, and only releases of earlier quarters: a release never changes its own build.
    """
    return {
        "freshness": _freshness(settings, quarter, cutoff, taken),
        "check": _checks(settings, quarter, cutoff),
        "vanished": _vanished(settings, quarter, taken),
        **_released(settings, quarter),
    }


def write_records(settings: Settings, records: Records, inputs: Path) -> None:
    """Write each table as ``own/<name>/records.parquet`` below the build's inputs."""
    for name, columns in TABLES.items():
        folder = store.folder(inputs / "own" / name)
        values = [[record[column] for record in records[name]] for column in columns]
        typed = ", ".join(f"unnest(?::{kind}[]) as {column}" for column, kind in columns.items())
        file = str(folder / "records.parquet").replace("'", "''")
        with connect(settings, folders=[folder]) as connection:
            connection.execute(f"create table records as select {typed}", values)
            connection.execute(f"copy (from records order by all) to '{file}' (format parquet)")


def business_days(first: date, last: date) -> int:
    """Days from Monday to Friday after the first day, up to the last one."""
    return sum((first + timedelta(days=step)).weekday() < 5 for step in range(1, (last - first).days + 1))


def _freshness(
    settings: Settings, quarter: FiscalQuarter, cutoff: datetime, taken: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    # A cut-off is the end of a day, so the moment before it is in that day.
    until = (cutoff - timedelta(microseconds=1)).astimezone(ZoneInfo(settings.timezone)).date()
    newest: dict[str, date | None] = {}
    for receipt in taken:
        name = f"{receipt['family']}/{receipt['extract']}"
        day = date.fromisoformat(receipt["as_of_date"]) if receipt["as_of_date"] else None
        known = newest.get(name)
        newest[name] = max(day, known) if day and known else day or known
    return [
        {
            "fiscal_quarter": str(quarter),
            "extract": name,
            "age_business_days": AGE_OF_NO_DAY if day is None else business_days(day, until),
        }
        for name, day in sorted(newest.items())
    ]


def _checks(settings: Settings, quarter: FiscalQuarter, cutoff: datetime) -> list[dict[str, Any]]:
    """Every check of the extract door on a delivery that speaks of the quarter, refused ones included."""
    records = []
    for file in sorted(settings.place("raw").glob("*/*/*.verdict.json")):
        receipt_file = file.with_name(file.name.replace(".verdict.json", ".json"))
        if not receipt_file.exists():
            continue
        receipt = store.read_json(receipt_file)
        known_at = datetime.fromisoformat(receipt["known_at"]).astimezone(UTC)
        if receipt["quarter"] not in (str(quarter), None) or known_at > cutoff:
            continue
        records += [
            {
                "fiscal_quarter": str(quarter),
                "suite": receipt["family"],
                "extract_id": receipt["extract_id"],
                "check_name": check["check"],
                "is_passed": check["status"] == "passed",
            }
            for check in store.read_json(file).get("checks", [])
        ]
    return records


def _vanished(settings: Settings, quarter: FiscalQuarter, taken: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    ids = {receipt["extract_id"] for receipt in taken}
    records = []
    for file in sorted(settings.place("qa", "vanished_rows").glob("*/*.json")):
        found = store.read_json(file)
        records += [
            {
                "fiscal_quarter": str(FiscalQuarter.containing(date.fromisoformat(each["as_of_date"])))
                if each["as_of_date"]
                else str(quarter),
                "extract": f"{found['family']}/{found['extract']}",
                "extract_id": each["extract_id"],
                "vanished_rows": each["vanished"],
            }
            for each in found["deliveries"]
            if each["extract_id"] in ids
        ]
    return records


def _released(settings: Settings, quarter: FiscalQuarter) -> Records:
    """Of earlier quarters: when each was signed off first, and the totals as they were published last."""
    signoffs: list[dict[str, Any]] = []
    published: dict[tuple[str, ...], dict[str, Any]] = {}
    for folder in sorted(settings.place("releases").glob("FY*/r*"), key=_place_in_history):
        manifest, approval = folder / "manifest.json", folder / "approval.json"
        table = folder / "tables" / "metric_values.csv"
        if not (manifest.exists() and approval.exists() and table.exists()):
            continue
        if FiscalQuarter.parse(folder.parent.name) >= quarter:
            continue
        if folder.name == "r1":
            cutoff = datetime.fromisoformat(store.read_json(manifest)["cutoff_at"])
            decided = store.read_json(approval)
            lead = datetime.fromisoformat(decided["decided_at"]) - cutoff
            signoffs.append(
                {
                    "fiscal_quarter": folder.parent.name,
                    "role": decided["role"],
                    "lead_days": max(0, -(-lead // timedelta(days=1))),
                }
            )
        with table.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                if row["dimension"] == "total" and row["numerator"]:
                    cell = {name: row[name] for name in ("metric_id", "perimeter", "basis", "fiscal_quarter")}
                    numbers = {name: float(row[name]) if row[name] else None for name in ("numerator", "denominator")}
                    published[tuple(cell.values())] = cell | numbers
    return {"signoff": signoffs, "published": [published[cell] for cell in sorted(published)]}


def _place_in_history(folder: Path) -> tuple[FiscalQuarter, int]:
    return FiscalQuarter.parse(folder.parent.name), int(folder.name.removeprefix("r"))
