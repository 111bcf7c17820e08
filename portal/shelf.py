"""What may be shown: releases that prove themselves, and candidates as they were prepared. Nothing else is ever read.

A folder is verified whole before anything of it is shown, and again when anything in it has changed; and every file
is compared with its checksum in the very moment in which it is read for a reader.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.errors import HrddError, NotVerified
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from publish import datapackage, keys
from publish.board import Board, Row
from publish.manifest import APPROVAL, NAME, VERDICT
from publish.verify import verify

CANDIDATE = "candidate.json"
FEW = 2  # so many releases that were never verified are verified while the reader waits
PATIENCE = 0.1  # seconds that a reader waits for more of them; the bar for a page is 0.3
Cell = tuple[str, str, str, str]


@dataclass(frozen=True)
class Pack:
    """Files of one release or candidate. ``record`` is its manifest.json or candidate.json, ``sums`` the checksums."""

    name: str
    quarter: FiscalQuarter
    home: Path
    sums: Mapping[str, str]
    record: Mapping[str, Any]
    verdict: Mapping[str, Any]
    approval: Mapping[str, Any]

    @property
    def revision(self) -> int:
        """The number of the release within its quarter; 0 for a candidate."""
        return int(self.record.get("revision", 0))

    @property
    def digest(self) -> str:
        """The digest of the figures' bytes."""
        return str(self.record["candidate_digest"])

    @property
    def address(self) -> str:
        """Where the portal shows it, below its own prefix."""
        return self.name if self.revision else f"candidates/{self.quarter}/{self.digest}"

    def read(self, path: str) -> bytes:
        """The bytes of a listed file. Raises KeyError for a path that is not listed, NotVerified for other bytes."""
        expected = self.sums[path]
        try:
            content = (self.home / path).read_bytes()
        except OSError:
            content = b""
        if store.sha256_bytes(content) != expected:
            raise _doubt(self.name, f"{path} is not what was released", "the bytes whose SHA-256 the manifest names")
        return content

    def board(self) -> Board:
        """The figures, as the files hold them."""
        return _board(self)

    def __hash__(self) -> int:
        return hash((self.name, self.digest, self.record.get("manifest_digest")))


@dataclass(frozen=True)
class Broken:
    """A folder in the place of a release that does not prove itself: its name and what was found, nothing of it."""

    name: str
    found: str


class BeingVerified(Exception):
    """The releases are being verified, and nothing can be shown yet."""


@dataclass(frozen=True)
class Shelf:
    """All releases in place, oldest first, and what lies there and is none."""

    releases: tuple[Pack, ...]
    broken: tuple[Broken, ...]

    def newest(self) -> dict[FiscalQuarter, Pack]:
        """The release in force of each quarter."""
        return {pack.quarter: pack for pack in self.releases}

    def revisions(self, quarter: FiscalQuarter) -> list[Pack]:
        """Every release of a quarter, the first one first."""
        return [pack for pack in self.releases if pack.quarter == quarter]

    def release(self, quarter: str, revision: str) -> Pack | None:
        """The release of that name, or nothing. Raises NotVerified where its folder does not prove itself."""
        name = f"{quarter}/{revision}"
        for broken in self.broken:
            if broken.name == name:
                raise _doubt(name, broken.found, "a folder that verifies")
        return next((pack for pack in self.releases if pack.name == name), None)

    def said(self, row: Row) -> list[tuple[Pack, Row]]:
        """What each release said of the figure in a row, in the order in which they were released."""
        cell = _cell(row)
        since = [pack for pack in self.releases if str(pack.quarter) >= row["fiscal_quarter"]]
        told = [(pack, _trend(pack, row["metric_id"]).get(cell)) for pack in since]
        told.sort(key=lambda pair: (pair[0].record["released_at"], pair[0].quarter, pair[0].revision))
        return [(pack, found) for pack, found in told if found]


def shelf(settings: Settings) -> Shelf:
    """Look at every folder in the place of a release."""
    good, bad = [], []
    for quarter, folder in _places(settings.place("releases")):
        found = _judged(folder, quarter, keys.trusted(settings))
        if isinstance(found, Pack):
            good.append(found)
        else:
            bad.append(found)
    good.sort(key=lambda pack: (pack.quarter, pack.revision))
    return Shelf(tuple(good), tuple(bad))


def proven(settings: Settings) -> Shelf:
    """The shelf for a reader who waits: a few new releases are verified at once, many in the background.

    Raises BeingVerified where that takes longer than a reader should wait; nothing is shown before it is done.
    """
    new = [folder for _, folder in _places(settings.place("releases")) if folder not in _known]
    if len(new) <= FEW:
        return shelf(settings)
    try:
        return prove(settings).result(timeout=PATIENCE)
    except TimeoutError:
        raise BeingVerified from None


def prove(settings: Settings) -> Future[Shelf]:
    """Begin to verify every release, in a thread of this process; what is proven then is remembered."""
    return _prover(os.getpid()).submit(shelf, settings)


@cache
def _prover(_process: int) -> ThreadPoolExecutor:
    # One for each process: a thread does not live on in a process that was forked from this one.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="proof-of-releases")


def candidate(settings: Settings, quarter: FiscalQuarter) -> Pack | None:
    """The quarter's current candidate, or nothing. Raises NotVerified where it is not what was prepared."""
    home = settings.place("candidates", str(quarter))
    if not (home / "current.json").is_file():
        return None
    folder = home / str(store.read_json(home / "current.json")["candidate_digest"])
    record = store.read_json(folder / CANDIDATE)
    name = f"{quarter}/{record['candidate_digest'][:12]}"
    if store.digest_of(record["files"]) != record["candidate_digest"] or folder.name != record["candidate_digest"]:
        raise _doubt(name, "a candidate.json that is not of these files", "the record that prepare wrote")
    pack = Pack(
        name, quarter, folder / "files", record["files"], record, _record(folder / VERDICT), _record(folder / APPROVAL)
    )
    for path in pack.sums:
        pack.read(path)
    return pack


def _places(home: Path) -> Iterator[tuple[FiscalQuarter, Path]]:
    for folder in sorted(home.glob("FY*/r*")):
        try:
            quarter = FiscalQuarter.parse(folder.parent.name)
        except HrddError:
            continue
        if folder.name[1:].isdigit():
            yield quarter, folder


_known: dict[Path, tuple[tuple[Any, ...], Pack | Broken]] = {}


def _judged(folder: Path, quarter: FiscalQuarter, trusted: keys.PublicKeys | None) -> Pack | Broken:
    """What a folder is, verified; from memory as long as no file of it was touched and the same keys count."""
    print_now = (repr(trusted), *_print(folder))
    kept = _known.get(folder)
    if kept and kept[0] == print_now:
        return kept[1]
    _known.pop(folder, None)
    name = f"{quarter}/{folder.name}"
    found: Pack | Broken
    try:
        found = _verified(folder, quarter, name, trusted)
    except HrddError as stop:
        found = Broken(name, stop.found)
    _known[folder] = (print_now, found)
    return found


def _verified(folder: Path, quarter: FiscalQuarter, name: str, trusted: keys.PublicKeys | None) -> Pack:
    verify(folder, trusted)
    manifest = store.read_json(folder / NAME)
    if manifest["release"] != name:
        raise _doubt(name, f"the files of {manifest['release']}", "the release that its folder is named for")
    sums = {**manifest["files"], NAME: store.sha256_file(folder / NAME)}
    return Pack(name, quarter, folder, sums, manifest, _record(folder / VERDICT), _record(folder / APPROVAL))


def _print(folder: Path) -> Iterator[tuple[Any, ...]]:
    """What changes of a folder when a file of it changes; a file cannot be written without its change time moving."""
    try:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            status = entry.stat(follow_symlinks=False)
            yield entry.name, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode
            if entry.is_dir(follow_symlinks=False):
                yield from _print(Path(entry.path))
    except OSError:
        yield ("gone",)


@lru_cache(maxsize=6)
def _board(pack: Pack) -> Board:
    try:
        return datapackage.board(pack.read, pack.record["inputs"])
    except (KeyError, ValueError, TypeError):
        raise _doubt(pack.name, "files of another version of this project", "files that this version wrote") from None


@lru_cache(maxsize=4000)
def _trend(pack: Pack, metric_id: str) -> dict[Cell, Row]:
    names = ("metric_id", "fiscal_quarter", "value", "display_value", "value_state", "unit")
    rows = datapackage.rows(pack.read("tables/trend.csv"), metric_id)
    return {_cell(row): {name: row[name] for name in names} for row in rows}


def _cell(row: Row) -> Cell:
    return row["metric_id"], row["perimeter"], row["basis"], row["fiscal_quarter"]


def _record(path: Path) -> dict[str, Any]:
    found = store.read_json(path) if path.is_file() else {}
    return found if isinstance(found, dict) else {}


def _doubt(name: str, found: str, expected: str) -> NotVerified:
    return NotVerified(
        f"{name} does not prove itself. Nothing of it is shown.",
        found=found,
        expected=expected,
        rule="portal/shelf.py; publish/verify.py",
        next_step="do not use its figures; whoever keeps the releases fetches it again from where it is kept",
    )
