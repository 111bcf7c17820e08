"""verify: does a release folder prove itself? Offline, and closed on any doubt.

It needs nothing but the folder and the public keys of those who may sign: no database, no network. Without keys only
a SAMPLE release can be proven, because anybody can make the SAMPLE keys.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.errors import HrddError, NotVerified
from publish import manifest as manifests
from publish import statement
from publish.keys import PublicKeys, signature_fault
from publish.manifest import APPROVAL, EVIDENCE, PROVENANCE, VERDICT


def verify(folder: Path | str, keys: PublicKeys | None = None) -> dict[str, Any]:
    """Check every byte of a release folder against its manifest, and the manifest against itself and its signature.

    ``keys`` are the public keys of each signer (``keys.trusted(settings)`` of an installation). Returns: ``release,
    manifest_digest, candidate_digest, files`` (how many were checked), ``checks`` (how many the board door evaluated),
    ``approver, signed_by, key, is_sample, previous_release``. Raises NotVerified at the first thing that does not fit.
    """
    root = Path(folder)
    if root.is_symlink() or not root.is_dir():
        raise _doubt(f"{root.name or root} is not a folder", "a release folder such as releases/FY2023-Q4/r1")
    there = _files(root)
    if manifests.NAME not in there:
        raise _doubt("no manifest.json", "the manifest that publish wrote")
    manifest = _manifest(root / manifests.NAME)
    _same_files(there - {manifests.NAME}, manifest["files"])
    for name, digest in sorted(manifest["files"].items()):
        if store.sha256_file(root / name) != digest:
            raise _doubt(f"{name} has other bytes", "the bytes whose SHA-256 the manifest names")
    verdict, approval = _record(root / VERDICT), _record(root / APPROVAL)
    evidence(manifest["quarter"], manifest["candidate_digest"], candidate_files(manifest["files"]), verdict, approval)
    if approval.get("prepared_by") != manifest["prepared_by"]:
        raise _doubt("an approval that names another preparer", "the preparer whom the manifest names")
    if fault := signature_fault(approval, keys, is_sample=manifest["is_sample"] is True):
        raise _doubt(f"an approval {fault}", "one signed with a key of the settings' public_keys, or given by --key")
    if _record(root / PROVENANCE) != statement.statement(manifest):
        raise _doubt("a provenance.json that tells another story", "the statement that follows from the manifest")
    return {
        "release": manifest["release"],
        "manifest_digest": manifest["manifest_digest"],
        "candidate_digest": manifest["candidate_digest"],
        "files": len(there),
        "checks": verdict["checks_evaluated"],
        "approver": approval["approver"],
        "signed_by": approval["signed_by"],
        "key": approval["key"],
        "is_sample": manifest["is_sample"],
        "previous_release": manifest["previous_release"],
    }


def candidate_files(files: Mapping[str, str]) -> dict[str, str]:
    """Of a release's files, those that were the candidate's: all but the evidence that publish put beside them."""
    return {name: digest for name, digest in files.items() if name not in EVIDENCE}


def evidence(
    quarter: str, digest: str, files: Mapping[str, str], verdict: Mapping[str, Any], approval: Mapping[str, Any]
) -> None:
    """Do these files, this verdict and this approval belong together, and do they allow the release?"""
    if not files or store.digest_of(files) != digest:
        raise _doubt("files that are not the candidate's", "files whose checksums give the candidate's digest")
    fault = verdict_fault(verdict, files)
    if fault:
        raise _doubt(f"a verdict {fault}", "a passing verdict of the board door that names these very bytes")
    fault = approval_fault(approval, quarter, digest)
    if fault:
        raise _doubt(f"an approval {fault}", "an approval of this very candidate by a second person")


def verdict_fault(verdict: Mapping[str, Any], files: Mapping[str, str]) -> str | None:
    """What keeps a board verdict from letting these files pass, or nothing. What is not stated counts as a fault."""
    checks = verdict.get("checks")
    expected, evaluated = verdict.get("checks_expected"), verdict.get("checks_evaluated")
    if verdict.get("door") != "board":
        return "of another door"
    if verdict.get("files") != dict(files):
        return "of other bytes"
    if verdict.get("passed") is not True:
        return "that did not pass"
    if type(expected) is not int or expected < 1 or evaluated != expected:
        return f"with {evaluated} checks evaluated of {expected} expected"
    if not isinstance(checks, list) or len(checks) != expected:
        return "that does not list as many checks as it counts"
    if not all(isinstance(check, dict) and _let_pass(check) for check in checks):
        return "that passed over a check which did not"
    return None


def _let_pass(check: Mapping[str, Any]) -> bool:
    # Two loudnesses: a warning may fail and is printed; an error, or a status nobody knows, is never a pass.
    status, loudness = check.get("status"), check.get("loudness")
    return loudness in ("fail", "warn") and (status == "passed" or (status, loudness) == ("failed", "warn"))


def approval_fault(approval: Mapping[str, Any], quarter: str, digest: str) -> str | None:
    """What keeps an approval from releasing this candidate, or nothing."""
    approver, preparer = approval.get("approver"), approval.get("prepared_by")
    if approval.get("decision") != "approved":
        return "that says no"
    if approval.get("candidate_digest") != digest or approval.get("quarter") != quarter:
        return "of another candidate"
    if not isinstance(approver, str) or not isinstance(preparer, str) or not approver or not preparer:
        return "that does not name its approver and its preparer"
    if same_person(approver, preparer):
        return "by the one who prepared it"
    return None


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person's, however they are written."""
    return one.strip().casefold() == other.strip().casefold()


def _manifest(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    try:
        manifest = json.loads(content)
        canonical = store.canonical_json(manifest)
    except (ValueError, RecursionError):
        raise _doubt("a manifest.json that is not JSON", "the manifest that publish wrote") from None
    if not isinstance(manifest, dict) or canonical != content:
        raise _doubt("a manifest.json that was written by something else", "canonical JSON, byte for byte")
    version = manifest.get("manifest_version")
    if type(version) is not int or version != manifests.VERSION:
        raise _doubt("a manifest of an unknown version", f"manifest_version {manifests.VERSION}")
    if set(manifest) != manifests.FIELDS or not isinstance(manifest["files"], dict):
        raise _doubt("a manifest with other fields", "the fields that publish/manifest.py lists")
    if manifests.digest(manifest) != manifest["manifest_digest"]:
        raise _doubt("a manifest.json whose content was changed", "content that gives its manifest_digest")
    if manifest["release"] != f"{manifest['quarter']}/r{manifest['revision']}":
        raise _doubt("a manifest that names two releases", "one quarter and one revision")
    return manifest


def _same_files(there: set[str], listed: Mapping[str, str]) -> None:
    missing, extra = sorted(set(listed) - there), sorted(there - set(listed))
    if missing:
        raise _doubt(f"{len(missing)} missing: {missing[0]}", "every file that the manifest lists")
    if extra:
        raise _doubt(f"{len(extra)} extra: {extra[0]!r}", "no file that the manifest does not list")
    if not set(EVIDENCE) <= there:
        raise _doubt("no verdict, no approval or no provenance", "all three beside the figures")


def _files(root: Path) -> set[str]:
    found: set[str] = set()
    folders = [root]
    while folders:
        folder = folders.pop()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        if not entries:
            raise _doubt(f"{folder.name!r} is an empty folder", "only folders that hold files of the release")
        for entry in entries:
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                folders.append(Path(entry.path))
            elif stat.S_ISREG(mode):
                found.add(Path(entry.path).relative_to(root).as_posix())
            else:
                raise _doubt(f"{entry.name!r} is a link or a special file", "plain files only")
    return found


def _record(path: Path) -> dict[str, Any]:
    try:
        record = store.read_json(path)
    except HrddError:
        record = None
    if not isinstance(record, dict):
        raise _doubt(f"{path.name} is not a record", "the JSON that the project wrote")
    return record


def _doubt(found: str, expected: str) -> NotVerified:
    return NotVerified(
        "This release does not prove itself.",
        found=found,
        expected=expected,
        rule="publish/verify.py",
        next_step="do not use these figures; fetch the release again, or ask who keeps the releases",
    )
