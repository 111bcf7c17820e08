"""A row of a table: which cell of which figure it is, what it counts, and how it looks when it is withheld."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]
Rows = list[dict[str, Any]]
Counted = tuple[float, float | None]  # what a figure counts, and of how many if it is a share

TOTAL = "total"
COMPANY = "entity_code"  # the dimension; the one that is given for every quarter, and not for the release's alone
UNKNOWN = "UNKNOWN"  # the part that nobody can place
SUPPRESSED = "SUPPRESSED"
FROZEN = "AS_FIRST_PUBLISHED"
WITHHELD = "withheld"
FIGURE = ("metric_id", "perimeter", "basis", "fiscal_quarter")
CELL = (*FIGURE, "dimension", "dimension_value")
# Whatever is not named here is emptied in a withheld row, so that a column added later cannot give the cell away.
KEPT = frozenset((*CELL, "title", "unit", "target_value", "theme_order", "is_person_count"))


def is_total(row: Row) -> bool:
    """Whether a row is a total; a table without dimensions holds nothing else."""
    return bool(row.get("dimension", TOTAL) == TOTAL)


def figure_of(row: Row) -> tuple[Any, ...]:
    """The figure, perimeter, basis and quarter of a row."""
    return tuple(row.get(name) for name in FIGURE)


def counted(row: Row) -> Counted | None:
    """What a row counts, and of how many; nothing where it is withheld. A released file says it in text."""
    if row.get("value") in (None, ""):
        return None
    said = row["numerator"] if row["numerator"] not in (None, "") else row["value"]
    return float(said), None if row["denominator"] in (None, "") else float(row["denominator"])


def sizes(numbers: Counted) -> tuple[float, float, float]:
    """What a figure counts, what it leaves, and of how many."""
    numerator, denominator = numbers
    return (numerator, 0.0, numerator) if denominator is None else (numerator, denominator - numerator, denominator)


def find_total(rows: Iterable[Row], *figure: str) -> Row | None:
    """The total of a figure, perimeter, basis and quarter among some rows."""
    return next((row for row in rows if is_total(row) and figure_of(row) == figure), None)


def part(like: Row, dimension: str, name: str, numbers: Counted | None, decimals: int) -> dict[str, Any]:
    """The row of one part, with the words of another row of its figure; withheld where there are no numbers."""
    numerator, denominator = numbers if numbers is not None else (None, None)
    value = numerator
    if denominator and numerator is not None:
        value = 100.0 * numerator / denominator
    row = {**like, "dimension": dimension, "dimension_value": name, "target_value": None,
           "numerator": numerator, "denominator": denominator, "value": value}  # fmt: skip
    if "display_value" in row:
        shown = "" if value is None else f"{value:,.{decimals}f}"
        row["display_value"] = f"{shown} %" if denominator else shown
    if row.get("target_status") != "NO_TARGET":
        row["target_status"] = "NOT_COMPARABLE"
    row["value_state"] = "MEASURED" if value else "MEASURED_ZERO"
    return row if numbers is not None else emptied(row)


def emptied(row: Row) -> dict[str, Any]:
    """A row without its numbers, and without all that could tell of them."""
    kept = {column: value if column in KEPT else None for column, value in row.items()}
    kept["value_state"] = SUPPRESSED
    if "display_value" in row:
        kept["display_value"] = WITHHELD
    if "target_status" in row:
        kept["target_status"] = "NO_TARGET" if row["target_status"] == "NO_TARGET" else "NOT_COMPARABLE"
    return kept
