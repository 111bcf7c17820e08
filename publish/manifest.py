"""The manifest of a release: what it is, what it was made from, and the checksum of every other file in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

NAME = "manifest.json"
VERSION = 1
VERDICT = "verdict.json"
APPROVAL = "approval.json"
_REVISION = re.compile(r"r([1-9]\d*)")
FIELDS = frozenset(
    {
        "manifest_version",
        "release",
        "quarter",
        "revision",
        "candidate_digest",
        "files",
        "inputs",
        "cutoff_at",
        "code",
        "metric_versions",
        "released_at",
        "previous_release",
        "is_sample",
        "manifest_digest",
    }
)


def write(
    candidate: Mapping[str, Any],
    files: Mapping[str, str],
    *,
    revision: int,
    released_at: str,
    previous_release: str | None,
) -> dict[str, Any]:
    """The manifest of a candidate's release. ``files`` are all files of the folder but the manifest itself."""
    body = {
        "manifest_version": VERSION,
        "release": f"{candidate['quarter']}/r{revision}",
        "quarter": candidate["quarter"],
        "revision": revision,
        "candidate_digest": candidate["candidate_digest"],
        "files": dict(files),
        "inputs": candidate["inputs"],
        "cutoff_at": candidate["cutoff_at"],
        "code": candidate["code"],
        "metric_versions": candidate["metric_versions"],
        "released_at": released_at,
        "previous_release": previous_release,
        "is_sample": candidate["is_sample"],
    }
    return {**body, "manifest_digest": digest(body)}


def digest(manifest: Mapping[str, Any]) -> str:
    """The digest that a manifest states of itself: of everything in it but that digest."""
    body = {name: value for name, value in manifest.items() if name != "manifest_digest"}
    return store.sha256_bytes(store.canonical_json(body))


def releases(settings: Settings) -> list[tuple[FiscalQuarter, int, Path]]:
    """Every release that is in place, oldest quarter and revision first."""
    found = []
    for folder in settings.place("releases").glob("FY*/r*"):
        match = _REVISION.fullmatch(folder.name)
        if match and (folder / NAME).is_file():
            found.append((FiscalQuarter.parse(folder.parent.name), int(match[1]), folder))
    return sorted(found)
