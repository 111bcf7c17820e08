"""How far everything has come, read from the records that the steps left; nothing is computed twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings


def extract_rows(settings: Settings, quarter: FiscalQuarter | None = None) -> list[dict[str, str]]:
    """One row per landed file: extract, quarter, how many records were loaded and quarantined and why, door.

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
                "known at": landed["known_at"],
                "manifest": "yes" if landed["has_manifest"] else "no",
                "loaded": str(load["loaded"]) if load else "waiting",
                "quarantined": _reasons(load),
                "vanished": _vanished(settings, landed),
                "door": _door(load, verdict),
            }
        )
    return sorted(rows, key=lambda row: (row["extract"], row["known at"]))


def quarter_rows(settings: Settings, quarter: FiscalQuarter | None = None) -> list[dict[str, str]]:
    """One row per quarter that something arrived for: missing extracts, candidate, verdict, approval, release."""
    from dbt_project.build import plan

    arrived = {row["quarter"] for row in extract_rows(settings)} - {"any"}
    known = {str(quarter)} if quarter else arrived | {path.name for path in settings.place("releases").glob("FY*")}
    return [_quarter_row(settings, name, plan(settings, FiscalQuarter.parse(name)).missing) for name in sorted(known)]


def _quarter_row(settings: Settings, name: str, missing: list[str]) -> dict[str, str]:
    current = _read(settings.place("candidates", name, "current.json"))
    folder = settings.place("candidates", name, current["candidate_digest"]) if current else None
    verdict = _read(folder / "verdict.json") if folder else None
    approval = _read(folder / "approval.json") if folder else None
    releases = sorted(settings.place("releases", name).glob("r*"), key=lambda path: int(path.name[1:]))
    return {
        "quarter": name,
        "missing": ", ".join(missing) or "nothing",
        "candidate": current["candidate_digest"][:12] if current else "none",
        "board door": ("passed" if verdict["passed"] else "failed") if verdict else "not checked",
        "decision": f"{approval['decision']} by {approval['approver']}" if approval else "waiting",
        "releases": ", ".join(path.name for path in releases) or "none",
    }


def _read(path: Path) -> dict[str, Any] | None:
    return store.read_json(path) if path.exists() else None


def _reasons(load: dict[str, Any] | None) -> str:
    if not load or not load["quarantined"]:
        return "0"
    return f"{load['quarantined']} (" + ", ".join(f"{name} {count}" for name, count in load["reasons"].items()) + ")"


def _vanished(settings: Settings, landed: dict[str, Any]) -> str:
    """How many keys of earlier deliveries are gone from this one, and no tombstone says why."""
    record = _read(settings.place("qa", "vanished_rows", landed["family"], landed["extract"] + ".json"))
    counts = {row["extract_id"]: row["vanished"] for row in record["deliveries"]} if record else {}
    return str(counts.get(landed["extract_id"], 0))


def _door(load: dict[str, Any] | None, verdict: dict[str, Any] | None) -> str:
    if load and load["refusal"]:
        return "refused: " + load["refusal"]["headline"]
    if verdict is None:
        return "waiting"
    failed = [
        check["check"]
        for check in verdict["checks"]
        if check["status"] == "error" or (check["status"] == "failed" and check["loudness"] == "fail")
    ]
    return "passed" if verdict["passed"] else "failed: " + ", ".join(failed)
