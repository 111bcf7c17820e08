"""What was printed before: it may change by nothing, or by so much that the change speaks of nobody."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from pipeline.quarter import FiscalQuarter
from publish.cells import FIGURE, TOTAL, Counted, Row, counted, figure_of, sizes

Figure = tuple[Any, ...]
Place = tuple[str, str, str]  # dimension, part, and the rule of a neighbor
Release = Mapping[Figure, Mapping[Place, Counted | None]]  # what one release printed, and what it withheld
Shown = Mapping[str, Counted | None]  # the parts of one breakdown

WHOLE: Place = (TOTAL, "ALL", "")


def index(rows: Iterable[Row]) -> Release:
    """What the rows of a release say, by figure and place."""
    found: dict[Figure, dict[Place, Counted | None]] = {}
    for row in rows:
        place = (row["dimension"], row["dimension_value"], row.get("variant") or "")
        found.setdefault(tuple(str(row[name]) for name in FIGURE), {})[place] = counted(row)
    return found


def versions(past: Sequence[Release], figure: Figure, dimension: str) -> list[tuple[Shown, Counted | None]]:
    """The breakdown as each release printed it, oldest first, with the total of that release. One that was printed
    again as it was belongs to the total that it was first printed with."""
    found: list[tuple[Shown, Counted | None]] = []
    for release in past:
        there = release.get(figure, {})
        shown = {part: numbers for (by, part, _), numbers in there.items() if by == dimension}
        if shown and shown not in [before for before, _ in found]:
            found.append((shown, there.get(WHOLE)))
    return found


def tells_nothing(now: Shown, total: Counted | None, before: Shown, whole: Counted | None, smallest: int) -> bool:
    """Whether the same parts are printed, and each of them, and all withheld ones together, moved by 0 or by enough."""
    if before.keys() != now.keys() or any((before[part] is None) != (now[part] is None) for part in now):
        return False
    moved = [_between(now[part], before[part], signed=True) for part in now]
    if total is not None and whole is not None:  # what is left to the parts that are withheld
        together = zip(_between(total, whole, signed=True), *(move for move in moved if move), strict=True)
        moved.append([of_all - sum(of_parts) for of_all, *of_parts in together])
    return not any(0 < abs(count) < smallest for move in moved for count in move)


def rest_moved_by_few(row: Row, whole: Row, past: Sequence[Release], threshold: int) -> bool:
    """Whether what lies between two totals moved by few persons since a release printed both."""
    now = _between(counted(row), counted(whole))
    if not now or not whole.get("is_person_count", True):
        return False
    for release in past:
        some = release.get(_text(figure_of(row)), {}).get((*WHOLE[:2], row.get("variant") or ""))
        before = _between(some, release.get(_text(figure_of(whole)), {}).get(WHOLE))
        if before and any(0 < abs(mine - theirs) < threshold for mine, theirs in zip(now, before, strict=True)):
            return True
    return False


def leaves_few(row: Row, whole: Row, threshold: int, headcount_below: int) -> bool:
    """Whether few persons lie between two totals, and some do."""
    between = _between(counted(row), counted(whole))
    if between and not between[-1]:  # of the same people: some did what fewer did as well
        return any(0 < count < threshold for count in between)
    return bool(between) and (between[-1] < headcount_below or any(count < threshold for count in between))


def grew_by_few(
    figure: Figure, place: Place, numbers: Counted | None, printed: Sequence[Release], threshold: int
) -> bool:
    """Whether a count of the year to date differs by few from the same count of an earlier quarter of the year that was
    printed: these few are those of the months in between."""
    *of, basis, quarter = figure
    if basis != "ytd" or numbers is None:
        return False
    when = FiscalQuarter.parse(quarter)
    earlier = [(*of, basis, str(FiscalQuarter(when.fiscal_year, number))) for number in range(1, when.number)]
    told = [release.get(before, {}).get(place) for before in earlier for release in printed]
    return any(0 < abs(numbers[0] - before[0]) < threshold for before in told if before is not None)


def rest_grew_by_few(
    figure: Figure, shown: Shown, total: Counted | None, others: Iterable[tuple[Shown, Counted | None]], threshold: int
) -> bool:
    """Whether the withheld parts of a year to date, taken together, differ by few from the same parts in another
    quarter, of which ``others`` say the parts and the total. Where all are withheld, the total says it already."""
    now = _rest(shown, total) if figure[2] == "ytd" else None
    pattern = {part: numbers is None for part, numbers in shown.items()}
    rests = [
        _rest(*other) for other in others if {part: numbers is None for part, numbers in other[0].items()} == pattern
    ]
    return now is not None and any(rest is not None and 0 < abs(now - rest) < threshold for rest in rests)


def _rest(shown: Shown, total: Counted | None) -> float | None:
    told = [numbers[0] for numbers in shown.values() if numbers is not None]
    return None if total is None or len(told) in (0, len(shown)) else total[0] - sum(told)


def _between(some: Counted | None, others: Counted | None, *, signed: bool = False) -> list[float]:
    if some is None or others is None:
        return []
    apart = [mine - theirs for mine, theirs in zip(sizes(some), sizes(others), strict=True)]
    return apart if signed else [abs(count) for count in apart]


def _text(figure: Collection[Any]) -> Figure:
    return tuple(map(str, figure))
