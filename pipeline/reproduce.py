"""reproduce: make a release again from the bytes that landed, and compare every byte of it.

It takes the deliveries that the manifest names, the settings that it records and the releases that stood before it,
into a data folder of its own, and goes the whole way there: load, build, prepare, check, assemble. Only what nobody can
make again is taken as it is: the approval (its words and its signature) and the moment of the release.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.errors import NotVerified
from pipeline.provenance import provenance
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

SCRATCH = ".reproduce"


def reproduce(settings: Settings, release: str) -> dict[str, Any]:
    """Make a release, such as ``FY2023-Q4/r1``, again in a temporary folder below the data folder.

    Returns ``release, files`` (how many were compared) and ``manifest_digest``. Raises NotVerified where the release
    does not prove itself, where this code is not the code that made it, where a delivery is gone or altered, or where a
    byte differs: then it names the file.
    """
    from publish import keys
    from publish.verify import verify

    folder = settings.place("releases", release)
    if len(Path(release).parts) != 2 or not folder.is_dir():
        raise _refusal("no such release", "a release such as FY2023-Q4/r1", "hrdd status lists the releases")
    verify(folder, keys.trusted(settings))
    manifest = store.read_json(folder / "manifest.json")
    _stop_unless_same_code(manifest)
    with _scratch(settings) as data:
        there = replace(settings, data=data, landing="", clock=manifest["released_at"], **manifest["settings"])
        _take_deliveries(settings, there, manifest)
        _take_earlier_releases(settings, there, manifest)
        made = _made(there, folder, manifest)
        return _compared(folder, made, manifest)


def _stop_unless_same_code(manifest: dict[str, Any]) -> None:
    here, then = provenance(), manifest["code"]
    for name, what in (("source_digest", "source"), ("lock_digest", "pinned environment")):
        if here[name] != then[name]:
            raise _refusal(
                f"another {what}: {here[name][:12]}",
                f"the {what} that made {manifest['release']}: {then[name][:12]}",
                f"check out commit {then['commit']}, make its environment (make install), and run this there",
            )


@contextmanager
def _scratch(settings: Settings) -> Iterator[Path]:
    """A data folder beside the others, so that bytes can be linked; what a kill left of an earlier one goes first."""
    with store.alone(settings.place(".locks", "reproduce")):
        place = settings.place(SCRATCH)
        shutil.rmtree(place, ignore_errors=True)
        try:
            yield store.folder(place)
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _take_deliveries(settings: Settings, there: Settings, manifest: dict[str, Any]) -> None:
    """The landed bytes with their receipts, loaded again, and the verdicts that let them through the extract door."""
    from ingest.load import load

    names = [(d["family"], d["extract"], d["extract_id"]) for d in manifest["inputs"]]
    for family, extract, extract_id in names:
        receipt = settings.place("landed", family, extract, f"{extract_id}.json")
        _link(receipt, there.place("landed", family, extract, receipt.name))
        landed = receipt.with_name(store.read_json(receipt)["bytes_sha256"])
        if not landed.is_file() or store.sha256_file(landed) != landed.name:
            raise _refusal(
                f"landed/{family}/{extract}/{landed.name[:12]} is {'altered' if landed.exists() else 'gone'}",
                "every delivery behind the release, as it was sent",
                "restore it from a backup: its name is the SHA-256 of its bytes",
            )
        _link(landed, there.place("landed", family, extract, landed.name))
    load(there)
    for family, extract, extract_id in names:
        verdict = f"{extract_id}.verdict.json"
        _link(settings.place("raw", family, extract, verdict), there.place("raw", family, extract, verdict))


def _take_earlier_releases(settings: Settings, there: Settings, manifest: dict[str, Any]) -> None:
    """The releases that stood when this one was made, with their lines: what it is compared with, and what binds it."""
    from publish import ledger

    printed = {line["release"]: line for line in ledger.lines(settings)}
    for record in store.read_lines(settings.place("releases", "log.jsonl")):
        if record["release"] == manifest["release"]:
            return
        source = settings.place("releases", record["release"])
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            _link(file, there.place("releases", record["release"], file.relative_to(source).as_posix()))
        store.append_line(there.place("releases", "log.jsonl"), record)
        store.append_line(ledger.file(there), printed[record["release"]])


def _made(there: Settings, folder: Path, manifest: dict[str, Any]) -> Path:
    """Build, prepare and check the quarter in the other data folder; returns the folder that publish would make."""
    from dbt_project.build import build, plan
    from expectations.board_door import check_candidate
    from publish import candidate as candidates
    from publish import release

    quarter = FiscalQuarter.parse(manifest["quarter"])
    chosen = plan(there, quarter)
    if chosen.missing or chosen.build_id != manifest["build_id"]:
        raise _refusal(
            "; ".join(chosen.missing) or f"inputs that give build {chosen.build_id}",
            f"the inputs of build {manifest['build_id']}, loaded from the same bytes to the same records",
            "compare raw/ and its receipts with a backup; if the engines differ, make the pinned environment",
        )
    build(there, quarter)
    said = store.read_json(folder / "revision.json") if (folder / "revision.json").exists() else None
    record = candidates.prepare_build(
        there,
        quarter,
        chosen.build_id,
        manifest["prepared_by"],
        reasons=[reason["code"] for reason in said["reasons"] if not reason["derived"]] if said else [],
        explanation=said["explanation"] if said else "",
    )
    check_candidate(there, quarter)
    place, _ = candidates.current(there, quarter)
    made = there.place("made")
    shutil.copytree(place / "files", made)
    shutil.copyfile(place / "verdict.json", made / "verdict.json")
    shutil.copyfile(folder / "approval.json", made / "approval.json")
    # The commit names the same source under another name, if only papers changed since.
    facts = {name: manifest[name] for name in ("revision", "released_at", "previous_release")}
    release.assemble(made, {**record, "code": manifest["code"]}, **facts)
    return made


def _compared(folder: Path, made: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    then, now = store.checksums(folder), store.checksums(made)
    differing = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    if differing:
        # The manifest names every other file, so it differs whenever one of them does: it is the last to be blamed.
        blamed = [name for name in differing if name not in ("manifest.json", "provenance.json")] or differing
        raise _refusal(
            f"{len(blamed)} of {len(then)} files differ: {', '.join(blamed[:5])}" + (" ..." if blamed[5:] else ""),
            f"the bytes of {manifest['release']}",
            "keep both, and find out whether the source, the environment or the inputs are not what they were",
        )
    return {"release": manifest["release"], "files": len(then), "manifest_digest": manifest["manifest_digest"]}


def _link(source: Path, target: Path) -> None:
    if not source.is_file():
        raise _refusal(
            f"{source.parent.name}/{source.name[:12]} has lost a receipt or a verdict",
            "the receipt of landing and the verdict of the extract door beside every delivery",
            "restore them from a backup",
        )
    if target.exists():
        return  # two deliveries of the same bytes
    store.folder(target.parent)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _refusal(found: str, expected: str, next_step: str) -> NotVerified:
    return NotVerified(
        "The release was not reproduced.",
        found=found,
        expected=expected,
        rule="pipeline/reproduce.py",
        next_step=next_step,
    )
