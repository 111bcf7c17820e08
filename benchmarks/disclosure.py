"""How long it takes to protect and to attack a year of the hotline, on invented cases; part of ``make bench``.

The cases are those of the disclosure study in kind: 109 a year, skewed, over 6 channels, 8 categories, 5 regions and 4
quarters, in the annual programme of 144 cells. The study's numbers stand beside for comparison.
"""

from __future__ import annotations

import itertools
import sys
import time
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from expectations.intervals import Printed, Question, System
from publish.cube import SPANS, Cell, Counts, Cube
from publish.withdrawal import Request, printable

CUBE = Cube(
    {
        name: [f"{name} {code + 1}" for code in range(size)]
        for name, size in (("channel", 6), ("category", 8), ("region", 5))
    }
)
TOTALS = [CUBE.cell(span) for span in SPANS]
THRESHOLD = 5
STUDY = "106 of 144 withheld: 94 below the threshold, 12 more"


@dataclass(frozen=True)
class Measured:
    """One year: how many cells are what, and the seconds it took."""

    below: int
    more: int
    printed: int
    found: int
    protecting: float
    attacking: float


def annual() -> list[Cell]:
    """The annual programme: one-way and two-way tables of the year."""
    names = list(CUBE.dimensions)
    tables = [[name] for name in names] + [list(pair) for pair in itertools.combinations(names, 2)]
    return [cell for table in tables for cell in CUBE.table(table)]


def cases(number: int, seed: int) -> Counts:
    """So many invented cases, most of them in the first codes."""
    draw = np.random.default_rng(seed)
    counts = np.zeros(CUBE.shape, dtype=np.int64)
    shares = [base ** np.arange(size) for base, size in zip((0.55, 0.65, 0.55), CUBE.shape, strict=False)]
    for _ in range(number):
        place = [int(draw.choice(len(share), p=share / share.sum())) for share in shares]
        counts[(*place, int(draw.integers(4)))] += 1
    return counts


def year(number: int, seed: int) -> Measured:
    """Protect one year, then attack what it prints."""
    counts, tables = cases(number, seed), annual()
    values = CUBE.sums(counts)
    began = time.perf_counter()
    pattern = printable(Request(CUBE, counts, tables, TOTALS, THRESHOLD, b"benchmark"))
    protected = time.perf_counter()
    facts = [
        Printed(CUBE.inner(cell), int(values[CUBE.place[cell]]), int(values[CUBE.place[cell]]))
        for cell in sorted(pattern, key=CUBE.place.__getitem__)
    ]
    tabulated = set(tables)
    questions = [
        Question(CUBE.inner(cell), THRESHOLD if cell in tabulated else 2, 0 if cell in tabulated else THRESHOLD)
        for cell in CUBE.cells
        if cell not in pattern
    ]
    found = len(System(int(np.prod(CUBE.shape)), facts).broken(questions))
    ended = time.perf_counter()
    below = sum(int(values[CUBE.place[cell]] < THRESHOLD) for cell in tables)
    printed = len(pattern)
    more = len(tables) + len(TOTALS) - below - printed
    return Measured(below, more, printed, found, protected - began, ended - protected)


def main() -> int:
    """Measure the study's year, and a large company's three years (twelve quarters of ledger) of 400 cases each."""
    out = Console(highlight=False)
    one = year(109, 7)
    three = [year(400, seed) for seed in range(3)]
    table = Table(title="No one can be found: protecting and attacking a year", title_justify="left")
    for name in ("what", "cells", "protect", "attack", "bar"):
        table.add_column(name, justify="right" if name in ("protect", "attack") else "left")
    withheld = one.below + one.more
    told = f"{withheld} of {withheld + one.printed} withheld: {one.below} below the threshold, {one.more} more"
    table.add_row("109 cases", told, f"{one.protecting:.1f} s", f"{one.attacking:.1f} s", "10 s and 60 s")
    table.add_row("the study", STUDY, "5-7 s", "42-50 s", "")
    whole = sum(part.protecting + part.attacking for part in three)
    cells = f"{sum(part.printed for part in three)} printed"
    table.add_row(
        "400 cases, 12 quarters",
        cells,
        f"{sum(part.protecting for part in three):.1f} s",
        f"{sum(part.attacking for part in three):.1f} s",
        f"300 s in all; took {whole:.1f} s",
    )
    out.print(table)
    return int(any(part.found for part in (one, *three)))


if __name__ == "__main__":
    sys.exit(main())
