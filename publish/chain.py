"""An append-only ledger whose records each name the digest of the record before: nothing in it changes unnoticed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.errors import NotVerified

Record = dict[str, Any]
START = "0" * 64  # what the first record names as the one before it


def digest(record: Mapping[str, Any]) -> str:
    """The digest by which the next record, and any witness, names this one."""
    return store.sha256_bytes(store.canonical_json(dict(record)))


def read(path: Path) -> list[Record]:
    """Every record, oldest first. Raises NotVerified where one was changed, removed, added between or moved."""
    try:
        records = store.read_lines(path)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise _broken(path, "a line that is not JSON") from None
    before = START
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict) or record.get("number") != number or record.get("previous") != before:
            raise _broken(path, f"line {number} does not follow from the line before it")
        before = digest(record)
    return records


def following(records: list[Record]) -> Record:
    """How the next record begins: its number, and the digest of the record before it."""
    return {"number": len(records) + 1, "previous": digest(records[-1]) if records else START}


def _broken(path: Path, found: str) -> NotVerified:
    return NotVerified(
        f"The ledger {path.name} was changed.",
        found=found,
        expected="records that each name the digest of the one before, from the first on",
        rule="publish/chain.py",
        next_step="release nothing; compare the ledger with its backup, and find out who wrote to it",
    )
