"""A cube of counts: the inner cells of one year, and every sum of them that a table could print.

A cell is a tuple with one entry a dimension and, last, a time: a code or ``ALL``, and a tuple of quarters. Year to date
is no special case: it is the sum of its quarters.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

ALL = "ALL"

Quarters = tuple[int, ...]
Cell = tuple[Any, ...]  # (code, ..., quarters)
Counts = npt.NDArray[np.int64]

SPANS: tuple[Quarters, ...] = ((1,), (2,), (3,), (4,), (1, 2), (1, 2, 3), (1, 2, 3, 4))
YEAR: Quarters = SPANS[-1]


@dataclass(frozen=True)
class Cube:
    """The dimensions of a year's cases, each with its declared codes. Quarters are the last axis."""

    dimensions: Mapping[str, Sequence[str]]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Number of codes of each dimension, then of quarters."""
        return (*(len(codes) for codes in self.dimensions.values()), 4)

    @cached_property
    def axes(self) -> tuple[tuple[Any, ...], ...]:
        """What each entry of a cell may be: the codes and ``ALL``, and last the spans of quarters."""
        return (*((*codes, ALL) for codes in self.dimensions.values()), SPANS)

    @cached_property
    def cells(self) -> list[Cell]:
        """Every sum that a table could print, in one fixed order: inner cells, all margins, all spans of quarters."""
        return list(itertools.product(*self.axes))

    @cached_property
    def place(self) -> dict[Cell, int]:
        """Where a cell stands in ``cells``."""
        return {cell: number for number, cell in enumerate(self.cells)}

    def sums(self, counts: Counts) -> Counts:
        """The value of every cell, in the order of ``cells``, for one table of inner counts of ``shape``."""
        for axis in range(counts.ndim - 1):
            counts = np.concatenate([counts, counts.sum(axis=axis, keepdims=True)], axis=axis)
        spans = [sum(counts[..., quarter - 1] for quarter in span) for span in SPANS]
        return np.stack(spans, axis=-1).reshape(-1)

    def inner(self, cell: Cell) -> npt.NDArray[np.int64]:
        """The places of the inner counts (flat, in the order of ``shape``) that a cell adds up."""
        return self._inner[self.place[cell]]

    @cached_property
    def _inner(self) -> list[npt.NDArray[np.int64]]:
        places = np.arange(int(np.prod(self.shape))).reshape(self.shape)
        picks = [[*([code] for code in range(size)), range(size)] for size in self.shape[:-1]]
        spans = [[quarter - 1 for quarter in span] for span in SPANS]
        return [places[np.ix_(*pick)].reshape(-1) for pick in itertools.product(*picks, spans)]

    def cell(self, quarters: Quarters = YEAR, **codes: str) -> Cell:
        """The cell with these codes and ``ALL`` elsewhere."""
        return (*(codes.get(name, ALL) for name in self.dimensions), quarters)

    def table(self, by: Iterable[str], quarters: Quarters = YEAR) -> list[Cell]:
        """The cells of one table: every combination of the codes of ``by``."""
        names = tuple(by)
        combinations = itertools.product(*(self.dimensions[name] for name in names))
        return [self.cell(quarters, **dict(zip(names, codes, strict=True))) for codes in combinations]

    def holds(self, outer: Cell, cell: Cell) -> bool:
        """Whether one cell is a part of another, or the same."""
        same = all(mine in (ALL, theirs) for mine, theirs in zip(outer[:-1], cell[:-1], strict=True))
        return same and set(cell[-1]) <= set(outer[-1])


def level(cell: Cell) -> int:
    """How many dimensions a cell names: 0 for a total, 1 for a one-way table, and so on."""
    return sum(entry != ALL for entry in cell[:-1])
