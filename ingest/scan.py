"""The strict scan: where records begin and end, and whether each has its cells. No other part decides structure.

Each physical line of a file is accounted for once: as header, blank, part of a good record or part of a broken one.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from functools import cache

from ingest.contract import Column, Contract
from ingest.quarantine import Broken
from pipeline.errors import RefusedExtract

MAX_TEXT_BYTES = 1 << 30
MAX_RATIO = 200  # CSV of repeated codes shrinks to a fiftieth; more than this is not an extract
SEPARATOR = "\x1f"  # between the cells of a scanned record; a control character, so no good cell holds it
_BOM = b"\xef\xbb\xbf"
_PLAIN_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r") + b"\x7f"
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffd]|\r(?!\n)")


@dataclass(frozen=True)
class Scan:
    """A file in records. Five lists run side by side: a good record's number, first line, lines, own text and cells."""

    columns: tuple[Column, ...]
    lines: int
    blank_lines: int
    ends_with_newline: bool
    numbers: list[int] = field(repr=False)
    first_lines: list[int] = field(repr=False)
    spans: list[int] = field(repr=False)
    texts: list[str] = field(repr=False)
    cells: list[str] = field(repr=False)
    broken: list[Broken] = field(repr=False)

    @property
    def records(self) -> int:
        """All records of the file, good and broken."""
        return len(self.numbers) + len(self.broken)


def unpacked(content: bytes) -> bytes:
    """The bytes inside a gzip file, within limits. Raises RefusedExtract if it is cut short, broken or a bomb."""
    limit = min(MAX_TEXT_BYTES, MAX_RATIO * len(content) + (1 << 20))
    parts: list[bytes] = []
    size, rest = 0, content
    try:
        while rest:
            unpacker = zlib.decompressobj(wbits=31)
            parts.append(unpacker.decompress(rest, limit - size + 1))
            size += len(parts[-1])
            if size > limit:
                raise _refused(
                    "The compressed file is too big inside.",
                    found=f"more than {limit} bytes from {len(content)}",
                    expected=f"at most {MAX_RATIO} times its size, and {MAX_TEXT_BYTES} bytes",
                    next_step="ask the sender for the file without compression, or split",
                )
            if not unpacker.eof:
                raise zlib.error("cut short")
            rest = unpacker.unused_data
    except zlib.error:
        raise _refused(
            "The compressed file cannot be unpacked.",
            found="gzip data that is broken or cut short",
            expected="a whole gzip file",
            next_step="ask the sender for the file anew",
        ) from None
    return b"".join(parts)


def scan(content: bytes, contract: Contract) -> Scan:
    """Split a file into records by its contract.

    Raises RefusedExtract for a fault of the whole file: encoding, header, or a quote that is never closed.
    """
    text = _decoded(content)
    lines = text.split("\n")
    ends_with_newline = lines[-1] == ""
    if ends_with_newline:
        lines.pop()
    grammar = _grammar(contract.delimiter, contract.quote)
    columns = contract.match_header(_header(lines, grammar))
    has_controls = _may_have_controls(content, text)
    numbers: list[int] = []
    first_lines: list[int] = []
    spans: list[int] = []
    texts: list[str] = []
    cells: list[str] = []
    broken: list[Broken] = []
    number = blank_lines = 0
    index, offset = 1, len(lines[0]) + 1
    while index < len(lines):
        line = lines[index]
        end, span = offset + len(line) + 1, 1
        if line in ("", "\r"):
            blank_lines += 1
            index, offset = index + 1, end
            continue
        number += 1
        reason: str | None = None
        column: str | None = None
        if contract.quote not in line:
            joined = line.removesuffix("\r").replace(contract.delimiter, SEPARATOR)
            if joined.count(SEPARATOR) + 1 != len(columns):
                reason = "width"
        elif match := grammar.record.match(text, offset):
            end = match.end()
            span = text.count("\n", offset, end) + (text[end - 1] != "\n")
            found = grammar.cells(match[1])
            joined = SEPARATOR.join(found)
            if len(found) != len(columns):
                reason = "width"
            elif span > 1 and (column := _swallowing(columns, found)):
                reason = "line_break"
        else:
            # The record ends with its first line: a quote gone astray must not take its neighbors with it.
            _stop_if_never_closed(text, offset, index + 1, grammar)
            joined, reason = "", "stray_quote"
        own = text[offset:end]
        if has_controls and _CONTROL.search(own):
            reason, column = "control_character", None
        if reason:
            broken.append(Broken(number, index + 1, span, column, reason, own))
        else:
            numbers.append(number)
            first_lines.append(index + 1)
            spans.append(span)
            texts.append(own)
            cells.append(joined)
        index, offset = index + span, end
    found_all = numbers, first_lines, spans, texts, cells, broken
    return Scan(columns, len(lines), blank_lines, ends_with_newline, *found_all)


@dataclass(frozen=True)
class _Grammar:
    """The few patterns that tell records and cells apart. They cannot backtrack, so no file takes long to refuse."""

    delimiter: str
    quote: str
    record: re.Pattern[str]  # a whole record with its line end; group 1 is its cells
    good_cells: re.Pattern[str]  # the cells before the first one that breaks the grammar
    closed: re.Pattern[str]  # one quoted cell
    cell: re.Pattern[str]

    def cells(self, record: str) -> list[str]:
        """The values of a record that matched, without their quotes."""
        return [
            cell[1:-1].replace(self.quote * 2, self.quote) if cell.startswith(self.quote) else cell
            for cell in self.cell.findall(record.removesuffix("\r") + self.delimiter)
        ]


@cache
def _grammar(delimiter: str, quote: str) -> _Grammar:
    d, q = re.escape(delimiter), re.escape(quote)
    closed = f"{q}(?:[^{q}]++|{q}{q})*+{q}"
    cell = f"(?:{closed}|[^{q}{d}\n]*+)"
    return _Grammar(
        delimiter=delimiter,
        quote=quote,
        record=re.compile(f"((?:{cell}{d})*+{cell})\r?(?:\n|\\Z)"),
        good_cells=re.compile(f"(?:{cell}{d})*+"),
        closed=re.compile(closed),
        cell=re.compile(f"({cell}){d}"),
    )


def _header(lines: list[str], grammar: _Grammar) -> list[str]:
    header = grammar.record.fullmatch(lines[0]) if lines else None
    if header is None:
        raise _refused(
            "The file has no header that can be read.",
            found="an empty file" if not lines else "a first line with a quote astray or a line break in it",
            expected="the names of the columns in the first line",
            next_step="ask the sender for the file with its header as first line",
        )
    return grammar.cells(header[1])


def _decoded(content: bytes) -> str:
    try:
        return content.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as fault:
        raise _refused(
            "The file is not in UTF-8.",
            found=f"a byte that UTF-8 does not have, in line {content.count(10, 0, fault.start) + 1}",
            expected="UTF-8, with or without a byte order mark",
            next_step="ask the sender to export in UTF-8; a file is never converted by guessing",
        ) from None


def _may_have_controls(content: bytes, text: str) -> bool:
    """Whether any record needs the look for control characters; most files are cleared in one quick pass."""
    if len(content.translate(None, _PLAIN_CONTROLS)) != len(content):
        return True
    return (not text.isascii() or "\r" in text) and _CONTROL.search(text) is not None


def _stop_if_never_closed(text: str, offset: int, line: int, grammar: _Grammar) -> None:
    good = grammar.good_cells.match(text, offset)
    at = good.end() if good else offset
    if text.startswith(grammar.quote, at) and grammar.closed.match(text, at) is None:
        raise _refused(
            "A quote is opened and never closed.",
            found=f"an open quote in line {line + text.count(chr(10), offset, at)}",
            expected="each quoted cell closed; what follows an open quote cannot be told apart",
            next_step="ask the sender to mend the line, or for the file anew: it may have been cut short",
        )


def _swallowing(columns: tuple[Column, ...], cells: list[str]) -> str | None:
    """The first column that holds a line break and may not."""
    found = (column.name for column, cell in zip(columns, cells, strict=True) if "\n" in cell and not column.multiline)
    return next(found, None)


def _refused(headline: str, *, found: str, expected: str, next_step: str) -> RefusedExtract:
    return RefusedExtract(headline, found=found, expected=expected, rule="ingest/scan.py", next_step=next_step)
