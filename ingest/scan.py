"""The strict scan: where records begin and end, and whether each has its cells. No other part decides structure.

Each physical line of a file is accounted for once: as header, blank, part of a good record or part of a broken one.
A file is read in blocks. A block in which every line is one record in order (quotes in pairs, each pair around one
cell, as many delimiters a line as the contract has) is proven with a few passes of NumPy; every other block is read
record by record. Both leave the same: text that DuckDB cannot misread, one line of cells for each record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ingest.contract import Column, Contract
from ingest.quarantine import Broken, Finder, Quarantine
from pipeline.errors import RefusedExtract

if TYPE_CHECKING:
    from _hashlib import HASH

BLOCK = 1 << 18  # what fits a processor's cache is counted fastest
PART = 1 << 26  # DuckDB numbers records in one thread, so that several parts are read at once
MAX_RECORD_BYTES = 1 << 23
MAX_LINE_BYTES = 1 << 26  # a line without end is no text
MAX_LINES_BYTES = 1 << 16  # how far the end of a quoted cell is looked for where no column is declared multiline
MAX_PREAMBLE_LINES = 50  # where the contract says that the header is searched for
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffd]|\r(?!\n)")
# First and last bytes of whatever counts as white space; letters share some of them, so they only raise a doubt.
_SPACE_LIKE = np.zeros(256, bool)
_SPACE_LIKE[[9, 32, *range(0x80, 0xB0), 0xC2, 0xE1, 0xE2, 0xE3]] = True
_FIRST, _LAST = np.uint64(1), np.uint64(63)
_BEYOND_ASCII = (b"\xc2", b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\xef\xbb\xbf", b"\xef\xbf\xbd")


class ChangedFile(RefusedExtract):
    """A file is no longer what it was when it was opened: nothing that was read of it counts."""

    def __init__(self) -> None:
        super().__init__(
            "The file changed while it was read.",
            found="other bytes, another size or another time of its last change than when it was opened",
            expected="a file that nobody writes to any more",
            rule="ingest/scan.py, ChangedFile",
            next_step="wait until its sender has finished, then load it again",
        )


@dataclass(frozen=True)
class Text:
    """Delimited text in UTF-8, its lines ending in LF or CRLF."""

    file: Path
    delimiter: str
    quote: str
    is_ours: bool = False  # written here from another format: no quote of it is astray


@dataclass(frozen=True)
class Part:
    """A piece of the clean text: one line for each record of these numbers.

    ``longest`` and ``may_have_outer_space`` are of all records up to its end.
    """

    file: Path
    numbers: range
    columns: tuple[Column, ...]
    longest: int
    may_have_outer_space: bool


@dataclass(frozen=True)
class Scan:
    """What a file holds. ``parts`` have one line for each record; a broken one's has empty cells: it must not load.

    ``columns`` are the contract's in the order of the file. ``sha256`` is of the very bytes that were taken.
    """

    text: Text
    columns: tuple[Column, ...]
    records: int
    lines: int
    header_lines: int
    blank_lines: int
    ends_with_newline: bool
    sha256: str
    parts: tuple[Part, ...]
    blocks: tuple[_Block, ...]

    def find(self, numbers: Iterable[int]) -> Iterator[tuple[int, int, int, str]]:
        """Number, first line, lines and own text of the records asked for, which come in rising order.

        Raises ChangedFile if they are not the bytes that were scanned.
        """
        blocks = iter(self.blocks)
        block = next(blocks, None)
        found: Iterator[tuple[int, int, int, str]] = iter(())
        with self.text.file.open("rb") as stream:
            grammar = _Grammar.of(self.text, self.columns)
            place: tuple[int, int, int, str] | None = None
            for number in numbers:
                while block is not None and number >= block.record + block.records:
                    block, found, place = next(blocks, None), iter(()), None
                if block is None:
                    return
                if place is None:
                    # What was decided with a look past the block's end is decided so again.
                    stream.seek(block.offset)
                    content = stream.read(block.size + 2 * grammar.look)
                    block.stop_if_changed(content)
                    found = _numbered(block, content, len(content) < block.size + 2 * grammar.look, grammar)
                while place is None or place[0] < number:
                    place = next(found)
                yield place


@dataclass(frozen=True)
class _Block:
    record: int  # number of the first record
    records: int
    line: int  # number of the first line
    offset: int
    size: int
    before: HASH  # of all bytes of the file before it
    sha256: bytes  # of these and its own

    def stop_if_changed(self, content: bytes) -> None:
        digest = self.before.copy()
        digest.update(memoryview(content)[: self.size])
        if digest.digest() != self.sha256:
            raise ChangedFile


@dataclass(frozen=True)
class _Record:
    """One record, or one blank line, as it stands; ``clean`` is its line for DuckDB."""

    text: str
    lines: int
    reason: str | None
    column: str | None
    is_blank: bool
    clean: str


def scan(
    text: Text, contract: Contract, quarantine: Quarantine, clean: Path, take: Callable[[Part], None] = lambda _: None
) -> Scan:
    """Split a file into records by its contract; broken ones go to the quarantine. ``take`` gets each part as soon as
    it is there.

    The parts are written beside ``clean``. Raises RefusedExtract for a fault of the whole file: its header, or a quote
    that is never closed where a cell may have lines.
    """
    digest = sha256()
    with text.file.open("rb") as stream:
        columns, header_lines, start = _find_header(stream, text, contract, digest)
        return _Scanner(text, columns, header_lines, start, digest, quarantine, clean, take).read(stream)


class _Scanner:
    def __init__(
        self,
        text: Text,
        columns: tuple[Column, ...],
        header: int,
        start: int,
        digest: HASH,
        quarantine: Quarantine,
        clean: Path,
        take: Callable[[Part], None],
    ) -> None:
        self.take = take
        self.text, self.columns, self.quarantine, self.clean = text, columns, quarantine, clean
        self.grammar = _Grammar.of(text, columns)
        self.header_lines, self.digest = header, digest
        self.offset, self.line = start, header + 1
        self.records = self.blank_lines = self.longest = 0
        self.blocks: list[_Block] = []
        self.may_have_outer_space = False
        self.parts: list[Part] = []
        self.part_offset, self.part_record = start, 1
        self.part: BinaryIO | None = None

    def read(self, stream: BinaryIO) -> Scan:
        ends_with_newline, is_last, wanted = True, False, BLOCK
        try:
            while not is_last:
                stream.seek(self.offset)
                block = stream.read(wanted)
                is_last = len(block) < wanted
                if not is_last:
                    block = block[: block.rfind(b"\n") + 1]
                if block:
                    ends_with_newline = block.endswith(b"\n")
                used = self._take(block) or self._split(block, is_last)
                # A record that goes on past the block is looked at again with twice as much of it.
                wanted = BLOCK if used else 2 * wanted
                if wanted > 2 * MAX_LINE_BYTES:
                    raise _refused(
                        "A line does not end.",
                        found=f"no end within {MAX_LINE_BYTES} bytes from line {self.line}",
                        expected="records of a few thousand bytes",
                        next_step="ask the sender for the file anew; is it the text format that its name says?",
                    )
                if self.offset - self.part_offset >= PART:
                    self._end_part()
            self._end_part()
        finally:
            if self.part:
                self.part.close()
        return Scan(
            self.text,
            self.columns,
            self.records,
            self.line - 1,
            self.header_lines,
            self.blank_lines,
            ends_with_newline,
            self.digest.hexdigest(),
            tuple(self.parts),
            tuple(self.blocks),
        )

    def _take(self, block: bytes) -> int:
        """Take a block in which each line is one record in order. Returns how many bytes that is: all, or none."""
        proof = _proven(block, self.text, len(self.columns))
        if proof is None:
            return 0
        self._put(block.replace(b"\r\n", b"\n") if b"\r" in block else block)
        self.longest = max(self.longest, proof.longest)
        self.may_have_outer_space |= proof.may_have_outer_space
        self._took(proof.records, proof.records, block)
        return len(block)

    def _split(self, block: bytes, is_last: bool) -> int:
        """Take what is decided of a block, record by record. Returns how many bytes that is."""
        lines: list[str] = []
        size, number, line = 0, self.records, self.line
        for record in _records(block.decode(), self.grammar, is_last, line):
            if not record.is_blank:
                number += 1
                lines.append(record.clean)
                if record.reason:
                    self.quarantine.add(
                        Broken(number, line, record.lines, record.column, record.reason, record.text), Finder.SCAN
                    )
            else:
                self.blank_lines += 1
            line += record.lines
            length = len(record.text) if record.text.isascii() else len(record.text.encode())
            size, self.longest = size + length, max(self.longest, length)
        if size:
            self.may_have_outer_space = True
            self._put("".join(lines).encode())
            self._took(len(lines), line - self.line, block[:size])
        return size

    def _took(self, records: int, lines: int, content: bytes) -> None:
        before = self.digest.copy()
        self.digest.update(content)
        size, after = len(content), self.digest.digest()
        self.blocks.append(_Block(self.records + 1, records, self.line, self.offset, size, before, after))
        self.records, self.line, self.offset = self.records + records, self.line + lines, self.offset + size

    def _put(self, lines: bytes) -> None:
        if self.part is None:
            self.part = self.clean.with_name(f"{self.clean.name}-{len(self.parts)}").open("wb")
        self.part.write(lines)

    def _end_part(self) -> None:
        """Close a part of the clean text; what comes next belongs to another."""
        if self.part and self.records >= self.part_record:
            self.part.close()
            numbers = range(self.part_record, self.records + 1)
            self.parts.append(
                Part(Path(self.part.name), numbers, self.columns, self.longest, self.may_have_outer_space)
            )
            self.part = None
            self.take(self.parts[-1])
        self.part_offset, self.part_record = self.offset, self.records + 1


@dataclass(frozen=True)
class _Proof:
    """What is known of a block in which each line is one record in order."""

    records: int
    longest: int
    may_have_outer_space: bool


def _proven(block: bytes, text: Text, width: int) -> _Proof | None:
    """The proof that each line of a block is one record of that many cells, or nothing where anything is in doubt.

    Where a sign stands is a bit for each byte of the block, so that 64 of them are compared at a time.
    """
    if not block.endswith(b"\n") or len(text.delimiter.encode()) > 1 or len(text.quote.encode()) > 1:
        return None
    signs = np.frombuffer(block, np.uint8)
    newlines, delimiters = _bits(signs == 10), _bits(signs == ord(text.delimiter))
    quotes = np.zeros_like(newlines)
    if text.quote.encode() in block:
        quotes = _bits(signs == ord(text.quote))
        inside = _from_odd_to_even(quotes)
        opening, closing = quotes & inside, quotes & ~inside
        delimiters &= ~inside
        edges = newlines | delimiters
        # A quote opens or closes a cell, or is one half of a doubled quote.
        begins, ends = _after(edges | closing), _before(edges | opening | _bits(signs == 13))
        begins[0] |= _FIRST
        if (newlines & inside).any() or (opening & ~begins).any() or (closing & ~ends).any():
            return None
    line_ends = np.flatnonzero(signs == 10)
    words, places = line_ends >> 6, line_ends & 63
    passed = np.cumsum(np.bitwise_count(delimiters), dtype=np.int64)[words]
    passed -= np.bitwise_count(delimiters[words] >> places.astype(np.uint64))
    if (np.diff(passed, prepend=0) != width - 1).any():
        return None
    returns = int(np.count_nonzero(signs == 13)) if b"\r" in block else 0
    if returns not in (0, len(line_ends)) or (returns and not (signs[line_ends - 1] == 13).all()):
        return None
    tabs = int(np.count_nonzero(signs == 9)) if b"\t" in block else 0
    if np.count_nonzero(signs < 32) != len(line_ends) + returns + tabs or b"\x7f" in block:
        return None
    is_ascii = block.isascii()
    if not is_ascii and _has_controls_beyond_ascii(block, signs):
        return None
    lengths = np.diff(line_ends, prepend=-1)
    longest = int(lengths.max())
    if lengths.min() <= (2 if returns else 1) or longest > MAX_RECORD_BYTES:
        return None
    marks = newlines | delimiters | quotes | (_bits(signs == 13) if returns else 0)
    beside = _after(marks) | _before(marks)
    beside[0] |= _FIRST
    spaces = (signs == 32) | (signs == 9) if is_ascii else _SPACE_LIKE[signs]
    return _Proof(len(line_ends), longest, bool((_bits(spaces) & beside).any()))


def _bits(flags: np.ndarray) -> np.ndarray:
    packed = np.packbits(flags, bitorder="little")
    packed.resize(-(-len(packed) // 8) * 8, refcheck=False)
    return packed.view("<u8")


def _after(bits: np.ndarray) -> np.ndarray:
    """Each bit one place further on."""
    moved = bits << _FIRST
    moved[1:] |= bits[:-1] >> _LAST
    return moved


def _before(bits: np.ndarray) -> np.ndarray:
    """Each bit one place earlier."""
    moved = bits >> _FIRST
    moved[:-1] |= bits[1:] << _LAST
    return moved


def _from_odd_to_even(bits: np.ndarray) -> np.ndarray:
    """The places from each first, third, fifth … bit up to the one before the bit that follows it."""
    inside = bits.copy()
    for step in (1, 2, 4, 8, 16, 32):
        inside ^= inside << np.uint64(step)
    is_odd = np.bitwise_xor.accumulate(inside >> _LAST)
    inside[1:] ^= np.uint64(0) - is_odd[:-1]  # all ones where what came before was left open
    return inside


def _has_controls_beyond_ascii(block: bytes, signs: np.ndarray) -> bool:
    c2 = np.flatnonzero(signs == 0xC2)
    return bool((signs[c2 + 1] < 0xA0).any()) or any(mark in block for mark in _BEYOND_ASCII[1:])


@dataclass(frozen=True)
class _Grammar:
    """The few patterns that tell records and cells apart. They cannot backtrack, so no file takes long to refuse."""

    delimiter: str
    quote: str
    columns: tuple[Column, ...]
    has_lines: bool  # whether a column is declared multiline, or each quote means what it says
    is_ours: bool
    look: int  # how far the end of a quoted cell is looked for
    record: re.Pattern[str]  # a whole record with its line end; group 1 is its cells
    good_cells: re.Pattern[str]  # the cells before the first one that breaks the grammar
    closed: re.Pattern[str]  # one quoted cell
    cell: re.Pattern[str]

    @staticmethod
    def of(text: Text, columns: tuple[Column, ...]) -> _Grammar:
        """The grammar of a file."""
        return _grammar(text.delimiter, text.quote, columns, text.is_ours)

    @property
    def empty(self) -> str:
        """A line of empty cells."""
        return (self.delimiter * (len(self.columns) - 1) or self.quote * 2) + "\n"

    def cells(self, record: str) -> list[str]:
        """The values of a record that matched, without their quotes."""
        return [
            cell[1:-1].replace(self.quote * 2, self.quote) if cell.startswith(self.quote) else cell
            for cell in self.cell.findall(record.removesuffix("\r") + self.delimiter)
        ]


@cache
def _grammar(delimiter: str, quote: str, columns: tuple[Column, ...], is_ours: bool) -> _Grammar:
    d, q = re.escape(delimiter), re.escape(quote)
    closed = f"{q}(?:[^{q}]++|{q}{q})*+{q}"
    cell = f"(?:{closed}|[^{q}{d}\n]*+)"
    has_lines = is_ours or any(column.multiline for column in columns)
    return _Grammar(
        delimiter=delimiter,
        quote=quote,
        columns=columns,
        has_lines=has_lines,
        is_ours=is_ours,
        look=MAX_RECORD_BYTES if has_lines else MAX_LINES_BYTES,
        record=re.compile(f"((?:{cell}{d})*+{cell})\r?(?:\n|\\Z)"),
        good_cells=re.compile(f"(?:{cell}{d})*+"),
        closed=re.compile(closed),
        cell=re.compile(f"({cell}){d}"),
    )


def _numbered(block: _Block, content: bytes, is_last: bool, grammar: _Grammar) -> Iterator[tuple[int, int, int, str]]:
    number, line = block.record, block.line
    for record in _records(content.decode(errors="ignore"), grammar, is_last, line):
        if not record.is_blank:
            yield number, line, record.lines, record.text
            number += 1
        line += record.lines


def _records(text: str, grammar: _Grammar, is_last: bool, first_line: int) -> Iterator[_Record]:
    """The records and blank lines of a text that begins with one; stops at what cannot be decided without more."""
    offset, size = 0, len(text)
    width = len(grammar.columns)
    controls = _CONTROL.search(text)
    while offset < size:
        end = text.find("\n", offset) + 1 or size
        line = text[offset:end]
        bare = line.rstrip("\n").removesuffix("\r") if line.endswith("\n") else line
        if bare == "":
            yield _Record(line, 1, None, None, True, "")
            offset = end
            continue
        reason: str | None = None
        column: str | None = None
        lines, clean = 1, bare + "\n"
        if grammar.quote not in line:
            if line.count(grammar.delimiter) + 1 != width:
                reason = "width"
        else:
            near = min(size, offset + grammar.look)
            match = grammar.record.match(text, offset, near)
            is_cut = match is not None and match.end() == near and text[near - 1] != "\n"
            if near == size and not is_last and (is_cut or (not match and _is_open(text, offset, near, grammar))):
                return
            if match and not (is_cut and near < size):
                found = grammar.cells(match[1])
                if "\n" not in match[1]:
                    reason = None if len(found) == width else "width"
                elif (verdict := _of_several_lines(grammar, match[1], found)) is None:
                    reason = "stray_quote"  # its first line only: a quote gone astray must not take its neighbors
                else:
                    (reason, column), end = verdict, match.end()
                    lines = match[0].count("\n") + (not match[0].endswith("\n"))
                    clean = match[1].removesuffix("\r") + "\n"
            elif grammar.has_lines and _is_open(text, offset, near, grammar):
                raise _refused(
                    "A quote is opened and never closed.",
                    found=f"an open quote in line {first_line + text.count(chr(10), 0, offset)}",
                    expected="each quoted cell closed; what follows an open quote cannot be told apart",
                    next_step="ask the sender to mend the line, or for the file anew: it may have been cut short",
                )
            else:
                reason = "stray_quote"
        own = text[offset:end]
        if controls is not None and controls.start() < end:
            if _CONTROL.search(own):
                reason, column = "control_character", None
            controls = _CONTROL.search(text, end)
        if len(own) > MAX_RECORD_BYTES // 4 and len(own.encode()) > MAX_RECORD_BYTES:
            reason, column = "too_long", None
        yield _Record(own, lines, reason, column, False, grammar.empty if reason else clean)
        offset = end


def _of_several_lines(grammar: _Grammar, record: str, cells: list[str]) -> tuple[str | None, str | None] | None:
    """Reason and column of what is wrong with a record of several lines, if anything; None if it is no such record.

    A quote gone astray that finds its end in a later line makes one record of several. That line then holds all the
    delimiters of a record of its own, and is taken for one, unless each cell with lines is declared to have them, or
    that line would by itself begin with a quote that stays open.
    """
    width = len(grammar.columns)
    swallowing = [column for column, cell in zip(grammar.columns, cells, strict=False) if "\n" in cell]
    if len(cells) == width and all(column.multiline is True for column in swallowing):
        return None, None
    whole = [line for line in record.split("\n")[1:] if line.count(grammar.delimiter) >= width - 1]
    if not grammar.is_ours and not all(_is_open(line, 0, len(line), grammar) for line in whole):
        return None
    if len(cells) != width:
        return "width", None
    forbidding = next((column.name for column in swallowing if column.multiline is False), None)
    return ("line_break", forbidding) if forbidding else (None, None)


def _is_open(text: str, offset: int, near: int, grammar: _Grammar) -> bool:
    """Whether the record's trouble is a quote that has not been closed so far, or perhaps has with the last sign."""
    good = grammar.good_cells.match(text, offset, near)
    at = good.end() if good else offset
    if not text.startswith(grammar.quote, at, near):
        return False
    closed = grammar.closed.match(text, at, near)
    return closed is None or closed.end() == near


def _find_header(stream: BinaryIO, text: Text, contract: Contract, digest: HASH) -> tuple[tuple[Column, ...], int, int]:
    """The columns in the order of the file, the header's line, and where the records begin."""
    grammar = _Grammar.of(text, contract.columns)
    refusal: RefusedExtract | None = None
    for line in range(1, (MAX_PREAMBLE_LINES if contract.search_header else 1) + 1):
        content = stream.readline(MAX_RECORD_BYTES)
        digest.update(content)
        if not content:
            break
        try:
            header = grammar.record.fullmatch(content.decode())
        except UnicodeDecodeError:
            header = None
        if b"\r" in content.rstrip(b"\r\n"):
            _stop_at_lone_returns(content, grammar, contract)
        if header is None or (contract.search_header and not header[1].strip()):
            continue
        try:
            return contract.match_header(grammar.cells(header[1])), line, stream.tell()
        except RefusedExtract as fault:
            # Of several lines, the one that comes nearest to a header says best what is wrong with it.
            if refusal is None or "first line is not" in refusal.headline:
                refusal = fault
    raise refusal or _refused(
        "The file has no header that can be read.",
        found="an empty file" if not stream.tell() else "a first line with a quote astray or a line break in it",
        expected="the names of the columns in the first line",
        next_step="ask the sender for the file with its header as first line",
    )


def _stop_at_lone_returns(content: bytes, grammar: _Grammar, contract: Contract) -> None:
    """Refuse a file whose lines end in carriage returns alone, if its header, read so, is this contract's."""
    names = grammar.cells(content.split(b"\r", 1)[0].decode(errors="replace"))
    contract.stop_if_forbidden(names)
    try:
        contract.match_header(names)
    except RefusedExtract:
        return
    raise _refused(
        "The file's lines do not end as text lines do.",
        found="lines that end in a carriage return alone, as on old Macintosh systems",
        expected="lines that end in LF or CRLF",
        next_step="ask the sender for the file with such line ends",
    )


def _refused(headline: str, *, found: str, expected: str, next_step: str) -> RefusedExtract:
    return RefusedExtract(headline, found=found, expected=expected, rule="ingest/scan.py", next_step=next_step)
