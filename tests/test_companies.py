"""A figure by company beside the totals of regions: what a reader can subtract is nobody, or enough."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.quarter import FiscalQuarter
from publish import disclosure
from publish.companies import COMPANY
from publish.programme import programme

QUARTER = FiscalQuarter(2023, 3)
PLAN = programme()
RULES = disclosure.Rules(PLAN, b"k" * 32)
REGIONS = {"corp": {"E0"}, "jp": {"E0", "E1", "E2"}, "emea": {"E3", "E4"}, "au": {"E5"}}
ROW = {"metric_id": "trn_bhr_completion_rate", "basis": "ytd", "fiscal_quarter": str(QUARTER), "title": "x",
       "unit": "%", "target_status": "NO_TARGET", "target_value": None, "display_value": "x",
       "value_state": "MEASURED", "is_person_count": True, "value": 1.0}  # fmt: skip

Groups = dict[str, tuple[int, int]]


def rows_of(counts: Groups) -> list[dict[str, Any]]:
    """The figure by company and the totals of every perimeter, as a build holds them; counts are done and not done."""

    def row(perimeter: str, dimension: str, part: str, codes: Any) -> dict[str, Any]:
        done, left = (sum(counts[code][side] for code in codes) for side in (0, 1))
        return ROW | {"perimeter": perimeter, "dimension": dimension, "dimension_value": part,
                      "numerator": float(done), "denominator": float(done + left)}  # fmt: skip

    totals = [row(perimeter, "total", "ALL", REGIONS[perimeter] & counts.keys()) for perimeter in REGIONS]
    parts = [row("grp", COMPANY, code, [code]) for code in counts]
    return [*(one for one in totals if one["denominator"]), row("grp", "total", "ALL", counts), *parts]


def protected(counts: Groups) -> list[dict[str, Any]]:
    members = {(perimeter, str(QUARTER)): sorted(codes) for perimeter, codes in REGIONS.items()}
    inner = disclosure.Inner([], {}, members)
    return disclosure.protect({"metric_values": rows_of(counts)}, inner, QUARTER, RULES).tables["metric_values"]


def subtracted(counts: Groups, rows: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """What a reader is left with who takes the printed companies of a region, or of what two regions differ by, from
    its total: less what the totals tell by themselves, which is of regions of which no company is printed."""
    printed = {row["dimension_value"]: row for row in rows if row["dimension"] == COMPANY and row["value"] is not None}
    totals = {row["perimeter"]: row for row in rows if row["dimension"] == "total"}
    places = {name: codes & counts.keys() for name, codes in REGIONS.items() if name in totals} | {"grp": set(counts)}
    alike: dict[tuple[bool, ...], set[str]] = {}
    for code in counts:
        alike.setdefault(tuple(code in codes for codes in places.values()), set()).add(code)
    of_totals = set().union(*(group for group in alike.values() if not group & printed.keys()))
    left = []
    for one, other in [*((name, None) for name in places), *itertools.permutations(places, 2)]:
        if other and not places[other] <= places[one]:
            continue
        where = places[one] - (places[other] if other else set())
        sides = []
        for column, side in (("numerator", [0]), ("denominator", [0, 1])):
            whole = totals[one][column] - (totals[other][column] if other else 0)
            known = sum(counts[code][number] for code in where & of_totals for number in side)
            sides.append(whole - known - sum(printed[code][column] for code in where & printed.keys()))
        left.append((sides[0], sides[1] - sides[0]))
    return left


people = st.one_of(st.integers(0, 12), st.integers(40, 400))
companies = st.sampled_from(["E0", "E1", "E2", "E3", "E4", "E5", "E6"])


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(companies, st.tuples(people, people), min_size=3))
@example({"E0": (900, 100), "E1": (98, 2), "E2": (300, 60), "E3": (97, 3), "E4": (200, 40), "E5": (90, 30)})
@example({"E0": (900, 100), "E1": (20, 1), "E2": (300, 60), "E3": (15, 20), "E4": (200, 40), "E5": (90, 30)})
def test_what_a_total_leaves_of_its_companies_is_nobody_or_enough(counts: Groups) -> None:
    counts = {code: sides for code, sides in counts.items() if sum(sides)}
    if not counts:
        return
    for done, not_done in subtracted(counts, protected(counts)):
        nobody = done == not_done == 0
        assert nobody or (min(done, not_done) >= PLAN.threshold and done + not_done >= PLAN.headcount_below)


def test_one_withheld_company_takes_another_of_its_own_region_with_it() -> None:
    """Withheld in two regions, one each: the group's total hides them, and each region's gives them back."""
    counts = {"E0": (900, 100), "E1": (98, 2), "E2": (300, 60), "E3": (97, 3), "E4": (200, 40), "E5": (90, 30)}
    blind = disclosure.protect({"metric_values": rows_of(counts)}, disclosure.Inner([]), QUARTER, RULES)
    hidden = {row["dimension_value"] for row in blind.tables["metric_values"] if row["value"] is None}
    assert hidden == {"E1", "E3"}
    assert (98.0, 2.0) in subtracted(counts, blind.tables["metric_values"])
    hidden = {row["dimension_value"] for row in protected(counts) if row["value"] is None}
    assert hidden == {"E1", "E2", "E3", "E4"}


def test_where_every_company_has_enough_nothing_is_withheld() -> None:
    counts = {f"E{number}": (60 + 50 * number, 30 + number) for number in range(7)}
    assert [row for row in protected(counts) if row["value"] is None] == []
