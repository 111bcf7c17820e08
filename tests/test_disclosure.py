"""No one can be found: the promises of the disclosure study, over synthetic years with known answers."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from disclosure_cases import KEY, annual, cases, cube_of, protected, questions, request, system
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from expectations import intervals
from expectations.intervals import Printed, Question, System, Undecided
from ingest.pseudonym import SAMPLE_KEYS
from pipeline.errors import BadSettings, BuildFailed
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings
from publish import disclosure, hotline, withdrawal
from publish.cells import CELL
from publish.cube import ALL, SPANS, YEAR, Cell, Counts, Cube, level
from publish.programme import Programme, Rules, programme

CUBE = cube_of(4, 3, 3)
COUNTS = cases(CUBE, 109)


@pytest.fixture(scope="module")
def pattern() -> frozenset[Cell]:
    return protected(CUBE, COUNTS)


def value(cell: Cell, counts: Counts = COUNTS, cube: Cube = CUBE) -> int:
    return int(cube.sums(counts)[cube.place[cell]])


# The published instances, with their known intervals.


def grid(rows: int, columns: int) -> np.ndarray:
    return np.arange(rows * columns, dtype=np.int64).reshape(rows, columns)


def printed_grid(numbers: list[list[int]], hidden: set[tuple[int, int]]) -> System:
    """A two-way table with all its margins, of which some inner cells are withheld."""
    places, table = grid(len(numbers), len(numbers[0])), np.array(numbers)
    known = [Printed(places[row], int(table[row].sum()), int(table[row].sum())) for row in range(len(numbers))]
    known += [Printed(places[:, at], int(table[:, at].sum()), int(table[:, at].sum())) for at in range(len(numbers[0]))]
    for row, line in enumerate(numbers):
        known += [
            Printed(places[row, at : at + 1], count, count) for at, count in enumerate(line) if (row, at) not in hidden
        ]
    return System(places.size, known)


FISCHETTI_SALAZAR = [[20, 50, 10], [8, 19, 22], [17, 32, 12]]


def test_d12_the_3_by_3_table_of_fischetti_and_salazar_has_its_published_interval() -> None:
    cell = np.array([5])
    assert printed_grid(FISCHETTI_SALAZAR, {(1, 2)}).bounds(cell) == (22, 22)
    assert printed_grid(FISCHETTI_SALAZAR, {(1, 0), (1, 2), (2, 0), (2, 2)}).bounds(cell) == (5, 30)


def line(total: int, *cells: int | None) -> System:
    """A line of a table with its total, in which zeros are printed: so each withheld cell (None) is at least 1."""
    known = [Printed(np.arange(len(cells)), total, total)]
    for at, count in enumerate(cells):
        least, most = (1, total) if count is None else (count, count)
        known.append(Printed(np.array([at]), least, most))
    return System(len(cells), known)


def test_d12_singletons_of_the_user_forum_are_recovered_exactly() -> None:
    """sdcTools/UserSupport 194 and 135: two singletons, and three, of which a search for pairs sees nothing."""
    alone = System(3, [Printed(np.arange(3), 0, 0), Printed(np.array([2]), 0, 0)])  # 0 = x + x + 0
    assert [alone.bounds(np.array([place])) for place in (0, 1)] == [(0, 0), (0, 0)]
    two = line(15, 10, 3, None, None)  # 15 = 10 + 3 + x + x
    assert [two.bounds(np.array([place])) for place in (2, 3)] == [(1, 1), (1, 1)]
    three = line(10, None, None, 7, None, 0)  # 10 = x + x + 7 + x + 0
    assert [three.bounds(np.array([place])) for place in (0, 1, 3)] == [(1, 1)] * 3
    # What this project prints instead says nothing of zeros: each of the three may be nobody, and may be all.
    silent = System(5, [Printed(np.arange(5), 10, 10), Printed(np.array([2]), 7, 7)])
    assert [silent.bounds(np.array([place])) for place in (0, 1, 3, 4)] == [(0, 3)] * 4


REGIONS = dict(zip("ABIJKLMN", (2, 2, 8, 8, 3, 3, 3, 7), strict=True))
COUNTIES, GROUPS = ("ABIJ", "KLMN"), ("LM", "ABIJKN")


def test_d12_linked_tables_that_are_safe_one_by_one_are_not_together() -> None:
    """sdcTools/UserSupport 136: eight regions by county and by group, each table protected at 3 by itself."""

    def reader(tables: Sequence[str], withheld: str) -> System:
        def told(regions: str) -> Printed:
            places = np.array(["ABIJKLMN".index(region) for region in regions])
            return Printed(places, *[sum(REGIONS[region] for region in regions)] * 2)

        return System(8, [told(regions) for regions in (*tables, *sorted(REGIONS.keys() - set(withheld)))])

    k = np.array(["ABIJKLMN".index("K")])
    assert [reader(table, "ABKLM").bounds(k) for table in (COUNTIES, GROUPS)] == [(0, 9), (0, 7)]
    assert reader((*COUNTIES, *GROUPS), "ABKLM").bounds(k) == (3, 3)
    assert reader((*COUNTIES, *GROUPS), "ABKLMN").bounds(k) == (0, 10)


def test_the_worked_picture_is_what_the_attacker_says() -> None:
    drawn = runpy.run_path(str(PROJECT / "docs" / "pictures" / "withheld.py"))
    assert drawn["svg"]() == drawn["FILE"].read_text()
    assert drawn["bounds"]({"South"}) == {"South": (2, 2)}
    assert drawn["bounds"]({"South", "North"}) == {"North": (0, 8), "South": (0, 8)}


# The protector.


def test_d09_every_printed_count_reaches_the_threshold_and_no_zero_is_printed(pattern: frozenset[Cell]) -> None:
    assert [cell for cell in pattern if level(cell) and value(cell) < 5] == []


def test_what_is_printed_is_true_and_the_totals_are_always_printed(pattern: frozenset[Cell]) -> None:
    assert {CUBE.cell(span) for span in SPANS} <= pattern
    assert value(CUBE.cell()) == 109
    parts = hotline.parts_of(*declared_year())
    assert {part.count for part in parts if part.is_declared} == {0, 7}


def declared_year() -> tuple[Counts, frozenset[Cell], list[list[str]], Programme]:
    plan = programme()
    counts = np.zeros(plan.cube.shape, dtype=np.int64)
    counts[0, 0, 0, :] = 25
    counts[8, 0, 1, 3] = 7
    return counts, frozenset(plan.declared_cells), [["category"]], plan


def test_the_attacker_finds_nothing_in_what_the_protector_prints(pattern: frozenset[Cell]) -> None:
    _, asked = questions(CUBE, pattern)
    assert system(CUBE, COUNTS, pattern).broken(asked) == []


def test_every_small_cell_may_be_nobody(pattern: frozenset[Cell]) -> None:
    """R1 with the truth at hand: also for cells of no table, of which the attacker cannot know that they are small."""
    small = [cell for cell in CUBE.cells if cell not in pattern and value(cell) < 5]
    assert len(small) > 200
    assert system(CUBE, COUNTS, pattern).broken([Question(CUBE.inner(cell), 2) for cell in small]) == []


def test_a_withheld_cell_does_not_say_why_it_is_withheld(pattern: frozenset[Cell]) -> None:
    hidden = [cell for cell in annual(CUBE) if cell not in pattern]
    known = system(CUBE, COUNTS, pattern)
    for cell in hidden:
        lowest, highest = known.bounds(CUBE.inner(cell))
        assert lowest == 0
        assert highest is not None
        assert highest >= 5


def caught(counts: Counts, printed: frozenset[Cell]) -> bool:
    """Whether an attacker finds anything who reads these cells of the annual programme."""
    small = any(level(cell) and value(cell, counts) < 5 for cell in printed)
    return small or bool(system(CUBE, counts, printed).broken(questions(CUBE, printed)[1]))


def harmless(counts: Counts, printed: frozenset[Cell]) -> bool:
    """Whether every rule is kept, with the truth at hand: what no attacker can know is that an untold cell is small."""
    hidden, asked = questions(CUBE, printed)
    asked += [Question(CUBE.inner(cell), 2) for cell in hidden if value(cell, counts) < 5]
    return not system(CUBE, counts, printed).broken(asked)


YEARS = [cases(CUBE, 109, seed) for seed in range(7, 10)]


def test_d12_printing_a_complementary_cell_is_caught_or_proven_harmless() -> None:
    tried, not_caught = 0, 0
    for counts in YEARS:
        printed = protected(CUBE, counts)
        assert not caught(counts, printed)
        assert harmless(counts, printed)
        for cell in annual(CUBE):
            if cell in printed or value(cell, counts) < 5:
                continue
            tried += 1
            if not caught(counts, printed | {cell}):
                not_caught += 1
                assert harmless(counts, printed | {cell})
    assert tried >= 40
    assert not_caught <= 0.05 * tried


def test_the_same_year_and_key_give_the_same_pattern_and_another_key_may_not(pattern: frozenset[Cell]) -> None:
    assert protected(CUBE, COUNTS) == pattern
    others = {protected(CUBE, COUNTS, key=bytes([number]) * 32) for number in range(4)}
    assert len(others | {pattern}) > 1


def test_d14_two_patterns_of_one_year_are_caught_together() -> None:
    """Each is safe alone; who reads both knows too much. That is why a ledger keeps the first."""
    alone = []
    for seed in range(4):
        draw = np.random.default_rng(seed)
        costs = {cell: float(draw.uniform(0.1, 10)) for cell in annual(CUBE)}
        alone.append(protected(CUBE, COUNTS, costs=costs))
    for one in alone:
        assert system(CUBE, COUNTS, one).broken(questions(CUBE, one)[1]) == []
    both = frozenset().union(*alone)
    assert both not in alone
    assert system(CUBE, COUNTS, both).broken(questions(CUBE, both)[1]) != []


def test_the_strict_mode_holds_for_every_cell_at_the_higher_threshold() -> None:
    printed = protected(CUBE, COUNTS, strict=True, threshold=10)
    hidden = [cell for cell in CUBE.cells if cell not in printed]
    asked = [Question(CUBE.inner(cell), 10) for cell in hidden]
    assert system(CUBE, COUNTS, printed).broken(asked) == []
    assert len(printed) < len(protected(CUBE, COUNTS))


@effort(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000), st.integers(40, 200))
def test_any_year_is_safe_or_stuck(seed: int, number: int) -> None:
    cube = cube_of(3, 3)
    counts = cases(cube, number, seed)
    try:
        printed = protected(cube, counts)
    except withdrawal.Stuck:
        return
    _, asked = questions(cube, printed)
    assert system(cube, counts, printed).broken(asked) == []


# Small years, the ladder, and what is outside the list.


@pytest.mark.parametrize("number", [0, 8, 15, 40, 109])
def test_d16_a_small_year_walks_the_ladder_and_ends_in_a_valid_pack(number: int) -> None:
    plan = programme()
    counts = cases(plan.cube, number, seed=3)
    counts[6:, ...] = 0  # no declared claim, and every case has a category
    rules = Rules(plan, KEY)
    printed, step = hotline.pattern_of(counts, rules, {})
    values = plan.cube.sums(counts)
    assert {plan.cube.cell(span) for span in SPANS} <= printed
    if step == len(plan.steps):
        assert {level(cell) for cell in printed} == {0}
    declared = set(plan.declared_cells) | {plan.cube.cell(span, category="UNCATEGORISED") for span in SPANS}
    assert [cell for cell in printed - declared if level(cell) and values[plan.cube.place[cell]] < 5] == []
    assert (step == len(plan.steps)) == (number <= 8)


def inner_row(**changes: object) -> dict[str, object]:
    return {"quarter_number": 1, "category": "NOT_HR", "reporter_type": "EMPLOYEE", "identity": "NAMED",
            "cases": 3} | changes  # fmt: skip


def test_d08_a_code_outside_the_list_stops_the_release_without_naming_it() -> None:
    assert hotline.counts_of([inner_row()], programme()).sum() == 3
    with pytest.raises(BuildFailed) as stop:
        hotline.counts_of([inner_row(category="CANARY-CODE")], programme())
    assert "CANARY" not in str(stop.value)
    assert not any(character.isdigit() for character in stop.value.found)


@pytest.mark.parametrize("change", [("threshold: 5", "threshold: 4"), ("strict_threshold: 10", "strict_threshold: 9"),
                                    ("[DISPATCHED]", "[EMPLOYEE]")])  # fmt: skip
def test_a_programme_with_a_lower_threshold_or_a_code_twice_is_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    file = tmp_path / "programme.yml"
    file.write_text((PROJECT / "publish" / "programme.yml").read_text().replace(*change))
    with pytest.raises(BadSettings):
        programme(file)


# Other few people.


def breakdown_row(
    part: str, numerator: float, denominator: float | None, metric: str, **more: object
) -> dict[str, object]:
    return {
        "metric_id": metric, "title": "A figure", "unit": "%" if denominator else "persons", "perimeter": "corp",
        "basis": "ytd", "fiscal_quarter": "FY2023-Q1", "numerator": numerator, "denominator": denominator,
        "value": 100 * numerator / denominator if denominator else numerator, "display_value": "x",
        "target_value": None, "target_status": "NO_TARGET", "value_state": "MEASURED",
        "dimension": "worker_category", "dimension_value": part, "is_person_count": True, **more,
    }  # fmt: skip


def shown(parts: dict[str, tuple[float, float | None]], metric: str, **more: object) -> dict[str, object]:
    rows = [breakdown_row(part, *counts, metric, **more) for part, counts in parts.items()]
    whole = [sum(counts[place] or 0 for counts in parts.values()) for place in (0, 1)]
    total = breakdown_row("ALL", whole[0], whole[1] or None, metric, **(more | {"dimension": "total"}))
    result = disclosure.protect(
        {"training": [total, *rows]}, disclosure.Inner([]), FiscalQuarter(2023, 1), Rules(programme(), KEY)
    )
    return {
        str(row["dimension_value"]): (row["numerator"], row["denominator"], row["value"])
        for row in result.tables["training"]
        if row["dimension"] != "total"
    }


RATE = "trn_bhr_completion_rate"
NOTHING = (None, None, None)


def test_a_group_in_which_nearly_all_or_nearly_none_completed_is_withheld_with_another() -> None:
    seen = shown({"A": (97, 100), "B": (60, 80), "C": (400, 500)}, RATE)
    assert seen == {"A": NOTHING, "B": NOTHING, "C": (400, 500, 80.0)}
    seen = shown({"A": (4, 100), "B": (60, 80), "C": (400, 500)}, RATE)
    assert seen["A"] == seen["B"] == NOTHING
    assert shown({"A": (95, 100), "B": (5, 80)}, RATE)["A"] == (95, 100, 95.0)


def test_d08_a_group_below_the_population_floor_is_merged_until_it_is_large_enough() -> None:
    seen = shown({"A": (30, 49), "B": (40, 60), "C": (400, 500)}, RATE)
    assert seen == {"OTHER": (70, 109, 100 * 70 / 109), "C": (400, 500, 80.0)}
    assert set(shown({"A": (30, 50), "C": (400, 500)}, RATE)) == {"A", "C"}


def test_few_suppliers_are_withheld_and_three_are_printed() -> None:
    where = {"perimeter": "grp", "dimension": "country_iso2"}
    seen = shown({"TH": (2, None), "CN": (3, None), "JP": (9, None)}, "sup_third_party_audits", **where)
    assert {part for part, numbers in seen.items() if numbers == NOTHING} == {"TH", "CN"}
    seen = shown({"CN": (3, None), "JP": (9, None)}, "sup_third_party_audits", **where)
    assert [numbers[0] for numbers in seen.values()] == [3, 9]


def of_firms(parts: dict[str, tuple[float, float | None, int]], metric: str, dimension: str) -> dict[str, object]:
    """What is shown of parts that a known number of firms is behind."""
    where = {"perimeter": "grp", "basis": "t12m", "is_person_count": False}
    rows = [
        breakdown_row(part, numerator, denominator, metric, **(where | {"dimension": dimension}))
        for part, (numerator, denominator, _) in parts.items()
    ]
    firms = {
        tuple(row[column] for column in CELL): number for row, (_, _, number) in zip(rows, parts.values(), strict=True)
    }
    rules = Rules(programme(), KEY)
    result = disclosure.protect({"x": rows}, disclosure.Inner([], firms), FiscalQuarter(2023, 1), rules)
    return {str(row["dimension_value"]): row["denominator"] or row["numerator"] for row in result.tables["x"]}


def test_an_amount_about_two_firms_is_withheld_with_another_and_one_about_three_is_printed() -> None:
    spend = ("sup_declaration_spend_rate", "spend_category")
    seen = of_firms({"26": (5e9, 9e9, 2), "31": (4e9, 8e9, 3), "43": (1e9, 70e9, 40)}, *spend)
    assert seen == {"26": None, "31": None, "43": 70e9}
    assert of_firms({"26": (5e9, 9e9, 3), "43": (1e9, 7e9, 40)}, *spend) == {"26": 9e9, "43": 7e9}


def test_parts_about_firms_that_cannot_be_made_safe_are_not_printed_at_all() -> None:
    spend = ("sup_declaration_spend_rate", "spend_category")
    assert of_firms({"26": (5e9, 9e9, 2)}, *spend) == {}
    assert of_firms({"26": (5e9, 9e9, 1), "31": (5e9, 9e9, 1)}, *spend) == {}
    assert of_firms({"XE": (1, None, 1), "XK": (1, None, 1)}, "geo_risk_confirmed", "country_iso2") == {}
    assert of_firms({"XE": (1, None, 1), "XK": (2, None, 2)}, "geo_risk_confirmed", "country_iso2") == {
        "XE": None, "XK": None,
    }  # fmt: skip


@pytest.mark.parametrize(("count", "printed"), [(0, 0), (1, None), (4, None), (5, 5)])
def test_a_total_about_a_matter_of_few_people_is_withheld_while_it_counts_few(count: float, printed: object) -> None:
    total = breakdown_row("ALL", count, None, "ai_rights_complaints", dimension="total", basis="qtr", perimeter="grp")
    other = total | {"metric_id": "geo_sanctions_hits"}
    rules = Rules(programme(), KEY)
    result = disclosure.protect({"x": [total, other]}, disclosure.Inner([]), FiscalQuarter(2023, 1), rules)
    assert [row["value"] for row in result.tables["x"]] == [printed, count]
    assert result.withheld_cells == (printed is None)


def test_a_breakdown_outside_the_programme_is_not_published() -> None:
    assert shown({"A": (60, 100)}, "a_new_metric") == {}
    assert shown({"A": (60, 100)}, RATE, perimeter="jp") == {}
    assert set(shown({"A": (60, 100)}, "a_new_metric", is_person_count=False)) == {"A"}


def test_a_column_that_nobody_foresaw_is_emptied_with_the_cell() -> None:
    rows = [breakdown_row(part, 97, 100, RATE, rank_hint=97) for part in ("A", "B")]
    tables = {"training": rows}
    rules = Rules(programme(), KEY)
    result = disclosure.protect(tables, disclosure.Inner([]), FiscalQuarter(2023, 1), rules)
    assert [row["rank_hint"] for row in result.tables["training"]] == [None, None]


def given(metric: str, quarter: FiscalQuarter, value: float, basis: str = "ytd") -> bool:
    """Whether a release has the total of a metric, beside 100 cases of the hotline."""
    rows = [
        breakdown_row(
            "ALL", number, None, name, dimension="total", basis=basis, perimeter=where, fiscal_quarter=str(quarter)
        )
        for name, where, number in ((programme().total, "jp", 100), (metric, "grp", value))
    ]
    result = disclosure.protect(
        {"metric_values": rows}, disclosure.Inner([]), FiscalQuarter(2024, 1), Rules(programme(), KEY)
    )
    return metric in {row["metric_id"] for row in result.tables["metric_values"]}


def test_totals_of_a_few_cases_are_given_once_a_year_and_a_part_of_the_cube_never() -> None:
    end, earlier = FiscalQuarter(2023, 4), FiscalQuarter(2023, 3)
    assert given("grv_retaliation_allegations", end, 1)
    assert not given("grv_retaliation_allegations", earlier, 1)
    assert not given("grv_retaliation_allegations", end, 1, basis="qtr")
    assert not given("grv_anonymous_share", end, 26)
    assert given("grv_open_cases", earlier, 27, basis="asof")


@pytest.mark.parametrize(("value", "is_given"), [(100, False), (104, False), (105, True)])
def test_a_total_that_lies_close_above_another_is_not_given(value: int, is_given: bool) -> None:
    assert given("grv_reports_all_channels", FiscalQuarter(2023, 4), value) is is_given


# Twins, the solver, and the walls between rooms.


def test_two_truths_that_agree_on_what_is_printed_are_the_same_to_a_reader(pattern: frozenset[Cell]) -> None:
    plan = programme()
    counts = cases(plan.cube, 109, seed=5)
    counts[6:, ...] = 0
    rules = Rules(plan, KEY)
    printed, step = hotline.pattern_of(counts, rules, {})
    twin = another_truth(plan.cube, counts, printed)
    assert not np.array_equal(twin, counts)
    tables = plan.steps[step]
    assert hotline.parts_of(twin, printed, tables, plan) == hotline.parts_of(counts, printed, tables, plan)


def another_truth(cube: Cube, counts: Counts, printed: frozenset[Cell]) -> Counts:
    """A year that agrees on every printed cell and differs elsewhere, by the protector's own search."""
    search = withdrawal._Withdrawal(request(cube, counts, tables=[], always=sorted(printed, key=cube.place.get)))
    search.pattern = search._patterns()
    search._wander(20_000)
    return search.newest


def test_a_solver_that_runs_out_of_time_settles_nothing() -> None:
    cube = cube_of(6, 8, 5)
    counts = cases(cube, 109)
    totals = frozenset(cell for cell in annual(cube) if cube.sums(counts)[cube.place[cell]] >= 5)
    slow = system(cube, counts, totals, seconds=0.0)
    with pytest.raises(Undecided):
        slow.broken([Question(cube.inner(cell), 5) for cell in annual(cube) if cell not in totals])


def test_the_time_is_given_to_each_question_and_not_to_all_together(pattern: frozenset[Cell]) -> None:
    known = system(CUBE, COUNTS, pattern, seconds=30.0)
    known.broken(questions(CUBE, pattern)[1])
    limit, used = known._solver.getOptionValue("time_limit")[1], known._solver.getRunTime()
    assert 0 < used < limit - 29.0
    assert limit > 30.0


def test_numbers_that_contradict_each_other_are_no_proof_of_safety() -> None:
    places = np.array([0, 1])
    with pytest.raises(intervals.Contradiction):
        System(2, [Printed(places, 3, 3), Printed(places, 4, 4)]).broken([Question(places[:1], 2)])


def modules_imported(package: str, start: list[str]) -> set[str]:
    """Every module of the project that some modules import, however far away."""
    seen: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        file = PROJECT.joinpath(*name.split(".")).with_suffix(".py")
        if not file.is_file():
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
    return {name for name in seen if name.split(".")[0] == package}


def test_d13_the_attacker_shares_no_code_with_the_protector() -> None:
    attacker = ["expectations.attack"]
    protector = ["publish.disclosure", "publish.exclusions", "publish.ledger"]
    assert modules_imported("publish", attacker) == set()
    assert modules_imported("expectations", protector) == set()
    assert {"expectations.intervals", "expectations.attack_cases", "expectations.attack_groups"} <= modules_imported(
        "expectations", attacker
    )
    assert {"publish.hotline", "publish.groups", "publish.withdrawal"} <= modules_imported("publish", protector)


def test_the_protector_needs_its_key_and_a_sample_has_its_own(tmp_path: Path) -> None:
    own = tmp_path / "key"
    file = tmp_path / "settings.toml"
    file.write_text(f'approvers = ["a"]\ndisclosure_key_file = "{own}"\n')
    with pytest.raises(BadSettings):
        Settings.load(file, tmp_path).disclosure_key()
    own.write_bytes(b"k" * 31)
    with pytest.raises(BadSettings):
        Settings.load(file, tmp_path).disclosure_key()
    own.write_bytes(b"k" * 32)
    assert Settings.load(file, tmp_path).disclosure_key() == b"k" * 32
    assert Settings.load(data=tmp_path).disclosure_key() != b"k" * 32


def test_the_cube_adds_up_in_every_way() -> None:
    values = CUBE.sums(COUNTS)
    flat = COUNTS.reshape(-1)
    assert [int(flat[CUBE.inner(cell)].sum()) for cell in CUBE.cells] == values.tolist()
    assert values[CUBE.place[CUBE.cell(YEAR)]] == COUNTS.sum()
    assert CUBE.cells[-1] == (ALL, ALL, ALL, YEAR)


def test_the_attack_runs_for_anyone_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "programme.json").write_text(json.dumps(programme().content))
    command = [sys.executable, "-m", "pipeline.cli", "attack", str(tmp_path)]
    environment = os.environ | {"HRDD_SETTINGS": str(PROJECT / "samples" / "settings.toml")}

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)

    assert run().returncode == 0
    (tmp_path / "notes.docx").write_bytes(b"CANARY-17")
    stopped = run()
    assert stopped.returncode == 5
    assert "a file cannot be searched" in stopped.stderr
    assert "CANARY" not in stopped.stderr


def test_d24_the_jitter_key_and_the_keys_of_the_pseudonyms_are_different_secrets(tmp_path: Path) -> None:
    """Check 24: who learns by which key ties were broken must not be able to make a pseudonym, and the reverse."""
    assert Settings.load(data=tmp_path).disclosure_key() not in SAMPLE_KEYS
    file = tmp_path / "settings.toml"
    file.write_text(f'approvers = ["a"]\ndisclosure_key_file = "{tmp_path / "one"}"\npseudonym_keys = "keys"\n')
    secret = b"\x17" * 32
    (tmp_path / "keys").write_text(f"{'ab' * 32}\n{secret.hex()}\n")
    for same in (secret, secret.hex().encode(), secret.hex().encode() + b"\n", (tmp_path / "keys").read_bytes()):
        (tmp_path / "one").write_bytes(same)
        with pytest.raises(BadSettings) as stop:
            Settings.load(file, tmp_path).disclosure_key()
        assert secret.hex() not in str(stop.value)
    (tmp_path / "one").write_bytes(b"\x18" * 32)
    assert Settings.load(file, tmp_path).disclosure_key() == b"\x18" * 32


def test_each_of_the_24_checks_has_a_test_of_its_number() -> None:
    """docs/disclosure.md lists them; ``pytest -k d17`` runs those of one."""
    named = [
        number
        for file in sorted((PROJECT / "tests").glob("test_*.py"))
        for number in re.findall(r"^def test_d(\d\d)_", file.read_text(), re.MULTILINE)
    ]
    listed = re.findall(r"^\| (\d+) \|", (PROJECT / "docs" / "disclosure.md").read_text(), re.MULTILINE)
    assert sorted({int(number) for number in named}) == [int(number) for number in listed] == list(range(1, 25))
