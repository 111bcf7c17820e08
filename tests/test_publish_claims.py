"""A zero is claimed with what it rests on, and stays provisional while one case has no category."""

from __future__ import annotations

from typing import Any

import pytest
from sample_year import Q4, Built

from publish import claims
from publish.candidate import read_board

QUARTER = str(Q4)
FORCED, CHILD = "FORCED_LABOUR_TRAFFICKING", "CHILD_LABOUR"


def total(metric: str, value: float | None, perimeter: str = "grp", **changes: Any) -> dict[str, Any]:
    row = {"metric_id": metric, "perimeter": perimeter, "basis": "ytd", "fiscal_quarter": QUARTER, "numerator": value,
           "denominator": None, "value": value, "value_state": "MEASURED" if value else "MEASURED_ZERO",
           "dimension": "total", "dimension_value": "ALL"}  # fmt: skip
    return row | changes


def tables(**changes: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """A quarter without a report, in which everybody could have reported and every case has a category."""
    rows = {
        "forced": total(claims.CLAIMS[FORCED], 0.0),
        "child": total(claims.CLAIMS[CHILD], 0.0),
        "channel": total("grv_channel_coverage_rate", 100.0),
        "channel elsewhere": total("grv_channel_coverage_rate", 50.0, "jp"),
        "language": total("grv_language_coverage_rate", 90.0),
        "tested": total("grv_zero_claim_strength", 80.0),
        "categorised": total("grv_cases_by_category", 100.0, "jp", numerator=109.0, denominator=109.0),
        "silent": total("grv_silent_entities", 2.0),
        "a part": total("grv_silent_entities", 1.0, dimension="region", dimension_value="EMEA"),
    }
    for name, change in changes.items():
        rows[name] |= change
    elsewhere = {"grv_cases_by_category", "grv_channel_coverage_rate"}
    catalog = [
        {"metric_id": metric, "basis": "ytd", "headline_perimeter": "jp" if metric in elsewhere else "grp"}
        for metric in {row["metric_id"] for row in rows.values()}
    ]
    return {"grievance": list(rows.values()), "dim_metric": catalog}


def states(**changes: dict[str, Any]) -> dict[str, str]:
    return {row["claim"]: row["claim_state"] for row in claims.zero_claims(tables(**changes), QUARTER)}


def test_a_zero_with_all_its_evidence_is_claimed() -> None:
    assert states() == {FORCED: "ZERO", CHILD: "ZERO"}
    rows = claims.zero_claims(tables(), QUARTER)
    assert [row["evidence"] for row in rows] == [claims.REPORTS, *claims.EVIDENCE] * 2
    # Evidence is of the claim's own perimeter where there is one, and never of a part.
    assert [row["value"] for row in rows[:6]] == [0.0, 100.0, 90.0, 80.0, 100.0, 2.0]


@pytest.mark.parametrize(("numerator", "state"), [(109.0, "ZERO"), (108.0, "PROVISIONAL"), (0.0, "PROVISIONAL")])
def test_one_case_without_a_category_keeps_every_zero_provisional(numerator: float, state: str) -> None:
    assert set(states(categorised={"numerator": numerator}).values()) == {state}


def test_a_zero_that_the_build_calls_provisional_stays_so() -> None:
    assert states(forced={"value_state": "PROVISIONAL_UNCATEGORISED"}) == {FORCED: "PROVISIONAL", CHILD: "ZERO"}


@pytest.mark.parametrize("evidence", ["language", "tested", "categorised", "silent"])
def test_without_a_part_of_its_evidence_no_zero_is_claimed(evidence: str) -> None:
    unknown = {"value": None, "numerator": None, "denominator": None, "value_state": "NOT_MEASURED"}
    assert set(states(**{evidence: unknown}).values()) == {"PROVISIONAL"}
    assert set(states(**{evidence: {"fiscal_quarter": "FY2023-Q3"}}).values()) == {"PROVISIONAL"}


def test_what_was_reported_is_no_zero_and_what_was_not_counted_no_claim() -> None:
    assert states(forced={"value": 1.0, "numerator": 1.0}) == {FORCED: "REPORTED", CHILD: "ZERO"}
    assert states(child={"value": None, "numerator": None}) == {FORCED: "ZERO", CHILD: "NOT_MEASURED"}
    assert states(child={"fiscal_quarter": "FY2023-Q3"}) == {FORCED: "ZERO"}


def test_the_sample_year_claims_two_provisional_zeros_with_figures_that_it_prints_elsewhere(sample: Built) -> None:
    board, _ = read_board(sample.settings, Q4, sample.record["build_id"], "SAMPLE preparer")
    rows = board.tables["zero_claims"].rows
    assert [(row["claim"], row["claim_state"], row["value"]) for row in rows if row["evidence"] == claims.REPORTS] == [
        (FORCED, "PROVISIONAL", 0.0), (CHILD, "PROVISIONAL", 0.0),
    ]  # fmt: skip
    assert [row["evidence"] for row in rows] == [claims.REPORTS, *claims.EVIDENCE] * 2
    printed = board.tables["grievance"].rows
    for row in rows:
        own = {name: row[name] for name in ("metric_id", "perimeter", "basis", "fiscal_quarter", "numerator", "value")}
        assert [other for other in printed if own.items() <= other.items() and other["dimension"] == "total"] != []
    waiting = next(row for row in rows if row["evidence"] == "CATEGORISED")
    assert waiting["denominator"] - waiting["numerator"] == 7
