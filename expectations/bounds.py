"""The bounds of both doors, read from thresholds.yml: every limit with its loudness, date, measurement and reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml

from pipeline import store
from pipeline.errors import BadSettings

FILE = Path(__file__).with_name("thresholds.yml")


class _Loader(yaml.SafeLoader):
    """YAML in which `on` is a word, as in YAML 1.2, and not a truth value."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), ["t", "f"])

Loudness = Literal["fail", "warn"]
Door = Literal["extract", "board"]


@dataclass(frozen=True)
class Bound:
    """One limit of one check, for one subject or (``subject`` empty) for every subject without a limit of its own."""

    check: str
    subject: str
    loudness: Loudness
    bound: dict[str, Any]  # as Great Expectations names it: min_value, max_value, strict_min, strict_max, value_set
    measured: dict[str, Any]  # on: the day; value: what was seen on it
    because: str
    previous: tuple[dict[str, Any], ...]
    least_records: int = 0  # a share is taken of at least so many: one record of a small file is not a large share

    @property
    def in_words(self) -> str:
        """The limit as a reader would say it."""
        if "value_set" in self.bound:
            return "one of " + ", ".join(str(value) for value in self.bound["value_set"])
        low, high = self.bound.get("min_value"), self.bound.get("max_value")
        words = []
        if low is not None:
            words.append(("above " if self.bound.get("strict_min") else "at least ") + f"{low:,}")
        if high is not None:
            words.append(("below " if self.bound.get("strict_max") else "at most ") + f"{high:,}")
        return " and ".join(words)


@dataclass(frozen=True)
class Bounds:
    """Everything thresholds.yml says about one door.

    ``pinned`` holds the lists that checks compare with; ``digest`` is that of the bounds and of the checks' code: of
    the rules by which a verdict is made.
    """

    door: Door
    checks_expected: int
    records: tuple[Bound, ...]
    pinned: dict[str, Any]
    digest: str

    def of(self, check: str, subject: str) -> Bound:
        """The limit of a check for a subject: its own, else the one for all. Raises BadSettings if there is neither."""
        for record in self.records:
            if record.check == check and record.subject == subject:
                return record
        for record in self.records:
            if record.check == check and not record.subject:
                return record
        raise BadSettings(
            "A check has no bound.",
            found=f"no bound of {check} for {subject or 'all'}",
            expected="a record with date, measurement and reason",
            rule="expectations/thresholds.yml",
            next_step="measure what is usual and write the record; expectations/README.md shows how",
        )


def bounds(door: Door, file: Path = FILE) -> Bounds:
    """Read one door's bounds. A record without date, measurement or reason is a ValueError: it would be a guess."""
    content = file.read_bytes()
    section = yaml.load(content, Loader=_Loader)[door]
    return Bounds(
        door=door,
        checks_expected=section["checks_expected"],
        records=tuple(_bound(record) for record in section["bounds"]),
        pinned=section.get("pinned", {}),
        digest=store.digest_of(_rules(content)),
    )


def _rules(thresholds: bytes) -> dict[str, str]:
    code = sorted(Path(__file__).parent.glob("*.py"))
    return {"thresholds.yml": store.sha256_bytes(thresholds)} | {file.name: store.sha256_file(file) for file in code}


def _bound(record: dict[str, Any]) -> Bound:
    missing = {"check", "loudness", "bound", "measured", "because", "previous"} - record.keys()
    known = {"check", "subject", "loudness", "bound", "least_records", "measured", "because", "previous"}
    unknown = record.keys() - known
    measured = record.get("measured") or {}
    if missing or unknown or not isinstance(measured.get("on"), date) or not measured.get("value"):
        raise ValueError(
            f"thresholds.yml, {record.get('check')}: a bound has check, loudness, bound, measured (on, value), because "
            "and previous, and nothing else but subject and least_records"
        )
    if record["loudness"] not in ("fail", "warn") or not record["bound"] or not str(record["because"]).strip():
        raise ValueError(f"thresholds.yml, {record['check']}: loudness is fail or warn, bound and because not empty")
    return Bound(
        check=record["check"],
        subject=record.get("subject", ""),
        loudness=record["loudness"],
        bound=record["bound"],
        measured=measured,
        because=record["because"],
        previous=tuple(record["previous"]),
        least_records=record.get("least_records", 0),
    )
