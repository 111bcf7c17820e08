"""The attack on the hotline's figures: a fiscal year is one cube of cases, and all that was ever printed of it, in any
release, one system of whole numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from expectations import printed
from expectations.findings import BEYOND, CHANGED, CONTRADICTING, FOUND, SMALL, TAKEN_BACK, UNDECIDED, Report
from expectations.intervals import Contradiction, Places, Printed, Question, System, Undecided
from pipeline.quarter import FiscalQuarter

ALL, TOTAL = "ALL", "total"
AND = "_and_"
BETWEEN = " / "
SPANS = ((1,), (2,), (3,), (4,), (1, 2), (1, 2, 3), (1, 2, 3, 4))
UNIQUE = 2

Codes = tuple[str, ...]
Cell = tuple[Codes, tuple[int, ...]]  # a code or ALL a dimension, and the quarters
Figures = Mapping[printed.Key, printed.Numbers]


class Cases:
    """The figures of cases in every release of one programme, oldest first."""

    def __init__(
        self, report: Report, programme: Mapping[str, Any], releases: Sequence[Figures], seconds: float, strict: bool
    ) -> None:
        self.report, self.releases, self.seconds, self.strict = report, releases, seconds, strict
        self.threshold = int(programme["strict_threshold" if strict else "threshold"])
        self.hotline = programme["hotline"]
        self.metrics = {dimension["metric"] for dimension in self.hotline["dimensions"].values()}
        self.others = {(entry["metric"], entry["perimeter"], entry["dimension"]) for entry in programme["breakdowns"]}
        self.codes = [list(dimension["codes"]) for dimension in self.hotline["dimensions"].values()]
        self.names = list(self.hotline["dimensions"])
        self.shape = (*(len(codes) for codes in self.codes), 4)
        self.declared = {
            (self.names.index(name), code) for name, codes in self.hotline["declared"].items() for code in codes
        }

    def attack(self) -> list[int]:
        """Attack every year; the fiscal years of which parts are printed."""
        years = set()
        guarded = self.metrics | {metric for metric, _, _ in self.others}
        for figures in self.releases:
            for key in figures:
                metric, perimeter, _, quarter, dimension, _ = key
                if dimension == TOTAL or metric not in guarded:
                    continue
                if self._cell(key) is not None:
                    years.add(FiscalQuarter.parse(quarter).fiscal_year)
                elif (metric, perimeter, dimension) not in self.others:
                    self.report.broken[BEYOND] += 1
        for year in sorted(years):
            self._year(year)
        for figures in self.releases:
            self._totals_of_cases(figures)
        return sorted(years)

    def _cell(self, key: printed.Key) -> Codes | None:
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
        known: dict[Cell, int] = {}
        patterns: list[dict[Cell, int | None]] = []
        totals: dict[Cell, int] = {}
        claims: dict[Cell, int] = {}
        for figures in self.releases:
            pattern: dict[Cell, int | None] = {}
            for key, (numerator, _, value) in figures.items():
                _, _, basis, quarter, dimension, _ = key
                cell = self._cell(key) if dimension != TOTAL and key[0] in self.metrics else None
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
                is_declared = self._is_declared(cell)
                earlier = known.get((cell, span))
                if not is_declared and count < self.threshold:
                    self.report.broken[SMALL] += 1
                if earlier is None:
                    known[cell, span] = count
                elif not is_declared and 0 < abs(count - earlier) < self.threshold:
                    self.report.broken[CHANGED] += 1
            if _is_withheld(pattern) != _is_withheld(patterns[0]):
                self.report.broken[TAKEN_BACK] += 1
        self._settle(known, totals, claims, tabulated)

    def _is_declared(self, codes: Codes) -> bool:
        named = [(axis, code) for axis, code in enumerate(codes) if code != ALL]
        return len(named) == 1 and named[0] in self.declared

    def _totals(self, figures: Figures, year: int) -> tuple[dict[Cell, int], dict[Cell, int]]:
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

    def _places(self, cell: Codes, span: Sequence[int]) -> Places:
        picks = [
            range(len(codes)) if code == ALL else (codes.index(code),)
            for code, codes in zip(cell, self.codes, strict=True)
        ]
        numbers = np.arange(int(np.prod(self.shape)), dtype=np.int64).reshape(self.shape)
        return np.asarray(numbers[np.ix_(*picks, [quarter - 1 for quarter in span])].reshape(-1))

    def _settle(
        self,
        known: Mapping[Cell, int],
        totals: Mapping[Cell, int],
        claims: Mapping[Cell, int],
        tabulated: set[Cell],
    ) -> None:
        facts = {**known, **{place: count for place, count in totals.items() if place not in known}}
        system = [Printed(self._places(*place), count, count) for place, count in facts.items()]
        caps = {place: count for place, count in facts.items() if self._is_declared(place[0])}
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
        self.report.questions += len(questions)
        try:
            found = System(int(np.prod(self.shape)), system, self.seconds).broken(questions)
            self.report.broken[FOUND] += bool(found)
        except Undecided:
            self.report.broken[UNDECIDED] += 1
        except Contradiction:
            self.report.broken[CONTRADICTING] += 1

    def _cells(self) -> Iterator[Cell]:
        for codes in itertools.product(*([*codes, ALL] for codes in self.codes)):
            for span in SPANS:
                yield codes, span

    def _totals_of_cases(self, figures: Figures) -> None:
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


def _is_withheld(pattern: Mapping[Cell, int | None]) -> dict[Cell, bool]:
    return {cell: count is None for cell, count in pattern.items()}
