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
    """Write ``qa/vanished_rows/<family>/<extract>.json``: counts for each delivery of every key after the first.

    ``vanished`` counts keys of earlier deliveries that are gone without a tombstone, ``tombstoned`` those with one.
    A tombstone that arrives has the extracts counted anew whose rows it may end. Nothing is written of the
    first delivery: what comes later says nothing new of it, and must not change a build that took it.
    """
    if (family, extract) == TOMBSTONES:
        for ended in sorted(ENDED_BY):
            record_vanished_rows(settings, connection, *ended)
    terms = contract(family, extract).in_raw
    let_in = passed(settings, family, extract)
    rows = [
        {name: receipt[name] for name in ("extract_id", "known_at", "as_of_date")}
        | vanished(settings, connection, terms, receipt, let_in)
        for receipt in let_in
        if receipt["coverage"] == "full" and before(terms, receipt, let_in)
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
    earlier = before(terms, receipt, others)
    if receipt["coverage"] != "full" or not earlier:
        return {"vanished": 0, "tombstoned": 0}
    key = ", ".join(quoted(name) for name in terms.key)
    period = quoted(str(terms.period_column))
    replaced, same_period = "", ""
    if terms.delivery == "snapshot":
        parts = f"partition by {period}" if is_of_periods else ""
        dated = "" if is_of_periods else "_as_of_date desc nulls last, "
        replaced = f"qualify rank() over ({parts} order by {dated}_known_at desc, _extract_id desc) = 1"
        same_period = f"where {period} in (select {period} from present)" if is_of_periods else ""
    ended_by = ENDED_BY.get((terms.family, terms.extract))
    tombstones = parquet_files(settings, passed(settings, *TOMBSTONES)) if ended_by else []
    is_ended = f"{ended_by} in (select case_id from read_parquet($tombstones))" if tombstones else "false"
    parameters = {"present": parquet_files(settings, [receipt]), "before": parquet_files(settings, earlier)}
    gone, ended = connection.execute(
        f"with present as (select {key} from read_parquet($present)), "
        f"earlier as (select {key}, _extract_id from read_parquet($before, union_by_name = true) {replaced}), "
        f"gone as (select distinct {key} from earlier anti join present using ({key}) {same_period}) "
        f"select count(*), count(*) filter ({is_ended}) from gone",
        parameters | ({"tombstones": tombstones} if tombstones else {}),
    ).fetchall()[0]
    return {"vanished": gone - ended, "tombstoned": ended}


def before(terms: Contract, receipt: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of ``others`` that come before a delivery, the last of them last: the order of macros/delivery.sql."""
    by_date = terms.delivery == "snapshot" and terms.period_column not in terms.key

    def standing(each: Mapping[str, Any]) -> tuple[str, str, str]:
        return (each["as_of_date"] or "") if by_date else "", each["known_at"], each["extract_id"]

    return sorted((other for other in others if standing(other) < standing(receipt)), key=standing)


def loaded(settings: Settings, family: str, extract: str, *, stopped_too: bool = False) -> list[dict[str, Any]]:
    """Load receipts of the deliveries that their door did not stop, judged or not, by when they became known."""
    receipts = []
    for file in sorted(settings.place("raw", family, extract).glob("*.json")):
        if file.name.endswith(".verdict.json"):
            continue
        receipt = store.read_json(file)
        door = file.with_suffix(".verdict.json")
        is_stopped = door.exists() and not store.read_json(door)["passed"]
        if receipt["outcome"] == "loaded" and (stopped_too or not is_stopped):
            receipts.append(receipt)
    return sorted(receipts, key=lambda receipt: (receipt["known_at"], receipt["extract_id"]))


def passed(settings: Settings, family: str, extract: str) -> list[dict[str, Any]]:
    """Load receipts of the deliveries that their door let in, by when they became known."""
    place = settings.place("raw", family, extract)
    return [
        receipt
        for receipt in loaded(settings, family, extract)
        if (place / f"{receipt['extract_id']}.verdict.json").exists()
    ]


def parquet_files(settings: Settings, receipts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where the good records of some deliveries lie."""
    place = settings.place("raw")
    return [str(Path(place, r["family"], r["extract"], f"{r['extract_id']}.parquet")) for r in receipts]
