"""How far each quarter stands, read from the records in the data folder; Airflow's own memory is never asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

UNCHECKED, FAILED, WAITING, REJECTED, APPROVED, RELEASED = (
    "unchecked",
    "failed",
    "waiting",
    "rejected",
    "approved",
    "released",
)

# A manifest comes with its file, and a sender's half-written file is not there yet.
NO_EXTRACT = (".manifest.json", ".part", ".partial", ".filepart", ".tmp", ".crdownload")


@dataclass(frozen=True)
class Standing:
    """The current candidate of a quarter and the last thing that was recorded about it."""

    quarter: FiscalQuarter
    candidate_digest: str
    build_id: str
    is_sample: bool
    stage: str

    @property
    def is_open(self) -> bool:
        """Whether a step, or a person, has still something to do."""
        return self.stage not in (REJECTED, RELEASED)


def standing(settings: Settings, quarter: FiscalQuarter) -> Standing | None:
    """Where the quarter's current candidate stands, or nothing if it has none."""
    pointer = settings.place("candidates", str(quarter), "current.json")
    if not pointer.exists():
        return None
    folder = pointer.parent / store.read_json(pointer)["candidate_digest"]
    candidate = store.read_json(folder / "candidate.json")
    return Standing(
        quarter=quarter,
        candidate_digest=candidate["candidate_digest"],
        build_id=candidate["build_id"],
        is_sample=settings.is_sample and all(delivery["is_sample"] for delivery in candidate["inputs"]),
        stage=_stage(settings, folder, candidate["candidate_digest"], quarter),
    )


def standings(settings: Settings) -> list[Standing]:
    """Where every quarter that has a candidate stands, oldest quarter first."""
    quarters = sorted(
        FiscalQuarter.parse(path.parent.name) for path in settings.place("candidates").glob("*/current.json")
    )
    return [found for quarter in quarters if (found := standing(settings, quarter))]


def unread(settings: Settings) -> list[Path]:
    """Files in a local landing of which no arrival is recorded as they are now; none where the landing is elsewhere."""
    landing = settings.landing_folder
    if landing is None or not landing.is_dir():
        return []
    recorded = {
        (line["path"], line["bytes"], line["modified"], line["manifest_modified"])
        for line in store.read_lines(settings.place("landed", "arrivals.jsonl"))
    }
    return [
        file
        for file in sorted(landing.rglob("*"))
        if _is_extract(file, landing) and _as_now(file, landing) not in recorded
    ]


def something_waits(settings: Settings) -> bool:
    """Whether a step, or a person, has something to do, by the records alone; no Airflow is needed to know it."""
    if unread(settings) or any(now.is_open for now in standings(settings)):
        return True
    for receipt in settings.place("landed").glob("*/*/*.json"):
        raw = settings.place("raw", *receipt.parts[-3:])
        if not raw.exists():
            return True
        if store.read_json(raw)["outcome"] == "loaded" and not raw.with_suffix(".verdict.json").exists():
            return True
    if not settings.place("raw").exists():
        return False
    from dbt_project.build import quarters_to_build

    return bool(quarters_to_build(settings))


def quarters_delivered(settings: Settings) -> list[FiscalQuarter]:
    """Quarters for which an extract was loaded, oldest first."""
    receipts = (path for path in settings.place("raw").glob("*/*/*.json") if not path.name.endswith(".verdict.json"))
    return sorted(
        {FiscalQuarter.parse(written) for path in receipts if (written := store.read_json(path).get("quarter"))}
    )


def _is_extract(file: Path, landing: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(landing).parts)
    return not hidden and not file.is_dir() and not file.name.lower().endswith(NO_EXTRACT)


def _as_now(file: Path, landing: Path) -> tuple[str, int, str, str | None]:
    status, manifest = file.lstat(), Path(f"{file}.manifest.json")
    promised = str(manifest.lstat().st_mtime_ns) if manifest.exists() else None
    return file.relative_to(landing).as_posix(), status.st_size, str(status.st_mtime_ns), promised


def _stage(settings: Settings, folder: Path, digest: str, quarter: FiscalQuarter) -> str:
    for path in settings.place("releases", str(quarter)).glob("r*/manifest.json"):
        manifest = store.read_json(path)
        if manifest["candidate_digest"] == digest and _is_whole(settings, manifest):
            return RELEASED
    if (folder / "approval.json").exists():
        from publish.approval import has_run_out  # here, because most questions need no decision

        decision = store.read_json(folder / "approval.json")
        if decision["decision"] != "approved":
            return REJECTED
        # What ran out releases nothing: the person is asked again.
        return WAITING if has_run_out(settings, decision) else APPROVED
    if not (folder / "verdict.json").exists():
        return UNCHECKED
    return WAITING if store.read_json(folder / "verdict.json")["passed"] else FAILED


def _is_whole(settings: Settings, manifest: dict[str, Any]) -> bool:
    """Whether publishing went on to its last step: `latest` no longer names the release before this one."""
    latest = settings.place("releases", "latest.json")
    return latest.exists() and store.read_json(latest)["manifest_digest"] != manifest["previous_release"]
