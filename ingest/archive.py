"""Archives: gzip and ZIP, opened under limits of size, ratio, entries and time.

No entry is ever written under its own name, and what could reach outside or hide is refused unread.
"""

from __future__ import annotations

import stat
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from pipeline.errors import RefusedExtract

MAX_TEXT_BYTES = 1 << 34
MAX_RATIO = 200  # CSV of repeated codes shrinks to a fiftieth; more than this is not an extract
MAX_ENTRIES = 2_000
MAX_SECONDS = 600
_BLOCK = 1 << 20


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@contextmanager
def entries_of(file: Path) -> Iterator[zipfile.ZipFile]:
    """A ZIP archive whose list of entries has been looked at; nothing of it is written under its own name."""
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, UnicodeDecodeError):
        raise _refused("the archive cannot be read: broken or cut short", "a whole ZIP archive") from None
    with archive:
        entries = archive.infolist()
        if len(entries) > MAX_ENTRIES:
            raise _refused(f"{len(entries)} entries", f"at most {MAX_ENTRIES}")
        names = [entry.filename for entry in entries]
        if len({name.casefold() for name in names}) != len(names):
            raise _refused("two entries of one name", "each entry once")
        for entry in entries:
            path = PurePosixPath(entry.filename.replace("\\", "/"))
            mode = entry.external_attr >> 16
            if path.is_absolute() or ".." in path.parts or ":" in entry.filename or "\0" in entry.filename:
                raise _refused("an entry whose name leads out of the archive", "plain names")
            if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused("a link or a device in the archive", "files")
            if entry.flag_bits & 0x1:
                raise _refused("an encrypted entry", "an archive without encryption")
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _refused("an unusual compression", "stored or deflated entries")
        yield archive


def unpack_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """Write what one entry holds, within limits."""
    try:
        with archive.open(entry) as stream, target.open("wb") as out:
            _copy(stream, out, entry.compress_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError):
        raise _refused("the archive cannot be read: broken or cut short", "a whole ZIP archive") from None


def unpack_only_entry(file: Path, target: Path) -> str:
    """Write what is inside a ZIP archive of one file. Returns the entry's name."""
    with entries_of(file) as archive:
        files = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(files) != 1:
            raise _refused(f"{len(files)} files in the archive", "one file in an archive")
        unpack_entry(archive, files[0], target)
        return files[0].filename


def unpack_gzip(file: Path, target: Path) -> None:
    """Write what is inside a gzip file, all its members."""
    with file.open("rb") as packed, target.open("wb") as out:
        try:
            _copy(_Members(packed), out, file.stat().st_size)
        except zlib.error:
            raise _refused("gzip data that is broken or cut short", "a whole gzip file") from None


class _Members:
    """Reads the members of a gzip file one after the other; what is behind the last must be one too."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._rest = b""
        self._unpacker = zlib.decompressobj(wbits=31)

    def read(self, size: int) -> bytes:
        while True:
            if self._unpacker.eof:
                self._rest = self._unpacker.unused_data or self._packed.read(_BLOCK)
                if not self._rest:
                    return b""
                self._unpacker = zlib.decompressobj(wbits=31)
            elif not self._rest:
                self._rest = self._packed.read(_BLOCK)
                if not self._rest:
                    raise zlib.error("cut short")
            content = self._unpacker.decompress(self._rest, size)
            self._rest = self._unpacker.unconsumed_tail
            if content:
                return content


def _copy(source: _Readable, target: BinaryIO, packed: int) -> None:
    limit = min(MAX_TEXT_BYTES, MAX_RATIO * packed + (1 << 20))
    until = time.monotonic() + MAX_SECONDS
    size = 0
    while block := source.read(_BLOCK):
        size += len(block)
        if size > limit:
            raise RefusedExtract(
                "The compressed file is too big inside.",
                found=f"more than {limit} bytes from {packed}",
                expected=f"at most {MAX_RATIO} times its size, and {MAX_TEXT_BYTES} bytes",
                rule="ingest/archive.py",
                next_step="ask the sender for the file without compression, or split",
            )
        if time.monotonic() > until:
            raise _refused(f"more than {MAX_SECONDS} seconds to unpack", "an extract of a usual size")
        target.write(block)


def _refused(found: str, expected: str) -> RefusedExtract:
    return RefusedExtract(
        "The file cannot be opened.",
        found=found,
        expected=expected,
        rule="ingest/archive.py",
        next_step="ask the sender for the file anew, plain or compressed with gzip",
    )
