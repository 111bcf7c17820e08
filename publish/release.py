"""publish: move approved bytes into the release folder. It computes no figure, and it believes no earlier step.

Order: the release folder in one rename, its line in the ledger of printed cells, the analysts' database and its
pointer, ``latest.json``. A kill at
any moment leaves the last release whole; the next run completes what is missing.
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
from publish import ledger, mart
from publish import manifest as manifests
from publish.approval import allowed, passed_verdict
from publish.manifest import APPROVAL, VERDICT, releases
from publish.verify import approval_fault, verify


def publish(settings: Settings, quarter: FiscalQuarter) -> dict[str, Any]:
    """Release the quarter's current candidate; returns the record that ``latest.json`` holds of it.

    Every byte, the verdict and the approval are read and checked again here. A candidate that is released already is
    not released twice. Raises GateFailed or NotApproved, and then nothing was written.
    """
    with store.alone(settings.place(".locks", "publish")):
        folder, candidate = candidates.current(settings, quarter)
        _allow(settings, quarter, folder, candidate)
        known = _released(settings, quarter, candidate["candidate_digest"])
        ledger.check(settings, _places(settings), about_to=f"{quarter}/r{known[0]}" if known else None)
        if known is None:
            _attacked_beside_these(settings, folder, quarter)
        revision, release = known or _release(settings, quarter, folder, candidate)
        verify(release)
        ledger.append(settings, _places(settings), f"{quarter}/r{revision}")
        record = _record(settings, quarter, revision)
        mart.make(settings, release, store.read_json(release / manifests.NAME))
        newest_quarter, newest_revision, newest = releases(settings)[-1]
        mart.make(settings, newest, store.read_json(newest / manifests.NAME))
        mart.point(settings, newest_quarter, newest_revision)
        latest = settings.place("releases", "latest.json")
        newest_record = _record(settings, newest_quarter, newest_revision)
        if not latest.exists() or latest.read_bytes() != store.canonical_json(newest_record):
            store.write_json(latest, newest_record)
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


def _places(settings: Settings) -> dict[str, Path]:
    return {f"{quarter}/r{revision}": folder for quarter, revision, folder in releases(settings)}


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
    fault = approval_fault(approval, str(quarter), digest) if path.exists() else "that nobody has given yet"
    if not fault and approval["prepared_by"] != candidate["prepared_by"]:
        fault = "that names another preparer"
    person = None if fault else allowed(settings, approval["approver"], candidate["prepared_by"])
    if fault or person:
        raise NotApproved(
            f"{quarter} is not approved. Nothing was published.",
            found=f"an approval {fault or 'by ' + str(person)}",
            expected=f"an approval of candidate {digest[:12]} by a second person named in `approvers`",
            rule="publish/release.py",
            next_step=f"hrdd approve {quarter}, by somebody other than {candidate['prepared_by']}",
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
        manifest = manifests.write(
            candidate,
            store.checksums(temporary),
            revision=revision,
            released_at=settings.now().isoformat(),
            previous_release=store.read_json(earlier[-1][2] / manifests.NAME)["manifest_digest"] if earlier else None,
        )
        (temporary / manifests.NAME).write_bytes(store.canonical_json(manifest))
        verify(temporary)
    return revision, release


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
