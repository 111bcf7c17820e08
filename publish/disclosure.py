"""Disclosure control: which cells a reader must not see. A pure function over rows; it reads and writes nothing.

The rule in force, printed in every release (see ``board.notes``):

1. a count of persons from 1 to ``below`` - 1, in a cell finer than a published total, is withheld;
2. if exactly one cell of a breakdown is withheld, the smallest printed cell of it is withheld too, because the total
   less the others would give it back. A printed zero is taken last: a zero-claim should stand if it can;
3. a rate never stands where its count is withheld, and neither does its target status;
4. totals are always printed.

All tables of a candidate are protected together, so that a cell withheld in one cannot be read in another. What a
reader can work out across quarters, perimeters and earlier releases is not covered by this rule.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Cell = tuple[Any, ...]

TOTAL = "total"
SUPPRESSED = "SUPPRESSED"
WITHHELD = "withheld"
BREAKDOWN = ("metric_id", "perimeter", "basis", "fiscal_quarter", "dimension")
# Whatever is not named here is emptied in a withheld row, so that a column added later cannot give the cell away.
KEPT = frozenset((*BREAKDOWN, "dimension_value", "title", "unit", "target_value", "theme_order", "is_person_count"))


def withhold(tables: Mapping[str, Sequence[Row]], below: int) -> tuple[dict[str, list[dict[str, Any]]], int]:
    """Protect the tables of one candidate together.

    Args: tables by name, rows with the columns of ``BREAKDOWN`` and ``dimension_value`` (a table without a dimension
    holds totals only); ``below``, the smallest count of persons that may be printed in a finer cell.
    Returns: the tables with withheld cells emptied, and the number of distinct cells withheld.
    """
    finer = [row for rows in tables.values() for row in rows if row.get("dimension", TOTAL) != TOTAL]
    cells = withheld_cells(finer, below)
    protected = {
        name: [_emptied(row) if _cell(row) in cells else dict(row) for row in rows] for name, rows in tables.items()
    }
    return protected, len(cells)


def withheld_cells(finer: Iterable[Row], below: int) -> frozenset[Cell]:
    """The cells to withhold among cells finer than a total: too small, or needed to keep a small one hidden."""
    breakdowns: dict[Cell, dict[Cell, Row]] = defaultdict(dict)
    small: set[Cell] = set()
    for row in finer:
        cell = _cell(row)
        breakdowns[cell[:-1]].setdefault(cell, row)
        if _is_small(row, below):
            small.add(cell)
    partners = set()
    for cells in breakdowns.values():
        hidden = small.intersection(cells)
        if len(hidden) == 1:
            partners.update(_smallest_printed({cell: row for cell, row in cells.items() if cell not in hidden}))
    return frozenset(small | partners)


def _cell(row: Row) -> Cell:
    return (*(row.get(column) for column in BREAKDOWN), row.get("dimension_value"))


def _counts(row: Row) -> list[float]:
    numerator = row["numerator"] if row["numerator"] is not None else row["value"]
    return [count for count in (numerator, row["denominator"]) if count is not None]


def _is_small(row: Row, below: int) -> bool:
    # A cell that does not say whether it counts persons is taken as one that does.
    return row["is_person_count"] is not False and any(0 < count < below for count in _counts(row))


def _smallest_printed(cells: Mapping[Cell, Row]) -> list[Cell]:
    counted = [(counts[0] == 0, counts[0], cell) for cell, row in cells.items() if (counts := _counts(row))]
    return [min(counted, key=lambda entry: (entry[0], entry[1], tuple(map(str, entry[2]))))[2]] if counted else []


def _emptied(row: Row) -> dict[str, Any]:
    emptied = {column: value if column in KEPT else None for column, value in row.items()}
    emptied["value_state"] = SUPPRESSED
    if "display_value" in row:
        emptied["display_value"] = WITHHELD
    if "target_status" in row:
        emptied["target_status"] = "NO_TARGET" if row["target_status"] == "NO_TARGET" else "NOT_COMPARABLE"
    return emptied
