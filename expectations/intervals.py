"""How far printed numbers pin down the numbers that were not printed: smallest and largest possible whole values.

Unknown counts are whole and not negative; each printed number is the sum of some of them. Counts that no printed
number tells apart are taken together, which changes no bound and makes the system small. A linear programme bounds
first; where its answer is not whole, an integer programme settles. A solver that ends in neither an optimum nor a
proof of impossibility has not settled anything: that is an error, never a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt

WHOLE = 1e-6
EXACT, ANY = 0.0, 1e9  # the gap at which a solver may stop: where its number is asked for, and where any table will do
SECONDS = 60.0

Places = npt.NDArray[np.int64]


class Undecided(Exception):
    """The solver ended without an answer."""


class Contradiction(Exception):
    """No counts at all agree with the printed numbers."""


@dataclass(frozen=True)
class Printed:
    """A printed number, or a bound from above: the sum of the counts at ``places`` is ``lowest`` to ``highest``."""

    places: Places
    lowest: int
    highest: int


@dataclass(frozen=True)
class Question:
    """Of the sum of the counts at ``places``: can it be 0, and can it reach ``reach``? A sum that cannot be 0 is
    excused if it can reach ``many``, because then nobody knows that it is few; 0 excuses nothing."""

    places: Places
    reach: int
    many: int = 0


class System:
    """All that is printed about ``size`` unknown counts."""

    def __init__(self, size: int, printed: Sequence[Printed], seconds: float = SECONDS) -> None:
        rows_of: list[list[int]] = [[] for _ in range(size)]
        for row, number in enumerate(printed):
            for place in number.places:
                rows_of[place].append(row)
        classes: dict[tuple[int, ...], int] = {}
        self._class = np.array([classes.setdefault(tuple(rows), len(classes)) for rows in rows_of], dtype=np.int64)
        self._classes = len(classes)
        self._is_bounded = np.array([bool(rows) for rows in classes])
        self._sizes = np.bincount(self._class, minlength=self._classes)
        self._seconds = seconds  # for each question; the solver's own limit is on all its runs together
        self._solver = _solver()
        self._solver.addVars(self._classes, np.zeros(self._classes), np.full(self._classes, highspy.kHighsInf))
        columns: list[list[int]] = [[] for _ in printed]
        for rows, column in classes.items():
            for row in rows:
                columns[row].append(column)
        for number, row_columns in zip(printed, columns, strict=True):
            indices = np.array(row_columns, dtype=np.int32)
            self._solver.addRow(
                float(number.lowest), float(number.highest), len(indices), indices, np.ones(len(indices))
            )

    def adds_up(self) -> bool:
        """Whether any counts agree with everything printed. Raises Undecided."""
        return self._whole_table(np.zeros(self._classes), any_will_do=True) is not None

    def broken(self, questions: Sequence[Question]) -> list[int]:
        """The questions whose answer is no, by their place. Raises Undecided, and Contradiction if nothing agrees."""
        if not questions:
            return []
        whole, touched = zip(*(self._covered(question.places) for question in questions), strict=True)
        least, most = np.stack(whole), np.stack(touched)
        reach = np.array([question.reach for question in questions])
        lowest = np.full(len(questions), np.iinfo(np.int64).max)
        highest = np.full(len(questions), -1)
        seen: set[bytes] = set()

        def learn(counts: npt.NDArray[np.float64]) -> None:
            table = np.round(counts).astype(np.int64)
            if table.tobytes() not in seen:
                seen.add(table.tobytes())
                np.minimum(lowest, least @ table, out=lowest)
                np.maximum(highest, most @ table, out=highest)

        def sought() -> npt.NDArray[np.float64]:
            """Costs that lead a solver to a table which answers many open questions at once."""
            costs = least[lowest > 0].sum(axis=0) - most[highest < reach].sum(axis=0)
            return np.where(self._is_bounded, costs, 0).astype(float)

        first = self._whole_table(np.zeros(self._classes), any_will_do=True)
        if first is None:
            raise Contradiction
        learn(first)
        broken = set()
        for place, question in enumerate(questions):
            if highest[place] < reach[place]:
                answer = self._reaches(most[place], question.reach, sought())
                if answer is None:
                    broken.add(place)
                else:
                    learn(answer)
            if lowest[place] > 0:
                answer = self._empties(least[place], sought())
                if answer is not None:
                    learn(answer)
                elif not question.many or self._reaches(most[place], question.many) is None:
                    broken.add(place)
        return sorted(broken)

    def bounds(self, places: Places) -> tuple[int, int | None]:
        """The smallest and the largest whole value of a sum; no largest one where nothing printed bounds it."""
        whole, touched = self._covered(places)
        smallest = self._whole_table(whole.astype(float))
        if smallest is None:
            raise Contradiction
        largest = self._whole_table(-touched.astype(float), may_be_unbounded=True)
        return round(float(whole @ smallest)), None if largest is None else round(float(touched @ largest))

    def _covered(self, places: Places) -> tuple[Places, Places]:
        """The classes that lie in a sum wholly, and those that touch it: its smallest and its largest share."""
        inside = np.bincount(self._class[places], minlength=self._classes)
        return ((inside == self._sizes) & (inside > 0)).astype(np.int64), (inside > 0).astype(np.int64)

    def _empties(self, whole: Places, costs: Any = 0.0) -> npt.NDArray[np.float64] | None:
        columns = np.flatnonzero(whole).astype(np.int32)
        number = len(columns)
        self._solver.changeColsBounds(number, columns, np.zeros(number), np.zeros(number))
        try:
            return self._whole_table(costs + np.zeros(self._classes), any_will_do=True)
        finally:
            self._solver.changeColsBounds(number, columns, np.zeros(number), np.full(number, highspy.kHighsInf))

    def _reaches(self, touched: Places, reach: int, costs: Any = 0.0) -> npt.NDArray[np.float64] | None:
        columns = np.flatnonzero(touched).astype(np.int32)
        row = self._solver.getNumRow()
        self._solver.addRow(float(reach), highspy.kHighsInf, len(columns), columns, np.ones(len(columns)))
        try:
            return self._whole_table(costs + np.zeros(self._classes), any_will_do=True)
        finally:
            self._solver.deleteRows(1, np.array([row], dtype=np.int32))

    def _whole_table(
        self, costs: Any, may_be_unbounded: bool = False, any_will_do: bool = False
    ) -> npt.NDArray[np.float64] | None:
        """The cheapest whole table that agrees with everything printed; nothing if there is none (or no end to it)."""
        self._solver.setOptionValue("mip_rel_gap", ANY if any_will_do else EXACT)
        columns = np.arange(self._classes, dtype=np.int32)
        self._solver.changeColsCost(self._classes, columns, np.asarray(costs, dtype=float))
        if not self._solve(may_be_unbounded):
            return None
        table = self._table()
        if np.abs(table - np.round(table)).max(initial=0.0) < WHOLE:
            return np.round(table)
        kinds = np.full(self._classes, highspy.HighsVarType.kInteger)
        self._solver.changeColsIntegrality(self._classes, columns, kinds)
        try:
            return np.round(self._table()) if self._solve(may_be_unbounded) else None
        finally:
            kinds = np.full(self._classes, highspy.HighsVarType.kContinuous)
            self._solver.changeColsIntegrality(self._classes, columns, kinds)

    def _solve(self, may_be_unbounded: bool) -> bool:
        self._solver.setOptionValue("time_limit", self._solver.getRunTime() + self._seconds)
        self._solver.run()
        status = self._solver.getModelStatus()
        if status == highspy.HighsModelStatus.kOptimal:
            return True
        ends = {highspy.HighsModelStatus.kInfeasible}
        if may_be_unbounded:
            ends |= {highspy.HighsModelStatus.kUnbounded, highspy.HighsModelStatus.kUnboundedOrInfeasible}
        if status in ends:
            return False
        raise Undecided

    def _table(self) -> npt.NDArray[np.float64]:
        return np.array(self._solver.getSolution().col_value)


def _solver() -> highspy.Highs:
    solver = highspy.Highs()
    # One thread always: two solvers with different numbers of threads in one process end without a status.
    for name, value in {"output_flag": False, "threads": 1, "random_seed": 0}.items():
        solver.setOptionValue(name, value)
    return solver
