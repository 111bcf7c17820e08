"""The attacker: what can be worked out about a few people from everything that was ever printed.

It reads only what a reader holds, the files of one or many release folders, and shares no code with what protects them
(a test walks the imports). The union of the folders is one system of whole numbers; each number that was not printed is
bounded in it. The programme that a release carries says which cells its tables have and which codes there are.

What it names is the rule that was broken, never a cell and never a count: a finding is read by people who must not
learn the figure from it.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from expectations import printed
from expectations.intervals import SECONDS, Contradiction, Places, Printed, Question, System, Undecided
from pipeline import store
from pipeline.errors import HrddError
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings

PROGRAMME = PROJECT / "publish" / "programme.yml"
LEDGER = "ledger.jsonl"
ALL, TOTAL = "ALL", "total"
AND = "_and_"
BETWEEN = " / "
SPANS = ((1,), (2,), (3,), (4,), (1, 2), (1, 2, 3), (1, 2, 3, 4))
UNIQUE = 2
AMOUNTS = "amounts"

# Rules that can be broken, in the words in which a finding is told.
SMALL = "a count below the threshold is printed"
FOUND = "a withheld count can be bounded too closely"
BEYOND = "a table or a code beyond the programme is printed"
CHANGED = "a figure printed earlier is changed by less than the threshold"
TAKEN_BACK = "a figure printed earlier is printed again with another pattern"
CONTRADICTING = "printed numbers contradict each other"
UNDECIDED = "the solver did not settle every count"
UNREAD = "a file cannot be searched"
PROGRAMMES = "the programme of tables is missing, or is not the reviewed one of its year"
LEDGERS = "the ledger of printed cells is missing, broken or does not fit the releases"
RULES = (SMALL, FOUND, BEYOND, CHANGED, TAKEN_BACK, CONTRADICTING, UNDECIDED, UNREAD, PROGRAMMES, LEDGERS)

# What the glossary says of the perimeters beside the group.
INSIDE: dict[str, Callable[[Mapping[str, str]], bool]] = {
    "corp": lambda company: company["is_parent"].lower() == "true",
    "jp": lambda company: company["is_parent"].lower() == "true" or company["region"] == "JP",
    "emea": lambda company: company["region"] == "EMEA",
    "au": lambda company: company["country_iso2"] == "AU",
}

Cell = tuple[str, ...]
Codes = tuple[str, ...]
Sizes = tuple[float | None, float | None, float | None]
NOTHING = (None, None, None)


@dataclass
class Report:
    """What an attack found: rules broken (with how often, which is for the attacker's own tests and is never shown),
    and the digests of the files it read, by folder."""

    broken: Counter[str] = field(default_factory=Counter)
    digests: dict[str, dict[str, str]] = field(default_factory=dict)
    questions: int = 0

    @property
    def stands(self) -> bool:
        """Whether nothing was found and everything was settled."""
        return not self.broken


def attack(settings: Settings, folders: Sequence[Path], *, seconds: float = SECONDS, strict: bool = False) -> Report:
    """Attack the union of release folders, oldest first; the last one is the newest.

    ``strict`` asks what a pack must keep that leaves the company: the higher threshold, and every rule of every cell.
    Never raises for what is in the files: what cannot be read or settled is in the report, and the report then does
    not stand.
    """
    report = Report()
    found: list[tuple[Path, dict[printed.Key, printed.Numbers]]] = []
    companies: dict[int, Sequence[Mapping[str, str]]] = {}
    for folder in folders:
        try:
            release = printed.read(settings, folder)
        except (printed.Unreadable, OSError):
            report.broken[UNREAD] += 1
            continue
        report.digests[str(folder)] = dict(release.digests)
        report.broken[CONTRADICTING] += release.contradictions
        figures = release.figures
        _recall(report, [earlier for _, earlier in found], figures, release.before)
        found.append((folder, figures))
        companies[id(figures)] = release.entities
    by_programme: dict[bytes, tuple[dict[str, Any], list[dict[printed.Key, printed.Numbers]]]] = {}
    for folder, figures in found:
        programme = _programme(folder)
        if programme is None:
            report.broken[PROGRAMMES] += 1
        else:
            by_programme.setdefault(store.canonical_json(programme), (programme, []))[1].append(figures)
    years: list[int] = []
    for programme, figures_of in by_programme.values():
        try:
            listed = [companies[id(figures)] for figures in figures_of]
            years += _Attack(report, programme, figures_of, listed, seconds, strict).run()
        except (KeyError, TypeError, ValueError, HrddError):
            report.broken[UNREAD] += 1  # a programme or a figure that is not what it should be
    if not by_programme or len(years) != len(set(years)):
        report.broken[PROGRAMMES] += 1  # a year belongs to one programme: a second one would cut it into other cells
    report.broken = +report.broken
    return report


def _recall(
    report: Report,
    earlier: Sequence[dict[printed.Key, printed.Numbers]],
    figures: dict[printed.Key, printed.Numbers],
    before: Mapping[printed.Key, printed.Numbers],
) -> None:
    """Hold what a revision says of earlier figures against them. What they withheld is then as good as printed there;
    without an earlier release at hand, as good as printed here."""
    for key, numbers in before.items():
        if numbers[2] is None:
            continue
        told = [past[key][2] for past in earlier if key in past]
        values = [value for value in told if value is not None]
        if not values:
            then = next((past for past in reversed(earlier) if key in past), figures)
            if then.get(key, NOTHING)[2] is None:
                then[key] = numbers
        elif all(abs(value - numbers[2]) > 1e-9 * max(1.0, abs(value)) for value in values):
            report.broken[CONTRADICTING] += 1


def releases(home: Path) -> list[Path]:
    """The release folders in a data folder's ``releases``, in the order of their quarters and revisions."""
    folders = [folder for folder in home.glob("FY*/r*") if (folder / "manifest.json").is_file()]
    return sorted(
        folders, key=lambda folder: (FiscalQuarter.parse(folder.parent.name), int(folder.name.removeprefix("r")))
    )


def ledger_stands(home: Path) -> bool:
    """Whether the ledger chains, has one line for each release, and says of each what its folder says."""
    folders = {f"{folder.parent.name}/{folder.name}": folder for folder in releases(home)}
    try:
        lines = [json.loads(line) for line in (home / LEDGER).read_text("utf-8").splitlines()]
    except FileNotFoundError:
        return not folders
    except ValueError:
        return False
    previous = ""
    for line in lines:
        body = {name: value for name, value in line.items() if name != "hash"}
        if line.get("previous") != previous or line.get("hash") != store.sha256_bytes(store.canonical_json(body)):
            return False
        previous = line["hash"]
        folder = folders.get(line.get("release"))
        if folder is None or store.sha256_file(folder / "manifest.json") != line.get("manifest_sha256"):
            return False
    return sorted(line["release"] for line in lines) == sorted(folders)


def follows_the_reviewed_programme(folder: Path, file: Path = PROGRAMME) -> bool:
    """Whether a release carries the programme that was reviewed, and not one made for the occasion."""
    import yaml

    return _programme(folder) == yaml.safe_load(file.read_text("utf-8"))


def _programme(folder: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((folder / "programme.json").read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


class _Attack:
    def __init__(
        self,
        report: Report,
        programme: Mapping[str, Any],
        releases: Sequence[Mapping[printed.Key, printed.Numbers]],
        companies: Sequence[Sequence[Mapping[str, str]]],
        seconds: float,
        strict: bool,
    ) -> None:
        self.report, self.releases, self.seconds, self.strict = report, releases, seconds, strict
        self.companies = companies
        self.threshold = int(programme["strict_threshold" if strict else "threshold"])
        self.programme = programme
        self.hotline = programme["hotline"]
        self.breakdowns = {
            (entry["metric"], entry["perimeter"], entry["dimension"]): entry["rule"]
            for entry in programme["breakdowns"]
        }
        self.within = {entry["metric"]: entry["of"] for entry in programme["within"]}
        self.guarded = {metric for metric, _, _ in self.breakdowns} | {
            dimension["metric"] for dimension in self.hotline["dimensions"].values()
        }
        self.codes = [list(dimension["codes"]) for dimension in self.hotline["dimensions"].values()]
        self.names = list(self.hotline["dimensions"])
        self.shape = (*(len(codes) for codes in self.codes), 4)

    def run(self) -> list[int]:
        """Attack everything; the fiscal years of which parts of the hotline's figures are printed."""
        years = set()
        for figures in self.releases:
            for key in figures:
                metric, perimeter, _, quarter, dimension, _ = key
                if dimension == TOTAL or metric not in self.guarded:
                    continue
                if self._cell(key) is not None:
                    years.add(FiscalQuarter.parse(quarter).fiscal_year)
                elif (metric, perimeter, dimension) not in self.breakdowns:
                    self.report.broken[BEYOND] += 1
        for year in sorted(years):
            self._year(year)
        self._few()
        for figures in self.releases:
            self._totals_of_cases(figures)
        return sorted(years)

    # The hotline: one system a fiscal year, over all releases.

    def _cell(self, key: printed.Key) -> Cell | None:
        """The cell of the cube that a figure of the hotline stands for: a code or ALL a dimension."""
        metric, perimeter, basis, quarter, dimension, part = key
        names = dimension.split(AND)
        parts = part.split(BETWEEN)
        if perimeter != self.hotline["perimeter"] or len(names) != len(parts) or not set(names) <= set(self.names):
            return None
        if metric != self.hotline["dimensions"][names[0]]["metric"] and metric != self.hotline["total"]:
            return None
        if any(code not in self.codes[self.names.index(name)] for name, code in zip(names, parts, strict=True)):
            return None
        if basis not in ("qtr", "ytd"):
            return None
        FiscalQuarter.parse(quarter)
        said = dict(zip(names, parts, strict=True))
        return tuple(said.get(name, ALL) for name in self.names)

    def _span(self, basis: str, quarter: str) -> tuple[int, ...]:
        number = FiscalQuarter.parse(quarter).number
        return (number,) if basis == "qtr" else tuple(range(1, number + 1))

    def _year(self, year: int) -> None:
        known: dict[tuple[Cell, tuple[int, ...]], int] = {}
        patterns: list[dict[tuple[Cell, tuple[int, ...]], int | None]] = []
        totals: dict[tuple[Cell, tuple[int, ...]], int] = {}
        claims: dict[tuple[Cell, tuple[int, ...]], int] = {}
        declared = {
            (self.names.index(name), code) for name, codes in self.hotline["declared"].items() for code in codes
        }
        for figures in self.releases:
            pattern: dict[tuple[Cell, tuple[int, ...]], int | None] = {}
            for key, (numerator, _, value) in figures.items():
                _, _, basis, quarter, dimension, _ = key
                cell = self._cell(key) if dimension != TOTAL and key[0] in self.guarded else None
                if cell is not None and FiscalQuarter.parse(quarter).fiscal_year == year:
                    count = numerator if numerator is not None else value
                    pattern[cell, self._span(basis, quarter)] = None if count is None else round(count)
            if pattern and not patterns:
                totals, claims = self._totals(figures, year)
            if pattern:
                patterns.append(pattern)
        tabulated = {place for pattern in patterns for place in pattern}
        for pattern in patterns:
            for (cell, span), count in pattern.items():
                if count is None:
                    continue
                is_declared = self._is_declared(cell, declared)
                earlier = known.get((cell, span))
                if not is_declared and count < self.threshold:
                    self.report.broken[SMALL] += 1
                if earlier is None:
                    known[cell, span] = count
                elif not is_declared and 0 < abs(count - earlier) < self.threshold:
                    self.report.broken[CHANGED] += 1
            if (
                any(
                    (count is None) != (patterns[0].get(place) is None)
                    for place, count in pattern.items()
                    if place in patterns[0]
                )
                or pattern.keys() != patterns[0].keys()
            ):
                self.report.broken[TAKEN_BACK] += 1
        self._settle(known, totals, claims, tabulated, declared)

    def _is_declared(self, cell: Cell, declared: set[tuple[int, str]]) -> bool:
        named = [(axis, code) for axis, code in enumerate(cell) if code != ALL]
        return len(named) == 1 and named[0] in declared

    def _totals(
        self, figures: Mapping[printed.Key, printed.Numbers], year: int
    ) -> tuple[dict[tuple[Cell, tuple[int, ...]], int], dict[tuple[Cell, tuple[int, ...]], int]]:
        """The grand totals of a year and what they say of cases without a category; and the claims, which bound a code
        from above. By span of quarters."""
        everything = tuple(ALL for _ in self.names)
        uncategorised = tuple("UNCATEGORISED" if name == "category" else ALL for name in self.names)
        totals, claims = {}, {}
        for (metric, perimeter, basis, quarter, dimension, _), (numerator, denominator, value) in figures.items():
            if dimension != TOTAL or perimeter != self.hotline["perimeter"] or value is None:
                continue
            if basis not in ("qtr", "ytd") or FiscalQuarter.parse(quarter).fiscal_year != year:
                continue
            span = self._span(basis, quarter)
            if metric == self.hotline["total"]:
                totals[everything, span] = round(value if numerator is None else numerator)
            elif metric == self.hotline["categorised"] and numerator is not None and denominator is not None:
                totals[uncategorised, span] = round(denominator - numerator)
            elif metric in self.hotline["claims"]:
                code = self.hotline["claims"][metric]
                claims[tuple(code if code in codes else ALL for codes in self.codes), span] = round(value)
        return totals, claims

    def _places(self, cell: Cell, span: Sequence[int]) -> Places:
        picks = [
            range(len(codes)) if code == ALL else (codes.index(code),)
            for code, codes in zip(cell, self.codes, strict=True)
        ]
        numbers = np.arange(int(np.prod(self.shape)), dtype=np.int64).reshape(self.shape)
        return np.asarray(numbers[np.ix_(*picks, [quarter - 1 for quarter in span])].reshape(-1))

    def _settle(
        self,
        known: Mapping[tuple[Cell, tuple[int, ...]], int],
        totals: Mapping[tuple[Cell, tuple[int, ...]], int],
        claims: Mapping[tuple[Cell, tuple[int, ...]], int],
        tabulated: set[tuple[Cell, tuple[int, ...]]],
        declared: set[tuple[int, str]],
    ) -> None:
        facts = {**known, **{place: count for place, count in totals.items() if place not in known}}
        system = [Printed(self._places(*place), count, count) for place, count in facts.items()]
        caps = {place: count for place, count in facts.items() if self._is_declared(place[0], declared)}
        for place, count in claims.items():
            system.append(Printed(self._places(*place), 0, count))
            caps[place] = min(count, caps.get(place, count))
        questions = []
        for cell, span in self._cells():
            if (cell, span) in facts:
                continue
            in_table = (cell, span) in tabulated or self.strict
            reach = self.threshold if in_table else UNIQUE
            for (outer, outer_span), count in caps.items():
                if set(span) <= set(outer_span) and all(a in (ALL, b) for a, b in zip(outer, cell, strict=True)):
                    reach = min(reach, count)
            questions.append(Question(self._places(cell, span), reach, 0 if in_table else self.threshold))
        self._ask(System(int(np.prod(self.shape)), system, self.seconds), questions)

    def _cells(self) -> Iterator[tuple[Cell, tuple[int, ...]]]:
        for codes in itertools.product(*([*codes, ALL] for codes in self.codes)):
            for span in SPANS:
                yield codes, span

    def _ask(self, system: System, questions: Sequence[Question]) -> None:
        self.report.questions += len(questions)
        try:
            if system.broken(questions):
                self.report.broken[FOUND] += 1
        except Undecided:
            self.report.broken[UNDECIDED] += 1
        except Contradiction:
            self.report.broken[CONTRADICTING] += 1

    # Other few people: one small system for each breakdown of each release.

    def _neighbors(self, figures: Mapping[printed.Key, printed.Numbers]) -> dict[Codes, Sizes]:
        """Hold each total beside the same total under other rules, and beside a total of which it counts some of the
        people: what lies between two of them is a group too. Returns what lies between each and its headline."""
        groups: dict[Codes, dict[str, printed.Numbers]] = {}
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
        for (metric, *rest), numbers in figures.items():
            whole = figures.get((str(self.within.get(metric)), *rest))
            if whole is None or rest[-2] != TOTAL:
                continue
            counted, left, everybody = found[metric, *rest] = _apart(numbers, whole)
            few = everybody is not None and everybody < self.programme["headcount_below"]
            if few or any(number is not None and number < self.threshold for number in (counted, left)):
                self.report.broken[SMALL] += any((counted, left, everybody))
        return found

    def _few(self) -> None:
        """Each breakdown of each release, beside the totals of other perimeters and beside every release before."""
        earlier: dict[Codes, list[tuple[printed.Numbers, Mapping[str, printed.Numbers]]]] = {}
        between: dict[Codes, list[Sizes]] = {}
        for figures, companies in zip(self.releases, self.companies, strict=True):
            parts: dict[Codes, dict[str, printed.Numbers]] = {}
            for key, numbers in figures.items():
                metric, perimeter, basis, quarter, dimension, part = key
                if (metric, perimeter, dimension) in self.breakdowns:
                    parts.setdefault((metric, perimeter, basis, quarter, dimension), {})[part] = numbers
            for table, rows in parts.items():
                total = figures.get((*table[:4], TOTAL, ALL), NOTHING)
                before = earlier.setdefault(table, [])
                if any(rows == others for _, others in before):
                    continue  # as it was printed before: its own total stands with it there
                rule = self.breakdowns[table[0], table[1], table[4]]
                for whole, others in before:
                    self._revised(rule, (total, rows), (whole, others))
                if rule == AMOUNTS:
                    # How many firms an amount is about is nowhere printed; one withheld alone is what the others leave.
                    withheld = sum(value is None for _, _, value in rows.values())
                    self.report.broken[FOUND] += int(withheld == 1 and total[2] is not None)
                else:
                    self._breakdown(rule, total, rows, _sums_beside(table, rows, figures, companies))
                before.append((total, rows))
            for (metric, _, _, _, dimension, _), (_, _, value) in figures.items():
                if dimension == TOTAL and metric in self.programme.get("small_totals", ()):
                    self.report.broken[SMALL] += int(value is not None and 0 < value < self.threshold)
            self._beside(figures, parts)
            for key, apart in self._neighbors(figures).items():
                for other in between.setdefault(key, []):
                    moved = [abs(mine - theirs) for mine, theirs in zip(apart, other, strict=True)
                             if mine is not None and theirs is not None]  # fmt: skip
                    self.report.broken[CHANGED] += any(0 < number < self.threshold for number in moved)
                between[key].append(apart)

    def _revised(
        self,
        rule: str,
        now: tuple[printed.Numbers, Mapping[str, printed.Numbers]],
        before: tuple[printed.Numbers, Mapping[str, printed.Numbers]],
    ) -> None:
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

    def _beside(
        self,
        figures: Mapping[printed.Key, printed.Numbers],
        parts: Mapping[Codes, Mapping[str, printed.Numbers]],
    ) -> None:
        """A part and a total of another perimeter, or the same part in another figure: few persons lie in between."""
        persons = {table: rows for table, rows in parts.items()
                   if self.breakdowns[table[0], table[1], table[4]] not in ("firms", AMOUNTS)}  # fmt: skip
        for (metric, perimeter, basis, quarter, dimension), rows in persons.items():
            period = (metric, basis, quarter, TOTAL)
            totals = [
                numbers
                for (of, where, how, when, what, _), numbers in figures.items()
                if (of, how, when, what) == period and where != perimeter
            ]
            twins = [
                others
                for (of, where, _, when, what), others in persons.items()
                if of > metric and (where, when, what) == (perimeter, quarter, dimension)
            ]
            for part, numbers in rows.items():
                near = [apart for apart in (_apart(numbers, total) for total in totals)
                        if apart[2] is not None and apart[2] < self.programme["headcount_below"]]  # fmt: skip
                few = [count for apart in near for count in apart]
                few += [_apart_in_all(numbers, others.get(part, NOTHING)) for others in twins]
                if any(count is not None and 0 < count < self.threshold for count in few):
                    self.report.broken[SMALL] += 1

    def _totals_of_cases(self, figures: Mapping[printed.Key, printed.Numbers]) -> None:
        """Totals over cases beside the cube: none of a part of it, none by quarter, and none close above another."""
        yearly, never = set(self.hotline.get("yearly", ())), set(self.hotline.get("never", ()))
        inside = {}
        for (metric, perimeter, basis, quarter, dimension, _), (numerator, _, value) in figures.items():
            if dimension == TOTAL and perimeter == self.hotline["perimeter"] and value is not None:
                inside[metric, basis, quarter] = value if numerator is None else numerator
        for (metric, _, basis, quarter, dimension, _), (numerator, _, value) in figures.items():
            if metric not in yearly | never or value is None:
                continue
            by_quarter = basis == "qtr" or FiscalQuarter.parse(quarter).number != 4
            if metric in never or by_quarter or dimension != TOTAL:
                self.report.broken[BEYOND] += 1
            held = inside.get((self.hotline.get("holds", {}).get(metric, ""), basis, quarter))
            if held is not None and abs((value if numerator is None else numerator) - held) < self.threshold:
                self.report.broken[SMALL] += 1

    def _smallest(self, rule: str) -> int:
        return int({"persons": self.threshold, "headcount": self.programme["headcount_below"],
                    "firms": self.programme["firms_below"], AMOUNTS: self.programme["firms_below"]}[rule])  # fmt: skip

    def _breakdown(
        self,
        rule: str,
        total: printed.Numbers,
        rows: Mapping[str, printed.Numbers],
        sums: Sequence[tuple[set[str], printed.Numbers]] = (),
    ) -> None:
        smallest = self._smallest(rule)
        sizes = self.programme["headcount_below"]
        whole = _counts(rule, total)
        facts: list[Printed] = []
        questions: list[Question] = []
        width = 2 if rule == "persons" else 1
        sums = sums if rule in ("persons", "headcount") else ()
        everything = np.arange(len(rows) * width, dtype=np.int64).reshape(len(rows), width)
        for place, numbers in zip(everything, rows.values(), strict=True):
            counts = _counts(rule, numbers)
            if counts is None:
                questions += [Question(place[column : column + 1], smallest) for column in range(width)]
                continue
            if any(count < smallest for count in counts) or (rule == "persons" and sum(counts) < sizes):
                self.report.broken[SMALL] += 1
            facts += [Printed(place[column : column + 1], count, count) for column, count in enumerate(counts)]
        if whole is not None:
            facts += [Printed(everything[:, column], count, count) for column, count in enumerate(whole)]
        for parts, numbers in sums:
            inside = [place for place, part in zip(everything, rows, strict=True) if part in parts]
            for column, count in enumerate(_counts(rule, numbers) or ()):
                facts.append(Printed(np.array([place[column] for place in inside]), count, count))
        if questions:
            self._ask(System(everything.size, facts, self.seconds), questions)


def _sums_beside(
    table: Codes,
    rows: Mapping[str, printed.Numbers],
    figures: Mapping[printed.Key, printed.Numbers],
    companies: Sequence[Mapping[str, str]],
) -> list[tuple[set[str], printed.Numbers]]:
    """The parts that a perimeter is made of, with its own total of the same figure: by the list of companies that the
    release holds. One that is a single part is no sum; ``_beside`` holds the two against each other."""
    metric, _, basis, quarter, dimension = table
    if dimension not in ("entity_code", "country_iso2"):
        return []
    last = FiscalQuarter.parse(quarter).end.isoformat()
    there = [
        company
        for company in companies
        if "true" in (company["is_consolidated"].lower(), company["is_parent"].lower())
        and company["valid_from"] <= last <= (company["valid_to"] or last)
    ]
    found = []
    for perimeter, is_inside in INSIDE.items():
        total = figures.get((metric, perimeter, basis, quarter, TOTAL, ALL), NOTHING)
        parts = {company[dimension] for company in there if is_inside(company)}
        elsewhere = {company[dimension] for company in there if not is_inside(company)}
        if total[2] is not None and len(parts) > 1 and parts <= rows.keys() and not parts & elsewhere:
            found.append((parts, total))
    return found


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


def _apart_in_all(one: printed.Numbers, other: printed.Numbers) -> float | None:
    return _apart(one, other)[2]


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
