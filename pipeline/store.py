"""The only place that writes state: content addresses, atomic puts, canonical JSON, pointers and locks.

Every writer here leaves either the whole new thing or the whole old thing, also when the process is killed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pipeline.errors import HrddError

PRIVATE_FILE = 0o640
PRIVATE_FOLDER = 0o750


def sha256_bytes(content: bytes) -> str:
    """Digest of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Digest of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def copy(stream: IO[bytes], target: Path, *, at_most: int | None = None) -> tuple[str, int]:
    """Copy what is left of a stream into a new file. Returns its SHA-256, in hexadecimal, and its size (bytes).

    Of more than ``at_most`` bytes the rest stays unread, and the size says that there are more.
    """
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as out, ThreadPoolExecutor(1) as beside:
        while block := stream.read(1 << 18):
            size += len(block)
            if at_most is not None and size > at_most:
                break
            hashed = beside.submit(digest.update, block)
            out.write(block)
            hashed.result()
    return digest.hexdigest(), size


def canonical_json(value: Any) -> bytes:
    """JSON that is the same bytes for the same value: sorted keys, two spaces, UTF-8, one newline at the end."""
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def read_json(path: Path) -> Any:
    """Read a JSON file that this project wrote."""
    try:
        return json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise HrddError(
            "A record of the project cannot be read.",
            found=f"{path} is not JSON",
            expected="the JSON that the project wrote there",
            rule="pipeline/store.py",
            next_step="restore the file from a backup, or delete it and run the step again",
        ) from None


def folder(path: Path) -> Path:
    """Make sure that a folder is there, closed to others, and return it."""
    for missing in reversed([place for place in (path, *path.parents) if not place.exists()]):
        missing.mkdir(exist_ok=True, mode=PRIVATE_FOLDER)  # `parents=True` would leave those above open
    return path


def write_bytes(path: Path, content: bytes) -> None:
    """Put a file in one step: readers see the old file or the new one, never a part."""
    with put(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Put a value as canonical JSON in one step."""
    write_bytes(path, canonical_json(value))


@contextmanager
def put(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; what is written there appears at ``path`` when the block ends well."""
    folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".put-")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(PRIVATE_FILE)
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def put_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder; its whole content appears at ``path`` when the block ends well, or not at all.

    ``path`` must not exist: a folder that is in place is never changed.
    """
    folder(path.parent)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=".put-"))
    try:
        yield temporary
        temporary.chmod(PRIVATE_FOLDER)
        for file in sorted(temporary.rglob("*")):
            file.chmod(PRIVATE_FOLDER if file.is_dir() else PRIVATE_FILE)
            _sync(file)
        temporary.rename(path)
        _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(root: Path) -> None:
    """Remove what a killed ``put`` or ``put_folder`` left right below a folder. The caller holds the folder's lock."""
    for leftover in sorted(root.glob(".put-*")):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Add one record to an append-only ledger of JSON lines, and wait until it is on disk.

    A last line that a kill cut short is taken away first: nobody was told that it had been written.
    """
    folder(path.parent)
    line = json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, PRIVATE_FILE)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.ftruncate(descriptor, path.read_bytes().rfind(b"\n") + 1)
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a ledger of JSON lines; a last line that a kill cut short is left out."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in whole.split("\n") if line]


def checksums(root: Path) -> dict[str, str]:
    """Digest of every file below a folder, by its relative path with forward slashes."""
    return {file.relative_to(root).as_posix(): sha256_file(file) for file in sorted(root.rglob("*")) if file.is_file()}


def digest_of(sums: Mapping[str, str]) -> str:
    """One digest for a set of files: of the canonical JSON of their checksums."""
    return sha256_bytes(canonical_json(dict(sums)))


def point(link: Path, target: Path) -> None:
    """Turn a pointer (a relative symbolic link) in one step, so that no reader finds it missing or half turned."""
    folder(link.parent)
    temporary = link.parent / f".point-{os.getpid()}-{link.name}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.path.relpath(target, link.parent))
    temporary.replace(link)
    _sync(link.parent)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock that the system releases when the process ends, however it ends; others wait."""
    folder(path.parent)
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
