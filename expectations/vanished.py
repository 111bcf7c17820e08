"""Keys that were delivered and are gone from a later delivery, though no tombstone says why: qa_vanished_rows.

A source that purges what was published must not change history in silence. What each kind of delivery does with a key
that is gone: a case, a declaration or any other record of an ``upsert`` or ``append`` stays, and keeps counting; a
``snapshot`` is its sender's whole statement, so the next build follows it. A published release never changes by either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from ingest.contract import Contract, contract
from pipeline import store
from pipeline.database import quoted
from pipeline.settings import Settings

TOMBSTONES = ("hotline", "tombstone")
# Extracts whose rows a tombstone may end, and the column that it names.
ENDED_BY = {("hotline", "case"): "case_id", ("hotline", "allegation"): "case_id"}


def record_vanished_rows(
    settings: Settings, connection: duckdb.DuckDBPyConnection, family: str, extract: str
) -> list[dict[str, Any]]:
    """Write ``qa/vanished_rows/<family>/<extract>.json``: counts for each delivery that speaks of every key.

    ``vanished`` counts keys of earlier deliveries that are gone without a tombstone, ``tombstoned`` those with one.
    A tombstone that arrives has the extracts counted anew whose rows it may end. Nothing is written for an extract of
    one delivery.
    """
    if (family, extract) == TOMBSTONES:
        for ended in sorted(ENDED_BY):
            record_vanished_rows(settings, connection, *ended)
    terms = contract(family, extract)
    passed = _passed(settings, family, extract)
    rows = [
        {name: receipt[name] for name in ("extract_id", "known_at", "as_of_date")}
        | vanished(settings, connection, terms, receipt, passed)
        for receipt in passed
        if receipt["coverage"] == "full" and len(passed) > 1
    ]
    if rows:
        record = {"family": family, "extract": extract, "deliveries": rows}
        store.write_json(settings.place("qa", "vanished_rows", family, extract + ".json"), record)
    return rows


def vanished(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    terms: Contract,
    receipt: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
) -> dict[str, int]:
    """``{vanished, tombstoned}`` of one delivery against those of ``others`` that come before it.

    A snapshot is compared with the one that it replaces (for each value of a period column in its key), any other
    delivery with everything before it. A delivery of changes only has no rows that could be missing.
    """
    is_of_periods = terms.period_column in terms.key
    by_date = terms.delivery == "snapshot" and not is_of_periods
    before = [other for other in others if _standing(other, by_date) < _standing(receipt, by_date)]
    if receipt["coverage"] != "full" or not before:
        return {"vanished": 0, "tombstoned": 0}
    key = ", ".join(quoted(name) for name in terms.key)
    period = quoted(str(terms.period_column))
    replaced, same_period = "", ""
    if terms.delivery == "snapshot":
        parts = f"partition by {period}" if is_of_periods else ""
        dated = "_as_of_date desc nulls last, " if by_date else ""
        replaced = f"qualify rank() over ({parts} order by {dated}_known_at desc, _extract_id desc) = 1"
        same_period = f"where {period} in (select {period} from present)" if is_of_periods else ""
    ended_by = ENDED_BY.get((terms.family, terms.extract))
    tombstones = _files(settings, _passed(settings, *TOMBSTONES)) if ended_by else []
    is_ended = f"{ended_by} in (select case_id from read_parquet($tombstones))" if tombstones else "false"
    parameters = {"present": _files(settings, [receipt]), "before": _files(settings, before)}
    gone, ended = connection.execute(
        f"with present as (select {key} from read_parquet($present)), "
        f"earlier as (select {key}, _extract_id from read_parquet($before, union_by_name = true) {replaced}), "
        f"gone as (select distinct {key} from earlier anti join present using ({key}) {same_period}) "
        f"select count(*), count(*) filter ({is_ended}) from gone",
        parameters | ({"tombstones": tombstones} if tombstones else {}),
    ).fetchall()[0]
    return {"vanished": gone - ended, "tombstoned": ended}


def _passed(settings: Settings, family: str, extract: str) -> list[dict[str, Any]]:
    """Load receipts of the deliveries that their door let in, by when they became known."""
    receipts = []
    for verdict in sorted(settings.place("raw", family, extract).glob("*.verdict.json")):
        receipt = verdict.with_name(verdict.name.removesuffix(".verdict.json") + ".json")
        if store.read_json(verdict)["passed"] and receipt.exists():
            receipts.append(store.read_json(receipt))
    return sorted(receipts, key=lambda receipt: (receipt["known_at"], receipt["extract_id"]))


def _standing(receipt: Mapping[str, Any], by_date: bool) -> tuple[str, str, str]:
    """By what a delivery stands before or after another: the same order as in macros/delivery.sql."""
    return receipt["as_of_date"] or "" if by_date else "", receipt["known_at"], receipt["extract_id"]


def _files(settings: Settings, receipts: Sequence[Mapping[str, Any]]) -> list[str]:
    place = settings.place("raw")
    return [str(Path(place, r["family"], r["extract"], f"{r['extract_id']}.parquet")) for r in receipts]
