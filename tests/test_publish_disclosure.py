"""Small counts of persons are withheld, so that nobody is recognized; everything else is printed exactly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publish.disclosure import SUPPRESSED, withhold


def cell(part: str, count: float | None, *, denominator: float | None = None, **more: Any) -> dict[str, Any]:
    value = count if denominator is None or count is None else 100 * count / denominator
    return {
        "metric_id": "m", "perimeter": "jp", "basis": "ytd", "fiscal_quarter": "FY2023-Q4", "dimension": "category",
        "dimension_value": part, "numerator": count, "denominator": denominator, "value": value,
        "display_value": f"{value}", "target_value": None, "target_status": "NO_TARGET", "value_state": "MEASURED",
        "is_person_count": True, **more,
    }  # fmt: skip


def hidden(rows: list[dict[str, Any]], below: int = 5) -> set[str]:
    protected, number = withhold({"theme": rows}, below)
    found = {row["dimension_value"] for row in protected["theme"] if row["value_state"] == SUPPRESSED}
    assert number == len(found)
    return found


@pytest.mark.parametrize(("count", "is_withheld"), [(0, False), (1, True), (4, True), (5, False), (None, False)])
def test_a_count_of_one_to_four_is_withheld_and_its_neighbours_are_not(count: float | None, is_withheld: bool) -> None:
    rows = [cell("a", count), cell("b", 2), cell("c", 3)]
    assert ("a" in hidden(rows)) is is_withheld


def test_a_lone_withheld_cell_takes_the_smallest_printed_one_with_it() -> None:
    assert hidden([cell("a", 3), cell("b", 9), cell("c", 7), cell("d", 90)]) == {"a", "c"}


def test_a_printed_zero_stands_while_another_cell_can_go() -> None:
    assert hidden([cell("a", 3), cell("b", 0), cell("c", 7)]) == {"a", "c"}
    assert hidden([cell("a", 3), cell("b", 0)]) == {"a", "b"}


def test_two_withheld_cells_need_no_third() -> None:
    assert hidden([cell("a", 3), cell("b", 2), cell("c", 7)]) == {"a", "b"}


def test_a_total_is_printed_however_small() -> None:
    assert hidden([cell("ALL", 1, dimension="total")]) == set()


def test_what_does_not_count_persons_is_printed_and_what_does_not_say_is_withheld() -> None:
    assert hidden([cell("a", 2, is_person_count=False), cell("b", 9)]) == set()
    assert hidden([cell("a", 2, is_person_count=None), cell("b", 9)]) == {"a", "b"}


def test_a_rate_goes_with_its_counts() -> None:
    small = cell("a", 9, denominator=4, target_value=90.0, target_status="MET")
    protected, _ = withhold({"theme": [small, cell("b", 8, denominator=80), cell("c", 9, denominator=80)]}, 5)
    row = protected["theme"][0]
    assert [row[name] for name in ("numerator", "denominator", "value")] == [None, None, None]
    assert (row["display_value"], row["target_status"]) == ("withheld", "NOT_COMPARABLE")


def test_a_cell_withheld_in_one_table_is_withheld_in_every_table() -> None:
    whole = [cell("a", 3), cell("b", 9), cell("c", 7)]
    protected, number = withhold({"theme": whole, "values": [cell("c", 7)]}, 5)
    assert number == 2
    assert protected["values"][0]["value"] is None


def test_a_column_that_nobody_foresaw_is_emptied_with_the_cell() -> None:
    protected, _ = withhold({"theme": [cell("a", 3, rank_hint=3), cell("b", 9)]}, 5)
    assert protected["theme"][0]["rank_hint"] is None


@given(st.lists(st.integers(0, 30), min_size=2, max_size=8), st.integers(2, 10))
def test_no_small_cell_is_printed_and_none_comes_back_by_subtraction(counts: list[int], below: int) -> None:
    rows = [cell(str(place), count) for place, count in enumerate(counts)]
    gone = hidden(rows, below)
    assert len(gone) != 1
    for row in rows:
        assert not 0 < row["numerator"] < below or row["dimension_value"] in gone
    assert {row["dimension_value"] for row in rows if 0 < row["numerator"] < below} or not gone
