"""What a zero rests on: for each declared claim, what was reported, and how well anybody could have been heard.

Made of the totals that a reader sees anyway, after everything was protected: no number here is another than there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from publish.cells import TOTAL

Row = dict[str, Any]

NAME = "zero_claims"
CLAIMS = {
    "FORCED_LABOUR_TRAFFICKING": "grv_forced_labour_trafficking_reports",
    "CHILD_LABOUR": "grv_child_labour_reports",
}
EVIDENCE = {
    "CHANNEL_COVERAGE": "grv_channel_coverage_rate",
    "LANGUAGE_COVERAGE": "grv_language_coverage_rate",
    "TESTED_CHANNEL": "grv_zero_claim_strength",
    "CATEGORISED": "grv_cases_by_category",
    "SILENT_ENTITIES": "grv_silent_entities",
}
REPORTS = "REPORTS"
ZERO, PROVISIONAL, REPORTED, NOT_MEASURED = "ZERO", "PROVISIONAL", "REPORTED", "NOT_MEASURED"


def zero_claims(tables: Mapping[str, Sequence[Row]], quarter: str) -> list[Row]:
    """The rows of the table: for each claim its reports first, then its evidence, with the state of the claim.

    Args: protected tables with ``grievance``, ``metric_values`` and ``dim_metric``. A claim that is not counted in the
    quarter has no row. It stays provisional while a case has no category or a part of its evidence is not measured.
    """
    headline = {row["metric_id"]: (row["headline_perimeter"], row["basis"]) for row in tables["dim_metric"]}
    made = []
    for claim, metric in CLAIMS.items():
        reports = _total(tables["grievance"], metric, headline, quarter)
        if reports is None:
            continue
        wider = headline | {name: (reports["perimeter"], basis) for name, (_, basis) in headline.items()}
        evidence = {
            what: _total(tables["grievance"], name, wider, quarter)
            or _total(tables["grievance"], name, headline, quarter)
            for what, name in EVIDENCE.items()
        }
        state = _state(reports, evidence)
        made += [
            {**row, "claim": claim, "claim_state": state, "evidence": what}
            for what, row in ({REPORTS: reports} | evidence).items()
            if row is not None
        ]
    return made


def _total(rows: Sequence[Row], metric: str, where: Mapping[str, tuple[str, str]], quarter: str) -> Row | None:
    wanted = (metric, *where.get(metric, ("", "")), quarter, TOTAL)
    columns = ("metric_id", "perimeter", "basis", "fiscal_quarter", "dimension")
    return next((row for row in rows if tuple(row[column] for column in columns) == wanted), None)


def _state(reports: Row, evidence: Mapping[str, Row | None]) -> str:
    if reports["value"] is None:
        return NOT_MEASURED
    if reports["value"]:
        return REPORTED
    categorised = evidence["CATEGORISED"]
    if any(row is None or row["value"] is None for row in evidence.values()) or categorised is None:
        return PROVISIONAL
    waiting = (categorised["denominator"] or 0) - (categorised["numerator"] or 0)
    return PROVISIONAL if waiting or reports["value_state"] == "PROVISIONAL_UNCATEGORISED" else ZERO
