"""Which characters a font has a sign for, read from its own table: what it cannot show must not stop a document."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path

UNPRINTABLE = "\u25a1"
_SEGMENTED_COVERAGE = 12  # the format of a character table that holds all of Unicode (OpenType, "cmap")


@cache
def covered(font: Path) -> frozenset[int]:
    """The code points that an OpenType font has a sign for. Raises ValueError for a font without such a table."""
    content = font.read_bytes()
    (tables,) = struct.unpack_from(">H", content, 4)
    for place in range(12, 12 + 16 * tables, 16):
        tag, _, start, _ = struct.unpack_from(">4sLLL", content, place)
        if tag != b"cmap":
            continue
        (subtables,) = struct.unpack_from(">H", content, start + 2)
        for number in range(subtables):
            (offset,) = struct.unpack_from(">L", content, start + 4 + 8 * number + 4)
            (form,) = struct.unpack_from(">H", content, start + offset)
            if form == _SEGMENTED_COVERAGE:
                (groups,) = struct.unpack_from(">L", content, start + offset + 12)
                spans = struct.iter_unpack(">LLL", content[start + offset + 16 : start + offset + 16 + 12 * groups])
                return frozenset(code for first, last, _ in spans for code in range(first, last + 1))
    raise ValueError(f"{font.name} has no table of all its characters")


def printable(text: str, font: Path) -> str:
    """The same text, with a space for each end of a line and a mark for what the font has no sign for."""
    known = covered(font)
    spaced = " ".join(text.splitlines()) if "\n" in text or "\r" in text else text
    return "".join(sign if ord(sign) in known else UNPRINTABLE for sign in spaced)
