"""Pseudonyms: the ids of persons, workers, learners, cases and contacts leave landed as keyed HMACs only.

A contract marks a column with ``pseudonym`` and whose id it is. Its values become HMAC-SHA256 under the keys
of a secret file, one key a line, oldest first: the first key over the kind and the id, each later key over what the
keys before it made. So the same id gives the same pseudonym in every extract, and a new key needs no id: what is in raw
is put under it as it is. A key is added, never taken away (docs/decisions/009).

No exact day of a case leaves landed either. Where a contract says ``caseClock``, load keeps of each day its fiscal
quarter, and its place on a clock of the case's own that the keys set: durations within a case and the order of what
befell it stay exact, and no calendar day can be told from them (docs/decisions/011).

``python -m ingest.pseudonym FILE`` adds a key to the file, and makes the file if there is none.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from ingest.casting import text
from ingest.contract import ADDED_BY_LOADING, Column, Contract, contract, contracts, reduced
from pipeline import store
from pipeline.database import connect, quoted
from pipeline.errors import BadSettings, HrddError
from pipeline.quarter import start_in_sql
from pipeline.settings import Settings

LENGTH = 32  # hexadecimal signs of a pseudonym: 128 bits, so that no two ids of a company meet
SAMPLE_KEYS = (b"SAMPLE key that protects nobody!",)
_BLOCK = 64  # of SHA-256, by which HMAC pads its key
_CLOCKS = {"day": 5, "tick": 13}  # hexadecimal signs by which a case's clock is set: 2,870 years, or 142


class Keys:
    """The keys of an installation, oldest first. Neither a key nor anything made of one alone is ever shown."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)
        # What a receipt names: which keys made it, told so that nobody learns a key from it.
        self._names = [
            hmac.digest(b"".join(self._keys[: place + 1]), b"name", "sha256").hex()[:16]
            for place in range(len(self._keys))
        ]

    @property
    def name(self) -> str:
        """The name of all keys together."""
        return self._names[-1]

    def made(self, name: str | None) -> int:
        """How many of the keys are over what bears a name; none over what bears none, for it holds ids.

        Raises BadSettings if the file no longer holds them.
        """
        if name is None:
            return 0
        if name not in self._names:
            raise _bad(
                "a key that made pseudonyms in raw is not in the file", "every key that was ever used, oldest first"
            )
        return self._names.index(name) + 1

    def arm(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Give a connection the keys, as variables: a statement and its error never hold one."""
        for place, key in enumerate(self._keys):
            padded = key.ljust(_BLOCK, b"\0")
            inner, outer = (bytes(sign ^ mask for sign in padded) for mask in (0x36, 0x5C))
            connection.execute(f"set variable inner_{place} = $1::blob", [inner])
            connection.execute(f"set variable outer_{place} = $1::blob", [outer])

    def columns(self, terms: Contract, timezone: str, made: int = 0) -> str:
        """SQL for every column as raw holds it, in the contract's order: ids are pseudonyms, days are on the case's
        clock. ``made`` keys are over the values already; an instant's day is the local one of ``timezone``."""
        picks = []
        for column in terms.columns:
            kept = reduced(column.name, column.kind) if terms.case_clock else []
            if column.pseudonym:
                picks.append((self._pseudonym(column, made), column.name))
            elif not kept:
                picks.append((quoted(column.name), column.name))
            for name, _, _ in kept:
                picks.append((self._reduced(terms, column, name, timezone, made), name))
        return ", ".join(f"{value} as {quoted(name)}" for value, name in picks)

    def _reduced(self, terms: Contract, column: Column, name: str, timezone: str, made: int) -> str:
        _, _, part = name.rpartition("_")
        value = quoted(name if made else column.name)
        if not made:
            instant = f"timezone('UTC', {value})"
            day = f"timezone({text(timezone)}, {instant})::date" if column.kind == "TIMESTAMP" else value
            value = {
                "quarter": start_in_sql(day),
                "day": f"date_diff('day', date '1900-01-01', {day})",
                "tick": f"epoch_us({instant})",
            }[part]
        if part == "quarter":
            return value
        case = terms.column(str(terms.case_clock))
        return " + ".join([value, *(self._set(part, case, place) for place in range(made, len(self._keys)))])

    def _set(self, clock: str, case: Column, place: int) -> str:
        """By how much a key sets a clock of a case, from what the keys before it made of the case's id."""
        said = self._hmac(place, f"'{clock}:' || {self._under(case, place)}")
        return f"('0x' || left({said}, {_CLOCKS[clock]}))::bigint"

    def _pseudonym(self, column: Column, made: int) -> str:
        return self._under(column, len(self._keys), made)

    def _under(self, column: Column, count: int, made: int = 0) -> str:
        """SQL for an id under the first ``count`` keys, where ``made`` of them are over it already."""
        value = quoted(column.name) if made else f"'{column.pseudonym}:' || {quoted(column.name)}"
        for place in range(made, count):
            value = f"left({self._hmac(place, value)}, {LENGTH})"
        return value

    def _hmac(self, place: int, value: str) -> str:
        inside = f"unhex(sha256(getvariable('inner_{place}') || encode({value})))"
        return f"sha256(getvariable('outer_{place}') || {inside})"


def pseudonyms(terms: Contract) -> list[Column]:
    """The columns whose values leave landed as pseudonyms only."""
    return [column for column in terms.columns if column.pseudonym]


def keys(settings: Settings) -> Keys:
    """The installation's keys. Raises BadSettings if there is no file, others may read it, or it holds no keys.

    A sample installation that names no file has a key that everybody knows, and the sample extracts name nobody.
    """
    if not settings.pseudonym_keys:
        if settings.is_sample:
            return Keys(SAMPLE_KEYS)
        raise _bad("no file of keys", "pseudonym_keys = the path of a file that only this system may read")
    file = settings.settings_file.parent / settings.pseudonym_keys
    if not file.is_file():
        raise _bad("pseudonym_keys names no file", "the path of a file that only this system may read")
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise _bad("a file of keys that others may read", "mode 0600 or 0400")
    try:
        found = [bytes.fromhex(line) for line in file.read_text(encoding="ascii").split()]
    except ValueError:
        found = []
    if not found or any(len(key) < 32 for key in found) or len(found) != len(set(found)):
        raise _bad("a line that is no key, or none", "one key a line, oldest first: 64 hexadecimal signs each")
    return Keys(found)


def add_key(file: Path) -> None:
    """Add a new key to a file, mode 0600; what the file held stays above it."""
    earlier = file.read_bytes() if file.exists() else b""
    store.folder(file.parent)
    with store.put(file) as temporary:
        temporary.write_bytes(earlier + secrets.token_hex(32).encode() + b"\n")
    file.chmod(0o600)


def rekey(settings: Settings) -> list[dict[str, Any]]:
    """Put every raw file whose pseudonyms lack a key under all keys; returns the load receipts written anew.

    The caller holds raw's lock. The new file lies ready before the receipt names it, and takes the old one's place
    after: a kill at any moment leaves what the next call ends.
    """
    receipts = []
    for file, receipt in _loaded(settings):
        ready = file.with_name(f".rekeyed-{receipt['extract_id']}")
        parquet = file.with_suffix(".parquet")
        if ready.exists() and store.sha256_file(ready) == receipt["parquet_sha256"]:
            ready.replace(parquet)
        ready.unlink(missing_ok=True)
        known = keys(settings)
        if receipt.get("pseudonym_key") == known.name:
            continue
        if store.sha256_file(parquet) != receipt["parquet_sha256"]:
            raise HrddError(
                "A raw file is not what was loaded.",
                found=f"{parquet.relative_to(settings.data)} has another digest than its receipt says",
                expected="the bytes that load wrote",
                rule="ingest/pseudonym.py, rekey",
                next_step="delete the file with its receipt and its verdict, then load again",
            )
        terms = contract(receipt["family"], receipt["extract"])
        with connect(settings, folders=[parquet.parent]) as connection:
            known.arm(connection)
            picks = known.columns(terms, settings.timezone, known.made(receipt.get("pseudonym_key")))
            with store.put(ready) as temporary:
                connection.execute(
                    f"copy (select {picks}, {', '.join(ADDED_BY_LOADING)} from read_parquet($source) "
                    "order by _row_number) "
                    f"to '{_escaped(temporary)}' (format parquet, compression zstd)",
                    {"source": str(parquet)},
                )
        receipt |= {"pseudonym_key": known.name, "parquet_sha256": store.sha256_file(ready)}
        store.write_json(file, receipt)
        ready.replace(parquet)
        receipts.append(receipt)
    return receipts


def _loaded(settings: Settings) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Load receipts, with their files, of extracts that hold pseudonyms."""
    for (family, extract), terms in contracts().items():
        if not pseudonyms(terms):
            continue
        for file in sorted(settings.place("raw", family, extract).glob("*.json")):
            if file.name.endswith(".verdict.json"):
                continue
            receipt = store.read_json(file)
            if receipt["outcome"] == "loaded":
                yield file, receipt


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")


def _bad(found: str, expected: str) -> BadSettings:
    return BadSettings(
        "The keys of the pseudonyms cannot be used.",
        found=found,
        expected=expected,
        rule="ingest/pseudonym.py; settings.toml, pseudonym_keys",
        next_step="make a key with `python -m ingest.pseudonym FILE`, or restore the file: docs/decisions/009",
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m ingest.pseudonym FILE")
    os.umask(0o077)
    add_key(Path(sys.argv[1]))
