"""One file by one contract into one folder: ``hrdd load PATH --contract NAME --into FOLDER``.

It works without Airflow, without a data folder and without any other part, so that other tools can drive it. It leaves
``loaded.parquet``, ``quarantine.parquet`` and ``receipt.json``, and never ends in a traceback: whatever happens is a
count, a quarantined record or a refusal with its reason.
"""

from __future__ import annotations

import codecs
import json
import os
import shutil
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import duckdb

from ingest.casting import text
from ingest.contract import CONTRACTS, Contract, ForbiddenColumn, contract, read_contract
from ingest.land import MAX_SENT_BYTES, held_to_manifest, hold_to_digest
from ingest.load import bounded, counts
from ingest.opening import TEXT, kind_of
from ingest.pseudonym import keys, pseudonyms
from ingest.reading import ROW_NUMBER, Reading, read, rewrite
from ingest.scan import ChangedFile
from pipeline import store
from pipeline.database import connect, quoted
from pipeline.errors import HrddError, RefusedExtract
from pipeline.settings import Settings

MANIFEST = ".manifest.json"
SENT = "sent"  # the copy that is read where a file is not read as it stands
MAX_KEPT_BYTES = 1 << 26  # a refused file up to this size is kept whole in quarantine.parquet
_NOTHING: dict[str, Any] = {
    "records_in": 0,
    "loaded": 0,
    "quarantined": 0,
    "lines_in": 0,
    "lines": None,
    "reasons": {},
    "faults": [],
    "unknown": {},
}
_UNREADABLE_IN_SQL = set("*?[]{}")
_BROKEN = "{record: 'bigint', line: 'bigint', lines: 'bigint', columns: 'varchar', reason: 'varchar', text: 'varchar'}"


def load_file(settings: Settings, path: Path, name: str, into: Path) -> tuple[dict[str, Any], HrddError | None]:
    """Load one file. Returns the receipt, and the error of a refusal; raises nothing for whatever the file holds.

    ``name`` is ``family.extract``, ``family/extract`` or the path of a contract file. A manifest beside the file
    (``PATH.manifest.json``) is held to. What an earlier call left in the folder is replaced.
    """
    receipt: dict[str, Any] = {
        "sent_as": _told(path.name),
        "outcome": "refused",
        "refusal": None,
        "warnings": [],
    } | _NOTHING
    promised: Contract | None = None
    stop: HrddError | None = None
    sent: _Sent | None = None
    try:
        store.folder(into)
        with _workspace(into) as folder, ExitStack() as until_it_is_told:
            workspace = Path(folder)
            try:
                promised = _contract(name)
                receipt |= {"contract": promised.name, "contract_digest": promised.digest}
                sent = _sent(until_it_is_told.enter_context(_opened(path)), path.name, promised, workspace)
                receipt |= {"bytes": sent.as_opened.st_size}
                manifest, warnings = _manifest(settings, path, promised, sent)
                with _connected(settings, workspace) as connection:
                    reading = read(connection, sent.file, path.name, promised, manifest, workspace)
                    if pseudonyms(promised):
                        _hide_ids(settings, connection, promised, reading)
                    quarantined = _quarantined(connection, reading, workspace)
                sha256 = sent.sha256 or reading.sha256
                if sha256 is None or sent.has_changed():
                    raise ChangedFile
                hold_to_digest(manifest, sha256)
                _put(into, "loaded.parquet", reading.parquet)
                _put(into, "quarantine.parquet", quarantined)
                receipt |= {"outcome": "loaded", "sha256": sha256}
                receipt |= {"warnings": warnings + reading.warnings} | counts(reading)
            except HrddError as fault:
                stop = fault
            except Exception as fault:
                # The bar is that nothing a file holds ends in a traceback; the kind of the fault may be told.
                stop = _unexpected(fault)
            if stop is not None:
                kept = None
                if sent is not None:
                    receipt["sha256"], kept = _kept(sent.file, stop, workspace)
                    if sent.has_changed() and not isinstance(stop, ForbiddenColumn):
                        stop, kept = ChangedFile(), None
                receipt |= {"refusal": stop.parts()}
                _leave_refused(settings, workspace, into, promised, stop, kept)
        store.write_json(into / "receipt.json", receipt)
    except (OSError, duckdb.Error) as fault:
        stop = HrddError(
            "The results cannot be written.",
            found=f"a folder that cannot be made, or not be written to ({type(fault).__name__})",
            expected="a folder on a disk with room for the results",
            rule="docs/commands.md, hrdd load",
            next_step="give another folder --into, then run it again",
        )
        receipt |= {"outcome": "refused", "refusal": stop.parts()} | _NOTHING
    return receipt, stop


def summary(receipt: dict[str, Any]) -> str:
    """The receipt as one line of JSON: how many records and lines, whether the file was refused, and why."""
    refusal = receipt["refusal"]
    return json.dumps(
        {
            "records": receipt["records_in"],
            "loaded": receipt["loaded"],
            "quarantined": receipt["quarantined"],
            "lines": receipt["lines_in"],
            "refused": receipt["outcome"] == "refused",
            "reason": f"{refusal['headline']} Found: {refusal['found']}." if refusal else None,
        },
        ensure_ascii=True,
    )


def _told(name: str) -> str:
    """A file's name as receipts hold it: bytes that are no UTF-8 are written out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _contract(name: str) -> Contract:
    file = Path(name)
    if file.suffix in (".yaml", ".yml") or file.is_file():
        return read_contract(file, of_this_house=file.resolve().is_relative_to(CONTRACTS))
    family, _, extract = name.replace("/", ".").partition(".")
    return contract(family, extract)


def _workspace(into: Path) -> TemporaryDirectory[str]:
    """Beside the results, unless SQL would read the folder's name as a pattern."""
    has_patterns = _UNREADABLE_IN_SQL & set(str(into.resolve()))
    return TemporaryDirectory(dir=None if has_patterns else into.resolve(), prefix=".put-")


def _connected(settings: Settings, workspace: Path) -> Any:
    return connect(bounded(settings), folders=[workspace], spill=workspace / "spill")


def _opened(path: Path) -> BinaryIO:
    """The file, opened once: whatever stands under its name later is not read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as fault:
        raise _unread(f"no file that can be opened ({type(fault).__name__})") from None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_SENT_BYTES:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISREG(status.st_mode):
        raise _unread(f"{status.st_size} bytes, more than {MAX_SENT_BYTES}")
    raise _unread("a folder, a device or a pipe")


@dataclass(frozen=True)
class _Sent:
    """An open file: where it can be read under no name of its sender's, and the SHA-256 of what is a copy."""

    stream: BinaryIO
    as_opened: os.stat_result
    file: Path
    sha256: str | None

    def has_changed(self) -> bool:
        """Whether somebody wrote to it since, as far as its size and its times tell."""
        now = os.fstat(self.stream.fileno())
        return any(getattr(now, of) != getattr(self.as_opened, of) for of in ("st_size", "st_mtime_ns", "st_ctime_ns"))


def _sent(stream: BinaryIO, name: str, promised: Contract, workspace: Path) -> _Sent:
    """Text in plain UTF-8 is read where it stands, for the scan copies and digests the same bytes, each once. Of all
    else, which is read more often or by DuckDB itself, there is a copy first."""
    as_opened, own = os.fstat(stream.fileno()), Path(f"/proc/self/fd/{stream.fileno()}")
    is_plain = promised.encodings == ("utf-8",) and os.pread(stream.fileno(), 3, 0) != codecs.BOM_UTF8
    if kind_of(name) in TEXT and is_plain and own.exists():
        return _Sent(stream, as_opened, own, None)
    sha256, _ = store.copy(stream, workspace / SENT)
    return _Sent(stream, as_opened, workspace / SENT, sha256)


def _manifest(settings: Settings, path: Path, promised: Contract, sent: _Sent) -> tuple[dict[str, Any], list[str]]:
    file = path.with_name(path.name + MANIFEST)
    if not os.path.lexists(file):
        return {}, ["no manifest: whether the file is whole cannot be proven"]
    manifest, warnings = held_to_manifest(settings, file, promised, sent.as_opened.st_size)
    if sent.sha256:
        hold_to_digest(manifest, sent.sha256)
    return manifest, warnings


def _hide_ids(settings: Settings, connection: duckdb.DuckDBPyConnection, promised: Contract, reading: Reading) -> None:
    """Ids become pseudonyms, and the days of a case go onto its own clock, here as everywhere."""
    known = keys(settings)
    known.arm(connection)
    rewrite(
        connection,
        reading.parquet,
        f"select {known.columns(promised, settings.timezone)}, {ROW_NUMBER} "
        f"from read_parquet({text(str(reading.parquet))})",
    )


def _quarantined(connection: duckdb.DuckDBPyConnection, reading: Reading, workspace: Path) -> Path:
    lines, parquet = workspace / "quarantined.jsonl", workspace / "quarantine.parquet"
    with lines.open("w", encoding="utf-8") as stream:
        longest = 1 << 20
        for record in reading.quarantine.broken():
            longest = max(longest, 6 * stream.write(json.dumps(record, ensure_ascii=False) + "\n"))
    connection.execute(
        f"copy (select *, encode(text) as bytes from read_json({text(str(lines))}, columns = {_BROKEN}, "
        f"format = 'newline_delimited', maximum_object_size = {longest})) to {text(str(parquet))} (format parquet)"
        if len(reading.quarantine)
        else f"copy ({_no_record()}) to {text(str(parquet))} (format parquet)"
    )
    return parquet


def _no_record() -> str:
    return (
        "select null::bigint as record, null::bigint as line, null::bigint as lines, null::varchar as columns, "
        "null::varchar as reason, null::varchar as text, null::blob as bytes limit 0"
    )


def _kept(file: Path, stop: HrddError, workspace: Path) -> tuple[str, Path | None]:
    """The SHA-256 of a refused file, and its bytes, so that they can be looked at, unless none may be kept."""
    if isinstance(stop, (ForbiddenColumn, ChangedFile)) or file.stat().st_size > MAX_KEPT_BYTES:
        return store.sha256_file(file), None
    with file.open("rb") as stream:
        return store.copy(stream, workspace / "kept")[0], workspace / "kept"


def _leave_refused(
    settings: Settings, workspace: Path, into: Path, promised: Contract | None, stop: HrddError, kept: Path | None
) -> None:
    """What a refused file leaves: no record, and its bytes if they are kept."""
    empty, refused = workspace / "empty.parquet", workspace / "refused.parquet"
    with _connected(settings, workspace) as connection:
        columns = promised.in_raw.columns if promised else ()
        nothing = "".join(f"null::{c.physical_type} as {quoted(c.name)}, " for c in columns)
        connection.execute(
            f"copy (select {nothing}null::bigint as {ROW_NUMBER} limit 0) to {text(str(empty))} (format parquet)"
        )
        query = _no_record()
        if kept:
            query = (
                "select null::bigint as record, null::bigint as line, null::bigint as lines, null::varchar as columns, "
                f"{text(stop.headline)} as reason, null::varchar as text, content as bytes "
                f"from read_blob({text(str(kept))})"
            )
        connection.execute(f"copy ({query}) to {text(str(refused))} (format parquet)")
    _put(into, "loaded.parquet", empty)
    _put(into, "quarantine.parquet", refused)


def _put(into: Path, name: str, made: Path) -> None:
    with store.put(into / name) as temporary:
        shutil.move(made, temporary)
    (into / name).chmod(0o600)


def _unread(found: str) -> RefusedExtract:
    return RefusedExtract(
        "There is no file to read.",
        found=found,
        expected=f"the path of a regular file of at most {MAX_SENT_BYTES} bytes; links are not followed",
        rule="docs/commands.md, hrdd load",
        next_step="give the path of the file itself",
    )


def _unexpected(fault: BaseException) -> HrddError:
    return RefusedExtract(
        "The file could not be read.",
        found=f"a fault that no rule foresees ({type(fault).__name__})",
        expected="a file that is read, or refused by a rule",
        rule="ingest/alone.py",
        next_step="report this as a defect; nothing of the file was loaded",
    )
