"""Which cells of a cube may be printed: every cell that is large enough, less those that would give a small one away.

Three rules for what a reader may work out from all that is printed, in whole numbers (docs/disclosure.md):

* R1  a cell below the threshold, of a table or of none, may be nobody: its smallest possible value is 0;
* R2  such a cell of a table may reach the threshold, and one of no table may be 2;
* R3  a cell of a table that is withheld to protect another looks the same: it too may be 0 and reach the threshold.

The method is constructive. Each rule of each cell asks for a witness: a table of whole numbers, true or not, that
agrees with everything printed and keeps the rule. Where there is none, the cheapest cells to take back are those that
a linear programme must bend to make one. Costs carry a keyed jitter, so that who knows the code but not the key cannot
rule out a table by computing what would have been printed for it.
"""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import highspy
import numpy as np
import numpy.typing as npt

from publish.cube import YEAR, Cell, Counts, Cube, level

CLOSE = 1e-6  # a solver's number is taken as whole within this
WALK, STRIDE = 20_000, 8  # steps of the search without a solver, and between two looks
SECONDS = 600.0  # for one answer of the solver; without one, nothing is printed
ANY = 1e9  # the gap at which the solver may stop: any whole table that keeps the rule will do
LOOKS = 16  # how many of the nearest needs tell, nearly always, whether a cell can be printed again
UNIQUE = 2  # what a cell of no table must be able to reach: nobody is provably alone


class Stuck(Exception):
    """What must be printed leaves no way to keep the rules. It carries no cell and no count."""


class SolverFailed(Exception):
    """The solver ended in neither an optimum nor a proof that there is none."""


@dataclass
class Request:
    """What may be printed of one cube, and what is printed whatever it is.

    ``tables`` are the candidates; ``always`` the totals and declared codes that policy prints exactly; ``printed``
    what an earlier release printed. ``strict`` asks the rules of every cell, also of those of no table.
    """

    cube: Cube
    counts: Counts
    tables: Sequence[Cell]
    always: Sequence[Cell]
    threshold: int
    key: bytes
    printed: Sequence[Cell] = ()
    declared: Sequence[Cell] = ()
    strict: bool = False
    costs: Mapping[Cell, float] = field(default_factory=dict)


def printable(request: Request) -> frozenset[Cell]:
    """The cells to print: all that policy prints, and as many others as the rules allow.

    The same request gives the same cells. Raises Stuck where no choice keeps the rules, SolverFailed where the solver
    did not answer.
    """
    return _Withdrawal(request).run()


class _Withdrawal:
    def __init__(self, request: Request) -> None:
        self.request, self.cube = request, request.cube
        self.values = self.cube.sums(request.counts)
        self.forced = sorted({*request.always, *request.declared, *request.printed}, key=self.cube.place.__getitem__)
        forced = set(self.forced)
        self.offered = [
            cell
            for cell in sorted(set(request.tables) - forced, key=self.cube.place.__getitem__)
            if self.values[self.cube.place[cell]] >= request.threshold
        ]
        self.printed = forced | set(self.offered)
        tabulated = set(request.tables)
        self.tabulated = np.array([cell in tabulated for cell in self.cube.cells])
        self.levels = [level(cell) for cell in self.cube.cells]
        self.caps = self._caps()
        self.newest = request.counts
        self.lowest, self.highest = self.values, self.values
        self.pattern: dict[tuple[int, ...], int] = {}
        self.random = random.Random(request.key)
        self.rigid: _Alike | None = None
        self.solver = _Bending(self)

    def run(self) -> frozenset[Cell]:
        if any(self.values[self.cube.place[cell]] < self.request.threshold for cell in self.request.printed):
            raise Stuck  # printed once by other rules; nothing withdrawn now can take it back
        self.pattern = self._patterns()
        self._wander(WALK)
        while unmet := self._unmet():
            self._meet(unmet[0])
        self._give_back()
        return frozenset(self.printed)

    def _give_back(self) -> None:
        """Print again what was withdrawn without need, the most important first: one withdrawal may have done the work
        of an earlier one."""
        before = self.printed, self.lowest, self.highest, self.rigid
        last = self._returned(LOOKS)
        if last is not None and not self._keeps(last):
            self.printed, self.lowest, self.highest, self.rigid = before
            self._returned()

    def _returned(self, looks: int | None = None) -> Cell | None:
        """Print again, one by one, each cell that leaves its nearest needs met: so many of them, or all. The last one.

        What is safe together is safe one by one, so a look at the nearest needs is enough if all are proven after it.
        """
        last = None
        withdrawn = [cell for cell in self.offered if cell not in self.printed]
        for cell in sorted(withdrawn, key=self.solver.cost, reverse=True):
            before = self.printed, self.lowest, self.highest, self.rigid
            self.printed = self.printed | {cell}
            self.lowest, self.highest, self.rigid = self.values, self.values, None
            if self._keeps(cell, looks):
                last = cell
            else:
                self.printed, self.lowest, self.highest, self.rigid = before
        return last

    def _keeps(self, cell: Cell, looks: int | None = None) -> bool:
        """Whether the needs nearest to a cell can be met: so many of them, or all."""
        while (unmet := self._unmet()) and looks != 0:
            looks = None if looks is None else looks - 1
            number, upward = min(unmet, key=lambda need: self._distance(need[0], cell))
            reach = int(self._needs()[1][number]) if upward else 0
            if not self._shown(self.cube.inner(self.cube.cells[number]), reach, upward):
                return False
        return True

    def _distance(self, number: int, cell: Cell) -> tuple[bool, int, int]:
        # What lies in one line of a table with a printed cell is what it gives away first.
        shared = sum(mine == theirs for mine, theirs in zip(self.cube.cells[number], cell, strict=True))
        return not self.tabulated[number], -shared, number

    def _wander(self, steps: int) -> None:
        """Find witnesses without a solver: two cases swap a code, or one takes another, where nothing printed moves."""
        shape = self.cube.shape
        flat = np.repeat(np.arange(self.newest.size), self.newest.reshape(-1))
        cases = [[int(code) for code in place] for place in zip(*np.unravel_index(flat, shape), strict=True)]
        pattern, draw = self.pattern, self.random
        if len(cases) < 2:
            return
        since = 0
        for _ in range(steps):
            first, second = draw.randrange(len(cases)), draw.randrange(len(cases))
            axis = draw.randrange(len(shape))
            one, other = cases[first], cases[second]
            if one[axis] == other[axis]:
                continue
            new_one, new_other = one.copy(), other.copy()
            new_one[axis], new_other[axis] = other[axis], one[axis]
            before = pattern[tuple(one)] + pattern[tuple(other)]
            if before == pattern[tuple(new_one)] + pattern[tuple(new_other)]:
                cases[first], cases[second] = new_one, new_other
                since += 1
            if since == STRIDE:
                since = 0
                self._witness(cases)
        self._witness(cases)

    def _patterns(self) -> dict[tuple[int, ...], int]:
        # The printed cells that an inner cell belongs to, four binary digits each, so that two patterns can be added.
        patterns = [0] * int(np.prod(self.cube.shape))
        for number, cell in enumerate(sorted(self.printed, key=self.cube.place.__getitem__)):
            for inner in self.cube.inner(cell):
                patterns[inner] += 1 << (4 * number)
        return dict(zip(np.ndindex(*self.cube.shape), patterns, strict=True))

    def _witness(self, cases: Sequence[Sequence[int]]) -> None:
        table = np.zeros(self.cube.shape, dtype=np.int64)
        np.add.at(table, tuple(np.array(cases).T), 1)
        self._keep(table)

    def _keep(self, table: Counts) -> None:
        """Keep what a witness shows: how low and how high each cell may be. It stays true when less is printed."""
        sums = self.cube.sums(table)
        self.newest = table
        self.lowest, self.highest = np.minimum(self.lowest, sums), np.maximum(self.highest, sums)

    def _caps(self) -> npt.NDArray[np.int64]:
        # A declared code is printed exactly, so its parts can be no more than it.
        caps = np.full(len(self.cube.cells), np.iinfo(np.int64).max)
        for declared in self.request.declared:
            value = self.values[self.cube.place[declared]]
            inside = [number for number, cell in enumerate(self.cube.cells) if self.cube.holds(declared, cell)]
            caps[inside] = np.minimum(caps[inside], value)
        return caps

    def _needs(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """For each cell: whether it must be able to be nobody, and what it must be able to reach."""
        hidden = np.ones(len(self.cube.cells), dtype=bool)
        hidden[[self.cube.place[cell] for cell in self.printed]] = False
        everything = hidden & (self.tabulated | self.request.strict)
        small = hidden & (self.values < self.request.threshold)
        reach = np.where(everything, self.request.threshold, np.where(small, UNIQUE, 0))
        return everything | small, np.minimum(reach, self.caps)

    def _unmet(self) -> list[tuple[int, bool]]:
        zero, reach = self._needs()
        low = [(int(number), False) for number in np.flatnonzero(zero & (self.lowest > 0))]
        high = [(int(number), True) for number in np.flatnonzero(self.highest < reach)]
        return sorted(low + high, key=lambda need: (self.levels[need[0]], need))

    def _meet(self, need: tuple[int, bool]) -> None:
        """Find a witness for one need, taking back what stands in its way."""
        number, upward = need
        reach = int(self._needs()[1][number]) if upward else 0
        inner = self.cube.inner(self.cube.cells[number])
        if self._shown(inner, reach, upward):
            return
        for whole in (False, True):  # what is enough for fractions may not be for whole cases
            bent = self.solver.bent(inner, reach, upward, whole=whole)
            self.printed -= set(bent)
            self.solver.release(bent)
            self.rigid = None
            if self._shown(inner, reach, upward):
                return
        raise Stuck

    def _shown(self, inner: npt.NDArray[np.int64], reach: int, upward: bool) -> bool:
        """Whether a witness was found. It is one that speaks for as many other unmet needs as it can."""
        zero, needed = self._needs()
        alike = self._rigid()
        groups = alike.table(inner, reach, upward, low=zero & (self.lowest > 0), high=self.highest < needed)
        if groups is None:
            return False
        lowest, highest = alike.shows(groups)
        self.lowest, self.highest = np.minimum(self.lowest, lowest), np.maximum(self.highest, highest)
        return True

    def _rigid(self) -> _Alike:
        if self.rigid is None:
            self.rigid = _Alike(self.cube, {cell: int(self.values[self.cube.place[cell]]) for cell in self.printed})
        return self.rigid


class _Alike:
    """What agrees with everything printed, in whole numbers: inner counts that no printed cell tells apart are one."""

    def __init__(self, cube: Cube, printed: Mapping[Cell, int]) -> None:
        self.shape, size = cube.shape, int(np.prod(cube.shape))
        cells = sorted(printed, key=cube.place.__getitem__)
        rows: list[list[int]] = [[] for _ in range(size)]
        for number, cell in enumerate(cells):
            for inner in cube.inner(cell):
                rows[inner].append(number)
        groups: dict[tuple[int, ...], int] = {}
        self.group = np.array([groups.setdefault(tuple(row), len(groups)) for row in rows])
        self.sizes = np.bincount(self.group)
        inside = np.stack([np.bincount(self.group[cube.inner(cell)], minlength=len(groups)) for cell in cube.cells])
        self.most = (inside > 0).astype(np.int64)
        self.least = (inside == self.sizes).astype(np.int64)
        self.solver = quiet()
        self.solver.setOptionValue("mip_rel_gap", ANY)
        self.solver.addVars(len(groups), np.zeros(len(groups)), np.full(len(groups), highspy.kHighsInf))
        for cell in cells:
            columns = np.unique(self.group[cube.inner(cell)]).astype(np.int32)
            self.solver.addRow(printed[cell], printed[cell], len(columns), columns, np.ones(len(columns)))

    def table(
        self,
        inner: npt.NDArray[np.int64],
        target: int,
        upward: bool,
        low: npt.NDArray[np.bool_],
        high: npt.NDArray[np.bool_],
    ) -> Counts | None:
        """The groups of a table in which a sum is 0, or can reach a target; nothing if there is none.

        Of those that there are, one in which the cells ``low`` are low and the cells ``high`` are high, as far as the
        solver sees at once: so one answer settles many.
        """
        cost = (self.least[low].sum(axis=0) - self.most[high].sum(axis=0)).astype(float)
        self.solver.changeColsCost(len(cost), np.arange(len(cost), dtype=np.int32), cost)
        inside = np.bincount(self.group[inner], minlength=len(self.sizes))
        if upward:
            columns, row = np.flatnonzero(inside).astype(np.int32), self.solver.getNumRow()
            self.solver.addRow(float(target), highspy.kHighsInf, len(columns), columns, np.ones(len(columns)))
            groups = self._solved()
            self.solver.deleteRows(1, np.array([row], dtype=np.int32))
        else:
            columns = np.flatnonzero(inside == self.sizes).astype(np.int32)
            number = len(columns)
            self.solver.changeColsBounds(number, columns, np.zeros(number), np.zeros(number))
            groups = self._solved()
            self.solver.changeColsBounds(number, columns, np.zeros(number), np.full(number, highspy.kHighsInf))
        return groups

    def _solved(self) -> Counts | None:
        if solve(self.solver) == highspy.HighsModelStatus.kInfeasible:
            return None
        found = np.array(self.solver.getSolution().col_value)
        if np.abs(found - np.round(found)).max() >= CLOSE:
            columns = np.arange(len(found), dtype=np.int32)
            self.solver.changeColsIntegrality(len(found), columns, np.full(len(found), highspy.HighsVarType.kInteger))
            status = solve(self.solver)
            found = np.array(self.solver.getSolution().col_value)
            self.solver.changeColsIntegrality(
                len(found), columns, np.full(len(found), highspy.HighsVarType.kContinuous)
            )
            if status == highspy.HighsModelStatus.kInfeasible:
                return None
        return np.round(found).astype(np.int64)

    def shows(self, groups: Counts) -> tuple[Counts, Counts]:
        """How low and how high the groups let each cell be: within a group every share is allowed, so a group that a
        cell holds a part of may lie beside it wholly, or in it wholly."""
        return self.least @ groups, self.most @ groups


class _Bending:
    """A linear programme over the inner counts, in which each printed cell may bend at its cost."""

    def __init__(self, withdrawal: _Withdrawal) -> None:
        self.cube, request = withdrawal.cube, withdrawal.request
        self.key, self.given = request.key, request.costs
        self.size = int(np.prod(self.cube.shape))
        self.solver = quiet()
        self.solver.addVars(self.size, np.zeros(self.size), np.full(self.size, highspy.kHighsInf))
        value = {cell: int(withdrawal.values[self.cube.place[cell]]) for cell in withdrawal.printed}
        for cell in withdrawal.forced:
            inner = self.cube.inner(cell)
            self.solver.addRow(value[cell], value[cell], len(inner), inner.astype(np.int32), np.ones(len(inner)))
        self.bends: dict[Cell, tuple[int, int]] = {}
        for cell in withdrawal.offered:
            columns = (self.solver.getNumCol(), self.solver.getNumCol() + 1)
            self.solver.addVars(2, np.zeros(2), np.full(2, highspy.kHighsInf))
            for column in columns:
                self.solver.changeColCost(column, self.cost(cell))
            inner = np.concatenate([self.cube.inner(cell), columns]).astype(np.int32)
            signs = np.concatenate([np.ones(len(inner) - 2), [-1.0, 1.0]])
            self.solver.addRow(value[cell], value[cell], len(inner), inner, signs)
            self.bends[cell] = columns
        self.free: set[Cell] = set()

    def cost(self, cell: Cell) -> float:
        """What it costs to withhold a cell: years before parts of years, one-way before two-way, and the jitter."""
        digest = hmac.new(self.key, repr(cell).encode(), hashlib.sha256).digest()
        jitter = 0.5 + 1.5 * int.from_bytes(digest[:6]) / 2**48
        weight = self.given.get(cell, len(cell[-1]) / len(YEAR) * 10.0 ** (2 - min(level(cell), 2)))
        return weight * jitter

    def release(self, cells: Iterable[Cell]) -> None:
        """Let cells bend for nothing: they are not printed any more."""
        for cell in cells:
            self.free.add(cell)
            for column in self.bends[cell]:
                self.solver.changeColCost(column, 0.0)

    def bent(self, inner: npt.NDArray[np.int64], target: int, upward: bool, whole: bool) -> list[Cell]:
        """The cheapest printed cells to bend so that a sum can be 0, or can reach a target. Raises Stuck."""
        row = self.solver.getNumRow()
        bounds = (float(target), highspy.kHighsInf) if upward else (0.0, 0.0)
        self.solver.addRow(*bounds, len(inner), inner.astype(np.int32), np.ones(len(inner)))
        columns = np.arange(self.size, dtype=np.int32)
        if whole:
            self.solver.changeColsIntegrality(self.size, columns, np.full(self.size, highspy.HighsVarType.kInteger))
        status = solve(self.solver)
        values = np.array(self.solver.getSolution().col_value)
        if whole:
            continuous = np.full(self.size, highspy.HighsVarType.kContinuous)
            self.solver.changeColsIntegrality(self.size, columns, continuous)
        self.solver.deleteRows(1, np.array([row], dtype=np.int32))
        if status == highspy.HighsModelStatus.kInfeasible:
            raise Stuck
        return [
            cell for cell, sides in self.bends.items() if cell not in self.free and max(values[list(sides)]) > CLOSE
        ]


def quiet() -> highspy.Highs:
    """A solver that says nothing and gives the same answer to the same question."""
    solver = highspy.Highs()
    for name, value in {"output_flag": False, "threads": 1, "random_seed": 0}.items():
        solver.setOptionValue(name, value)
    return solver


def solve(solver: highspy.Highs) -> highspy.HighsModelStatus:
    """Let it solve: optimal or infeasible. Raises SolverFailed for any other end."""
    solver.setOptionValue("time_limit", solver.getRunTime() + SECONDS)  # its own limit is on all runs together
    solver.run()
    status = solver.getModelStatus()
    if status not in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kInfeasible):
        raise SolverFailed
    return status
