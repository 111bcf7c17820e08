"""How long it takes to protect and to attack the hotline's figures, on invented cases; part of ``make bench``.

The cases are those of the disclosure study in kind: 109 a year, skewed, over 6 channels, 8 categories, 5 regions and 4
quarters, in the annual programme of 144 cells; and a large company's 400 a year, over twelve quarters. A quarter is
protected beside all that was printed before it, and attacked together with it. The study's numbers stand beside.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from expectations import printed
from expectations.attack_cases import Cases
from expectations.findings import Report
from expectations.intervals import SECONDS
from pipeline.quarter import FiscalQuarter
from publish import disclosure
from publish.cube import SPANS, Counts
from publish.ledger import Standing
from publish.programme import Programme, Rules, programme

DIMENSIONS = {"channel": 6, "matter": 8, "region": 5}
METRIC, PERIMETER = "cases", "jp"
FIRST = FiscalQuarter(2021, 1)
STUDY = "106 of 144 withheld: 94 below the threshold, 12 more"


@dataclass(frozen=True)
class Measured:
    """So many quarters, one after another: how many cells are what, what the attack found, and the seconds it took."""

    below: int
    more: int
    shown: int
    found: int
    protecting: float
    attacking: float


def plan(folder: Path) -> Programme:
    """The reviewed programme, but with the study's cube and the annual programme's tables: one-way and two-way."""
    names = list(DIMENSIONS)
    dimensions = {
        name: {"metric": METRIC, "codes": {f"{name} {code}": [f"{name} {code}"] for code in range(1, size + 1)}}
        for name, size in DIMENSIONS.items()
    }
    hotline = {
        "perimeter": PERIMETER,
        "total": METRIC,
        "categorised": "",
        "claims": {},
        "dimensions": dimensions,
        "declared": {},
        "tables": [[name] for name in names] + [list(pair) for pair in itertools.combinations(names, 2)],
        "ladder": [],
    }
    file = folder / "programme.yml"
    file.write_text(yaml.safe_dump({**programme().content, "hotline": hotline}))
    return programme(file)


def cases(shape: tuple[int, ...], number: int, seed: int) -> Counts:
    """So many invented cases, most of them in the first codes."""
    draw = np.random.default_rng(seed)
    counts = np.zeros(shape, dtype=np.int64)
    shares = [base ** np.arange(size) for base, size in zip((0.55, 0.65, 0.55), shape, strict=False)]
    for _ in range(number):
        place = [int(draw.choice(len(share), p=share / share.sum())) for share in shares]
        counts[(*place, int(draw.integers(4)))] += 1
    return counts


def totals(years: list[Counts], quarter: FiscalQuarter) -> list[dict[str, Any]]:
    """How many cases there were in each quarter and each year to date, up to a quarter."""
    said: dict[str, Any] = {"metric_id": METRIC, "perimeter": PERIMETER, "dimension": "total", "dimension_value": "ALL"}
    rows = []
    for place, counts in enumerate(years):
        for span in SPANS:
            when = FiscalQuarter(FIRST.fiscal_year + place, span[-1])
            if when <= quarter:
                count = float(counts[..., [number - 1 for number in span]].sum())
                bases = [basis for basis, first in (("qtr", span[-1]), ("ytd", 1)) if span[0] == first]
                rows += [
                    said | {"basis": basis, "fiscal_quarter": str(when), "numerator": count, "denominator": None,
                            "value": count, "value_state": "MEASURED", "is_person_count": True}
                    for basis in bases
                ]  # fmt: skip
    return rows


def inner(counts: Counts, quarter: FiscalQuarter, of: Programme) -> list[dict[str, Any]]:
    """A year's cases up to a quarter, as the build says them."""
    rows = []
    for *codes, last in zip(*np.nonzero(counts), strict=True):
        if last < quarter.number:
            named = {name: of.cube.dimensions[name][code] for name, code in zip(DIMENSIONS, codes, strict=True)}
            rows.append({**named, "quarter_number": int(last) + 1, "cases": int(counts[(*codes, last)])})
    return rows


def figures_of(rows: list[dict[str, Any]]) -> dict[printed.Key, printed.Numbers]:
    """What a reader finds in the rows."""
    return {
        tuple(str(row[name]) for name in printed.CELL): (row["numerator"], row["denominator"], row["value"])
        for row in rows
    }


def quarters(number: int, years: int, seed: int) -> Measured:
    """Protect so many years quarter by quarter, each beside what was printed before, and attack all of it each time."""
    with tempfile.TemporaryDirectory() as folder:
        of = plan(Path(folder))
    rules = Rules(of, b"benchmark")
    counts = [cases(of.cube.shape, number, seed + year) for year in range(years)]
    before: list[list[dict[str, Any]]] = []
    report = Report()
    protecting = attacking = 0.0
    for quarter in (FIRST.plus(number) for number in range(4 * years)):
        year = counts[quarter.fiscal_year - FIRST.fiscal_year]
        rows = totals(counts, quarter)
        standing = Standing(None, (), tuple(tuple(release) for release in before))
        began = time.perf_counter()
        result = disclosure.protect(
            {"metric_values": rows, "grievance": rows},
            disclosure.Inner(inner(year, quarter, of)),
            quarter,
            rules,
            standing,
        )
        protected = time.perf_counter()
        before.append(result.tables["metric_values"])
        Cases(report, of.content, [figures_of(release) for release in before], SECONDS, strict=False).attack()
        protecting, attacking = protecting + protected - began, attacking + time.perf_counter() - protected
    parts = [row for release in before for row in release if row["dimension"] != "total"]
    values = [of.cube.sums(year) for year in counts]
    tabulated = [of.cube.place[cell] for table in of.steps[0] for cell in of.cube.table(table)]
    below = sum(int((year[tabulated] < rules.threshold).sum()) for year in values)
    shown = sum(row["value"] is not None for row in parts)
    more = len(parts) - below - shown
    return Measured(below, more, shown + years * len(SPANS), report.broken.total(), protecting, attacking)


def main() -> int:
    """Measure the study's year, and a large company's twelve quarters of ledger."""
    out = Console(highlight=False)
    table = Table(title="No one can be found: protecting and attacking", title_justify="left")
    for name in ("what", "cells", "protect", "attack", "bar"):
        table.add_column(name, justify="right" if name in ("protect", "attack") else "left")
    found = 0
    for what, measured, bar in (
        ("109 cases, a year", quarters(109, 1, 7), "10 s and 60 s"),
        ("400 cases a year, 12 quarters", quarters(400, 3, 0), "300 s in all"),
    ):
        withheld, whole = measured.below + measured.more, measured.below + measured.more + measured.shown
        told = f"{withheld} of {whole} withheld: {measured.below} below the threshold, {measured.more} more"
        table.add_row(what, told, f"{measured.protecting:.1f} s", f"{measured.attacking:.1f} s", bar)
        found += measured.found
    table.add_row("the study, 109 cases", STUDY, "5-7 s", "42-50 s", "")
    out.print(table)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
