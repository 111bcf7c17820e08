"""The hotline's figures by their parts: one cube, and one pattern of printed cells a year.

The unprotected counts live in this process only: nothing here logs, writes or puts a value into an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.errors import BuildFailed
from pipeline.quarter import FiscalQuarter
from publish.cells import FROZEN, Row, Rows, find_total, is_total, part
from publish.cube import ALL, SPANS, YEAR, Cell, Counts
from publish.ledger import Standing
from publish.programme import AND, BETWEEN, Programme, Rules
from publish.withdrawal import Request, Stuck, printable

MOST_CASES = 1_000_000  # in one inner cell of a year; more is a fault of the build and no count


@dataclass(frozen=True)
class Part:
    """One cell of a hotline table as a reader will see it: a count, or None where it is withheld."""

    dimension: str
    code: str
    count: int | None
    of: int  # the total that it is a part of
    is_declared: bool
    is_frozen: bool = False


def year_rows(
    rows: Sequence[Row], parts: Sequence[Part], quarter: FiscalQuarter, rules: Rules, decimals: Mapping[str, int]
) -> Rows:
    """The rows of a table that give the year's parts: with the words of the totals that stand in the same table."""
    programme = rules.programme
    made = []
    for one in parts:
        metric = programme.total if AND in one.dimension else programme.metric_of[one.dimension]
        total = find_total(rows, metric, programme.perimeter, "ytd", str(quarter))
        if total is None:
            continue
        of = None if total["denominator"] is None else float(one.of)
        numbers = None if one.count is None else (float(one.count), of)
        row = part(total, one.dimension, one.code, numbers, decimals.get(metric, 0))
        if one.count is not None and one.is_frozen:
            row["value_state"] = FROZEN
        elif one.is_declared and one.code != "UNCATEGORISED" and not one.count:
            row["value_state"] = _claim_state(rows, programme, quarter)
        made.append(row)
    return made


def _claim_state(rows: Sequence[Row], programme: Programme, quarter: FiscalQuarter) -> str:
    states = [
        str(total["value_state"])
        for metric in programme.claims
        if (total := find_total(rows, metric, programme.perimeter, "ytd", str(quarter))) is not None
    ]
    return states[0] if states and states[0] != "MEASURED" else "MEASURED_ZERO"


def year_parts(
    totals: Sequence[Row], inner: Sequence[Row], quarter: FiscalQuarter, rules: Rules, standing: Standing | None
) -> tuple[list[Part], int]:
    """The year's parts as a reader will see them, and the step of the ladder they belong to.

    Args: ``totals``, every total that is printed beside them; ``inner``, rows of ``int_hotline_cube``. Raises
    BuildFailed for a code that the programme does not declare, SolverFailed where the solver gave no answer.
    """
    programme = rules.programme
    counts = counts_of(inner, programme)
    if standing is not None and standing.release is not None:
        return _frozen_parts(counts, standing, programme), 0
    claims = {}
    for row in totals:
        if row["metric_id"] in programme.claims and is_total(row) and row["perimeter"] == programme.perimeter:
            when = FiscalQuarter.parse(row["fiscal_quarter"])
            if when.fiscal_year == quarter.fiscal_year and row["basis"] in ("qtr", "ytd"):
                span = (when.number,) if row["basis"] == "qtr" else YEAR[: when.number]
                claims[programme.cube.cell(span, category=programme.claims[row["metric_id"]])] = 0
    pattern, step = pattern_of(counts, rules, claims)
    if step == len(programme.steps):
        return [], step
    return parts_of(counts, pattern, programme.steps[step], programme), step


def pattern_of(inner: Counts, rules: Rules, claims: Mapping[Cell, int]) -> tuple[frozenset[Cell], int]:
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


def _frozen_parts(counts: Counts, standing: Standing, programme: Programme) -> list[Part]:
    # What was printed stays; what was withheld stays withheld. Only the declared codes speak of today.
    declared = frozenset(programme.declared_cells)
    today = {one.code: one for one in parts_of(counts, declared, [["category"]], programme)}
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


def counts_of(inner: Sequence[Row], programme: Programme) -> Counts:
    """The inner counts as a table of the cube's shape. Raises BuildFailed for a code that nobody declared."""
    counts = np.zeros(programme.cube.shape, dtype=np.int64)
    for row in inner:
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
