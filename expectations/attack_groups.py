"""The attack on figures about few persons or firms: groups of workers, companies, suppliers.

The parts of a figure, by company and by country, and its totals of all perimeters add up the same companies; the list
of companies that a release holds says which. So each figure of each period is one small system, and what lies between
two printed numbers about nearly the same people is a group too: between perimeters, figures, quarters and releases.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from expectations import printed
from expectations.findings import BEYOND, CHANGED, CONTRADICTING, FOUND, SMALL, TAKEN_BACK, Report
from expectations.intervals import Contradiction, Places, Printed, Question, System
from pipeline.quarter import FiscalQuarter

ALL, TOTAL = "ALL", "total"
GROUP = "grp"  # the perimeter of all companies: of no other one are the parts added up by company
PERSONS, HEADCOUNT, FIRMS, AMOUNTS = "persons", "headcount", "firms", "amounts"
NOTHING = (None, None, None)
NOBODY: printed.Numbers = (0.0, 0.0, 0.0)
# What the glossary says of the perimeters.
INSIDE: dict[str, Callable[[Mapping[str, str]], bool]] = {
    "corp": lambda company: company["is_parent"].lower() == "true",
    "jp": lambda company: company["is_parent"].lower() == "true" or company["region"] == "JP",
    "grp": lambda company: True,
    "emea": lambda company: company["region"] == "EMEA",
    "au": lambda company: company["country_iso2"] == "AU",
}
# What a dimension says of a company, by rule: other figures are by the country of a supplier.
PLACES = {
    PERSONS: {"entity_code": "entity_code", "country_iso2": "country_iso2"},
    HEADCOUNT: {"entity_code": "entity_code", "country_iso2": "country_iso2"},
    AMOUNTS: {"buying_entity": "entity_code", "buying_region": "region"},
    FIRMS: {},
}
# Buyers that are on no list of companies are the part UNKNOWN, by company as by region.
UNLISTED = dict.fromkeys(("entity_code", "region", "country_iso2"), "UNKNOWN") | {"is_parent": "false"}

Figure = tuple[str, ...]  # metric, perimeter, basis, quarter
Figures = Mapping[printed.Key, printed.Numbers]
Parts = Mapping[str, printed.Numbers]
Sizes = tuple[float | None, float | None, float | None]
Companies = Sequence[Mapping[str, str]]
Group = frozenset[str]
Numbers = Sequence[tuple[Group, printed.Numbers]]


class Groups:
    """The figures about few persons or firms in every release of one programme, oldest first."""

    def __init__(
        self,
        report: Report,
        programme: Mapping[str, Any],
        releases: Sequence[printed.Found],
        seconds: float,
        strict: bool,
    ) -> None:
        self.report, self.releases, self.seconds = report, releases, seconds
        self.programme = programme
        self.threshold = int(programme["strict_threshold" if strict else "threshold"])
        self.headcount_below = int(programme["headcount_below"])
        self.rules = {
            (entry["metric"], entry["perimeter"], entry["dimension"]): entry["rule"]
            for entry in programme["breakdowns"]
        }
        self.persons = {metric for (metric, _, _), rule in self.rules.items() if rule in (PERSONS, HEADCOUNT)}

    def attack(self) -> None:
        """Attack each release by itself, and beside every release before it."""
        earlier: dict[tuple[Figure, str], list[tuple[printed.Numbers, Parts]]] = defaultdict(list)
        between: dict[printed.Key, list[Sizes]] = defaultdict(list)
        for release in self.releases:
            figures = release.figures
            tables: dict[tuple[Figure, str], dict[str, printed.Numbers]] = defaultdict(dict)
            for (metric, perimeter, basis, quarter, dimension, part), numbers in figures.items():
                if (metric, perimeter, dimension) in self.rules:
                    tables[(metric, perimeter, basis, quarter), dimension][part] = numbers
            fresh: dict[tuple[Figure, str], dict[str, Parts]] = defaultdict(dict)
            for (figure, dimension), parts in tables.items():
                total, before = figures.get((*figure, TOTAL, ALL), NOTHING), earlier[figure, dimension]
                if any(parts == others for _, others in before):
                    continue  # as it was printed before: its own total stands with it there
                rule = self.rules[figure[0], figure[1], dimension]
                for whole, others in before:
                    self._revised(rule, (total, parts), (whole, others))
                before.append((total, parts))
                fresh[figure, rule][dimension] = parts
            for (figure, rule), by_dimension in fresh.items():
                self._figure(
                    figure,
                    rule,
                    by_dimension,
                    figures,
                    _there(release.entities, figure[3]) if figure[1] == "grp" else [],
                )
            self._beside(figures, tables, release.entities)
            self._small_totals(figures)
            self._regional(figures)
            for key, apart in self._neighbors(figures).items():
                self.report.broken[CHANGED] += any(self._is_few(apart, other) for other in between[key])
                between[key].append(apart)
            self._left_out(release.left_out)
        for one, other in itertools.combinations(self.releases, 2):
            for why in one.left_out.keys() & other.left_out.keys():
                (then, _), (now, _) = one.left_out[why], other.left_out[why]
                if then is not None and now is not None:
                    self.report.broken[CHANGED] += 0 < abs(now - then) < self.threshold
        self._grown()
        self._rests(earlier)

    def _is_few(self, now: Sizes, before: Sizes) -> bool:
        pairs = zip(now, before, strict=True)
        moved = [abs(mine - theirs) for mine, theirs in pairs if mine is not None and theirs is not None]
        return any(0 < number < self.threshold for number in moved)

    def _small_totals(self, figures: Figures) -> None:
        for (metric, _, _, _, dimension, _), (_, _, value) in figures.items():
            if dimension == TOTAL and metric in self.programme.get("small_totals", ()):
                self.report.broken[SMALL] += int(value is not None and 0 < value < self.threshold)

    def _left_out(self, counts: Mapping[printed.Key, tuple[float | None, bool]]) -> None:
        """How many a figure leaves out, and why: none of them a case, and of persons no few and no two that differ by
        few."""
        hotline = self.programme["hotline"]
        cases = {hotline["total"], hotline["categorised"], *hotline["claims"], *hotline["yearly"], *hotline["never"]}
        persons = []
        for (metric, *_), (count, are_persons) in counts.items():
            if count is not None and metric in cases:
                self.report.broken[BEYOND] += 1
            elif count is not None and are_persons:
                persons.append(count)
        smallest = max(self.headcount_below, self.threshold)
        self.report.broken[SMALL] += sum(count < smallest for count in persons)
        self.report.broken[SMALL] += sum(
            0 < abs(one - other) < self.threshold for one, other in itertools.combinations(sorted(set(persons)), 2)
        )

    # One figure of one period.

    def _figure(
        self, figure: Figure, rule: str, tables: Mapping[str, Parts], figures: Figures, companies: Companies
    ) -> None:
        """The breakdowns of one figure: those over the companies of the list together, the others one by one."""
        for table in tables.values():
            self._printed_parts(rule, table)
        if rule == AMOUNTS and any(by in PLACES[rule] and "UNKNOWN" in parts for by, parts in tables.items()):
            companies = [*companies, UNLISTED]
        groups = {dimension: _groups(rule, dimension, parts, companies, self.programme["remainder"])
                  for dimension, parts in tables.items()}  # fmt: skip
        linked = {dimension: group for dimension, group in groups.items() if group is not None}
        alone = set(tables) - linked.keys()
        everybody = frozenset(company["entity_code"] for company in companies)
        totals: list[tuple[Group, printed.Numbers]] = []
        for perimeter, is_inside in INSIDE.items():
            inside = frozenset(company["entity_code"] for company in companies if is_inside(company))
            numbers = figures.get((figure[0], perimeter, *figure[2:], TOTAL, ALL), NOTHING)
            if inside and numbers[2] is not None:
                totals.append((inside, numbers))
        if linked:
            nobody = {everybody - frozenset().union(*group.values()) for group in linked.values()} - {frozenset()}
            parts = [(group, NOBODY) for group in sorted(nobody, key=sorted)]
            parts += [(of[part], numbers) for by, of in linked.items() for part, numbers in tables[by].items()]
            agreeing = totals
            if not self._system(rule, parts, []).adds_up():
                alone = set(tables)  # who works abroad is of one country by company and of another by country
            elif not self._system(rule, parts, totals).adds_up():
                agreeing = []  # persons whom two companies list: from totals that do not add up nothing follows
                for total in totals:
                    agreeing += [total] if self._system(rule, parts, [*agreeing, total]).adds_up() else []
            if not alone & linked.keys():
                self._ask(rule, parts, agreeing)
        for dimension in sorted(alone):
            parts = [(frozenset({part}), numbers) for part, numbers in tables[dimension].items()]
            own = figures.get((*figure, TOTAL, ALL), NOTHING)
            whole = [(frozenset(tables[dimension]), own)] if own[2] is not None else []
            self._ask(rule, parts, whole)
        if rule in (PERSONS, HEADCOUNT):
            for dimension, of in linked.items():
                others = [(of[part], numbers) for part, numbers in tables[dimension].items()]
                wholes = [*totals, *((linked[other][part], numbers) for other in linked if other != dimension
                                     for part, numbers in tables[other].items())]  # fmt: skip
                self.report.broken[SMALL] += sum(self._leaves_few(whole, others) for whole in wholes)

    def _printed_parts(self, rule: str, parts: Parts) -> None:
        smallest = self._smallest(rule)
        for numbers in parts.values() if rule != AMOUNTS else ():
            counts = _counts(rule, numbers)
            few = counts is not None and rule == PERSONS and sum(counts) < self.headcount_below
            self.report.broken[SMALL] += few or any(count < smallest for count in counts or ())

    def _leaves_few(self, whole: tuple[Group, printed.Numbers], parts: Numbers) -> bool:
        """Whether all parts that make up a printed number are printed, and differ from it by few."""
        inside = [(group, _sizes(numbers)) for group, numbers in parts if group <= whole[0]]
        if not inside or any(group & whole[0] for group, _ in parts if not group <= whole[0]):
            return False
        together = zip(_sizes(whole[1]), *(numbers for _, numbers in inside), strict=True)
        apart = [abs(of_all - sum(of_parts)) for of_all, *of_parts in together if None not in (of_all, *of_parts)]
        return any(0 < count < self.threshold for count in apart)

    def _system(self, rule: str, parts: Numbers, totals: Numbers) -> System:
        places = _Places(rule, parts, totals)
        facts = [
            Printed(place, count, count)
            for group, numbers in [*parts, *totals]
            for place, count in zip(places.of(group), _counts(rule, numbers) or (), strict=False)
        ]
        return System(places.size, facts, self.seconds)

    def _ask(self, rule: str, parts: Numbers, totals: Numbers) -> None:
        """Ask of each withheld part whether it may be nobody and enough, and of each group that is not printed whether
        it is few for certain."""
        try:
            found = _determined(parts, totals) if rule == AMOUNTS else self._told(rule, parts, totals)
            self.report.broken[FOUND] += found
        except Contradiction:
            self.report.broken[CONTRADICTING] += 1

    def _told(self, rule: str, parts: Numbers, totals: Numbers) -> int:
        places, smallest = _Places(rule, parts, totals), self._smallest(rule)
        withheld = {group for group, numbers in parts if numbers[2] is None}
        if rule == FIRMS:
            asked = [Question(place, smallest) for group in withheld for place in places.of(group)]
            self.report.questions += len(asked)
            return int(bool(self._system(rule, parts, totals).broken(asked)))
        # A part that is a whole perimeter is told by that one's total, whatever it counts: what is withheld is by how
        # much the two differ. So the total is no statement about the other parts.
        told = {group for group, _ in totals}
        asked = [Question(place, smallest) for group in sorted(withheld - told, key=sorted)
                 for place in places.of(group)]  # fmt: skip
        self.report.questions += len(asked)
        others = [(group, numbers) for group, numbers in totals if group not in withheld]
        found = int(bool(self._system(rule, parts, others).broken(asked)))
        alone = places.alone - {group for group, numbers in parts if numbers[2] is not None}
        known = self._system(rule, parts, totals)
        for group in sorted((alone | withheld) - told, key=sorted):
            asked = [Question(place, smallest, smallest) for place in places.of(group)]
            self.report.questions += len(asked)
            if known.broken(asked) and any(known.bounds(place)[1] != 0 for place in places.of(group)):
                found += group in withheld or not self._system(rule, [], totals).broken(
                    [Question(place, smallest, smallest) for place in _Places(rule, [], totals).of(group)]
                )
        return found

    def _smallest(self, rule: str) -> int:
        return int({PERSONS: self.threshold, HEADCOUNT: self.headcount_below}.get(rule, self.programme["firms_below"]))

    # Between numbers about nearly the same people.

    def _revised(self, rule: str, now: tuple[printed.Numbers, Parts], before: tuple[printed.Numbers, Parts]) -> None:
        """One breakdown in two releases: the same pattern, and every move, that of the withheld rest too, by enough."""
        (total, rows), (whole, others) = now, before
        pattern, old = ({part for part, numbers in each.items() if numbers[2] is None} for each in (rows, others))
        if rows.keys() != others.keys() or pattern != old:
            self.report.broken[TAKEN_BACK] += 1
            return
        smallest = self._smallest(rule)
        moves = [_moved(rows[part], others[part]) for part in rows if part not in pattern]
        if total[2] is not None and whole[2] is not None:
            moves.append(tuple(
                of_all - sum(of_parts) for of_all, *of_parts in zip(_moved(total, whole), *moves, strict=True)
            ))  # fmt: skip
        if any(0 < abs(count) < smallest for move in moves for count in move):
            self.report.broken[CHANGED] += 1

    def _beside(self, figures: Figures, tables: Mapping[tuple[Figure, str], Parts], entities: Companies) -> None:
        """A part and a total of another perimeter, or the same people in another figure: few persons lie in between."""
        totals: dict[str, list[tuple[Figure, printed.Numbers]]] = defaultdict(list)  # by quarter
        for (*figure, dimension, _), numbers in figures.items():
            if dimension == TOTAL and numbers[2] is not None:
                totals[figure[3]].append((tuple(figure), numbers))
        persons = {table: parts for table, parts in tables.items()
                   if self.rules[table[0][0], table[0][1], table[1]] in (PERSONS, HEADCOUNT)}  # fmt: skip
        for ((metric, perimeter, basis, quarter), dimension), parts in persons.items():
            companies = _there(entities, quarter) if perimeter == GROUP else []
            known = {
                by
                for (figure, by), others in persons.items()
                if figure == (metric, perimeter, basis, quarter)
                and _groups(self.rules[metric, perimeter, by], by, others, companies, self.programme["remainder"])
            }
            wholes = _wholes(dimension, companies)
            twins = [
                others
                for ((of, where, _, when), by), others in persons.items()
                if of > metric and (where, when, by) == (perimeter, quarter, dimension)
            ]
            otherwise = [  # parts of the same figure by another dimension, but for those that add up the same companies
                numbers
                for (figure, by), others in persons.items()
                if figure == (metric, perimeter, basis, quarter) and by > dimension
                if not {by, dimension} <= known
                for numbers in others.values()
            ]
            for part, numbers in parts.items():
                few: list[float | None] = [_apart(numbers, others.get(part, NOTHING))[2] for others in twins]
                for apart in (_apart(numbers, other) for other in otherwise):
                    few += apart if apart[2] is not None and apart[2] < self.headcount_below else ()
                for (of, where, how, _), total in totals[quarter]:
                    apart, is_whole = _apart(numbers, total), where in wholes.get(part, ())
                    if where == perimeter or (dimension in known and not is_whole):
                        continue
                    if (of, how) == (metric, basis):
                        few += apart if apart[2] is not None and apart[2] < self.headcount_below else ()
                    elif is_whole and of in self.persons - {metric}:
                        few.append(apart[2])
                if any(count is not None and 0 < count < self.threshold for count in few):
                    self.report.broken[SMALL] += 1

    def _neighbors(self, figures: Figures) -> dict[printed.Key, Sizes]:
        """Hold each total beside the same total under other rules, and beside a total of which it counts some of the
        people: what lies between two of them is a group too. Returns what lies between each and its headline."""
        groups: dict[printed.Key, dict[str, printed.Numbers]] = {}
        for (metric, *rest), numbers in figures.items():
            headline, _, variant = metric.partition(printed.UNDER)
            if variant:
                headlines = figures.get((headline, *rest))
                group = groups.setdefault((headline, *rest), {} if headlines is None else {"": headlines})
                group[variant] = numbers
        found = {}
        for key, group in groups.items():
            if "" not in group:
                self.report.broken[BEYOND] += 1
            for (one, mine), (other, theirs) in itertools.combinations(group.items(), 2):
                apart = _apart(mine, theirs)
                if not one or not other:
                    found[(*key, one or other)] = apart
                if any(0 < number < self.threshold for number in apart if number is not None):
                    self.report.broken[SMALL] += 1
        within = {entry["metric"]: entry["of"] for entry in self.programme["within"]}
        for (metric, *rest), numbers in figures.items():
            whole = figures.get((str(within.get(metric)), *rest))
            if whole is None or rest[-2] != TOTAL:
                continue
            counted, left, everybody = found[metric, *rest] = _apart(numbers, whole)
            if not everybody:  # the same people, of whom some did what fewer did as well
                self.report.broken[SMALL] += counted is not None and 0 < counted < self.threshold
            elif everybody < self.headcount_below or any(
                number is not None and number < self.threshold for number in (counted, left)
            ):
                self.report.broken[SMALL] += 1
        return found

    def _regional(self, figures: Figures) -> None:
        """The numbers of people that figures of a small perimeter count: few lie between two of one quarter."""
        people: dict[tuple[str, str], set[float]] = defaultdict(set)
        for (_, perimeter, _, quarter, dimension, _), numbers in figures.items():
            size = _sizes(numbers)[2]
            if dimension == TOTAL and perimeter in self.programme.get("regional", ()) and size is not None:
                people[perimeter, quarter].add(size)
        for sizes in people.values():
            pairs = itertools.combinations(sizes, 2)
            self.report.broken[SMALL] += any(0 < abs(one - other) < self.threshold for one, other in pairs)

    def _grown(self) -> None:
        """Counts of the year to date in two quarters of a year, in whatever releases: few lie in between."""
        told: dict[printed.Key, dict[FiscalQuarter, set[float]]] = defaultdict(lambda: defaultdict(set))
        for release in self.releases:
            for (metric, perimeter, basis, quarter, dimension, part), (numerator, _, value) in release.figures.items():
                is_small = perimeter in self.programme.get("regional", ()) and dimension == TOTAL
                is_part = self.rules.get((metric, perimeter, dimension)) in (PERSONS, HEADCOUNT)
                if basis == "ytd" and value is not None and (is_small or is_part):
                    cell = (metric, perimeter, dimension, part)
                    told[cell][FiscalQuarter.parse(quarter)].add(value if numerator is None else numerator)
        for quarters in told.values():
            for one, other in itertools.combinations(quarters, 2):
                if one.fiscal_year == other.fiscal_year:
                    moved = (abs(mine - theirs) for mine in quarters[one] for theirs in quarters[other])
                    self.report.broken[SMALL] += any(0 < count < self.threshold for count in moved)

    def _rests(self, printed_as: Mapping[tuple[Figure, str], Sequence[tuple[printed.Numbers, Parts]]]) -> None:
        """The same parts of a year to date withheld in two quarters: taken together, few lie in between."""
        told: dict[Any, list[tuple[str, float]]] = defaultdict(list)
        for ((metric, perimeter, basis, quarter), dimension), versions in printed_as.items():
            for total, parts in versions if basis == "ytd" else ():
                withheld = frozenset(part for part, numbers in parts.items() if numbers[2] is None)
                # Where all are withheld, the total says what moved, and nothing else.
                if (
                    self.rules[metric, perimeter, dimension] in (PERSONS, HEADCOUNT)
                    and frozenset() < withheld < parts.keys()
                ):
                    counts = [_sizes(numbers)[0] for part, numbers in parts.items() if part not in withheld]
                    together, year = _sizes(total)[0], FiscalQuarter.parse(quarter).fiscal_year
                    if together is not None and None not in counts:
                        told[metric, perimeter, dimension, year, frozenset(parts), withheld].append(
                            (quarter, together - sum(filter(None, counts)))
                        )
        for rests in told.values():
            pairs = itertools.combinations(rests, 2)
            self.report.broken[SMALL] += any(
                one != other and 0 < abs(mine - theirs) < self.threshold for (one, mine), (other, theirs) in pairs
            )


def _there(entities: Companies, quarter: str) -> list[Mapping[str, str]]:
    """The companies of the group on a quarter's last day, as a release lists them."""
    last = FiscalQuarter.parse(quarter).end.isoformat()
    return [
        company
        for company in entities
        if "true" in (company["is_consolidated"].lower(), company["is_parent"].lower())
        and company["valid_from"] <= last <= (company["valid_to"] or last)
    ]


def _groups(rule: str, dimension: str, parts: Parts, companies: Companies, remainder: str) -> dict[str, Group] | None:
    """The companies that each part adds up, if the list names them all; the remainder has those that no part names."""
    column = PLACES[rule].get(dimension)
    there = {company[column] for company in companies} if column else set()
    if column is None or not parts.keys() - {remainder} <= there:
        return None
    groups = {
        part: frozenset(company["entity_code"] for company in companies if company[column] == part) for part in parts
    }
    if remainder in parts:
        rest = [company["entity_code"] for company in companies if company[column] not in parts]
        groups[remainder] = frozenset(rest)
    return groups if all(groups.values()) else None


def _wholes(dimension: str, companies: Companies) -> dict[str, set[str]]:
    """The parts that are all companies of a perimeter, with the perimeters."""
    column = PLACES[PERSONS].get(dimension, "")
    found: dict[str, set[str]] = defaultdict(set)
    for perimeter, is_inside in INSIDE.items() if column else ():
        names = {company[column] for company in companies if is_inside(company)}
        if len(names) == 1 and all(is_inside(company) for company in companies if company[column] in names):
            found[names.pop()].add(perimeter)
    return found


class _Places:
    """Where the counts of each smallest group stand in a system: one place for each count of the rule."""

    def __init__(self, rule: str, parts: Numbers, totals: Numbers) -> None:
        self.codes = sorted(frozenset[str]().union(*(group for group, _ in [*parts, *totals])))
        self.width = 2 if rule == PERSONS else 1
        self.size = len(self.codes) * self.width

    @property
    def alone(self) -> set[Group]:
        """Each smallest group by itself."""
        return {frozenset({code}) for code in self.codes}

    def of(self, group: Group) -> list[Places]:
        """The places of a group, by count."""
        first = np.array([self.codes.index(code) for code in sorted(group)], dtype=np.int64) * self.width
        return [first + column for column in range(self.width)]


def _determined(parts: Numbers, totals: Numbers) -> int:
    """Whether an amount that is withheld follows from others by adding and subtracting."""
    known = [group for group, numbers in [*parts, *totals] if numbers[2] is not None]
    codes = _Places(AMOUNTS, parts, totals).codes

    def rank(groups: Sequence[Group]) -> int:
        rows = [[float(code in group) for code in codes] for group in groups]
        return int(np.linalg.matrix_rank(np.array(rows))) if rows else 0

    return int(any(rank([*known, group]) == rank(known) for group, numbers in parts if numbers[2] is None))


def _sizes(numbers: printed.Numbers) -> Sizes:
    """What a figure counts, how many it leaves, and of how many; a count of its own is all that it counts of."""
    numerator, denominator, value = numbers
    if value is None:
        return NOTHING
    counted = value if numerator is None else numerator
    if denominator is None:
        return counted, None, counted
    return counted, denominator - counted, denominator


def _apart(one: printed.Numbers, other: printed.Numbers) -> Sizes:
    counted, left, everybody = (
        None if mine is None or theirs is None else abs(mine - theirs)
        for mine, theirs in zip(_sizes(one), _sizes(other), strict=True)
    )
    return counted, left, everybody


def _moved(now: printed.Numbers, before: printed.Numbers) -> tuple[float, ...]:
    return tuple((mine or 0.0) - (theirs or 0.0) for mine, theirs in zip(_sizes(now), _sizes(before), strict=True))


def _counts(rule: str, numbers: printed.Numbers) -> tuple[int, ...] | None:
    """What a printed part counts: completed and not completed, the group, or the firms; nothing if it is withheld."""
    numerator, denominator, value = numbers
    if rule == "persons":
        if numerator is None or denominator is None:
            return None
        return round(numerator), round(denominator - numerator)
    count = denominator if denominator is not None else numerator if numerator is not None else value
    return None if count is None else (round(count),)
