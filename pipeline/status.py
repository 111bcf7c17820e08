"""How far everything has come, read from the records that the steps left; nothing is computed twice."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipeline import store
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings


def extract_rows(settings: Settings, quarter: FiscalQuarter | None = None) -> list[dict[str, str]]:
    """One row per landed file: extract, quarter, day on which it became known, records, and how its door ended.

    Sorted by extract and by when the file became known. Shows counts and names of reasons, never a value.
    """
    rows = []
    for path in sorted(settings.place("landed").glob("*/*/*.json")):
        landed = store.read_json(path)
        base = settings.place("raw", landed["family"], landed["extract"])
        load = _read(base / f"{landed['extract_id']}.json")
        verdict = _read(base / f"{landed['extract_id']}.verdict.json")
        period = (load or landed).get("quarter") or "any"
        if quarter is not None and period not in ("any", str(quarter)):
            continue
        rows.append(
            {
                "extract": f"{landed['family']}/{landed['extract']}",
                "quarter": period,
                "known on": _local_day(settings, landed["known_at"]),
                "loaded": str(load["loaded"]) if load else "waiting",
                "door": "; ".join(
                    filter(
                        None,
                        [
                            _door(load, verdict),
                            _quarantined(load),
                            _unknown(load),
                            _vanished(settings, landed),
                            "" if landed["has_manifest"] else "no manifest",
                        ],
                    )
                ),
            }
        )
    return sorted(rows, key=lambda row: (row["extract"], row["known on"]))


def _local_day(settings: Settings, moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(ZoneInfo(settings.timezone)).date().isoformat()


def quarter_rows(settings: Settings, quarter: FiscalQuarter | None = None) -> list[dict[str, str]]:
    """One row per quarter that something arrived for: what is missing, candidate, door, decision, releases."""
    from dbt_project.build import missing_in_short, plan

    arrived = {row["quarter"] for row in extract_rows(settings)} - {"any"}
    known = {str(quarter)} if quarter else arrived | {path.name for path in settings.place("releases").glob("FY*")}
    return [
        _quarter_row(settings, name, missing_in_short(plan(settings, FiscalQuarter.parse(name)).missing))
        for name in sorted(known)
    ]


def _quarter_row(settings: Settings, name: str, missing: str) -> dict[str, str]:
    current = _read(settings.place("candidates", name, "current.json"))
    folder = settings.place("candidates", name, current["candidate_digest"]) if current else None
    verdict = _read(folder / "verdict.json") if folder else None
    approval = _read(folder / "approval.json") if folder else None
    releases = sorted(settings.place("releases", name).glob("r*"), key=lambda path: int(path.name[1:]))
    return {
        "quarter": name,
        "missing": missing or "nothing",
        "candidate": current["candidate_digest"][:12] if current else "none",
        "board door": ("passed" if verdict["passed"] else "failed") if verdict else "not checked",
        "decision": f"{approval['decision']} by {approval['approver']}" if approval else "waiting",
        "releases": _counted([path.name for path in releases]),
    }


def _counted(revisions: list[str]) -> str:
    """The revisions of a quarter; all but the last were superseded by the one after them."""
    superseded = [f"{name} (superseded by {later})" for name, later in pairwise(revisions)]
    return ", ".join([*superseded, *revisions[-1:]]) or "none"


def _read(path: Path) -> dict[str, Any] | None:
    return store.read_json(path) if path.exists() else None


def _quarantined(load: dict[str, Any] | None) -> str:
    if not load or not load["quarantined"]:
        return ""
    reasons = Counter(load["reasons"]).most_common()
    return f"{load['quarantined']} quarantined (" + ", ".join(f"{name} {count}" for name, count in reasons) + ")"


def _unknown(load: dict[str, Any] | None) -> str:
    """In how many records a status is in no list, by column; they are loaded, and figures leave them out by name."""
    counts = load.get("unknown") if load else None
    return "UNKNOWN in " + ", ".join(f"{column} {count}" for column, count in sorted(counts.items())) if counts else ""


def _door(load: dict[str, Any] | None, verdict: dict[str, Any] | None) -> str:
    if load and load["refusal"]:
        return "refused: " + load["refusal"]["headline"]
    if verdict is None:
        return "waiting"
    if verdict["passed"]:
        return "passed"
    bad = [
        check["check"]
        for check in verdict["checks"]
        if check["status"] == "error" or (check["status"] == "failed" and check["loudness"] == "fail")
    ]
    return "failed: " + ", ".join(bad)


def _vanished(settings: Settings, landed: dict[str, Any]) -> str:
    """How many keys of earlier deliveries are gone from this one, and no tombstone says why."""
    record = _read(settings.place("qa", "vanished_rows", landed["family"], landed["extract"] + ".json"))
    counts = {row["extract_id"]: row["vanished"] for row in record["deliveries"]} if record else {}
    gone = counts.get(landed["extract_id"], 0)
    return f"{gone} vanished" if gone else ""
