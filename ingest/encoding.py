"""Encodings: from the bytes of a text file to UTF-8, by what the contract accepts and never by a guess.

A byte order mark decides; without one, the first accepted encoding that reads the whole file does. Encodings that
read almost any bytes are held to more: a file that is UTF-8, or has a line of it, is none of theirs.
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.errors import RefusedExtract

# Name in a contract -> the codec. Shift_JIS files hold the letters of Windows (①, 髙, ㈱), so they are read as CP932.
ENCODINGS = {
    "utf-8": "utf-8",
    "utf-16": "utf-16",  # its byte order mark says which
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "cp932": "cp932",
    "shift_jis": "cp932",
    "euc-jp": "euc_jp",
    "cp949": "cp949",
    "cp1252": "cp1252",
    "windows-1252": "cp1252",
    "latin-1": "latin-1",
    "iso-8859-1": "latin-1",
}
_ONE_BYTE = ("cp1252", "latin-1")
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BLOCK = 1 << 18
_C1 = re.compile(b"[\x80-\x9f]")


class _WrongBytesError(Exception):
    """Bytes that an encoding does not have, or that betray another one; ``line`` is where."""

    def __init__(self, line: int, found: str) -> None:
        super().__init__(found)
        self.line = line
        self.found = found


def in_utf8(file: Path, encodings: Sequence[str], target: Path) -> Path:
    """The file as UTF-8 without a byte order mark: itself where it is that already, else ``target``, written here.

    Raises RefusedExtract, with the line, if no accepted encoding reads the whole file.
    """
    accepted = [ENCODINGS[name] for name in encodings]
    with file.open("rb") as stream:
        head = stream.read(4)
    mark, marked = next(((mark, name) for mark, name in _MARKS if head.startswith(mark)), (b"", ""))
    if marked and not (marked in accepted or (marked.startswith("utf-16") and "utf-16" in accepted)):
        raise _refused(f"a byte order mark of {marked.upper()}", encodings)
    candidates = [marked] if marked else [codec for codec in accepted if codec != "utf-16"]
    faults = []
    for codec in candidates:
        try:
            if codec == "utf-8" and not mark:
                if not _is_utf8_throughout(file):
                    deque(_decoded(file, codec, 0), maxlen=0)  # which says where it is not
                return file
            with target.open("wb") as stream:
                for text in _decoded(file, codec, len(mark)):
                    stream.write(text.encode())
            return target
        except _WrongBytesError as fault:
            faults.append((codec, fault))
    if not faults:
        raise _refused("no byte order mark, which UTF-16 needs", encodings)
    # The encoding that came furthest says best where the trouble is.
    codec, wrong = max(faults, key=lambda found: found[1].line)
    raise _refused(f"{wrong.found}, in line {wrong.line} (read as {codec})", encodings)


def _decoded(file: Path, codec: str, skip: int) -> Iterator[str]:
    """The text of a file in blocks. Raises _WrongBytesError."""
    decoder = codecs.getincrementaldecoder(codec)("strict")
    newlines = 0
    rest = b""  # of a line, for the look at whole lines
    seen_other, only_utf8 = False, True
    with file.open("rb") as stream:
        stream.seek(skip)
        while block := stream.read(_BLOCK):
            if not codec.startswith("utf"):
                *lines, rest = (rest + block).split(b"\n")
                _stop_at_a_line_of_utf8(lines, codec, newlines)
                others = [line for line in lines if not line.isascii()]
                seen_other, only_utf8 = seen_other or bool(others), only_utf8 and all(map(_is_utf8, others))
            if codec == "latin-1" and (control := _C1.search(block)):
                # Windows letters in a file said to be Latin-1: its own controls are in no extract.
                line = newlines + block.count(b"\n", 0, control.start()) + 1
                raise _WrongBytesError(line, "bytes that the encoding has for controls only")
            text = _text(decoder, block, codec, newlines)
            newlines += text.count("\n")
            yield text
    _text(decoder, b"", codec, newlines)
    if not codec.startswith("utf"):
        _stop_at_a_line_of_utf8([rest], codec, newlines)
        if (seen_other or not rest.isascii()) and only_utf8 and _is_utf8(rest):
            raise _WrongBytesError(1, "a file that is UTF-8 throughout")


def _is_utf8_throughout(file: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    is_open = False  # in the middle of a letter
    with file.open("rb") as stream:
        try:
            while block := stream.read(_BLOCK):
                if is_open or not block.isascii():
                    decoder.decode(block)
                    is_open = bool(decoder.getstate()[0])
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _text(decoder: codecs.IncrementalDecoder, block: bytes, codec: str, newlines: int) -> str:
    try:
        return decoder.decode(block, final=not block)
    except UnicodeDecodeError as fault:
        before = bytes(fault.object[: fault.start]).decode(codec, "replace").count("\n")
        raise _WrongBytesError(newlines + before + 1, "bytes that the encoding does not have") from None


def _stop_at_a_line_of_utf8(lines: list[bytes], codec: str, before: int) -> None:
    """A line that can hardly be anything but UTF-8 betrays a file of two encodings."""
    for number, line in enumerate(lines, before + 1):
        if not line.isascii() and _is_utf8(line) and (codec in _ONE_BYTE or max(line.decode("utf-8")) > "\u07ff"):
            raise _WrongBytesError(number, "a line of UTF-8 in a file of another encoding")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _refused(found: str, encodings: Sequence[str]) -> RefusedExtract:
    return RefusedExtract(
        "The file is not in the encoding of its contract.",
        found=found,
        expected=" or ".join(encodings) + (", with or without a byte order mark" if "utf-8" in encodings else ""),
        rule="ingest/encoding.py; the contract's encodings",
        next_step="ask the sender to export in UTF-8, or state the sender's encoding in the contract; none is guessed",
    )
