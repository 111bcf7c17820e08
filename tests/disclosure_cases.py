"""Invented years of hotline cases, and releases made of them by the real prepare, door and publish."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from publish_build import QUARTER, finished_build

from expectations.intervals import Printed, Question, System
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from publish.cube import SPANS, Cell, Counts, Cube
from publish.programme import programme
from publish.withdrawal import Request, printable

KEY = b"a key of the tests, and no secret"


def cube_of(*sizes: int) -> Cube:
    """A cube with dimensions a, b, c and so on, each with so many codes."""
    return Cube({name: [f"{name}{code}" for code in range(size)] for name, size in zip("abcdef", sizes, strict=False)})


def cases(cube: Cube, number: int, seed: int = 7) -> Counts:
    """So many invented cases, most of them of the first codes."""
    draw = np.random.default_rng(seed)
    counts = np.zeros(cube.shape, dtype=np.int64)
    shares = [np.array([0.6**code for code in range(size)]) for size in cube.shape[:-1]]
    for _ in range(number):
        place = [int(draw.choice(len(share), p=share / share.sum())) for share in shares]
        counts[(*place, int(draw.integers(4)))] += 1
    return counts


def annual(cube: Cube) -> list[Cell]:
    """The annual programme: one-way and two-way tables of the year."""
    names = list(cube.dimensions)
    tables = [[name] for name in names] + [list(pair) for pair in itertools.combinations(names, 2)]
    return [cell for table in tables for cell in cube.table(table)]


def request(cube: Cube, counts: Counts, **more: Any) -> Request:
    """What the tests ask of the protector: the annual programme at threshold 5, totals always printed."""
    known: dict[str, Any] = {
        "tables": annual(cube), "always": [cube.cell(span) for span in SPANS], "threshold": 5, "key": KEY,
    }  # fmt: skip
    return Request(cube, counts, **(known | more))


def protected(cube: Cube, counts: Counts, **more: Any) -> frozenset[Cell]:
    """The pattern of a year."""
    return printable(request(cube, counts, **more))


def system(cube: Cube, counts: Counts, pattern: Sequence[Cell] | frozenset[Cell], seconds: float = 60.0) -> System:
    """What an attacker knows who reads the cells of a pattern."""
    values = cube.sums(counts)
    known = [(cube.inner(cell), int(values[cube.place[cell]])) for cell in sorted(pattern, key=cube.place.__getitem__)]
    size = int(np.prod(cube.shape))
    return System(size, [Printed(places, value, value) for places, value in known], seconds)


def questions(cube: Cube, pattern: frozenset[Cell], threshold: int = 5) -> tuple[list[Cell], list[Question]]:
    """What the attacker asks of every cell that was not printed."""
    tabulated = set(annual(cube))
    hidden = [cell for cell in cube.cells if cell not in pattern]
    return hidden, [
        Question(cube.inner(cell), threshold if cell in tabulated else 2, 0 if cell in tabulated else threshold)
        for cell in hidden
    ]


def cube_rows(counts: Counts, fiscal_year: int = 2023) -> list[tuple[Any, ...]]:
    """Inner counts of the programme's cube as rows of ``int_hotline_cube``, under codes of the source."""
    dimensions = programme().content["hotline"]["dimensions"]
    sources = [[codes[0] for codes in dimension["codes"].values()] for dimension in dimensions.values()]
    rows = []
    for place in zip(*np.nonzero(counts), strict=True):
        codes = [source[code] for source, code in zip(sources, place, strict=False)]
        rows.append((fiscal_year, int(place[-1]) + 1, *codes, int(counts[place])))
    return rows


def hotline_build(
    settings: Settings, counts: Counts, build_id: str = "b1", quarter: FiscalQuarter = QUARTER, **more: Any
) -> str:
    """A finished build whose hotline figures are those of the inner counts."""
    return finished_build(settings, build_id, quarter, cube=cube_rows(counts), hotline=counts, **more)


def settings_at(data: Path) -> Settings:
    """The sample installation with its data somewhere else."""
    return Settings.load(data=data)
