"""Opening: from the bytes that a sender wrote to delimited text in UTF-8, whatever they came wrapped in.

What a file is called and what it is must agree. Everything opens under limits of size, ratio, entries and time, and
what could run, hide or reach outside is refused: macros, encryption, external links, document types, nested archives.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingest import jsonlines, parquet, workbook
from ingest.archive import unpack_gzip, unpack_only_entry
from ingest.contract import Contract
from ingest.encoding import in_utf8
from ingest.quarantine import Quarantine
from ingest.scan import Text
from pipeline.errors import RefusedExtract

TEXT = (".csv", ".tsv", ".tab", ".txt")
LINES = (".jsonl", ".ndjson")
FORMATS = (*TEXT, *LINES, ".parquet", ".xlsx", *(suffix + ".gz" for suffix in (*TEXT, *LINES)), ".zip")
_MAGIC = (
    (b"\x1f\x8b", ".gz"),
    (b"PK\x03\x04", ".zip"),
    (b"PK\x05\x06", ".zip"),
    (b"PAR1", ".parquet"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an encrypted or an old binary Office file"),
    (b"%PDF-", "PDF"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!", "RAR"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"SQLite format 3\x00", "SQLite"),
)


@dataclass(frozen=True)
class Opened:
    """A file as delimited text, with a header in its first line.

    ``aside`` are the lines that are no record (header, blank) of a file that is no text, each of whose records is one
    line: a row of a workbook, a line of JSON, a row of Parquet. ``is_proven`` is false for a file of a format that
    may have checksums and that has none.
    """

    text: Text
    aside: tuple[int, int] | None = None
    is_proven: bool = True


def opened(
    file: Path,
    sent_as: str,
    contract: Contract,
    quarantine: Quarantine,
    workspace: Path,
    connection: duckdb.DuckDBPyConnection,
) -> Opened:
    """Open a file that its sender called ``sent_as``. What is written on the way lies in ``workspace``.

    Raises RefusedExtract for whatever may not, or cannot, be opened.
    """
    suffix = kind_of(sent_as)
    found = _magic_of(file)
    if suffix in (".zip", ".gz"):
        _stop_unless(found == suffix, sent_as, found)
        inside = workspace / "inside"
        if suffix == ".gz":
            name = sent_as[: -len(".gz")]
            unpack_gzip(file, inside)
        else:
            name = unpack_only_entry(file, inside)
        file, suffix, found = inside, kind_of(name), _magic_of(inside)
        _stop_unless(suffix in (*TEXT, *LINES, "") and not found, name, found or "an archive in an archive")
    if suffix == ".xlsx":
        _stop_unless(found == ".zip", sent_as, found)
        return Opened(*workbook.as_text(file, contract, quarantine, workspace))
    if suffix == ".parquet":
        _stop_unless(found == ".parquet", sent_as, found)
        return Opened(*parquet.as_text(file, contract, quarantine, workspace, connection))
    _stop_unless(not found, sent_as, found)
    text = in_utf8(file, ["utf-8"] if suffix in LINES else contract.encodings, workspace / "utf-8")
    if suffix in LINES:
        return Opened(*jsonlines.as_text(text, contract, quarantine, workspace))
    return Opened(Text(text, contract.delimiter, contract.quote))


def kind_of(sent_as: str) -> str:
    """The last part of a name that says what a file is; nothing for a name that does not say."""
    name = sent_as.lower()
    return next((suffix for suffix in (".gz", ".zip", *TEXT, *LINES, ".parquet", ".xlsx") if name.endswith(suffix)), "")


def _magic_of(file: Path) -> str:
    with file.open("rb") as stream:
        head = stream.read(16)
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "")


def _stop_unless(agrees: bool, sent_as: str, found: str) -> None:
    if agrees:
        return
    what = {"": "text, or nothing that is known", ".gz": "gzip", ".zip": "ZIP or Office", ".parquet": "Parquet"}
    raise RefusedExtract(
        "The file is not what its name says.",
        found=f"{what.get(found, found)} under a name that ends in {kind_of(sent_as) or 'nothing known'}",
        expected="content of the kind that the name ends in; archives hold text only",
        rule="ingest/opening.py",
        next_step="ask the sender for CSV in UTF-8, or for the file under its right name",
    )
