"""Land: keep what senders put into landing, byte for byte, under its content address, with a receipt.

A delivery is bytes and what their manifest says of them: which day they speak of, and when they were known. The same
bytes sent again for a later quarter are a second delivery; they lie here once, and each delivery has its own receipt.

The landing is only read. What was handled is known from ``landed/arrivals.jsonl``, so a wake-up over an unchanged
landing opens no file. Every file is handled before anyone hears of a bad one: see ``refusals``.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from fsspec.core import url_to_fs

from ingest.contract import Contract, contract, contracts
from ingest.opening import FORMATS
from pipeline import store
from pipeline.errors import RefusedExtract
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

MANIFEST = ".manifest.json"
IN_TRANSIT = (".part", ".partial", ".filepart", ".tmp", ".crdownload")
MAX_SENT_BYTES = 1 << 34  # a file as sent
MAX_MANIFEST_BYTES = 1 << 16
ENTRIES = (
    "source_system",
    "extract_ts",
    "as_of_date",
    "sha256",
    "bytes",
    "rows",
    "schema_version",
    "delivery",
    "coverage",
    "control_totals",
    "contact",
)  # of a manifest
COVERAGES = ("full", "delta")  # every record there is, or what changed; a snapshot is always full


@dataclass(frozen=True)
class _Found:
    """One entry of the landing: its path below it, its size and what tells one version of it from the next."""

    path: str
    size: int
    modified: str
    is_file: bool
    open: Callable[[], AbstractContextManager[BinaryIO]]


class _DoubledEntryError(ValueError):
    """A manifest says one thing twice, perhaps in two ways."""


class _ChangedWhileReadError(Exception):
    """A sender is still writing the file; the next wake-up takes it."""


def land(settings: Settings) -> list[dict[str, Any]]:
    """Take in whatever is new in the landing.

    Returns the receipts of what is new, in the order of the paths: ``outcome`` is ``landed`` or ``refused``. A
    delivery that is here already is recorded as one more arrival and returns nothing. Never raises for a bad file.
    """
    with store.alone(settings.place("landed", ".lock")):
        for name in [*contracts(), ("refused",), ()]:
            store.sweep(settings.place("landed", *name))
        ledger = settings.place("landed", "arrivals.jsonl")
        arrivals = store.read_lines(ledger)
        rules = _rules(settings)
        handled = {_version(line) for line in arrivals if line["outcome"] != "refused" or line["rules"] == rules}
        known = {_identity(line) for line in arrivals if line["outcome"] != "refused"}
        entries = {found.path: found for found in _entries(settings)}
        receipts = []
        for path, found in sorted(entries.items()):
            manifest = entries.get(path + MANIFEST)
            arrival = {
                "path": path,
                "bytes": found.size,
                "modified": found.modified,
                "manifest_modified": manifest.modified if manifest else None,
            }
            if _is_no_extract(path) or _version(arrival) in handled:
                continue
            try:
                receipt = _take(settings, found, manifest)
            except (_ChangedWhileReadError, FileNotFoundError):
                continue
            is_repeat = receipt["outcome"] == "landed" and _identity(receipt) in known
            arrival |= {name: receipt[name] for name in ("family", "extract", "extract_id")}
            arrival |= {"outcome": "repeat" if is_repeat else receipt["outcome"], "rules": rules}
            store.append_line(ledger, arrival | {"arrived_at": settings.now().isoformat()})
            if not is_repeat:
                receipts.append(receipt)
            if receipt["outcome"] == "landed":
                known.add(_identity(receipt))
        return receipts


def refusals(receipts: Iterable[Mapping[str, Any]]) -> list[RefusedExtract]:
    """The refused among landing or load receipts, as errors that a caller may show or raise."""
    return [
        RefusedExtract(
            f"{receipt['family']}/{receipt['extract']}/{receipt['sent_as']!r} was refused. {refusal['headline']}",
            found=refusal["found"],
            expected=refusal["expected"],
            rule=refusal["rule"],
            next_step=refusal["next"],
        )
        for receipt in receipts
        if receipt["outcome"] == "refused" and (refusal := receipt["refusal"])
    ]


def held_to_manifest(
    settings: Settings, manifest: Path, promised: Contract, size: int
) -> tuple[dict[str, Any], list[str]]:
    """The manifest of one file outside of landing. Returns it and what it leaves unproven.

    Raises RefusedExtract if the file is not what the manifest promises; ``hold_to_digest`` is left to the caller.
    """
    status = os.lstat(manifest)
    found = _Found(
        path=manifest.name,
        size=status.st_size,
        modified="",
        is_file=stat.S_ISREG(status.st_mode),
        open=partial(_open_regular, str(manifest)),
    )
    try:
        sent = _manifest(found)
    except _ChangedWhileReadError:
        raise _broken_manifest("a manifest that cannot be read", "a JSON object in UTF-8") from None
    _hold_to(sent, promised, replace(found, size=size), settings.now(), settings.timezone)
    unproven = [] if "sha256" in sent else ["the manifest names no sha256: whether the bytes are the sender's is open"]
    return sent, unproven + _unknown(sent)


def hold_to_digest(sent: Mapping[str, Any], sha256: str) -> None:
    """Raise RefusedExtract if a manifest names another SHA-256 than the file's."""
    if sent.get("sha256", sha256).lower() != sha256:
        raise _broken_manifest("the file's SHA-256 is not the manifest's", "the bytes that the sender wrote")


def _take(settings: Settings, found: _Found, manifest: _Found | None) -> dict[str, Any]:
    """Land one file or refuse it. The receipt is written last: a kill before it is as if nothing was done."""
    family, extract, name = (*found.path.split("/"), "", "")[:3]
    who = {"family": family, "extract": extract, "sent_as": name or found.path.split("/")[-1], "bytes": found.size}
    # What may not be read has no content address: it is known by its path and version.
    bytes_sha256 = store.sha256_bytes(f"{found.path}\n{found.size}\n{found.modified}".encode())
    try:
        _stop_unless_readable(found)
        with TemporaryDirectory(dir=store.folder(settings.place("landed")), prefix=".put-") as folder:
            copy = Path(folder) / "copy"
            bytes_sha256 = _copied(found, copy)
            _stop_unless_three_parts(found)
            promised = contract(family, extract)
            _stop_unless_format(name)
            receipt = who | _receipt(settings, promised, found, bytes_sha256, manifest)
            place = settings.place("landed", family, extract)
            earlier = _same_delivery(place, receipt)
            if not (place / bytes_sha256).exists():
                with store.put(place / bytes_sha256) as temporary:
                    copy.replace(temporary)
        if earlier:
            return earlier
    except RefusedExtract as refusal:
        receipt = {
            "extract_id": bytes_sha256,
            **who,
            "landed_at": settings.now().isoformat(),
            "outcome": "refused",
            "refusal": refusal.parts(),
        }
        store.write_json(settings.place("landed", "refused", bytes_sha256 + ".json"), receipt)
        return receipt
    settings.place("landed", "refused", bytes_sha256 + ".json").unlink(missing_ok=True)
    store.write_json(place / f"{receipt['extract_id']}.json", receipt)
    return receipt


def _same_delivery(place: Path, receipt: Mapping[str, Any]) -> dict[str, Any] | None:
    """The receipt of this delivery, if it is here. Bytes about which nothing is said add nothing to what is known."""
    own = place / f"{receipt['extract_id']}.json"
    if own.exists():
        return dict(store.read_json(own))
    if receipt["extract_id"] != receipt["bytes_sha256"]:
        return None
    others = (store.read_json(file) for file in sorted(place.glob("*.json")))
    return next((dict(other) for other in others if other["bytes_sha256"] == receipt["bytes_sha256"]), None)


def _delivery_id(bytes_sha256: str, known_at: datetime | None, as_of_date: date | None) -> str:
    """What tells one delivery from the next; it depends on nothing that arrived before or beside it.

    Bytes about which their sender says neither are known by their own digest.
    """
    if known_at is None and as_of_date is None:
        return bytes_sha256
    facts = {
        "bytes_sha256": bytes_sha256,
        "extract_ts": known_at.isoformat() if known_at else None,
        "as_of_date": as_of_date.isoformat() if as_of_date else None,
    }
    return store.sha256_bytes(store.canonical_json(facts))


def _receipt(
    settings: Settings, promised: Contract, found: _Found, bytes_sha256: str, manifest: _Found | None
) -> dict[str, Any]:
    landed_at = settings.now()
    sent = _manifest(manifest) if manifest else None
    said_at: datetime | None = None
    as_of_date: date | None = None
    warnings = []
    if sent is None:
        warnings.append("no manifest: whether the file is whole cannot be proven")
    else:
        hold_to_digest(sent, bytes_sha256)
        said_at, as_of_date = _hold_to(sent, promised, found, landed_at, settings.timezone)
        if said_at and said_at > landed_at:
            warnings.append("the manifest's extract_ts is later than the moment of landing")
        if "sha256" not in sent:
            warnings.append("the manifest names no sha256: whether the bytes are the sender's cannot be proven")
        warnings += _unknown(sent)
    source_system = sent.get("source_system") if sent else None
    is_sample = source_system is not None and source_system.startswith("SAMPLE")
    if is_sample and not settings.is_sample:
        raise RefusedExtract(
            "A sample extract does not belong into a real installation.",
            found="source_system begins with SAMPLE",
            expected="extracts of the company's own systems, for is_sample is false in the settings",
            rule="ingest/land.py; settings.toml, is_sample",
            next_step="delete the file from landing; to look at the samples use the sample settings and their data",
        )
    return {
        "extract_id": _delivery_id(bytes_sha256, said_at, as_of_date),
        "bytes_sha256": bytes_sha256,
        "outcome": "landed",
        "landed_at": landed_at.isoformat(),
        "known_at": (said_at or landed_at).isoformat(),
        "as_of_date": as_of_date.isoformat() if as_of_date else None,
        "quarter": str(FiscalQuarter.containing(as_of_date)) if as_of_date else None,
        "delivery": promised.delivery,
        "source_system": source_system,
        "is_sample": is_sample,
        "has_manifest": sent is not None,
        "manifest": sent,
        "warnings": warnings,
    }


def _manifest(found: _Found) -> dict[str, Any]:
    """What the sender promised about the file."""
    _stop_unless_readable(found)
    if found.size > MAX_MANIFEST_BYTES:
        raise _broken_manifest(f"a manifest of {found.size} bytes", f"at most {MAX_MANIFEST_BYTES} bytes")
    content = _read(found, MAX_MANIFEST_BYTES)
    try:
        sent = json.loads(content, object_pairs_hook=_each_once)
        store.canonical_json(sent)  # what cannot be written to the receipt is refused here
    except _DoubledEntryError:
        raise _broken_manifest("an entry that the manifest has twice", "each entry once") from None
    except (ValueError, RecursionError):
        sent = None
    if not isinstance(sent, dict):
        raise _broken_manifest("the manifest is not a JSON object", "a JSON object in UTF-8")
    for name in ("source_system", "extract_ts", "as_of_date", "sha256", "delivery", "coverage"):
        if name in sent and not isinstance(sent[name], str):
            raise _broken_manifest(f"{name} is not a text", f"{name} as a text, or no {name}")
    for name in ("rows", "bytes"):
        if name in sent and (type(sent[name]) is not int or sent[name] < 0):
            raise _broken_manifest(f"{name} is not a count", f"{name} as a whole number, or no {name}")
    if not isinstance(sent.get("control_totals", {}), dict):
        raise _broken_manifest("control_totals is not an object", "control_totals as column name to sum")
    return sent


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DoubledEntryError
    return found


def unknown_entries(sent: Mapping[str, Any]) -> int:
    """How many entries of a manifest nothing is held to."""
    return len(sent.keys() - set(ENTRIES))


def _unknown(sent: Mapping[str, Any]) -> list[str]:
    """A warning if the manifest has entries that nothing is held to; a misspelled one would promise nothing unseen."""
    count = unknown_entries(sent)
    return [f"the manifest has {count} unknown entries, which prove nothing: known are {', '.join(ENTRIES)}"][:count]


def _hold_to(
    sent: Mapping[str, Any], promised: Contract, found: _Found, landed_at: datetime, timezone: str
) -> tuple[datetime | None, date | None]:
    """Hold the sender to the manifest. Returns when the content was known, and the date it speaks of, where said."""
    if sent.get("bytes", found.size) != found.size:
        raise _broken_manifest(f"{found.size} bytes", f"{sent['bytes']} bytes, as the manifest says")
    if sent.get("delivery", promised.delivery) != promised.delivery:
        raise _broken_manifest(
            "another delivery than the contract's", f"delivery {promised.delivery}, as in {promised.rule}"
        )
    coverages = COVERAGES[:1] if promised.delivery == "snapshot" else COVERAGES
    if sent.get("coverage", "full") not in coverages:
        raise _broken_manifest("a coverage that this extract has not", f"{' or '.join(coverages)}, or no coverage")
    version = str(sent.get("schema_version", promised.version))
    if version.split(".")[0] != promised.version.split(".")[0]:
        raise _broken_manifest("another schema_version than the contract's", f"version {promised.version}")
    said_at = None
    if "extract_ts" in sent:
        try:
            moment = datetime.fromisoformat(sent["extract_ts"])
            said_at = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            moment = datetime.min
        if moment.tzinfo is None:
            raise _broken_manifest("extract_ts is not a moment with an offset", "such as 2023-04-05T02:00:00+09:00")
    as_of_date = None
    if "as_of_date" in sent:
        try:
            as_of_date = date.fromisoformat(sent["as_of_date"])
        except ValueError:
            as_of_date = None
        if as_of_date is None or as_of_date.isoformat() != sent["as_of_date"]:
            raise _broken_manifest("as_of_date is not a date", "such as 2023-03-31")
        known_on = (said_at or landed_at).astimezone(ZoneInfo(timezone)).date()
        if as_of_date > known_on:
            raise _broken_manifest(f"as_of_date {as_of_date}", f"no day after {known_on}, when the file was extracted")
    return said_at, as_of_date


def _broken_manifest(found: str, expected: str) -> RefusedExtract:
    return RefusedExtract(
        "The file is not what its manifest promises.",
        found=found,
        expected=expected,
        rule="ingest/README.md, the manifest",
        next_step="ask the sender for the file and its manifest anew; put the manifest into landing first",
    )


def _stop_unless_readable(found: _Found) -> None:
    if not found.is_file:
        raise RefusedExtract(
            "This is not a regular file.",
            found="a link, a device or a pipe",
            expected="a file of its own, written into landing",
            rule="ingest/land.py",
            next_step="delete it from landing and put the file itself there",
        )
    if found.size > MAX_SENT_BYTES:
        raise RefusedExtract(
            "The file is too big.",
            found=f"{found.size} bytes",
            expected=f"at most {MAX_SENT_BYTES} bytes",
            rule="ingest/land.py, MAX_SENT_BYTES",
            next_step="ask the sender to split the delivery",
        )


def _stop_unless_three_parts(found: _Found) -> None:
    if found.path.count("/") != 2:
        raise RefusedExtract(
            "The file does not lie where an extract lies.",
            found=f"{found.path.count('/')} folders above the file",
            expected="landing/<family>/<extract>/<file>",
            rule="docs/layout.md",
            next_step="move the file to the folder of its extract",
        )


def _stop_unless_format(name: str) -> None:
    if not name.lower().endswith(FORMATS):
        raise RefusedExtract(
            "Files of this kind are not read.",
            found=f"a name that ends in {Path(name).suffix or 'nothing'}",
            expected="a name that ends in " + ", ".join(FORMATS),
            rule="ingest/opening.py, FORMATS",
            next_step="ask the sender for CSV in UTF-8, plain or compressed with gzip",
        )


def _copied(found: _Found, target: Path) -> str:
    """Copy a file block by block. Returns its SHA-256; what is not as long as it was when it was listed still grows."""
    with found.open() as stream:
        sha256, size = store.copy(stream, target, at_most=found.size)
    if size != found.size:
        raise _ChangedWhileReadError
    return sha256


def _read(found: _Found, limit: int) -> bytes:
    with found.open() as stream:
        content = stream.read(limit + 1)
    if len(content) != found.size:
        raise _ChangedWhileReadError
    return content


def _entries(settings: Settings) -> Iterator[_Found]:
    """Everything below the landing but folders, wherever the landing is."""
    folder = settings.landing_folder
    if folder is not None:
        yield from _local_entries(folder, folder)
        return
    system, root = url_to_fs(settings.landing_url, use_listings_cache=False, skip_instance_cache=True)
    for path, info in system.find(root, detail=True).items():
        modified = info.get("LastModified") or info.get("mtime") or info.get("created") or ""
        yield _Found(
            path=path.removeprefix(root).strip("/"),
            size=int(info["size"]),
            modified=f"{modified} {info.get('ETag', '')}".strip(),
            is_file=info["type"] == "file",
            open=partial(system.open, path, "rb"),
        )


def _local_entries(root: Path, folder: Path) -> Iterator[_Found]:
    """Files are found without following a link, neither of a folder nor of a file."""
    if not folder.is_dir():
        return
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _local_entries(root, Path(entry.path))
            continue
        status = entry.stat(follow_symlinks=False)
        yield _Found(
            # A name that is not UTF-8 must not stop the ledger that records it.
            path=os.fsencode(Path(entry.path).relative_to(root)).decode("utf-8", "backslashreplace"),
            size=status.st_size,
            modified=f"{status.st_mtime_ns}" + ("" if os.access(entry.path, os.R_OK) else " unreadable"),
            is_file=stat.S_ISREG(status.st_mode),
            open=partial(_open_regular, entry.path),
        )


def _open_regular(path: str) -> BinaryIO:
    """Open a file that was regular when it was listed; one that became a link or a pipe since is not waited for."""
    try:
        stream = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except PermissionError:
        raise RefusedExtract(
            "The file may not be read.",
            found="no permission to read it",
            expected="files in landing that this system may read",
            rule="docs/layout.md",
            next_step="give the file's group the right to read it",
        ) from None
    except OSError:
        raise _ChangedWhileReadError from None
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise _ChangedWhileReadError
    return stream


def _is_no_extract(path: str) -> bool:
    """Manifests come with their file; hidden files and files in transit are not there yet."""
    return path.lower().endswith((MANIFEST, *IN_TRANSIT)) or any(part.startswith(".") for part in path.split("/"))


def _version(arrival: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(arrival[name] for name in ("path", "bytes", "modified", "manifest_modified"))


def _identity(record: Mapping[str, Any]) -> tuple[str, str, str]:
    return record["family"], record["extract"], record["extract_id"]


def _rules(settings: Settings) -> str:
    """What can turn a refusal of landing into a yes: a file refused under other rules is looked at again."""
    versions = {"/".join(name): [promised.version, promised.delivery] for name, promised in contracts().items()}
    return store.sha256_bytes(store.canonical_json({"contracts": versions, "is_sample": settings.is_sample}))
