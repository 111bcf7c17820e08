"""The checksums of a Parquet file's pages, compared: DuckDB reads past them.

A file is columns in pieces, a piece is pages, and each page has a header in Thrift's compact protocol: its size, and
perhaps the CRC-32 of its bytes. Of a header only those two numbers are kept; everything else is stepped over.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

import duckdb

_SIZE, _CHECKSUM = 3, 4  # fields of a page's header: compressed_page_size and crc
_BOOLEANS, _BYTE, _NUMBERS, _DOUBLE, _BINARY, _LISTS, _STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, (9, 10), 12
_DEEPEST = 8  # structs in a header; Parquet has three


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
                    header, begin = _struct(content, at, 0)
                except IndexError:
                    raise DamagedPageError from None
                at = begin + header.get(_SIZE, -1)
                if not begin <= at <= end:
                    raise DamagedPageError
                checksum = header.get(_CHECKSUM)
                found = found and checksum is not None
                if checksum is not None and zlib.crc32(content[begin:at]) != checksum % (1 << 32):
                    raise DamagedPageError
    return found


def _pieces(file: Path, connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, int]]:
    """Where each column's piece of each group of rows begins and ends."""
    rows = connection.execute(
        "select least(data_page_offset, case when dictionary_page_offset > 0 then dictionary_page_offset end), "
        "total_compressed_size from parquet_metadata($1) order by all",
        [str(file)],
    ).fetchall()
    return ((begin, begin + size) for begin, size in rows)


def _struct(content: mmap, at: int, depth: int) -> tuple[dict[int, int], int]:
    """The whole numbers among a struct's fields, by field, and where the struct ends."""
    if depth > _DEEPEST:
        raise DamagedPageError
    found: dict[int, int] = {}
    field = 0
    while head := content[at]:
        at += 1
        if head >> 4:
            field += head >> 4
        else:
            field, at = _number(content, at)
        if head & 15 in _NUMBERS:
            found[field], at = _number(content, at)
        else:
            at = _behind(content, at, head & 15, depth)
    return found, at + 1


def _behind(content: mmap, at: int, kind: int, depth: int) -> int:
    """Where a value that is not kept ends."""
    if kind in _BOOLEANS:
        return at
    if kind in (_BYTE, _DOUBLE):
        return at + (1 if kind == _BYTE else 8)
    if kind in _NUMBERS:
        return _number(content, at)[1]
    if kind == _BINARY:
        size, at = _unsigned(content, at)
        return at + size
    if kind in _LISTS:
        size, at, of = content[at] >> 4, at + 1, content[at] & 15
        if size == 15:
            size, at = _unsigned(content, at)
        for _ in range(size):
            at = _behind(content, at, _BYTE if of in _BOOLEANS else of, depth + 1)
        return at
    if kind == _STRUCT:
        return _struct(content, at, depth + 1)[1]
    raise DamagedPageError


def _number(content: mmap, at: int) -> tuple[int, int]:
    value, at = _unsigned(content, at)
    return (value >> 1) ^ -(value & 1), at


def _unsigned(content: mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        part = content[at]
        value, shift, at = value | (part & 127) << shift, shift + 7, at + 1
        if part < 128:
            return value, at
        if shift > 63:
            raise DamagedPageError
