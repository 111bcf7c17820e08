"""The reviewed programme of tables, as the protector uses it: ``programme.yml`` is the file that people read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import BadSettings
from publish.cube import YEAR, Cell, Cube

FILE = Path(__file__).with_name("programme.yml")
AND = "_and_"
BETWEEN = " / "


@dataclass(frozen=True)
class Breakdown:
    """One breakdown of another figure than the hotline's: where it is given, and what it counts."""

    metric: str
    dimension: str
    perimeter: str
    rule: str  # persons, headcount, firms or amounts


@dataclass(frozen=True)
class Programme:
    """What may be printed, and by which thresholds."""

    content: Mapping[str, Any]
    threshold: int
    strict_threshold: int
    population_floor: int
    headcount_below: int
    firms_below: int
    remainder: str
    perimeter: str
    total: str
    categorised: str
    claims: Mapping[str, str]
    yearly: frozenset[str]
    never: frozenset[str]
    holds: Mapping[str, str]  # a total -> the total that it holds
    metric_of: Mapping[str, str]  # dimension -> metric
    merged: Mapping[str, Mapping[str, str]]  # dimension -> code of the source -> declared code
    declared: Mapping[str, tuple[str, ...]]
    cube: Cube
    steps: tuple[tuple[tuple[str, ...], ...], ...]  # the tables, then each step of the ladder
    breakdowns: tuple[Breakdown, ...]
    small_totals: frozenset[str]  # metrics whose totals too are withheld while they count few
    regional: frozenset[str]  # perimeters of which few may move within a year
    within: Mapping[str, str]  # a metric that counts some of the people of another -> the other

    @property
    def declared_cells(self) -> list[Cell]:
        """The year's cells of the codes that are printed exactly, whatever they are."""
        return [self.cube.cell(YEAR, **{name: code}) for name, codes in self.declared.items() for code in codes]

    @property
    def guarded(self) -> frozenset[str]:
        """The metrics whose parts are printed by this programme only."""
        return frozenset(self.metric_of.values()) | {entry.metric for entry in self.breakdowns}


@dataclass(frozen=True)
class Rules:
    """By what a candidate is protected. ``below`` may raise the programme's threshold and never lowers it."""

    programme: Programme
    key: bytes
    below: int = 0
    strict: bool = False

    @property
    def threshold(self) -> int:
        """The smallest count of persons or cases that may be printed in a cell finer than a total."""
        own = self.programme.strict_threshold if self.strict else self.programme.threshold
        return max(own, self.below)

    def smallest(self, rule: str) -> int:
        """The smallest count that a part may print by one rule of the breakdowns."""
        return {
            "persons": self.threshold,
            "headcount": max(self.programme.headcount_below, self.below),
            "firms": self.programme.firms_below,
            "amounts": self.programme.firms_below,
        }[rule]


@cache
def programme(file: Path = FILE) -> Programme:
    """Read the programme. Raises BadSettings if a code is declared twice or a threshold is too low.

    A source's code that no declared code names has no place: it stops the release when it comes.
    """
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    hotline = content["hotline"]
    merged: dict[str, dict[str, str]] = {}
    for name, dimension in hotline["dimensions"].items():
        sources = [source for codes in dimension["codes"].values() for source in codes]
        if len(sources) != len(set(sources)):
            raise _bad("a code of the source under two declared codes")
        merged[name] = {source: code for code, codes in dimension["codes"].items() for source in codes}
    if content["threshold"] < 5 or content["strict_threshold"] < max(10, content["threshold"]):
        raise _bad("a threshold below 5, or a strict one below 10")
    tables = (hotline["tables"], *hotline["ladder"])
    return Programme(
        content=content,
        threshold=content["threshold"],
        strict_threshold=content["strict_threshold"],
        population_floor=content["population_floor"],
        headcount_below=content["headcount_below"],
        firms_below=content["firms_below"],
        remainder=content["remainder"],
        perimeter=hotline["perimeter"],
        total=hotline["total"],
        categorised=hotline["categorised"],
        claims=hotline["claims"],
        yearly=frozenset(hotline.get("yearly", ())),
        never=frozenset(hotline.get("never", ())),
        holds=hotline.get("holds", {}),
        metric_of={name: dimension["metric"] for name, dimension in hotline["dimensions"].items()},
        merged=merged,
        declared={name: tuple(codes) for name, codes in hotline["declared"].items()},
        cube=Cube({name: tuple(dimension["codes"]) for name, dimension in hotline["dimensions"].items()}),
        steps=tuple(tuple(tuple(table) for table in step) for step in tables),
        breakdowns=tuple(Breakdown(**entry) for entry in content["breakdowns"]),
        small_totals=frozenset(content["small_totals"]),
        regional=frozenset(content["regional"]),
        within={entry["metric"]: entry["of"] for entry in content["within"]},
    )


def _bad(found: str) -> BadSettings:
    return BadSettings(
        "The programme of tables cannot be used.",
        found=found,
        expected="each code once, and thresholds of at least 5 and 10",
        rule="publish/programme.yml",
        next_step="correct it; never lower a threshold",
    )
