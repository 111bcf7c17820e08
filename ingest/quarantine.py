"""Quarantine: the records that broke their contract, with where they stood and why. Closed to everyone but the owner.

Only this file and ``landed`` hold the words of a broken record. Receipts and messages carry counts, line numbers,
column names and the reasons below.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

from pipeline import store

REASONS = {
    "width": "the record has more or fewer cells than the header",
    "stray_quote": "a quote stands inside a cell that is not quoted, text follows a closing quote, or none closes",
    "control_character": "a control character, a lone carriage return or a replacement character (U+FFFD) is in it",
    "line_break": "a line break is in a cell of a column that is not declared multiline",
    "too_long": "the record is longer than 8 MiB",
    "not_an_object": "the line is not one flat JSON object with each name once",
    "unknown_name": "the object has a name that the contract does not know",
    "separator_in_item": "an item of a list holds the character that stands between items",
    "damaged_cell": "the workbook's cell holds an error, a formula without its value, or a number past 15 digits",
    "missing": "a required cell is empty",
    "outer_space": "white space stands before or after the value",
    "not_in_code_list": "the value, or an item of the list, is not in the contract's code list",
    "empty_item": "a list has an empty item",
    "pattern": "the value does not match the contract's pattern",
    "length": "the value is shorter or longer than the contract says",
    "not_an_integer": "not a plain integer: digits, perhaps after a minus sign, no leading zero",
    "not_a_number": "not a plain decimal number: no thousands separator, leading zero, exponent, plus sign or infinity",
    "too_many_decimals": "more decimals than the type keeps, zeros aside; nothing is rounded",
    "out_of_range": "the number is too big for its type, or outside of the contract's bounds",
    "not_a_boolean": "neither true nor false",
    "not_a_date": "not a day of the calendar written YYYY-MM-DD, or as the contract's format says",
    "not_an_instant": "not a moment written in ISO 8601, such as 2023-03-31T09:00:00+09:00",
    "no_offset": "a moment without its offset from UTC",
    "year_out_of_range": "the year is not from 1900 to 2100",
    "duplicate_key": "an earlier good record of the file has the same key",
}
_LINES_TOLD = 20  # line numbers in a receipt, by reason and columns


@dataclass(frozen=True)
class Broken:
    """One quarantined record: its number in the file (from 1), first line, lines, columns at fault and its own text."""

    record: int
    line: int
    lines: int
    columns: str | None
    reason: str
    text: str


class Finder(IntEnum):
    """Who found a fault: each finds in the order of the records, one after the other."""

    OPENING = 0
    SCAN = 1
    RULES = 2
    KEY = 3


class Quarantine:
    """The broken records of one file, kept on disk while it is read, so that no file is too broken for the memory.

    A file that is not delimited text is read as such; ``line_of`` then names the line of each record in the file
    itself, and ``originals`` is a file whose lines hold the records as they were sent.
    """

    def __init__(self, workspace: Path) -> None:
        self._spools = [workspace / f"broken-{finder.name.lower()}.jsonl" for finder in Finder]
        self._streams = [spool.open("w", encoding="utf-8") for spool in self._spools]
        self._faults: dict[tuple[str, str], tuple[int, list[int]]] = {}
        self._structural: set[int] = set()
        self.reasons: Counter[str] = Counter()
        self.lines = 0
        self.line_of: Sequence[int] | None = None
        self.originals: Path | None = None

    @property
    def structural(self) -> list[int]:
        """Numbers of the records that have no cells to be judged, in order."""
        return sorted(self._structural)

    def add(self, broken: Broken, finder: Finder) -> None:
        """Keep one record; of two faults of one record the first found stays."""
        if self.line_of is not None:
            broken = replace(broken, line=self.line_of[broken.record - 1], lines=1)
        if finder <= Finder.SCAN:
            if broken.record in self._structural:
                return
            self._structural.add(broken.record)
        self._streams[finder].write(json.dumps(asdict(broken), ensure_ascii=False, sort_keys=True) + "\n")
        self.reasons[broken.reason] += 1
        self.lines += broken.lines
        count, lines = self._faults.get((broken.reason, broken.columns or ""), (0, []))
        lines = lines if len(lines) >= _LINES_TOLD else [*lines, broken.line]
        self._faults[broken.reason, broken.columns or ""] = (count + 1, lines)

    def __len__(self) -> int:
        return self.reasons.total()

    def faults(self) -> list[dict[str, Any]]:
        """By reason and columns: how many records, and the first lines of at most twenty of them. No value."""
        return [
            {"reason": reason, "columns": columns or None, "records": count, "first_lines": lines}
            for (reason, columns), (count, lines) in sorted(self._faults.items())
        ]

    def broken(self) -> Iterator[dict[str, Any]]:
        """The records in the order of the file, each as sent."""
        for stream in self._streams:
            stream.close()
        with ExitStack() as stack:
            streams = [stack.enter_context(spool.open(encoding="utf-8")) for spool in self._spools]
            records = heapq.merge(*(map(json.loads, stream) for stream in streams), key=lambda record: record["record"])
            if self.originals is None:
                yield from records
                return
            at, text = 0, b""
            original = stack.enter_context(self.originals.open("rb"))
            for record in records:
                while at < record["line"]:
                    text, at = original.readline(), at + 1
                yield record | {"text": text.decode()}

    def write(self, file: Path) -> None:
        """Put the records where they belong, or take away what an earlier, interrupted load left. Mode 0600."""
        if not len(self):
            file.unlink(missing_ok=True)
            return
        store.folder(file.parent).chmod(0o700)
        with store.put(file) as temporary, temporary.open("w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n" for record in self.broken())
        file.chmod(0o600)
