"""Disclosure control: which cells a reader must not see, over all tables of a candidate and all releases before it.

A cell is printed exactly or withheld, never changed. ``programme.yml`` says which tables there are; cells finer than a
total that are not in it are not published. Totals and the declared codes are always printed. The unprotected counts
live in this process only: nothing here logs, writes or puts a value into an error. docs/disclosure.md tells readers
what is guaranteed; ``expectations/attack.py`` proves it on the files, and shares no code with this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.errors import BuildFailed, GateFailed
from pipeline.quarter import FiscalQuarter
from publish import companies
from publish.cube import ALL, SPANS, YEAR, Cell, Counts
from publish.ledger import Standing
from publish.programme import AND, BETWEEN, Breakdown, Programme
from publish.withdrawal import Request, SolverFailed, Stuck, printable

Row = Mapping[str, Any]
Rows = list[dict[str, Any]]
Counted = tuple[float, float | None]  # what a figure counts, and of how many if it is a share

TOTAL = "total"
SUPPRESSED = "SUPPRESSED"
FROZEN = "AS_FIRST_PUBLISHED"
WITHHELD = "withheld"
CELL = ("metric_id", "perimeter", "basis", "fiscal_quarter", "dimension", "dimension_value")
THEME_TABLES = ("training", "grievance", "supply_chain", "workforce", "geopolitics", "ai", "governance", "quality")
WHOLE = {"dimension": TOTAL, "dimension_value": "ALL"}  # what a row of a table without dimensions speaks of
# Whatever is not named here is emptied in a withheld row, so that a column added later cannot give the cell away.
KEPT = frozenset((*CELL, "title", "unit", "target_value", "theme_order", "is_person_count"))
YEAR_END = 4
MOST_CASES = 1_000_000  # in one inner cell of a year; more is a fault of the build and no count
# The perimeters beside the group, as dbt_project/models/intermediate/int_entities_in_perimeter.sql counts them.
PERIMETERS: dict[str, Callable[[Row], bool]] = {
    "corp": lambda entity: bool(entity["is_parent"]),
    "jp": lambda entity: bool(entity["is_parent"] or entity["region"] == "JP"),
    "emea": lambda entity: bool(entity["region"] == "EMEA"),
    "au": lambda entity: bool(entity["country_iso2"] == "AU"),
}
# Rules of breakdowns that speak of suppliers, customers or audits.
FIRM_RULES = ("firms", "amounts")


@dataclass(frozen=True)
class Inner:
    """The build's inner counts: of the hotline, rows of ``int_hotline_cube`` of one fiscal year; and how many suppliers
    or customers a part of a figure is about, by ``CELL``, where it is about some."""

    rows: Sequence[Row]
    firms: Mapping[tuple[Any, ...], int] = field(default_factory=dict)
    members: companies.Members = field(default_factory=dict)  # the companies of each perimeter and quarter


@dataclass(frozen=True)
class Rules:
    """By what a candidate is protected. ``below`` may raise the programme's threshold and never lowers it."""

    programme: Programme
    key: bytes
    below: int = 0
    strict: bool = False

    @property
    def threshold(self) -> int:
        """The smallest count of persons or cases that may be printed in a cell finer than a total."""
        own = self.programme.strict_threshold if self.strict else self.programme.threshold
        return max(own, self.below)


@dataclass(frozen=True)
class Protected:
    """The tables a reader may see, how many distinct cells are withheld, and how far the ladder had to be climbed:
    0 is all tables of the programme, the last step totals only."""

    tables: dict[str, Rows]
    withheld_cells: int
    step: int


def protect(
    tables: Mapping[str, Sequence[Row]],
    inner: Inner,
    quarter: FiscalQuarter,
    rules: Rules,
    standing: Standing | None = None,
) -> Protected:
    """Protect the tables of one candidate together.

    Args: tables by name, rows with the columns of ``CELL`` (a table without a dimension holds totals only);
    ``standing``, what an earlier release printed of the same year, which then stays as it is. The same tables, counts,
    ledger and key give the same result. Raises BuildFailed for a code that the programme does not declare, GateFailed
    where no choice of cells can be safe or the solver gave no answer; neither names a cell or a count.
    """
    totals = {name: _totals(name, tables, rules, standing) for name in tables}
    decimals = {row["metric_id"]: int(row.get("decimals") or 0) for row in tables.get("dim_metric", ())}
    finer = {name: _others(rows, rules) for name, rows in tables.items()}
    step = 0
    for entry in rules.programme.breakdowns:
        for name, rows in tables.items():
            mine = [row for row in rows if _belongs(row, entry)]
            for one in _periods(mine):
                total = _total_of(tables[name], one[0])
                beside = _beside(rows, finer[name], one[0], rules.programme)
                places = _places(tables.get("dim_entity", ()), one[0], beside)
                made = _breakdown(one, total, entry, rules, decimals, beside, inner.firms, places)
                if made and entry.dimension == companies.COMPANY:
                    made = _beside_perimeters(made, one, tables, entry, rules, inner.members)
                if made:
                    finer[name] += _as_printed(made, total, entry, rules, decimals, standing)
    if quarter.number == YEAR_END:
        parts, step = _hotline_parts(tables, inner, quarter, rules, standing)
        for name in ("grievance", "metric_values"):
            finer[name] += _hotline_rows(tables[name], parts, quarter, rules, decimals)
    protected = {name: totals[name] + finer[name] for name in tables}
    return Protected(protected, len(withheld(protected)), step)


def withheld(tables: Mapping[str, Sequence[Row]]) -> list[tuple[str, ...]]:
    """The distinct withheld cells of protected tables, by ``CELL``, in order: one cell may stand in several tables."""
    found = {
        tuple(str(row[column]) if column in row else WHOLE[column] for column in CELL)
        for rows in tables.values()
        for row in rows
        if row.get("value_state") == SUPPRESSED
    }
    return sorted(found)


# The hotline: one cube, one pattern a year.


@dataclass(frozen=True)
class Part:
    """One cell of a hotline table as a reader will see it: a count, or None where it is withheld."""

    dimension: str
    code: str
    count: int | None
    of: int  # the total that it is a part of
    is_declared: bool
    is_frozen: bool = False


def hotline_pattern(inner: Counts, rules: Rules, claims: Mapping[Cell, int]) -> tuple[frozenset[Cell], int]:
    """The cells of the year to print, and the step of the ladder they belong to.

    ``claims`` are cells that another figure prints exactly. On the last step no cell of the year but its total.
    Raises SolverFailed; never Stuck, for the ladder ends in totals.
    """
    programme, cube = rules.programme, rules.programme.cube
    always = [cube.cell(span) for span in SPANS]
    uncategorised = {cube.cell(span, category="UNCATEGORISED") for span in SPANS if "category" in cube.dimensions}
    declared = [*programme.declared_cells, *uncategorised, *claims]
    for step, tables in enumerate(programme.steps):
        request = Request(
            cube=cube,
            counts=inner,
            tables=[cell for table in tables for cell in cube.table(table)],
            always=always,
            declared=declared,
            threshold=rules.threshold,
            key=rules.key,
            strict=rules.strict,
        )
        try:
            return printable(request), step
        except Stuck:
            continue
    return frozenset(always), len(programme.steps)


def parts_of(
    counts: Counts, pattern: frozenset[Cell], tables: Iterable[Sequence[str]], programme: Programme
) -> list[Part]:
    """The cells of the year's tables as a reader will see them: they depend on nothing that the pattern withholds."""
    cube = programme.cube
    values = cube.sums(counts)
    declared = set(programme.declared_cells)
    whole = int(values[cube.place[cube.cell()]])
    parts = []
    for table in tables:
        for cell in cube.table(table):
            codes = [code for code in cell[:-1] if code != ALL]
            count = int(values[cube.place[cell]]) if cell in pattern else None
            parts.append(Part(AND.join(table), BETWEEN.join(codes), count, whole, cell in declared))
    return parts


def _hotline_parts(
    tables: Mapping[str, Sequence[Row]],
    inner: Inner,
    quarter: FiscalQuarter,
    rules: Rules,
    standing: Standing | None,
) -> tuple[list[Part], int]:
    programme = rules.programme
    counts = counts_of(inner, programme)
    if standing is not None and standing.release is not None:
        return _frozen_parts(counts, standing, programme), 0
    claims = {}
    for row in tables.get("metric_values", ()):
        if row["metric_id"] in programme.claims and _is_total(row) and row["perimeter"] == programme.perimeter:
            when = FiscalQuarter.parse(row["fiscal_quarter"])
            if when.fiscal_year == quarter.fiscal_year and row["basis"] in ("qtr", "ytd"):
                span = (when.number,) if row["basis"] == "qtr" else YEAR[: when.number]
                claims[programme.cube.cell(span, category=programme.claims[row["metric_id"]])] = 0
    try:
        pattern, step = hotline_pattern(counts, rules, claims)
    except SolverFailed:
        raise GateFailed(
            "The hotline's figures could not be protected. Nothing was prepared.",
            found="a solver that ended without an answer",
            expected="a choice of cells that is proven safe",
            rule="publish/withdrawal.py",
            next_step="run hrdd prepare again on a machine with time to spare; never print by hand",
        ) from None
    if step == len(programme.steps):
        return [], step
    return parts_of(counts, pattern, programme.steps[step], programme), step


def _frozen_parts(counts: Counts, standing: Standing, programme: Programme) -> list[Part]:
    # What was printed stays; what was withheld stays withheld. Only the declared codes speak of today.
    today = {
        part.code: part for part in parts_of(counts, frozenset(programme.declared_cells), [["category"]], programme)
    }
    parts = []
    for row in standing.rows:
        dimension, code = row["dimension"], row["dimension_value"]
        if dimension == "category" and code in programme.declared.get("category", ()):
            parts.append(today[code])
            continue
        count = int(float(row["numerator"])) if row["numerator"] else None
        of = int(float(row["denominator"])) if row["denominator"] else 0
        parts.append(Part(dimension, code, count, of, False, is_frozen=True))
    return parts


def counts_of(inner: Inner, programme: Programme) -> Counts:
    """The inner counts as a table of the cube's shape. Raises BuildFailed for a code that nobody declared."""
    counts = np.zeros(programme.cube.shape, dtype=np.int64)
    for row in inner.rows:
        place = []
        for name, codes in programme.cube.dimensions.items():
            code = programme.merged[name].get(str(row[name]))
            if code is None:
                raise BuildFailed(
                    "A hotline case has a code that the programme of tables does not declare. Nothing was prepared.",
                    found=f"a code of {name} outside the declared list",
                    expected="codes that the programme adds up to declared ones",
                    rule="publish/programme.yml",
                    next_step="decide with the human rights office where the code belongs, and have it reviewed",
                )
            place.append(list(codes).index(code))
        cases, quarter = row["cases"], row["quarter_number"]
        if cases is None or not 0 <= cases <= MOST_CASES or quarter not in YEAR:
            raise BuildFailed(
                "The hotline's counts cannot be protected. Nothing was prepared.",
                found="a row of the inner counts that is no count of cases of a quarter",
                expected="whole numbers of cases, none of them negative, each of one of the year's quarters",
                rule="dbt_project/models/intermediate/int_hotline_cube.sql",
                next_step="mend the model or its input, then build again",
            )
        counts[(*place, quarter - 1)] += cases
    return counts


def _hotline_rows(
    rows: Sequence[Row], parts: Sequence[Part], quarter: FiscalQuarter, rules: Rules, decimals: Mapping[str, int]
) -> Rows:
    programme = rules.programme
    made = []
    for part in parts:
        one_way = AND not in part.dimension
        metric = programme.metric_of[part.dimension] if one_way else programme.total
        total = _find_total(rows, metric, programme.perimeter, "ytd", str(quarter))
        if total is None:
            continue
        is_share = total["denominator"] is not None
        row = _part(
            total, part.dimension, part.code, part.count, part.of if is_share else None, decimals.get(metric, 0)
        )
        if part.count is None:
            row = _emptied(row)
        elif part.is_frozen:
            row["value_state"] = FROZEN
        elif part.is_declared and part.code != "UNCATEGORISED" and not part.count:
            row["value_state"] = _claim_state(rows, programme, quarter)
        made.append(row)
    return made


def _claim_state(rows: Sequence[Row], programme: Programme, quarter: FiscalQuarter) -> str:
    states = [
        str(total["value_state"])
        for metric in programme.claims
        if (total := _find_total(rows, metric, programme.perimeter, "ytd", str(quarter))) is not None
    ]
    return states[0] if states and states[0] != "MEASURED" else "MEASURED_ZERO"


# Breakdowns of other figures: few persons, few workers, few firms.


def _breakdown(
    rows: Sequence[Row],
    total: Row | None,
    entry: Breakdown,
    rules: Rules,
    decimals: Mapping[str, int],
    beside: Sequence[Row],
    firms: Mapping[tuple[Any, ...], int],
    places: Sequence[tuple[frozenset[str], Counted]],
) -> Rows:
    groups = _merged(rows, entry, rules.programme)
    about = {
        str(row["dimension_value"]): number
        for row in rows
        if (number := firms.get(tuple(row[column] for column in CELL))) is not None
    }
    hidden = _hidden(groups, entry, rules, _too_near(groups, entry, rules, beside), about, places)
    if hidden is None:
        return []
    first = total if total is not None else rows[0]
    made = []
    for part, (numerator, denominator) in sorted(groups.items()):
        row = _part(first, entry.dimension, part, numerator, denominator, decimals.get(entry.metric, 0))
        made.append(_emptied(row) if part in hidden else row)
    return made


def _merged(rows: Sequence[Row], entry: Breakdown, programme: Programme) -> dict[str, Counted]:
    """The counts by part, with small populations merged into the remainder until that reaches the floor too."""
    groups = {str(row["dimension_value"]): (float(_numerator(row)), row["denominator"]) for row in rows}
    if entry.rule in FIRM_RULES:
        return groups

    def size(part: str) -> float:
        numerator, denominator = groups[part]
        return numerator if denominator is None else float(denominator)

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


def _beside(rows: Sequence[Row], made: Sequence[Row], part: Row, programme: Programme) -> list[Row]:
    """What a reader may hold a breakdown's parts against: the same figure's totals of other perimeters, and the same
    parts of another figure that is printed already."""
    period = ("metric_id", "basis", "fiscal_quarter")
    totals = [
        row
        for row in rows
        if _is_total(row) and all(row[name] == part[name] for name in period) and row["perimeter"] != part["perimeter"]
    ]
    persons = {entry.metric for entry in programme.breakdowns if entry.rule not in FIRM_RULES}
    same = ("perimeter", "fiscal_quarter", "dimension")
    return totals + [
        row
        for row in made
        if row["metric_id"] in persons
        and row["metric_id"] != part["metric_id"]
        and all(row[name] == part[name] for name in same)
        and row["value_state"] != SUPPRESSED
    ]


def _too_near(groups: Mapping[str, Counted], entry: Breakdown, rules: Rules, beside: Sequence[Row]) -> set[str]:
    """The parts that differ from what stands beside them by few: those few are a group of their own."""
    if entry.rule in FIRM_RULES:
        return set()
    near = set()
    for part, counted in groups.items():
        for row in beside:
            other = (float(_numerator(row)), row["denominator"]) if row["value"] is not None else None
            if other is None or (not _is_total(row) and row["dimension_value"] != part):
                continue
            if abs(_sizes(counted)[-1] - _sizes(other)[-1]) >= rules.programme.headcount_below:
                continue  # other people
            if row["metric_id"] == entry.metric:
                pairs = zip(_sizes(counted), _sizes(other), strict=True)
            else:  # another figure counts the same people for another reason: only how many they are can be compared
                pairs = zip(_sizes(counted)[-1:], _sizes(other)[-1:], strict=True)
            if any(0 < abs(mine - theirs) < rules.threshold for mine, theirs in pairs):
                near.add(part)
    return near


def _sizes(counted: Counted) -> tuple[float, float, float]:
    """What a figure counts, what it leaves, and of how many."""
    numerator, denominator = counted
    return (numerator, 0.0, numerator) if denominator is None else (numerator, denominator - numerator, denominator)


def _beside_perimeters(
    made: Rows,
    rows: Sequence[Row],
    tables: Mapping[str, Sequence[Row]],
    entry: Breakdown,
    rules: Rules,
    members: companies.Members,
) -> Rows:
    """The parts of a figure by company, fewer where the totals of other perimeters would give one away."""
    period = ("metric_id", "basis", "fiscal_quarter")
    beside = {
        row["perimeter"]
        for row in tables.get("metric_values", rows)
        if _is_total(row) and row["value"] is not None and all(row[name] == made[0][name] for name in period)
    }
    perimeters = [
        members[perimeter, made[0]["fiscal_quarter"]]
        for perimeter in sorted(beside - {entry.perimeter})
        if (perimeter, made[0]["fiscal_quarter"]) in members
    ]
    counts = {}
    for row in rows:
        counted, left, everybody = _sizes((float(_numerator(row)), row["denominator"]))
        counts[str(row["dimension_value"])] = (counted, left) if entry.rule == "persons" else (everybody,)
    printed = {row["dimension_value"] for row in made if row["value_state"] != SUPPRESSED}
    is_enough = companies.enough(entry.rule, rules.programme, _smallest(entry, rules))
    taken = companies.also_withheld(counts, printed & counts.keys(), perimeters, is_enough)
    return [_emptied(row) if row["dimension_value"] in taken else row for row in made]


def _smallest(entry: Breakdown, rules: Rules) -> int:
    programme = rules.programme
    return {
        "persons": rules.threshold,
        "headcount": max(programme.headcount_below, rules.below),
        "firms": programme.firms_below,
        "amounts": programme.firms_below,
    }[entry.rule]


def _hidden(
    groups: Mapping[str, Counted],
    entry: Breakdown,
    rules: Rules,
    near: Collection[str],
    about: Mapping[str, int],
    places: Sequence[tuple[frozenset[str], Counted]],
) -> set[str] | None:
    """The parts to withhold: too small or too near, and the smallest others until each could be nobody and enough.

    Parts of a perimeter that add up to a printed total are among themselves. None where parts about firms, or those of
    a perimeter, cannot be made safe so: then none of them is printed. ``about`` says how many firms.
    """
    programme, smallest = rules.programme, _smallest(entry, rules)

    def counts(part: str) -> tuple[float, ...]:
        numerator, denominator = groups[part]
        if entry.rule == "persons" and denominator is not None:
            return numerator, denominator - numerator
        count = numerator if denominator is None else denominator
        return (count, about[part]) if part in about else (count,)

    def is_small(part: str) -> bool:
        few = entry.rule == "persons" and sum(counts(part)) < programme.headcount_below
        return few or any(count < smallest for count in counts(part))

    hidden = {part for part in groups if is_small(part) or part in near}
    known = [inside for inside, total in places if inside <= groups.keys() and _adds_up(groups, inside, total)]
    apart: dict[tuple[bool, ...], set[str]] = {}
    for part in groups:
        apart.setdefault(tuple(part in inside for inside in known), set()).add(part)
    for parts in apart.values():
        others = sorted(parts - hidden, key=lambda part: (sum(counts(part)), part))
        while (gone := parts & hidden) and (len(gone) == 1 or min(_sums(counts, gone)) < smallest):
            if others:
                hidden.add(others.pop(0))
            elif known and len(parts) == 1 and parts in known:
                break  # it is a perimeter, whose own total is printed, whatever it is
            elif known or entry.rule in FIRM_RULES:
                return None
            else:
                break
    return hidden


def _adds_up(groups: Mapping[str, Counted], parts: Collection[str], total: Counted) -> bool:
    together = zip(*(_sizes(groups[part]) for part in parts), strict=True)
    return [sum(column) for column in together] == list(_sizes(total))


def _places(entities: Sequence[Row], part: Row, beside: Sequence[Row]) -> list[tuple[frozenset[str], Counted]]:
    """The parts of each perimeter whose own total of the same figure is printed: what they add up to is known too."""
    if part["dimension"] not in ("entity_code", "country_iso2"):
        return []
    last = FiscalQuarter.parse(part["fiscal_quarter"]).end
    there = [
        row
        for row in entities
        if (row["is_consolidated"] or row["is_parent"])
        and row["valid_from"] <= last
        and (row["valid_to"] is None or row["valid_to"] >= last)
    ]
    found = []
    for total in beside:
        inside = PERIMETERS.get(total["perimeter"]) if _is_total(total) and total["value"] is not None else None
        if inside is None:
            continue
        members = frozenset(str(row[part["dimension"]]) for row in there if inside(row))
        others = {str(row[part["dimension"]]) for row in there if not inside(row)}
        if members and not members & others:
            found.append((members, (float(_numerator(total)), total["denominator"])))
    return found


def _sums(counts: Callable[[str], tuple[float, ...]], parts: Iterable[str]) -> list[float]:
    return [sum(column) for column in zip(*(counts(part) for part in sorted(parts)), strict=False)]


# Revisions: what was printed once may change by nothing, or by enough that the change speaks of nobody.


def _totals(name: str, tables: Mapping[str, Sequence[Row]], rules: Rules, standing: Standing | None) -> Rows:
    """The totals of one table. One that counts nearly all people of another is left out, for the rest would be few;
    so is one of which that rest was printed before and has moved by few. Of the same total under other rules, none is
    given where one would have to be withheld, for the others would tell of it."""
    wholes = tables.get("metric_values", tables[name])
    whole_of = {_key(row): row for row in wholes if _is_total(row) and not row.get("variant")}
    rows: Rows = []
    untold = set()
    for row in tables[name]:
        if not _is_total(row) or not _may_be_given(row, tables, rules):
            continue
        metric = row.get("metric_id", "")
        under = row.get("variant")
        whole = whole_of.get((metric if under else rules.programme.within.get(metric), *_key(row)[1:]))
        is_near = whole is not None and (
            (not under and _leaves_few(row, whole, rules)) or _rest_moved_by_few(row, whole, rules, standing)
        )
        if under and is_near:
            untold.add(metric)
        if not is_near:
            rows.append(_total(row, rules))
    return [row for row in rows if not row.get("variant") or row["metric_id"] not in untold]


def _rest_moved_by_few(row: Row, whole: Row, rules: Rules, standing: Standing | None) -> bool:
    """Whether what lies between two totals moved by few persons since a release printed both."""
    if row["value"] is None or whole["value"] is None or not whole.get("is_person_count", True):
        return False
    now = _between((float(_numerator(row)), row["denominator"]), (float(_numerator(whole)), whole["denominator"]))
    for release in standing.others if standing else ():
        totals = {
            (*_key(other), other.get("variant")): _read(other) for other in release if other["dimension"] == TOTAL
        }
        some = totals.get((*map(str, _key(row)), row.get("variant")))
        everybody = totals.get((*map(str, _key(whole)), None))
        if some is None or everybody is None:
            continue
        moved = [mine - theirs for mine, theirs in zip(now, _between(some, everybody), strict=True)]
        if any(0 < abs(count) < rules.threshold for count in moved):
            return True
    return False


def _between(some: Counted, everybody: Counted) -> list[float]:
    return [abs(mine - theirs) for mine, theirs in zip(_sizes(some), _sizes(everybody), strict=True)]


def _leaves_few(row: Row, whole: Row, rules: Rules) -> bool:
    if row["value"] is None or whole["value"] is None:
        return False
    between = _between((float(_numerator(row)), row["denominator"]), (float(_numerator(whole)), whole["denominator"]))
    few = between[-1] < rules.programme.headcount_below or any(count < rules.threshold for count in between)
    return few and any(between)


def _as_printed(
    made: Rows,
    total: Row | None,
    entry: Breakdown,
    rules: Rules,
    decimals: Mapping[str, int],
    standing: Standing | None,
) -> Rows:
    """The parts as they may be printed beside every release before: as they are, or as first published."""
    earlier: list[tuple[list[Mapping[str, str]], Counted | None]] = []
    for release in standing.others if standing else ():
        rows, whole = _earlier(release, made[0])
        # What was printed again as it was belongs to the total that it was first printed with.
        if rows and _counts(rows) not in [_counts(others) for others, _ in earlier]:
            earlier.append((rows, whole))
    if all(_tells_nothing(made, total, rows, whole, _smallest(entry, rules)) for rows, whole in earlier):
        return made
    first, _ = earlier[0]
    frozen = []
    for row in first:
        counted = _read(row)
        numerator, denominator = counted if counted is not None else (None, None)
        part = _part(
            total if total is not None else made[0],
            entry.dimension,
            row["dimension_value"],
            numerator,
            denominator,
            decimals.get(entry.metric, 0),
        )
        frozen.append(_emptied(part) if counted is None else part | {"value_state": FROZEN})
    return frozen


def _earlier(release: Sequence[Mapping[str, str]], part: Row) -> tuple[list[Mapping[str, str]], Counted | None]:
    period = ("metric_id", "perimeter", "basis", "fiscal_quarter")
    mine = [row for row in release if all(row[name] == str(part[name]) for name in period)]
    whole = next((_read(row) for row in mine if row["dimension"] == TOTAL), None)
    return [row for row in mine if row["dimension"] == part["dimension"]], whole


def _read(row: Mapping[str, str]) -> Counted | None:
    """What a row of a released file counts; nothing where it is withheld."""
    if not row["value"]:
        return None
    return float(row["numerator"] or row["value"]), float(row["denominator"]) if row["denominator"] else None


def _counts(rows: Sequence[Mapping[str, str]]) -> dict[str, Counted | None]:
    return {row["dimension_value"]: _read(row) for row in rows}


def _tells_nothing(
    made: Rows,
    total: Row | None,
    earlier: Sequence[Mapping[str, str]],
    whole: Counted | None,
    smallest: int,
) -> bool:
    """Whether the same cells are printed, and each of them, and all withheld ones together, moved by 0 or by enough."""
    before = _counts(earlier)
    now = {
        str(row["dimension_value"]): None if row["value"] is None else (float(_numerator(row)), row["denominator"])
        for row in made
    }
    if before.keys() != now.keys() or any((before[part] is None) != (now[part] is None) for part in now):
        return False
    today = None if total is None or total["value"] is None else (float(_numerator(total)), total["denominator"])
    sides = [(today, whole), *((now[part], before[part]) for part in now)]
    moved = [
        [mine - theirs for mine, theirs in zip(_sizes(new), _sizes(old), strict=True)]
        for new, old in sides
        if new is not None and old is not None
    ]
    if today is not None and whole is not None:  # of all moves, what is left to the cells that are withheld
        moved[0] = [of_all - sum(of_parts) for of_all, *of_parts in zip(*moved, strict=True)]
    return not any(0 < abs(count) < smallest for change in moved for count in change)


# Rows.


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in ("metric_id", "perimeter", "basis", "fiscal_quarter"))


def _part(
    total: Row, dimension: str, part: str, numerator: float | None, denominator: float | None, decimals: int
) -> dict[str, Any]:
    row = {**total, "dimension": dimension, "dimension_value": part, "target_value": None}
    value = numerator
    if denominator and numerator is not None:
        value = 100.0 * numerator / denominator
    row |= {"numerator": _double(numerator), "denominator": _double(denominator), "value": _double(value)}
    if "display_value" in row:
        shown = "" if value is None else f"{value:,.{decimals}f}"
        row["display_value"] = f"{shown} %" if denominator else shown
    if row.get("target_status") != "NO_TARGET":
        row["target_status"] = "NOT_COMPARABLE"
    row["value_state"] = "MEASURED" if value else "MEASURED_ZERO"
    return row


def _double(value: float | None) -> float | None:
    return None if value is None else float(value)


def _emptied(row: Row) -> dict[str, Any]:
    emptied = {column: value if column in KEPT else None for column, value in row.items()}
    emptied["value_state"] = SUPPRESSED
    if "display_value" in row:
        emptied["display_value"] = WITHHELD
    if "target_status" in row:
        emptied["target_status"] = "NO_TARGET" if row["target_status"] == "NO_TARGET" else "NOT_COMPARABLE"
    return emptied


def _total(row: Row, rules: Rules) -> dict[str, Any]:
    """A total is printed, whatever it is; but for a figure about a matter of few people while it counts few."""
    value = row.get("value")
    is_small = row.get("metric_id") in rules.programme.small_totals and value and value < rules.threshold
    return _emptied(row) if is_small else dict(row)


def _is_total(row: Row) -> bool:
    return bool(row.get("dimension", TOTAL) == TOTAL)


def _others(rows: Sequence[Row], rules: Rules) -> Rows:
    """Parts of figures that count neither persons nor cases; a figure that does not say so counts them."""
    return [
        dict(row)
        for row in rows
        if not _is_total(row) and row["metric_id"] not in rules.programme.guarded and row["is_person_count"] is False
    ]


def _belongs(row: Row, entry: Breakdown) -> bool:
    if _is_total(row):
        return False
    wanted = (entry.metric, entry.perimeter, entry.dimension)
    return (row["metric_id"], row["perimeter"], row["dimension"]) == wanted


def _periods(rows: Sequence[Row]) -> list[list[Row]]:
    periods: dict[tuple[Any, Any], list[Row]] = {}
    for row in rows:
        periods.setdefault((row["basis"], row["fiscal_quarter"]), []).append(row)
    return [periods[period] for period in sorted(periods)]


def _may_be_given(row: Row, tables: Mapping[str, Sequence[Row]], rules: Rules) -> bool:
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
    inside = _find_total(
        tables.get("metric_values", ()), programme.holds[metric], programme.perimeter, row["basis"], str(when)
    )
    return inside is not None and abs(_numerator(row) - _numerator(inside)) >= rules.threshold


def _total_of(rows: Sequence[Row], part: Row) -> Row | None:
    return _find_total(rows, part["metric_id"], part["perimeter"], part["basis"], part["fiscal_quarter"])


def _find_total(rows: Sequence[Row], metric: str, perimeter: str, basis: str, quarter: str) -> Row | None:
    wanted = (metric, perimeter, basis, quarter, TOTAL)
    columns = ("metric_id", "perimeter", "basis", "fiscal_quarter", "dimension")
    return next((row for row in rows if tuple(row.get(column) for column in columns) == wanted), None)


def _numerator(row: Row) -> float:
    return float(row["numerator"] if row["numerator"] is not None else row["value"])
