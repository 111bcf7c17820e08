"""The transparency log: every release that was ever made, one line each, in the order in which they were made.

``releases/log.jsonl`` is append-only and each line names the digest of the line before, so that a release that is
quietly replaced, removed, added or signed anew no longer fits. Whoever once noted the digest of a line (``head``) can
tell a log that was written anew from its beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.errors import NotVerified
from publish import chain
from publish import manifest as manifests
from publish.approval import LEDGER
from publish.keys import PublicKeys
from publish.verify import verify

NAME = "log.jsonl"
LOGGED = ("release", "quarter", "revision", "manifest_digest", "candidate_digest", "previous_release", "released_at")


def add(releases: Path, folder: Path) -> None:
    """Enter a release that is in place and verified; one that is entered already is not entered again."""
    log = releases / NAME
    records = chain.read(log)
    manifest = store.read_json(folder / manifests.NAME)
    if any(record["release"] == manifest["release"] for record in records):
        return
    entry = {name: manifest[name] for name in LOGGED}
    approval = chain.digest(store.read_json(folder / manifests.APPROVAL))
    store.append_line(log, {**chain.following(records), **entry, "approval": approval})


def entered(releases: Path, folders: Sequence[Path]) -> set[Path]:
    """Which of the release folders the log holds; raises NotVerified where one it holds is gone or is another."""
    there = {f"{folder.parent.name}/{folder.name}": folder for folder in folders}
    known = set()
    for record in chain.read(releases / NAME):
        folder = there.get(record["release"])
        if folder is None:
            raise _doubt(f"{record['release']} is gone", "every release that the log holds")
        manifest = store.read_json(folder / manifests.NAME)
        if any(manifest.get(name) != record[name] for name in LOGGED):
            raise _doubt(f"{record['release']} is another than the one that was released", "the release of the log")
        if chain.digest(store.read_json(folder / manifests.APPROVAL)) != record["approval"]:
            raise _doubt(f"{record['release']} was signed anew", "the approval of the log")
        known.add(folder)
    return known


def verify_all(releases: Path, keys: PublicKeys | None = None, head: str | None = None) -> dict[str, Any]:
    """Prove a folder of releases: each by itself, all of them by the log, and the log by a ``head`` that was noted.

    Where the ledger of approvals lies beside the folder, every approval must stand in it. Returns ``releases`` (the
    report of each), ``head`` (the digest of the log's last line). Raises NotVerified at the first thing that is wrong.
    """
    folders = sorted(path.parent for path in releases.glob(f"FY*/r*/{manifests.NAME}"))
    missing = set(folders) - entered(releases, folders)
    if missing:
        raise _doubt(
            f"{len(missing)} not in the log, the first {min(missing).parent.name}/{min(missing).name}",
            "every release in the log; after a kill, hrdd publish completes it",
        )
    records = chain.read(releases / NAME)
    if not records:
        raise _doubt("a folder without a release", "releases, and a log that holds them")
    digests = [chain.digest(record) for record in records]
    if head and head not in digests:
        raise _doubt("a log that does not hold the noted head", f"a line whose digest is {head[:12]}")
    reports = [verify(releases / record["release"], keys) for record in records]
    _follow(records)
    ledger = releases.parent / LEDGER
    if ledger.exists():
        approvals = {chain.digest(record) for record in chain.read(ledger)}
        for record in records:
            if record["approval"] not in approvals:
                raise _doubt(f"an approval of {record['release']} that is not in {LEDGER}", "every approval in it")
    return {"releases": reports, "head": digests[-1]}


def _follow(records: Sequence[Mapping[str, Any]]) -> None:
    last: dict[str, int] = {}
    for record in records:
        quarter = record["quarter"]
        if record["revision"] != last.get(quarter, 0) + 1:
            raise _doubt(f"{record['release']} after revision {last.get(quarter, 0)}", "one revision after the other")
        last[quarter] = record["revision"]


def _doubt(found: str, expected: str) -> NotVerified:
    return NotVerified(
        "These releases are not what was released.",
        found=found,
        expected=expected,
        rule="publish/transparency.py",
        next_step="do not use them; compare with a backup of the releases, and find out who wrote to the folder",
    )
