"""What one delivery looks like in numbers, computed by DuckDB from its Parquet file.

A profile holds names of columns and numbers: counts, one share, and days between dates. No value of any record is in
it, so whatever judges it, shows it or stores it cannot give one away.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from ingest.contract import ADDED_BY_LOADING, UNKNOWN, Column, Contract
from pipeline import store
from pipeline.database import quoted
from pipeline.quarter import FiscalQuarter

# An extract that names no day is as old as can be: the warning is given, and nothing else is said of it.
AGE_OF_NO_DAY = 9999


def profile(
    connection: duckdb.DuckDBPyConnection,
    file: Path,
    contract: Contract,
    receipt: Mapping[str, Any],
    timezone: str,
    least_records: int = 0,
) -> dict[str, Any]:
    """Measure one loaded extract (grain: one delivery).

    Numbers for the checks: ``altered_files, differing_columns, missing_records, records, quarantined,
    quarantined_share`` (0 to 1, of the records in, or of ``least_records`` if they are fewer) ``, repeated_keys,
    required_blanks, unknown_codes, unknown_statuses, unknown_status_share`` (of as many; null where no column can be
    UNKNOWN) ``, days_ahead, age_days, stale_days, manifests, unknown_entries`` (of the manifest). By column, for a
    person who looks for the cause: ``blanks``, ``unknown`` and ``unlisted``. Where the columns are not the contract's,
    nothing that reads a column is measured. DuckDB's errors (a file that is no Parquet) are the caller's to catch.
    """
    present = [row[0] for row in connection.execute("describe select * from read_parquet(?)", [str(file)]).fetchall()]
    promised = [*(column.name for column in contract.columns), *ADDED_BY_LOADING]
    seen: dict[str, Any] = {
        "altered_files": int(store.sha256_file(file) != receipt["parquet_sha256"]),
        "differing_columns": len(set(present) ^ set(promised)) + (len(present) != len(set(present))),
        "quarantined": receipt["quarantined"],
        "quarantined_share": receipt["quarantined"] / max(receipt["records_in"], least_records, 1),
        "age_days": _age_days(receipt, timezone),
        "manifests": int(receipt["has_manifest"]),
        "unknown_entries": receipt["unknown_entries"],
    }
    if seen["differing_columns"]:
        return seen
    required = [column.name for column in contract.columns if column.required]
    coded = [column for column in contract.columns if column.codes]
    unlisted = {c.name: f"{quoted(c.name)} = '{UNKNOWN}'" for c in contract.columns if c.unlisted}
    parts = [
        "count(*)",
        f"count(distinct ({', '.join(quoted(name) for name in contract.key)},))" if contract.key else "count(*)",
        f"max({quoted(contract.period_column)})" if contract.period_column else "null",
        *(f"count(*) filter ({quoted(name)} is null)" for name in required),
        *(_unknown(column) for column in coded),
        *(f"count(*) filter ({is_unknown})" for is_unknown in unlisted.values()),
        f"count(*) filter ({' or '.join(unlisted.values())})" if unlisted else "null",
    ]
    codes = [list(column.codes_in_raw) for column in coded]
    row = connection.execute(f"select {', '.join(parts)} from read_parquet(?)", [*codes, str(file)]).fetchone()
    assert row is not None  # an aggregate without groups always has one row
    records, keys, newest, *counts, statuses = row
    names = [*required, *(column.name for column in coded), *unlisted]
    by_column = list(zip(names, counts, strict=True))
    blanks = dict(by_column[: len(required)])
    unknown = dict(by_column[len(required) :][: len(coded)])
    seen |= {
        "records": records,
        "missing_records": abs(receipt["loaded"] - records)
        + abs(receipt["records_in"] - receipt["loaded"] - receipt["quarantined"]),
        "repeated_keys": records - keys,
        "required_blanks": sum(blanks.values()),
        "unknown_codes": sum(unknown.values()),
        "unknown_statuses": statuses,
        "unknown_status_share": None if statuses is None else statuses / max(receipt["records_in"], least_records, 1),
        "days_ahead": _days_ahead(newest, receipt, timezone),
        "stale_days": _stale_days(_latest(newest, contract), receipt, timezone),
        "blanks": {name: count for name, count in blanks.items() if count},
        "unknown": {name: count for name, count in unknown.items() if count},
        "unlisted": {name: count for name, count in by_column[len(required) + len(coded) :] if count},
    }
    return seen


def _unknown(column: Column) -> str:
    """SQL for the number of codes in a column that the contract does not know; a list counts each of its entries."""
    name = quoted(column.name)
    if column.physical_type.endswith("[]"):
        return f"coalesce(sum(len(list_filter({name}, lambda code: code not in ?))), 0)::bigint"
    return f"count(*) filter ({name} is not null and {name} not in ?)"


def _latest(newest: date | datetime | None, contract: Contract) -> date | datetime | None:
    """The latest day that the newest period value may mean: of a quarter, its last."""
    if newest is None or not contract.period_is_a_quarter:
        return newest
    return FiscalQuarter.containing(newest).end


def _known_on(receipt: Mapping[str, Any], timezone: str) -> date:
    return datetime.fromisoformat(receipt["known_at"]).astimezone(ZoneInfo(timezone)).date()


def _age_days(receipt: Mapping[str, Any], timezone: str) -> int:
    """Days from the day that the extract speaks of to the local day on which it was known."""
    if not receipt["as_of_date"]:
        return AGE_OF_NO_DAY
    return (_known_on(receipt, timezone) - date.fromisoformat(receipt["as_of_date"])).days


def _days_ahead(newest: date | datetime | None, receipt: Mapping[str, Any], timezone: str) -> int:
    """Days by which the newest period value lies after the moment of the extract; 0 if it does not, or if none is."""
    if newest is None:
        return 0
    return max(0, (_local_day(newest, timezone) - _known_on(receipt, timezone)).days)


def _stale_days(newest: date | datetime | None, receipt: Mapping[str, Any], timezone: str) -> int | None:
    """Days by which the newest period value lies before the day that the extract speaks of; null if one is unknown."""
    if newest is None or not receipt["as_of_date"]:
        return None
    return max(0, (date.fromisoformat(receipt["as_of_date"]) - _local_day(newest, timezone)).days)


def _local_day(newest: date | datetime, timezone: str) -> date:
    if isinstance(newest, datetime):  # an instant in UTC, without its offset
        return newest.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone)).date()
    return newest
