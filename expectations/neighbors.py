"""What one delivery looks like beside the others, in numbers: against those before it, and against those it refers to.

Only deliveries that their own door did not stop are looked at. DuckDB counts; no value of any record is in a measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from expectations.vanished import before, loaded, parquet_files, vanished
from ingest.contract import Contract, contract
from pipeline import store
from pipeline.database import quoted
from pipeline.settings import Settings

ENTITY = ("hr", "entity", {"entity_code": "entity_code"})
SUPPLIER = ("procurement", "supplier", {"source_system": "source_system", "supplier_id": "supplier_id"})
RATE = ("procurement", "fx_rate", {"currency": "currency"})
CASE = ("hotline", "case", {"case_id": "case_id"})
# What a record refers to: the other extract, and this extract's columns with the other's. An empty cell refers to none,
# and neither does the currency in which figures are told.
REFERENCES: dict[tuple[str, str], list[tuple[str, str, dict[str, str]]]] = {
    ("hotline", "action"): [CASE],
    ("hotline", "allegation"): [CASE],
    ("hotline", "category_history"): [CASE],
    ("hotline", "contact"): [("hotline", "case", {"canonical_case_id": "case_id"})],
    ("hotline", "status_history"): [CASE],
    ("hr", "leave"): [("hr", "worker_month", {"worker_key": "worker_key"})],
    ("hr", "site"): [ENTITY],
    ("hr", "worker_month"): [("hr", "entity", {"legal_entity_code": "entity_code"})],
    ("procurement", "assessment"): [SUPPLIER],
    ("procurement", "audit"): [SUPPLIER],
    ("procurement", "contract"): [SUPPLIER],
    ("procurement", "corrective_action"): [("procurement", "finding", {"finding_id": "finding_id"})],
    ("procurement", "declaration"): [SUPPLIER],
    ("procurement", "finding"): [SUPPLIER, ("procurement", "audit", {"audit_id": "audit_id"})],
    ("procurement", "spend"): [
        SUPPLIER,
        ("hr", "entity", {"buying_entity": "entity_code"}),
        RATE,
    ],
    ("register", "fine"): [ENTITY, RATE],
    ("training", "assignment"): [("training", "course", {"course_code": "course_code"})],
    ("training", "attendance"): [("training", "session", {"session_id": "session_id"})],
    ("training", "completion"): [
        ("training", "course", {"course_code": "course_code"}),
        ("training", "learner_xref", {"source": "source", "learner_id": "learner_id"}),
    ],
}


def neighborhood(settings: Settings, receipt: Mapping[str, Any]) -> str:
    """A digest of the deliveries that there are of what one refers to."""
    ids = [
        [other["extract_id"], other["parquet_sha256"]]
        for family, extract, _ in REFERENCES.get((receipt["family"], receipt["extract"]), [])
        for other in loaded(settings, family, extract, stopped_too=True)
    ]
    return store.sha256_bytes(store.canonical_json(sorted(ids)))


def measures(
    settings: Settings, connection: duckdb.DuckDBPyConnection, terms: Contract, receipt: Mapping[str, Any]
) -> dict[str, Any]:
    """``volume_ratio`` (records against the delivery before; a month's, where a snapshot holds months),
    ``vanished_rows``, ``unknown_references`` and ``unknown_reference_share`` (of the records that refer to something).

    A measure is null where there is nothing to compare with: no delivery before, or none yet of what is referred to.
    The volume of a delivery of changes is no measure of anything.
    By column, for a person who looks for the cause: ``unknown_by_column``.
    """
    earlier = before(terms, receipt, loaded(settings, terms.family, terms.extract))
    seen: dict[str, Any] = {"volume_ratio": None, "vanished_rows": None}
    whole = [other for other in earlier if other["coverage"] == "full"]
    if receipt["coverage"] == "full" and whole:
        now, then = (_volume(settings, connection, terms, each) for each in (receipt, whole[-1]))
        seen["volume_ratio"] = now / then if then else None
    if receipt["coverage"] == "full" and earlier:
        seen["vanished_rows"] = vanished(settings, connection, terms, receipt, earlier)["vanished"]
    return seen | _references(settings, connection, terms, receipt)


def _volume(
    settings: Settings, connection: duckdb.DuckDBPyConnection, terms: Contract, receipt: Mapping[str, Any]
) -> float:
    if terms.delivery != "snapshot" or terms.period_column not in terms.key:
        return float(receipt["loaded"])
    [(periods,)] = connection.execute(
        f"select count(distinct {quoted(str(terms.period_column))}) from read_parquet($1)",
        [parquet_files(settings, [receipt])],
    ).fetchall()
    return float(receipt["loaded"] / periods) if periods else 0.0


def _references(
    settings: Settings, connection: duckdb.DuckDBPyConnection, terms: Contract, receipt: Mapping[str, Any]
) -> dict[str, Any]:
    unknown: dict[str, int] = {}
    shares: list[float] = []
    for family, extract, columns in REFERENCES.get((terms.family, terms.extract), []):
        known = loaded(settings, family, extract)
        contract(family, extract)  # a reference to an extract that nobody promised is a defect
        if not known:
            continue
        pairs = " and ".join(f"child.{quoted(ours)} = parent.{quoted(theirs)}" for ours, theirs in columns.items())
        filled = " and ".join(f"child.{quoted(ours)} is not null" for ours in columns)
        if "currency" in columns:
            filled += " and child.currency <> 'JPY'"
        [(referring, astray)] = connection.execute(
            f"select count(*), count(*) filter (not exists (select 1 from read_parquet($parents, union_by_name = true) "
            f"as parent where {pairs})) from read_parquet($children) as child where {filled}",
            {"parents": parquet_files(settings, known), "children": parquet_files(settings, [receipt])},
        ).fetchall()
        unknown[", ".join(columns)] = astray
        shares.append(astray / referring if referring else 0.0)
    return {
        "unknown_references": sum(unknown.values()) if unknown else None,
        "unknown_reference_share": max(shares) if shares else None,
        "unknown_by_column": {name: count for name, count in unknown.items() if count},
    }
