"""The manifest of a release: what it is, what it was made from, and the checksum of every other file in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline import store

NAME = "manifest.json"
VERSION = 2
VERDICT = "verdict.json"
APPROVAL = "approval.json"
PROVENANCE = "provenance.json"
EVIDENCE = (VERDICT, APPROVAL, PROVENANCE)  # what publish puts beside the candidate's own files
FIELDS = frozenset(
    {
        "manifest_version",
        "release",
        "quarter",
        "revision",
        "candidate_digest",
        "build_id",
        "prepared_by",
        "revises",
        "files",
        "inputs",
        "cutoff_at",
        "code",
        "settings",
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
        "build_id": candidate["build_id"],
        "prepared_by": candidate["prepared_by"],
        "revises": candidate["revises"],
        "files": dict(files),
        "inputs": candidate["inputs"],
        "cutoff_at": candidate["cutoff_at"],
        "code": candidate["code"],
        "settings": candidate["settings"],
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
