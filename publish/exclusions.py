"""How many a figure leaves out, and why: what may be printed of it.

Counts of cases are never printed: a case that a figure leaves out is told apart by what it is about. A count of persons
is printed from the size on from which a group of workers is, and only if no other printed count lies so near that the
difference would speak of few: neither beside it, nor in an earlier release of the same quarter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from publish.cells import FIGURE, SUPPRESSED
from publish.programme import Programme

TABLE = "exclusions"
Row = dict[str, Any]

# Themes whose figures are about suppliers, customers and deals, and themes whose figures about people count workers:
# everywhere else a person is one of a case, or of few.
OF_FIRMS = frozenset({"supply_chain", "geopolitics"})
OF_WORKERS = frozenset({"training", "workforce", "governance"})


def protect(
    rows: Sequence[Row],
    metrics: Mapping[str, Row],
    given: Collection[str],
    programme: Programme,
    threshold: int,
    before: Sequence[Mapping[str, str]] = (),
) -> list[Row]:
    """The rows of ``board_exclusions`` as a reader may see them.

    ``metrics`` is the catalog by id, ``given`` the metrics whose figure the release gives; ``threshold`` is the
    smallest count of persons that may be printed, ``before`` the rows of every earlier release.
    """
    told = [row for row in rows if row["metric_id"] in given]
    of_people = {id(row) for row in told if row["is_person_count"]}
    smallest = max(programme.headcount_below, threshold)

    def is_small(row: Row) -> bool:
        if id(row) not in of_people:
            return metrics[row["metric_id"]]["theme"] in OF_FIRMS and row["left_out"] < programme.firms_below
        is_case = metrics[row["metric_id"]]["theme"] not in OF_WORKERS
        return is_case or row["left_out"] < smallest

    def has_moved_by_few(row: Row) -> bool:
        same = [past for past in before if all(past[name] == str(row[name]) for name in (*FIGURE, "reason"))]
        moves = [abs(row["left_out"] - float(past["left_out"])) for past in same if past["left_out"]]
        return any(0 < move < threshold for move in moves)

    shown = [row for row in told if not is_small(row) and not has_moved_by_few(row)]
    counts = {row["left_out"] for row in shown if id(row) in of_people}
    near = {one for one in counts if any(0 < abs(one - other) < threshold for other in counts)}
    printed = {id(row) for row in shown if id(row) not in of_people or row["left_out"] not in near}
    return [row if id(row) in printed else {**row, "left_out": None, "value_state": SUPPRESSED} for row in told]
