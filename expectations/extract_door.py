"""Is this the extract we were promised? The door between raw and dbt: one verdict for every loaded extract.

DuckDB measures a delivery (expectations/profile.py), Great Expectations judges the measures
(expectations/extract_checks.py against thresholds.yml). A delivery that fails stays in raw and out of every build; it
does not stop the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from expectations import verdict as verdicts
from expectations.bounds import Bounds, bounds
from expectations.neighbors import measures, neighborhood
from expectations.profile import profile
from expectations.vanished import record_vanished_rows
from ingest.contract import contract
from pipeline import store
from pipeline.database import connect
from pipeline.errors import GateFailed, HrddError
from pipeline.settings import Settings


def check_extracts(settings: Settings) -> list[dict[str, Any]]:
    """Judge every loaded extract that has no verdict on its bytes; return the verdicts written in this call.

    The work list is what is there: load receipts with outcome ``loaded`` and no verdict file, a verdict on other
    bytes, or one that did not pass, by rules that have changed since. Raises nothing for an extract that fails:
    see ``refusals``. Each verdict is written as soon as it stands, so a killed call loses one at most.
    """
    limits = bounds("extract")
    # In the order in which they became known, so that each is judged beside what came before it.
    waiting = sorted((file for file in _load_receipts(settings) if _is_waiting(settings, file, limits)), key=_known_at)
    if not waiting:
        return []
    with connect(settings, folders=[settings.place("raw")], ordered=False) as connection:
        judged = [_judged(settings, connection, file, limits) for file in waiting]
        for family, extract in sorted({file.parts[-3:-1] for file in waiting}):
            record_vanished_rows(settings, connection, family, extract)
    return judged


def refusals(judged: Iterable[Mapping[str, Any]]) -> list[GateFailed]:
    """The verdicts that did not pass, as errors in four parts, in the order given."""
    errors = (
        verdicts.refusal(
            record,
            _subject(record),
            next_step="The other extracts go on. When the cause is mended, `hrdd check` judges again: "
            "docs/runbooks/failed-gate.md.",
        )
        for record in judged
    )
    return [error for error in errors if error is not None]


def _load_receipts(settings: Settings) -> list[Path]:
    files = sorted(settings.place("raw").glob("*/*/*.json"))
    return [file for file in files if not file.name.endswith(".verdict.json")]


def _known_at(receipt_file: Path) -> tuple[str, str]:
    receipt = store.read_json(receipt_file)
    return receipt["known_at"], receipt["extract_id"]


def _is_waiting(settings: Settings, receipt_file: Path, limits: Bounds) -> bool:
    receipt = store.read_json(receipt_file)
    if receipt["outcome"] != "loaded":
        return False
    verdict_file = _verdict_file(receipt_file)
    if not verdict_file.exists():
        return True
    verdict = store.read_json(verdict_file)
    if list(verdict["files"].values()) != [receipt["parquet_sha256"]]:
        return True
    if verdict["passed"]:
        return False
    # What it refers to may have been what was wrong: it may have come later.
    return verdict["rules_digest"] != limits.digest or verdict["beside"] != neighborhood(settings, receipt)


def _judged(
    settings: Settings, connection: duckdb.DuckDBPyConnection, receipt_file: Path, limits: Bounds
) -> dict[str, Any]:
    import pandas as pd

    from expectations import extract_checks, judge

    receipt = store.read_json(receipt_file)
    parquet = receipt_file.with_suffix(".parquet")
    kind = f"{receipt['family']}/{receipt['extract']}"
    subject = f"{kind}/{receipt['extract_id']}"
    path = parquet.relative_to(settings.place()).as_posix()
    try:
        terms = contract(receipt["family"], receipt["extract"]).in_raw
        least = limits.of(extract_checks.ExpectFewRecordsInQuarantine.__name__, kind).least_records
        seen = profile(connection, parquet, terms, receipt, settings.timezone, least)
        if not seen["differing_columns"]:
            seen |= measures(settings, connection, terms, receipt)
        digest = store.sha256_file(parquet)
    except (duckdb.Error, OSError, HrddError):
        # The engine's words may hold a value, so they are not kept: that nothing could be measured is the finding.
        checks, digest = judge.unanswered(extract_checks.CHECKS, limits, subject, kind), ""
    else:
        columns = [check.__fields__["column"].default for check in extract_checks.CHECKS]
        frame = pd.DataFrame({column: [seen.get(column)] for column in columns}, dtype="float64")
        checks = judge.judge(frame, extract_checks.CHECKS, limits, subject, kind)
        checks = [_with_columns(check, seen) for check in checks]
    record = verdicts.verdict(limits, checks, {path: digest})
    record["beside"] = neighborhood(settings, receipt)
    store.write_json(_verdict_file(receipt_file), record)
    return record


def _with_columns(check: dict[str, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
    """Name the columns that a failed check counted in: their names and counts, never a value."""
    columns = {
        "ExpectRequiredColumnsToBeFilled": seen.get("blanks"),
        "ExpectOnlyKnownCodes": seen.get("unknown"),
        "ExpectFewUnknownStatuses": seen.get("unlisted"),
        "ExpectEveryStatusToBeKnown": seen.get("unlisted"),
        "ExpectFewUnknownReferences": seen.get("unknown_by_column"),
        "ExpectEveryReferenceToBeKnown": seen.get("unknown_by_column"),
    }.get(check["check"])
    if check["status"] != "failed" or not columns:
        return check
    named = ", ".join(f"{name} {count}" for name, count in sorted(columns.items()))
    return check | {"found": f"{check['found']} ({named})"}


def _subject(record: Mapping[str, Any]) -> str:
    return next((check["subject"] for check in record["checks"]), ", ".join(record["files"]))


def _verdict_file(receipt_file: Path) -> Path:
    return receipt_file.with_suffix(".verdict.json")
