"""Thrift's compact protocol, in which Parquet writes its headers and its footer: structs to plain values and back.

A struct is its fields by number, each with its kind; a list is the kind of its items and the items.
"""

from __future__ import annotations

from mmap import mmap
from typing import Any

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
_DEEPEST = 16  # structs in structs; Parquet has five

Fields = dict[int, tuple[int, Any]]


class BrokenThriftError(Exception):
    """What is read is no struct."""


def read(content: bytes | mmap, at: int = 0, depth: int = 0) -> tuple[Fields, int]:
    """The struct that begins at a place, and where it ends. Raises BrokenThriftError."""
    try:
        return _read_struct(content, at, depth)
    except IndexError:
        raise BrokenThriftError("cut short") from None


def write(fields: Fields) -> bytes:
    """The bytes of a struct."""
    written, before = bytearray(), 0
    for field, (kind, value) in fields.items():
        step, before = field - before, field
        written += bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + _number(field)
        written += _value(kind, value)
    return bytes(written) + b"\0"


def _read_struct(content: bytes | mmap, at: int, depth: int) -> tuple[Fields, int]:
    if depth > _DEEPEST:
        raise BrokenThriftError("too deep")
    fields: Fields = {}
    field = 0
    while head := content[at]:
        at += 1
        if head >> 4:
            field += head >> 4
        else:
            field, at = _read_number(content, at)
        value, at = _read_value(content, at, head & 15, depth)
        fields[field] = head & 15, value
    return fields, at + 1


def _read_value(content: bytes | mmap, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (I16, I32, I64):
        return _read_number(content, at)
    if kind in (TRUE, FALSE):
        return None, at  # the kind says it
    if kind in (BYTE, DOUBLE, BINARY):
        size = {BYTE: 1, DOUBLE: 8}.get(kind)
        if size is None:
            size, at = _read_unsigned(content, at)
        content[at + size - 1 if size else at - 1]  # is there
        return bytes(content[at : at + size]), at + size
    if kind in (LIST, SET):
        of, size, at = content[at] & 15, content[at] >> 4, at + 1
        if size == 15:
            size, at = _read_unsigned(content, at)
        items = []
        for _ in range(size):
            item, at = _read_value(content, at, BYTE if of in (TRUE, FALSE) else of, depth + 1)
            items.append(item)
        return (of, items), at
    if kind == STRUCT:
        return read(content, at, depth + 1)
    raise BrokenThriftError("a kind that Parquet does not use")


def _read_number(content: bytes | mmap, at: int) -> tuple[int, int]:
    value, at = _read_unsigned(content, at)
    return (value >> 1) ^ -(value & 1), at


def _read_unsigned(content: bytes | mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        part = content[at]
        value, shift, at = value | (part & 127) << shift, shift + 7, at + 1
        if part < 128:
            return value, at
        if shift > 63:
            raise BrokenThriftError("a number without end")


def _value(kind: int, value: Any) -> bytes:
    if kind in (I16, I32, I64):
        return _number(value)
    if kind in (TRUE, FALSE):
        return b""
    if kind == BINARY:
        return _unsigned(len(value)) + value
    if kind in (LIST, SET):
        of, items = value
        head = bytes([len(items) << 4 | of]) if len(items) < 15 else bytes([0xF0 | of]) + _unsigned(len(items))
        return head + b"".join(_value(BYTE if of in (TRUE, FALSE) else of, item) for item in items)
    if kind == STRUCT:
        return write(value)
    return bytes(value)


def _number(value: int) -> bytes:
    return _unsigned(value << 1 if value >= 0 else (-value << 1) - 1)


def _unsigned(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes([*written, value])
