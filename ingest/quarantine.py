"""Quarantine: the records that broke their contract, with where they stood and why. Closed to everyone but the owner.

Only this file and ``landed`` hold the words of a broken record. Receipts and messages carry counts, line numbers,
column names and the reasons below.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pipeline import store
from pipeline.settings import Settings

REASONS = {
    "width": "the record has more or fewer cells than the header",
    "stray_quote": "a quote stands inside a cell that is not quoted, or text follows a closing quote",
    "control_character": "a control character, a lone carriage return or a replacement character (U+FFFD) is in it",
    "line_break": "a line break is in a cell of a column that is not declared multiline",
    "missing": "a required cell is empty",
    "outer_space": "white space stands before or after the value",
    "not_in_code_list": "the value, or an item of the list, is not in the contract's code list",
    "empty_item": "a list has an empty item",
    "pattern": "the value does not match the contract's pattern",
    "not_an_integer": "not a plain integer: digits, perhaps after a minus sign, no leading zero",
    "not_a_number": "not a plain decimal number: no thousands separator, exponent, plus sign or infinity",
    "too_many_decimals": "more decimals than the type keeps; nothing is rounded",
    "out_of_range": "the number is too big for its type",
    "not_a_boolean": "neither true nor false",
    "not_a_date": "not a day of the calendar written YYYY-MM-DD",
    "not_an_instant": "not a moment written in ISO 8601, such as 2023-03-31T09:00:00+09:00",
    "no_offset": "a moment without its offset from UTC",
    "year_out_of_range": "the year is not from 1900 to 2100",
    "duplicate_key": "an earlier good record of the file has the same key",
}


@dataclass(frozen=True)
class Broken:
    """One quarantined record: its number in the file (from 1), first line, lines, columns at fault and its own text."""

    record: int
    line: int
    lines: int
    columns: str | None
    reason: str
    text: str


def write(settings: Settings, family: str, extract: str, extract_id: str, records: Sequence[Broken]) -> None:
    """Put the broken records of one file, or take away what an earlier, interrupted load left. Mode 0600."""
    file = settings.place("quarantine", family, extract, extract_id + ".jsonl")
    if not records:
        file.unlink(missing_ok=True)
        return
    store.folder(file.parent).chmod(0o700)
    lines = (json.dumps(asdict(record), ensure_ascii=False, sort_keys=True) for record in records)
    store.write_bytes(file, ("\n".join(lines) + "\n").encode())
    file.chmod(0o600)
