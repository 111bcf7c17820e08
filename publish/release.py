"""publish: move approved bytes into the release folder. It computes no figure, and it believes no earlier step.

Order: the release folder in one rename, its line in the transparency log and in the ledger of printed cells, the
analysts' database and its pointer, the quarter's ``index.json``, the feed, then ``latest.json``. A kill at any moment
leaves the last release whole; the next run completes what is missing.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.errors import GateFailed, NotApproved
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from publish import candidate as candidates
from publish import diff, feed, keys, ledger, mart, statement, transparency
from publish import manifest as manifests
from publish.approval import decisions, passed_verdict, release_fault
from publish.manifest import APPROVAL, PROVENANCE, VERDICT
from publish.released import by_name, of_quarter, releases
from publish.verify import verify

INDEX = "index.json"


def publish(settings: Settings, quarter: FiscalQuarter) -> dict[str, Any]:
    """Release the quarter's current candidate; returns the record that ``latest.json`` holds of it.

    Every byte, the verdict and the approval are read and checked again here. A candidate that is released already is
    not released twice. Raises GateFailed or NotApproved, and then nothing was written.
    """
    with store.alone(settings.place(".locks", "publish")):
        folder, candidate = candidates.current(settings, quarter)
        _complete_log(settings)
        known = _released(settings, quarter, candidate["candidate_digest"])
        ledger.check(settings, by_name(settings), about_to=f"{quarter}/r{known[0]}" if known else None)
        if known is None:
            _allow(settings, quarter, folder, candidate)
            _attacked_beside_these(settings, folder, quarter)
            known = _release(settings, quarter, folder, candidate)
            _complete_log(settings)
        revision, release = known
        verify(release, keys.trusted(settings))
        ledger.append(settings, by_name(settings), f"{quarter}/r{revision}")
        record = _record(settings, quarter, revision)
        mart.make(settings, release, store.read_json(release / manifests.NAME))
        newest_quarter, newest_revision, newest = releases(settings)[-1]
        mart.make(settings, newest, store.read_json(newest / manifests.NAME))
        mart.point(settings, newest_quarter, newest_revision)
        _write(settings.place("releases", str(quarter), INDEX), index(settings, quarter))
        _write_feed(settings)
        newest_record = _record(settings, newest_quarter, newest_revision)
        _write(settings.place("releases", "latest.json"), newest_record)
        return record


def releases_digest(settings: Settings) -> str:
    """What is released by now, in one digest: of every manifest. The verdict names it as the attack found it."""
    home = settings.place("releases")
    manifests_there = sorted(folder / manifests.NAME for _, _, folder in releases(settings))
    return store.digest_of({file.relative_to(home).as_posix(): store.sha256_file(file) for file in manifests_there})


def _attacked_beside_these(settings: Settings, folder: Path, quarter: FiscalQuarter) -> None:
    if store.read_json(folder / VERDICT).get("releases_digest") != releases_digest(settings):
        raise GateFailed(
            f"The candidate of {quarter} was attacked beside other releases. Nothing was published.",
            found="a release that came after the verdict, or a verdict without an attack",
            expected="a verdict on these files together with every release in place",
            rule="publish/release.py",
            next_step=f"hrdd prepare {quarter}, then hrdd check {quarter}, and a new decision",
        )


def index(settings: Settings, quarter: FiscalQuarter) -> dict[str, Any]:
    """What stands outside the releases of a quarter about them: which one counts, and which was superseded, and why."""
    entries: list[dict[str, Any]] = []
    for folder in of_quarter(settings, quarter):
        manifest = store.read_json(folder / manifests.NAME)
        entry = {
            name: manifest[name] for name in ("release", "revision", "manifest_digest", "cutoff_at", "released_at")
        }
        if entries:
            entries[-1]["superseded_by"] = manifest["release"]
        revision = store.read_json(folder / diff.NAME) if (folder / diff.NAME).exists() else None
        entries.append(
            entry
            | {
                "superseded_by": None,
                "reason_codes": revision["reason_codes"] if revision else [],
                "is_material": revision["is_material"] if revision else False,
            }
        )
    return {"quarter": str(quarter), "current": entries[-1]["release"] if entries else None, "releases": entries}


def _write(path: Path, record: dict[str, Any]) -> None:
    if not path.exists() or path.read_bytes() != store.canonical_json(record):
        store.write_json(path, record)


def _write_feed(settings: Settings) -> None:
    folders = [folder for _, _, folder in releases(settings)]
    content = feed.feed(settings.company, folders, is_sample=settings.is_sample)
    path = settings.place("releases", feed.NAME)
    if not path.exists() or path.read_bytes() != content:
        store.write_bytes(path, content)


def _complete_log(settings: Settings) -> None:
    """Hold what is in place to the transparency log, and enter what a kill kept from being entered.

    Only a release that proves itself, with an approval of the ledger, is entered.
    """
    home = settings.place("releases")
    folders = [folder for _, _, folder in releases(settings)]
    waiting = set(folders) - transparency.entered(home, folders)
    for folder in sorted(waiting, key=folders.index):
        verify(folder, keys.trusted(settings))
        if store.read_json(folder / APPROVAL) not in decisions(settings):
            raise NotApproved(
                f"{folder.parent.name}/{folder.name} was put here by something else. Nothing was published.",
                found="a release whose approval the ledger does not hold",
                expected="releases that publish made",
                rule="publish/release.py",
                next_step="find out who wrote to the releases; take that folder away, or restore approvals.jsonl",
            )
        transparency.add(home, folder)


def _allow(settings: Settings, quarter: FiscalQuarter, folder: Path, candidate: dict[str, Any]) -> None:
    digest, files = candidate["candidate_digest"], candidate["files"]
    if (
        candidate["quarter"] != str(quarter)
        or folder.name != digest
        or store.digest_of(files) != digest
        or store.checksums(folder / "files") != files
        or any(path.is_symlink() for path in (folder / "files").rglob("*"))
    ):
        raise GateFailed(
            f"The candidate of {quarter} is not what was prepared. Nothing was published.",
            found="a file that was changed, added or removed after prepare",
            expected=f"the bytes whose digest is {digest[:12]}",
            rule="publish/release.py",
            next_step=f"find out who changed it; then remove that candidate and run hrdd prepare {quarter} again",
        )
    if candidate["is_sample"] and not settings.is_sample:
        raise GateFailed(
            f"The candidate of {quarter} is made of the sample year. Nothing was published.",
            found="a sample candidate in a real installation",
            expected="figures of the company's own extracts",
            rule="publish/release.py; settings.toml, is_sample",
            next_step="start the company's own data in an empty data folder (HRDD_DATA)",
        )
    passed_verdict(folder, candidate)
    path = folder / APPROVAL
    approval = store.read_json(path) if path.exists() else {}
    fault = release_fault(settings, candidate, approval) if path.exists() else "that nobody has given yet"
    if fault:
        raise NotApproved(
            f"{quarter} is not approved. Nothing was published.",
            found=f"an approval {fault}",
            expected=f"a signed approval of candidate {digest[:12]} by a second person named in `approvers`",
            rule="publish/approval.py, release_fault",
            next_step=f"hrdd approve {quarter}, by somebody other than {candidate['prepared_by']}",
        )
    last = of_quarter(settings, quarter)[-1:]
    expected = store.read_json(last[0] / manifests.NAME)["manifest_digest"] if last else None
    if not candidate["revises"] == diff.revised(folder / "files") == expected:
        raise NotApproved(
            f"The candidate of {quarter} was compared with another release. Nothing was published.",
            found="a candidate that was prepared before the last release of its quarter",
            expected="one that says what it changes of that release, and an approval of it",
            rule="publish/release.py; publish/diff.py",
            next_step=f"hrdd prepare {quarter}, check and approve it",
        )


def _released(settings: Settings, quarter: FiscalQuarter, digest: str) -> tuple[int, Path] | None:
    for other, revision, folder in releases(settings):
        if other == quarter and store.read_json(folder / manifests.NAME)["candidate_digest"] == digest:
            return revision, folder
    return None


def _release(settings: Settings, quarter: FiscalQuarter, folder: Path, candidate: dict[str, Any]) -> tuple[int, Path]:
    home = settings.place("releases", str(quarter))
    store.sweep(home)
    earlier = [(other, revision, place) for other, revision, place in releases(settings) if other <= quarter]
    revision = 1 + max((number for other, number, _ in earlier if other == quarter), default=0)
    release = home / f"r{revision}"
    with store.put_folder(release) as temporary:
        for name in candidate["files"]:
            store.folder((temporary / name).parent)
            shutil.copyfile(folder / "files" / name, temporary / name)
        for name in (VERDICT, APPROVAL):
            shutil.copyfile(folder / name, temporary / name)
        assemble(
            temporary,
            candidate,
            revision=revision,
            released_at=settings.now().isoformat(),
            previous_release=store.read_json(earlier[-1][2] / manifests.NAME)["manifest_digest"] if earlier else None,
        )
        verify(temporary, keys.trusted(settings))
    return revision, release


def assemble(folder: Path, candidate: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """Add provenance and manifest to a folder that holds a candidate's files, verdict and approval."""
    manifest = manifests.write(candidate, store.checksums(folder), **facts)
    (folder / PROVENANCE).write_bytes(store.canonical_json(statement.statement(manifest)))
    manifest = manifests.write(candidate, store.checksums(folder), **facts)
    (folder / manifests.NAME).write_bytes(store.canonical_json(manifest))
    return manifest


def _record(settings: Settings, quarter: FiscalQuarter, revision: int) -> dict[str, Any]:
    path = f"releases/{quarter}/r{revision}"
    manifest = store.read_json(settings.place(path, manifests.NAME))
    return {
        "release": manifest["release"],
        "quarter": str(quarter),
        "revision": revision,
        "path": path,
        "manifest_digest": manifest["manifest_digest"],
        "candidate_digest": manifest["candidate_digest"],
    }
