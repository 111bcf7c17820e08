"""Disclosure control: which cells a reader must not see, over all tables of a candidate and all releases before it.

A cell is printed exactly or withheld, never changed. ``programme.yml`` says which tables there are; cells finer than a
total that are not in it are not published. Totals and the declared codes are always printed. The unprotected counts
live in this process only: nothing here logs, writes or puts a value into an error. docs/disclosure.md tells readers
what is guaranteed; ``expectations/attack.py`` proves it on the files, and shares no code with this.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import GateFailed
from pipeline.quarter import FiscalQuarter
from publish import corrections, groups, hotline
from publish.cells import (
    CELL,
    COMPANY,
    FROZEN,
    SUPPRESSED,
    TOTAL,
    UNKNOWN,
    Counted,
    Row,
    Rows,
    counted,
    emptied,
    figure_of,
    find_total,
    is_total,
    part,
    sizes,
)
from publish.corrections import WHOLE, Figure, Place, Release, Shown
from publish.groups import OF_FIRMS, Table
from publish.ledger import Standing
from publish.programme import Breakdown, Programme, Rules
from publish.withdrawal import SolverFailed

Tables = Mapping[str, Sequence[Row]]

THEME_TABLES = ("training", "grievance", "supply_chain", "workforce", "geopolitics", "ai", "governance", "quality")
# What a row of a table without dimensions speaks of.
ALL_OF_IT = {"dimension": TOTAL, "dimension_value": "ALL"}
YEAR_END = 4


@dataclass(frozen=True)
class Inner:
    """The build's inner counts: of the hotline, rows of ``int_hotline_cube`` of one fiscal year; and how many suppliers
    or customers a part of a figure is about, by ``CELL``, where it is about some."""

    rows: Sequence[Row]
    firms: Mapping[tuple[Any, ...], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Protected:
    """The tables a reader may see, how many distinct cells are withheld, and how far the ladder had to be climbed:
    0 is all tables of the programme, the last step totals only."""

    tables: dict[str, Rows]
    withheld_cells: int
    step: int


def protect(
    tables: Tables, inner: Inner, quarter: FiscalQuarter, rules: Rules, standing: Standing | None = None
) -> Protected:
    """Protect the tables of one candidate together.

    Args: tables by name, rows with the columns of ``CELL`` (a table without a dimension holds totals only);
    ``standing``, what an earlier release printed of the same year, which then stays as it is. The same tables, counts,
    ledger and key give the same result. Raises BuildFailed for a code that the programme does not declare, GateFailed
    where the solver gave no answer; neither names a cell or a count.
    """
    past = [corrections.index(release) for release in standing.others] if standing else []
    near = _too_near(tables, rules, past)
    protected = {name: [*_totals(name, tables, rules, past, near), *_others(tables[name], rules)] for name in tables}
    decimals = {row["metric_id"]: int(row.get("decimals") or 0) for row in tables.get("dim_metric", ())}
    step = 0
    try:
        breakdowns = list(_Breakdowns(tables, protected, inner, rules, past).all())
        for name, rows in tables.items():
            protected[name] += _rows(rows, breakdowns, decimals)
        if quarter.number == YEAR_END:
            year, step = hotline.year_parts(tables.get("metric_values", ()), inner.rows, quarter, rules, standing)
            for name in ("grievance", "metric_values"):
                protected[name] += hotline.year_rows(tables[name], year, quarter, rules, decimals)
    except SolverFailed:
        raise GateFailed(
            "What must stay hidden could not be protected. Nothing was prepared.",
            found="a solver that ended without an answer",
            expected="a choice of cells that is proven safe",
            rule="publish/withdrawal.py",
            next_step="run hrdd prepare again on a machine with time to spare; never print by hand",
        ) from None
    return Protected(protected, len(withheld(protected)), step)


def withheld(tables: Tables) -> list[tuple[str, ...]]:
    """The distinct withheld cells of protected tables, by ``CELL``, in order: one cell may stand in several tables."""
    found = {
        tuple(str(row[column]) if column in row else ALL_OF_IT[column] for column in CELL)
        for rows in tables.values()
        for row in rows
        if row.get("value_state") == SUPPRESSED
    }
    return sorted(found)


# Totals.


def _too_near(tables: Tables, rules: Rules, past: Sequence[Release]) -> set[Figure]:
    """The totals of small perimeters that are not given: the few by which a year to date moved between two quarters, or
    by which two figures' numbers of people differ, are a group of their own."""
    totals = {
        figure_of(row): counted(row)
        for rows in tables.values()
        for row in rows
        if is_total(row) and row.get("perimeter") in rules.programme.regional and "variant" not in row
    }
    told: dict[Figure, dict[Place, Counted]] = {}
    near = set()
    for figure, numbers in sorted((figure, numbers) for figure, numbers in totals.items() if numbers is not None):
        people = [sizes(others[WHOLE])[-1] for other, others in told.items() if other[1::2] == figure[1::2]]
        if corrections.grew_by_few(figure, WHOLE, numbers, [told, *past], rules.threshold) or any(
            0 < abs(sizes(numbers)[-1] - other) < rules.threshold for other in people
        ):
            near.add(figure)
        else:
            told[figure] = {WHOLE: numbers}
    return near


def _totals(name: str, tables: Tables, rules: Rules, past: Sequence[Release], near: Collection[Figure]) -> Rows:
    """The totals of one table, but for those that lie too ``near`` another.

    One that counts nearly all people of another is left out, for the rest would be few; so is one of which that rest
    was printed before and has moved by few. Of the same total under other rules, none is given where one would have to
    be withheld, for the others would tell of it.
    """
    programme = rules.programme
    wholes = tables.get("metric_values", tables[name])
    whole_of = {figure_of(row): row for row in wholes if is_total(row) and not row.get("variant")}
    rows: Rows = []
    untold = set()
    for row in tables[name]:
        if not is_total(row) or figure_of(row) in near or not _may_be_given(row, tables, rules):
            continue
        metric, under = row.get("metric_id", ""), row.get("variant")
        whole = whole_of.get((metric if under else programme.within.get(metric), *figure_of(row)[1:]))
        is_near = whole is not None and (
            (not under and corrections.leaves_few(row, whole, rules.threshold, programme.headcount_below))
            or corrections.rest_moved_by_few(row, whole, past, rules.threshold)
        )
        if under and is_near:
            untold.add(metric)
        if not is_near:
            rows.append(_total(row, rules))
    return [row for row in rows if not row.get("variant") or row["metric_id"] not in untold]


def _total(row: Row, rules: Rules) -> dict[str, Any]:
    """A total is printed, whatever it is; but for a figure about a matter of few people while it counts few."""
    value = row.get("value")
    is_small = row.get("metric_id") in rules.programme.small_totals and value and value < rules.threshold
    return emptied(row) if is_small else dict(row)


def _may_be_given(row: Row, tables: Tables, rules: Rules) -> bool:
    """Whether a total may stand in a release: not the parts of the cube, not the quarters of what is given once a year,
    and not a total that lies so close above another one that the difference is of a few."""
    programme, metric = rules.programme, row.get("metric_id")
    if "fiscal_quarter" not in row or metric not in programme.yearly | programme.never:
        return True
    when = FiscalQuarter.parse(row["fiscal_quarter"])
    if metric in programme.never or when.number != YEAR_END or row["basis"] not in ("ytd", "t12m"):
        return False
    if row["value"] is None or metric not in programme.holds:
        return True
    held = (programme.holds[metric], programme.perimeter, row["basis"], str(when))
    inside = find_total(tables.get("metric_values", ()), *held)
    mine, theirs = counted(row), counted(inside) if inside is not None else None
    return mine is not None and theirs is not None and abs(mine[0] - theirs[0]) >= rules.threshold


def _others(rows: Sequence[Row], rules: Rules) -> Rows:
    """Parts of figures that count neither persons nor cases; a figure that does not say so counts them."""
    return [
        dict(row)
        for row in rows
        if not is_total(row) and row["metric_id"] not in rules.programme.guarded and row["is_person_count"] is False
    ]


# Breakdowns of few persons, few workers, few firms.


class _Breakdowns:
    """Every breakdown of the programme in every period: first what each counts, then what of it may be shown."""

    def __init__(self, tables: Tables, protected: Tables, inner: Inner, rules: Rules, past: Sequence[Release]) -> None:
        self.rules, self.inner, self.past = rules, inner, past
        self.entities = tables.get("dim_entity", ())
        self.rows: dict[tuple[Any, ...], dict[Any, Row]] = {}  # one row a cell: the same cell stands in several tables
        for row in (row for rows in tables.values() for row in rows if not is_total(row)):
            self.rows.setdefault((*figure_of(row), row["dimension"]), {}).setdefault(row["dimension_value"], row)
        self.totals = {
            figure_of(row): numbers
            for rows in protected.values()
            for row in rows
            if is_total(row) and "variant" not in row and (numbers := counted(row)) is not None
        }
        self.told: dict[Figure, dict[Place, Counted | None]] = {}  # what this candidate prints, as far as is decided

    def all(self) -> Iterator[tuple[Breakdown, Figure, Shown, bool]]:
        """Each breakdown that is given: its figure, its parts (withheld ones without a number), and whether they are
        as first published."""
        for entries in _families(self.rules.programme):
            figures = {key[:4] for key in self.rows for entry in entries
                       if (key[0], key[1], key[4]) == (entry.metric, entry.perimeter, entry.dimension)}  # fmt: skip
            for figure in sorted(figures):
                yield from self._shown(entries, figure)

    def _shown(self, entries: Sequence[Breakdown], figure: Figure) -> Iterator[tuple[Breakdown, Figure, Shown, bool]]:
        made = [entry for entry in entries if (*figure, entry.dimension) in self.rows]
        if UNKNOWN in self.rows.get((*figure, COMPANY), ()):
            # The countries add up other people than the companies of the list then, and nobody knows who lies between.
            made = [entry for entry in made if entry.dimension not in groups.PLACES[entry.rule]]
        shown = self._decided([self._table(entry, figure) for entry in made], figure)
        before = {entry: corrections.versions(self.past, figure, entry.dimension) for entry in shown}
        is_frozen = not all(
            corrections.tells_nothing(shown[entry], self.totals.get(figure), *version, self.rules.smallest(entry.rule))
            for entry in shown
            for version in before[entry]
        )
        for entry, parts in shown.items():
            first = before[entry][0][0] if before[entry] else {}
            parts = first if is_frozen else parts
            self._tell(figure, entry, parts)
            yield entry, figure, parts, is_frozen

    def _table(self, entry: Breakdown, figure: Figure) -> Table:
        rows = list(self.rows[*figure, entry.dimension].values())
        about = {row["dimension_value"]: self.inner.firms.get(tuple(row[column] for column in CELL)) for row in rows}
        firms = {name: number for name, number in about.items() if number is not None}
        return Table(entry, rows, groups.merged(rows, entry, self.rules.programme), firms)

    def _decided(self, tables: Sequence[Table], figure: Figure) -> dict[Breakdown, Shown]:
        """What may be shown of the tables of one figure. Tables over the same companies are decided together; where no
        choice is safe, the last of them is not given."""
        companies = groups.with_unlisted(groups.companies_of(self.entities, figure[1], figure[3]), tables)
        shown: dict[Breakdown, Shown] = {}
        for system in groups.systems(tables, companies, self.rules.programme):
            hidden = None
            while system and hidden is None:
                hidden = self._hidden(system, figure, companies)
                if hidden is None:
                    system = system[:-1]
            for table in system:
                shown[table.entry] = table.without(hidden or ())
                self._tell(figure, table.entry, shown[table.entry])
        return shown

    def _hidden(
        self, system: Sequence[Table], figure: Figure, companies: Mapping[str, Row]
    ) -> set[tuple[str, str]] | None:
        """The parts to withhold of tables that are decided together; None where no choice is safe."""
        first = {part for table in system for part in self._open_elsewhere(table, figure, companies)}
        while True:
            hidden = groups.withheld(system, self._totals_of(figure), companies, first, self.rules)
            if hidden is None:
                return None
            more = {part for table in system if (part := self._that_widens_the_rest(table, figure, hidden))}
            if not more:
                return hidden
            first = hidden | more

    def _that_widens_the_rest(
        self, table: Table, figure: Figure, hidden: Collection[tuple[str, str]]
    ) -> tuple[str, str] | None:
        """The smallest printed part of a table, if few lie between all its withheld parts in two quarters of the year:
        with it, the withheld parts are not the same ones in both."""
        if table.entry.rule in OF_FIRMS:
            return None
        shown, by = table.without(hidden), table.entry.dimension
        *of, quarter = figure
        when = FiscalQuarter.parse(quarter)
        others = [(*of, str(FiscalQuarter(when.fiscal_year, n))) for n in range(1, 5) if n != when.number]
        told = [version for other in others for version in corrections.versions(self.past, other, by)]
        for other in others:
            parts = {part: numbers for (one, part, _), numbers in self.told.get(other, {}).items() if one == by}
            told.append((parts, self.totals.get(other)))
        if not corrections.rest_grew_by_few(figure, shown, self.totals.get(figure), told, self.rules.threshold):
            return None
        return by, min((sizes(numbers)[-1], part) for part, numbers in shown.items() if numbers is not None)[1]

    def _tell(self, figure: Figure, entry: Breakdown, parts: Shown) -> None:
        self.told.setdefault(figure, {}).update({(entry.dimension, name, ""): parts[name] for name in parts})

    def _totals_of(self, figure: Figure) -> dict[str, Counted]:
        metric, _, *period = figure
        return {
            perimeter: self.totals[metric, perimeter, *period]
            for perimeter in groups.PERIMETERS
            if (metric, perimeter, *period) in self.totals
        }

    def _open_elsewhere(self, table: Table, figure: Figure, companies: Mapping[str, Row]) -> set[tuple[str, str]]:
        """The parts that would tell of few beside something that is printed: the total of a perimeter, a part by
        another dimension, the same part of another figure, or the same part of an earlier quarter of the year."""
        if table.entry.rule in OF_FIRMS:
            return set()
        wholes = groups.wholes(table, companies)
        near = set()
        for name, numbers in table.groups.items():
            place = (table.entry.dimension, name, "")
            beside = self._beside(figure, place, None if wholes is None else wholes.get(name, set()))
            is_near = any(_are_few(numbers, other, is_same, self.rules) for other, is_same in beside)
            if is_near or corrections.grew_by_few(
                figure, place, numbers, [self.told, *self.past], self.rules.threshold
            ):
                near.add(place[:2])
        return near

    def _beside(self, figure: Figure, place: Place, wholes: set[str] | None) -> Iterable[tuple[Counted, bool]]:
        """What a part may be held against, and whether that counts the same: of another figure about the same people
        only how many they are can be compared. ``wholes`` are the perimeters that the part is; where nobody knows, each
        may be one."""
        metric, perimeter, basis, quarter = figure
        persons = {entry.metric for entry in self.rules.programme.breakdowns if entry.rule not in OF_FIRMS}
        for (other, where, how, when), numbers in self.totals.items():
            if when != quarter or where == perimeter or where not in (wholes if wholes is not None else {where}):
                continue
            if (other, how) == (metric, basis):
                yield numbers, True
            elif wholes and other in persons - {metric}:
                yield numbers, False
        for (dimension, _, _), told in self.told.get(figure, {}).items():
            if dimension != place[0] and told is not None:
                yield told, True
        for (other, where, _, when), parts in self.told.items():
            if other in persons - {metric} and (where, when) == (perimeter, quarter):
                numbers_there = parts.get(place)
                if numbers_there is not None:
                    yield numbers_there, False


def _families(programme: Programme) -> list[list[Breakdown]]:
    """The breakdowns of one figure by one rule, in the order of the programme: those over the same companies are
    decided together."""
    families: dict[tuple[str, str, str], list[Breakdown]] = {}
    for entry in programme.breakdowns:
        families.setdefault((entry.metric, entry.perimeter, entry.rule), []).append(entry)
    return list(families.values())


def _are_few(one: Counted, other: Counted, is_same_figure: bool, rules: Rules) -> bool:
    """Whether two numbers about nearly the same people differ by few: those few are a group of their own."""
    apart = [abs(mine - theirs) for mine, theirs in zip(sizes(one), sizes(other), strict=True)]
    if apart[-1] >= rules.programme.headcount_below:
        return False  # other people
    return any(0 < count < rules.threshold for count in (apart if is_same_figure else apart[-1:]))


def _rows(
    rows: Sequence[Row], breakdowns: Iterable[tuple[Breakdown, Figure, Shown, bool]], decimals: Mapping[str, int]
) -> Rows:
    """The rows of one table for the breakdowns that it has: with the words of their totals, if it has those."""
    there = {(figure_of(row), row["dimension"]): row for row in reversed(rows) if not is_total(row)}
    totals = {figure_of(row): row for row in reversed(rows) if is_total(row)}
    made = []
    for entry, figure, shown, is_frozen in breakdowns:
        like = there.get((figure, entry.dimension))
        if like is None:
            continue
        for name, numbers in shown.items():
            row = part(totals.get(figure, like), entry.dimension, name, numbers, decimals.get(entry.metric, 0))
            made.append(row | {"value_state": FROZEN} if is_frozen and numbers is not None else row)
    return made
