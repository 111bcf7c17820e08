"""Parquet below its rows: the checksums of pages, past which DuckDB reads, and files joined without being read again.

A file is groups of rows, a group is one piece for each column, and a piece is pages. A page has a header: its size, and
perhaps the CRC-32 of its bytes. The footer says where everything lies.
"""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO

import duckdb

from ingest import thrift
from ingest.thrift import BrokenThriftError, Fields

# Fields by the numbers of Parquet's own definition.
_PAGE_SIZE, _PAGE_CHECKSUM = 3, 4
_SCHEMA, _ROWS, _GROUPS = 2, 3, 4  # of a file
_PIECES, _GROUP_PLACE, _ORDINAL = 1, 5, 7  # of a group of rows
_PIECE_PLACES, _ABOUT = (2, 4, 6), 3  # of a piece: where it and its indexes lie, and what else is said about it
_PAGE_PLACES = (9, 10, 11, 14)  # of what is said about a piece: where its pages and its filter lie
_MARK = b"PAR1"


class DamagedPageError(Exception):
    """A page is not what its checksum says, or there is none where a page should be."""


def have_checksums(file: Path, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether each page of a Parquet file has a checksum. Raises DamagedPageError where one does not hold."""
    found = True
    with file.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
        for at, end in _pieces(file, connection):
            if not 0 <= at <= end <= len(content):
                raise DamagedPageError
            while at < end:
                try:
                    header, begin = thrift.read(content, at)
                except BrokenThriftError:
                    raise DamagedPageError from None
                _, size = header.get(_PAGE_SIZE, (0, None))
                _, checksum = header.get(_PAGE_CHECKSUM, (0, None))
                if not isinstance(size, int) or not begin <= begin + size <= end:
                    raise DamagedPageError
                at = begin + size
                if not isinstance(checksum, int):
                    found = False
                elif zlib.crc32(content[begin:at]) != checksum % (1 << 32):
                    raise DamagedPageError
    return found


def _pieces(file: Path, connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, int]]:
    """Where each column's piece of each group of rows begins and ends."""
    rows = connection.execute(
        # A place of 0 is none: a piece without rows may have nothing but a dictionary, or nothing.
        "select coalesce(least(nullif(data_page_offset, 0), case when dictionary_page_offset > 0 "
        "then dictionary_page_offset end), -1), "
        "total_compressed_size from parquet_metadata($1) where total_compressed_size <> 0 order by all",
        [str(file)],
    ).fetchall()
    return ((begin, begin + size) for begin, size in rows)


class Joined:
    """A Parquet file made of several of the same columns: their groups of rows, byte for byte, one after the other."""

    def __init__(self, target: Path) -> None:
        self._out = target.open("wb")
        self._out.write(_MARK)
        self._whole: Fields = {}

    def __enter__(self) -> Joined:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()

    def add(self, file: Path) -> None:
        """Add a file's rows. Raises ValueError if its columns are others than those before."""
        with file.open("rb") as stream:
            footer, end = _footer(stream)
            if footer[_SCHEMA] != self._whole.setdefault(_SCHEMA, footer[_SCHEMA]):
                raise ValueError("files of different columns cannot be joined")
            stream.seek(len(_MARK))
            shift = self._out.tell() - len(_MARK)
            shutil.copyfileobj(_Part(stream, end - len(_MARK)), self._out, 1 << 20)
        for group in footer[_GROUPS][1][1]:
            _shift(group, shift)
        if _ROWS not in self._whole:
            self._whole = footer
            return
        self._whole[_ROWS] = self._whole[_ROWS][0], self._whole[_ROWS][1] + footer[_ROWS][1]
        self._whole[_GROUPS][1][1].extend(footer[_GROUPS][1][1])

    def finish(self) -> None:
        """Write what the file says of itself: its columns, and where everything lies. At least one file was added."""
        for ordinal, group in enumerate(self._whole[_GROUPS][1][1]):
            if _ORDINAL in group:
                group[_ORDINAL] = group[_ORDINAL][0], ordinal
        written = thrift.write(self._whole)
        self._out.write(written + len(written).to_bytes(4, "little") + _MARK)
        self._out.close()


class _Part:
    """The next bytes of a stream, up to a size."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int = -1, /) -> bytes:
        content = self._stream.read(min(size, self._left))
        self._left -= len(content)
        return content


def _footer(stream: BinaryIO) -> tuple[Fields, int]:
    """What a file says of itself, and where its groups of rows end."""
    stream.seek(-8, 2)
    end = stream.tell() - int.from_bytes(stream.read(4), "little")
    stream.seek(end)
    return thrift.read(stream.read())[0], end


def _shift(group: Fields, by: int) -> None:
    """Say of a group of rows that it lies so many bytes further on; a place of 0 is none."""

    def move(fields: Fields, *places: int) -> None:
        for place in places:
            if place in fields and fields[place][1]:
                fields[place] = fields[place][0], fields[place][1] + by

    move(group, _GROUP_PLACE)
    for piece in group[_PIECES][1][1]:
        move(piece, *_PIECE_PLACES)
        move(piece[_ABOUT][1], *_PAGE_PLACES)
