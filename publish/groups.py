"""Figures about few persons or firms by their parts: which parts a reader may see.

The parts of a figure and its totals of all perimeters are sums of the same smallest groups, the companies: by company
and by country they are one system of equations, in which each number that is withheld must stay open. A part that is
too small is withheld; then, as long as a linear programme tells too much of some group, the smallest parts that must
bend for it to tell less are withheld too. Perimeters lie within each other or apart, and so do countries: over such
rows the programme's bounds are whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np

from pipeline.quarter import FiscalQuarter
from publish import withdrawal
from publish.cells import UNKNOWN, Counted, Row, counted, sizes
from publish.programme import Breakdown, Programme, Rules

Counts = tuple[float, ...]
Group = frozenset[str]

OF_FIRMS = ("firms", "amounts")
# Dimensions that divide the same companies, with the column of the list of companies that says which: by rule, for
# suppliers have countries too.
PLACES: dict[str, dict[str, str]] = {
    "persons": {"entity_code": "entity_code", "country_iso2": "country_iso2"},
    "headcount": {"entity_code": "entity_code", "country_iso2": "country_iso2"},
    "amounts": {"buying_entity": "entity_code", "buying_region": "region"},
    "firms": {},
}
# The perimeters, as dbt_project/models/intermediate/int_entities_in_perimeter.sql counts them.
PERIMETERS: dict[str, Callable[[Row], bool]] = {
    "corp": lambda company: bool(company["is_parent"]),
    "jp": lambda company: bool(company["is_parent"] or company["region"] == "JP"),
    "grp": lambda company: True,
    "emea": lambda company: bool(company["region"] == "EMEA"),
    "au": lambda company: bool(company["country_iso2"] == "AU"),
}
CLOSE = 1e-6
# What a buyer that no list of companies knows bought is the part UNKNOWN by company and by region: the two are one.
UNLISTED: dict[str, Row] = {
    UNKNOWN: {"entity_code": UNKNOWN, "region": UNKNOWN, "country_iso2": UNKNOWN, "is_parent": False}
}


def companies_of(entities: Iterable[Row], perimeter: str, quarter: str) -> dict[str, Row]:
    """The companies of the group on a quarter's last day, by code; of other perimeters no breakdown adds them up."""
    if perimeter != "grp":
        return {}
    last = FiscalQuarter.parse(quarter).end
    return {
        str(row["entity_code"]): row
        for row in entities
        if (row["is_consolidated"] or row["is_parent"])
        and row["valid_from"] <= last
        and (row["valid_to"] is None or row["valid_to"] >= last)
    }


@dataclass(frozen=True)
class Known:
    """A number that a reader has or may get: what a group counts. ``part`` says whether it can be withheld."""

    of: Group
    counts: Counts
    dimension: str = ""
    name: str = ""

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a table; a total is always printed."""
        return bool(self.dimension)


@dataclass(frozen=True)
class Table:
    """One breakdown of a figure in one period, before anything is withheld: what each part counts, small populations
    merged, and how many firms an amount is about."""

    entry: Breakdown
    rows: Sequence[Row]
    groups: Mapping[str, Counted]
    firms: Mapping[str, int]

    def counts(self, name: str) -> Counts:
        """What must not be few of a part: who did and who did not, or the group, or the firms."""
        if self.entry.rule == "amounts" and name in self.firms:
            return (float(self.firms[name]),)
        return _counts(self.entry.rule, self.groups[name])

    def without(self, hidden: Collection[tuple[str, str]]) -> dict[str, Counted | None]:
        """The parts, with no number where one is withheld."""
        return {name: None if (self.entry.dimension, name) in hidden else self.groups[name]
                for name in sorted(self.groups)}  # fmt: skip

    def is_small(self, name: str, rules: Rules) -> bool:
        """Whether a part is withheld for its own sake."""
        counts, smallest = self.counts(name), rules.smallest(self.entry.rule)
        few = self.entry.rule == "persons" and sum(counts) < rules.programme.headcount_below
        return few or any(count < smallest for count in counts) or self.firms.get(name, smallest) < smallest


def merged(rows: Sequence[Row], entry: Breakdown, programme: Programme) -> dict[str, Counted]:
    """The counts by part, with small populations merged into the remainder until that reaches the floor too."""
    groups = {str(row["dimension_value"]): numbers for row in rows if (numbers := counted(row)) is not None}
    if entry.rule in OF_FIRMS:
        return groups

    def size(part: str) -> float:
        return sizes(groups[part])[-1]

    order = sorted(groups, key=lambda part: (part != programme.remainder, size(part), part))
    merging = [part for part in order if size(part) < programme.population_floor or part == programme.remainder]
    for part in order:
        if not merging or sum(map(size, merging)) >= programme.population_floor:
            break
        if part not in merging:
            merging.append(part)
    if merging:
        numerator = sum(groups[part][0] for part in merging)
        shares = [groups[part][1] for part in merging]
        denominator = None if any(share is None for share in shares) else float(sum(share or 0 for share in shares))
        groups = {part: counts for part, counts in groups.items() if part not in merging}
        groups[programme.remainder] = (numerator, denominator)
    return groups


def withheld(
    tables: Sequence[Table],
    totals: Mapping[str, Counted],
    companies: Mapping[str, Row],
    first: Collection[tuple[str, str]],
    rules: Rules,
) -> set[tuple[str, str]] | None:
    """The parts of one figure and period to withhold, by dimension and name. None where no choice is safe: then no part
    may be given.

    ``tables`` divide the same persons or firms by dimensions of ``PLACES``, or there is one only; ``totals`` are the
    printed ones by perimeter; ``first`` are parts that must be withheld whatever they count.
    """
    entry = tables[0].entry
    parts, nobody, totals_known = _knowns(tables, totals, companies, rules.programme)
    small = {(table.entry.dimension, name) for table in tables for name in table.groups if table.is_small(name, rules)}
    hidden = {part for part in parts if (part.dimension, part.name) in small | set(first)}
    # Persons whom two companies list count once in a total: it does not add up with the parts then.
    agreeing = _agreeing([*parts, *nobody], totals_known)
    if agreeing is None:
        return None
    while True:
        printed = [*(part for part in parts if part not in hidden), *nobody]
        more = None
        if entry.rule not in OF_FIRMS:
            more = _told_apart(parts, printed, totals_known, agreeing, rules.threshold)
        if more is None:
            more = _open(parts, printed, _agreeing(printed, totals_known) or [], hidden, rules, entry.rule)
        if more is None:
            return {(part.dimension, part.name) for part in hidden}
        if not more:
            return None
        hidden |= more


def _agreeing(known: Sequence[Known], totals: Sequence[Known]) -> list[Known] | None:
    """The totals that agree with all that is known, and with each other; None where that by itself contradicts."""
    if not _Reader(known).adds_up():
        return None
    found: list[Known] = []
    for total in totals:
        if _Reader([*known, *found, total]).adds_up():
            found.append(total)
    return found


def with_unlisted(companies: Mapping[str, Row], tables: Iterable[Table]) -> Mapping[str, Row]:
    """The companies, and one more for all buyers that are on no list, where a table has a part of them."""
    bought = PLACES["amounts"]
    has_them = any(
        table.entry.rule == "amounts" and table.entry.dimension in bought and UNKNOWN in table.groups
        for table in tables
    )
    return {**companies, **UNLISTED} if companies and has_them else companies


def systems(tables: Sequence[Table], companies: Mapping[str, Row], programme: Programme) -> list[list[Table]]:
    """The tables of one figure that are decided together, as they divide the same companies, and each of the others."""
    together = [table for table in tables if are_places(table, companies)]
    if together:
        parts, nobody, _ = _knowns(together, {}, companies, programme)
        if _agreeing([*parts, *nobody], []) is None:
            together = []  # who works abroad is of one country by company and of another by country
    return [*([together] if together else []), *([table] for table in tables if table not in together)]


def are_places(table: Table, companies: Mapping[str, Row]) -> bool:
    """Whether the parts of a table are groups of companies that the list names."""
    column = PLACES[table.entry.rule].get(table.entry.dimension)
    there = {str(company[column]) for company in companies.values()} if column else set()
    return bool(there) and {str(row["dimension_value"]) for row in table.rows} <= there


def _knowns(
    tables: Sequence[Table], totals: Mapping[str, Counted], companies: Mapping[str, Row], programme: Programme
) -> tuple[list[Known], list[Known], list[Known]]:
    """The parts; the companies without a part, which count nobody; and the totals."""
    entry = tables[0].entry
    if not are_places(tables[0], companies) or (entry.rule in OF_FIRMS and len(tables) == 1):
        [table] = tables
        parts = [Known(frozenset({name}), table.counts(name), entry.dimension, name) for name in sorted(table.groups)]
        everybody = frozenset(table.groups)
        together: Counts = tuple(map(sum, zip(*(part.counts for part in parts), strict=True)))
        if entry.perimeter in totals and entry.rule not in OF_FIRMS:
            together = _counts(entry.rule, totals[entry.perimeter])
        return parts, [], [Known(everybody, together)]
    parts, nobody, others = [], [], []
    for table in tables:
        column = PLACES[entry.rule][table.entry.dimension]
        of = {name: frozenset(code for code, company in companies.items() if str(company[column]) == name)
              for name in table.groups}  # fmt: skip
        rest = frozenset(companies).difference(*(group for name, group in of.items() if name != programme.remainder))
        if programme.remainder in of:
            of[programme.remainder] = rest
        elif rest:
            nobody.append(Known(rest, tuple(0.0 for _ in table.counts(next(iter(of))))))
        parts += [Known(of[name], table.counts(name), table.entry.dimension, name) for name in sorted(of)]
    if entry.rule in OF_FIRMS:
        # No reader knows how many firms an amount is about, and one firm may be of several companies: the parts by
        # company stand for the others.
        finest = [part for part in parts if len(part.of) == 1 and part.dimension == "buying_entity"]
        parts = [Known(part.of, _sum(finest, part.of), part.dimension, part.name) for part in parts]
        return parts, nobody, [Known(frozenset(companies), _sum(finest, frozenset(companies)))]
    for perimeter, numbers in totals.items():
        inside = frozenset(code for code, company in companies.items() if PERIMETERS[perimeter](company))
        if inside:
            others.append(Known(inside, _counts(entry.rule, numbers)))
    return parts, nobody, others


def _counts(rule: str, numbers: Counted) -> Counts:
    some, left, everybody = sizes(numbers)
    return (some, left) if rule == "persons" and numbers[1] is not None else (everybody,)


def wholes(table: Table, companies: Mapping[str, Row]) -> dict[str, set[str]] | None:
    """The parts of a table that are all companies of a perimeter, with the perimeters; None where nobody can know."""
    if not are_places(table, companies):
        return None
    column = PLACES[table.entry.rule][table.entry.dimension]
    found: dict[str, set[str]] = {}
    for perimeter, is_inside in PERIMETERS.items():
        inside = {code for code, company in companies.items() if is_inside(company)}
        names = {str(companies[code][column]) for code in inside}
        if len(names) == 1 and inside == {code for code, company in companies.items() if company[column] in names}:
            found.setdefault(names.pop(), set()).add(perimeter)
    return found


def _sum(parts: Iterable[Known], of: Group) -> Counts:
    inside = [part.counts for part in parts if part.of <= of]
    return tuple(map(sum, zip(*inside, strict=True))) if inside else (0.0,)


def _apart(known: Known, parts: Sequence[Known]) -> list[float]:
    """How far a number lies from the sums of parts that make up the same group, table by table and count by count."""
    apart = []
    for dimension in sorted({part.dimension for part in parts} - {known.dimension}):
        table = [part for part in parts if part.dimension == dimension]
        inside = [part for part in table if part.of <= known.of]
        if inside and not any(part.of & known.of for part in table if part not in inside):
            together = zip(known.counts, *(part.counts for part in inside), strict=True)
            apart += [abs(whole - sum(counts)) for whole, *counts in together]
    return apart


def _open(
    parts: Sequence[Known],
    printed: Sequence[Known],
    totals: Sequence[Known],
    hidden: Collection[Known],
    rules: Rules,
    rule: str,
) -> set[Known] | None:
    """The parts to withhold more, because a reader knows too much of some group: an empty set where withholding parts
    would not help, and None where nobody knows too much."""
    smallest, width = rules.smallest(rule), len(parts[0].counts)
    groups = {part.of for part in hidden}
    told = {known.of for known in totals} if rule not in OF_FIRMS else set()
    # A part that is a whole perimeter is told by that one's total, whatever it counts: what is withheld is by how much
    # the two differ. So the total is no statement about the other parts.
    reader = _Reader([*printed, *(known for known in totals if known.of not in groups & told)])
    for group in sorted(groups - told, key=sorted):
        for side in range(width):
            if reader.extreme(group, side, upward=False) > CLOSE:
                return reader.cheapest(group, side, 0, upward=False)
            if reader.extreme(group, side, upward=True) < smallest - CLOSE:
                return reader.cheapest(group, side, smallest, upward=True)
    if rule in OF_FIRMS:
        return None
    reader, by_totals = _Reader([*printed, *totals]), _Reader(totals)

    def is_few(reader: _Reader, group: Group) -> bool:
        most = [reader.extreme(group, side, upward=True) for side in range(width)]
        return any(count > CLOSE for count in most) and min(most) < smallest - CLOSE

    alone = {frozenset({one}) for one in reader.places} - {part.of for part in printed}
    for group in sorted((groups | alone) - told, key=sorted):
        if is_few(reader, group) and (group in groups or not is_few(by_totals, group)):
            most = [reader.extreme(group, side, upward=True) for side in range(width)]
            return reader.cheapest(group, most.index(min(most)), smallest, upward=True)
    return None


def _told_apart(
    parts: Sequence[Known],
    printed: Sequence[Known],
    totals: Sequence[Known],
    agreeing: Sequence[Known],
    threshold: int,
) -> set[Known] | None:
    """The parts to withhold because they tell by which few persons a number differs from the sum of its parts."""
    for known in [*totals, *printed]:
        if any(0 < apart < threshold for apart in _apart(known, parts)):
            others = _Reader([other for other in [*printed, *agreeing] if other is not known])
            by_totals = _Reader([other for other in agreeing if other is not known])
            if others.determines(known.of) and not by_totals.determines(known.of):
                together = others.extreme(known.of, 0, upward=True)
                return others.cheapest(known.of, 0, together + threshold, upward=True)
    return None


class _Contradiction(Exception):
    """What is known does not add up."""


class _Reader:
    """What follows from numbers about groups: for each count a linear programme over the smallest groups."""

    def __init__(self, knowns: Sequence[Known]) -> None:
        everybody = sorted(frozenset[str]().union(*(known.of for known in knowns)))
        self.places = {one: place for place, one in enumerate(everybody)}
        self.knowns, self.width = knowns, len(knowns[0].counts) if knowns else 0
        self.solvers = [self._solver(side, may_bend=False) for side in range(self.width)]

    def _solver(self, side: int, *, may_bend: bool) -> Any:
        """Columns of the smallest groups; and, if parts may bend, two more for each: by how much it counts more and
        less than is printed, at a cost that makes small parts bend before large ones."""
        solver, size = withdrawal.quiet(), len(self.places)
        solver.addVars(size, np.zeros(size), np.full(size, highspy.kHighsInf))
        for known in self.knowns:
            columns, weights = self._columns(known.of), [1.0] * len(known.of)
            if may_bend and known.is_part:
                columns += [solver.getNumCol(), solver.getNumCol() + 1]
                weights += [1.0, -1.0]
                solver.addVars(2, np.zeros(2), np.full(2, highspy.kHighsInf))
                for column in columns[-2:]:
                    solver.changeColCost(column, 1.0 + sum(known.counts))
            count = known.counts[side]
            solver.addRow(count, count, len(columns), np.array(columns, dtype=np.int32), np.array(weights))
        return solver

    def _columns(self, of: Group) -> list[int]:
        return [self.places[one] for one in sorted(of)]

    def extreme(self, of: Group, side: int, *, upward: bool) -> float:
        """The smallest or largest number that a group may count. Raises SolverFailed, and _Contradiction where no
        numbers at all agree with what is known."""
        if not of <= self.places.keys():
            return float("inf") if upward else 0.0
        solver, size = self.solvers[side], len(self.places)
        costs = np.zeros(size)
        costs[self._columns(of)] = -1.0 if upward else 1.0
        solver.changeColsCost(size, np.arange(size, dtype=np.int32), costs)
        if withdrawal.solve(solver) == highspy.HighsModelStatus.kInfeasible:
            raise _Contradiction
        return abs(float(solver.getInfo().objective_function_value))

    def adds_up(self) -> bool:
        """Whether there are numbers that agree with all that is known."""
        try:
            for side in range(self.width):
                self.extreme(frozenset(), side, upward=False)
        except _Contradiction:
            return False
        return True

    def determines(self, of: Group) -> bool:
        """Whether what a group counts is known."""
        return self.extreme(of, 0, upward=True) - self.extreme(of, 0, upward=False) < CLOSE

    def cheapest(self, of: Group, side: int, target: float, *, upward: bool) -> set[Known]:
        """The least important parts without which a group may count as little, or as much, as a target."""
        solver = self._solver(side, may_bend=True)
        columns = self._columns(of)
        bounds = (target, highspy.kHighsInf) if upward else (0.0, target)
        solver.addRow(*bounds, len(columns), np.array(columns, dtype=np.int32), np.ones(len(columns)))
        if withdrawal.solve(solver) == highspy.HighsModelStatus.kInfeasible:
            return set()
        values = solver.getSolution().col_value
        bent = values[len(self.places) :: 2], values[len(self.places) + 1 :: 2]
        parts = [known for known in self.knowns if known.is_part]
        return {part for part, more, less in zip(parts, *bent, strict=True) if max(more, less) > CLOSE}
