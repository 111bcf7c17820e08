"""Load: good records become typed Parquet, every other record goes to quarantine with its reason, none disappears.

``reading`` reads one file; here is what a file means to the whole: its manifest, its day, its receipt. The work is
whatever is landed and has no load receipt, or came to nothing under an older form of its contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from ingest.casting import text
from ingest.contract import Contract, ForbiddenColumn, contract, contracts
from ingest.land import unknown_entries
from ingest.pseudonym import Keys, keys, pseudonyms, rekey
from ingest.reading import ROW_NUMBER, Reading, read, rewrite
from pipeline import store
from pipeline.database import connect, quoted
from pipeline.errors import HrddError, RefusedExtract
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

MEMORY = "512MB"  # DuckDB's share; the whole stays under a gigabyte whatever a file's size


def load(settings: Settings) -> list[dict[str, Any]]:
    """Load whatever is landed and not loaded.

    Returns the load receipts written in this call, in the order of family, extract and extract_id; ``outcome`` is
    ``loaded`` or ``refused``; what was put under a new key of the pseudonyms comes first. Never raises for a bad file;
    raises BadSettings if there are ids and no key for them, and HrddError, after the others are handled, if bytes
    of ``landed`` are no longer those that were landed.
    """
    receipts: list[dict[str, Any]] = []
    altered: list[HrddError] = []
    with store.alone(settings.place("raw", ".lock")):
        for name in contracts():
            store.sweep(settings.place("raw", *name))
            store.sweep(settings.place("quarantine", *name))
        receipts += rekey(settings)
        for landed in list(_work(settings)):
            try:
                file = _landed_file(settings, landed)
            except HrddError as fault:
                altered.append(fault)
                continue
            receipts.append(_load(settings, landed, file))
        _forget(settings, receipts)
    if altered:
        raise altered[0]
    return receipts


def _work(settings: Settings) -> Iterator[dict[str, Any]]:
    for file in sorted(settings.place("landed").glob("*/*/*.json")):
        family, extract, name = file.parts[-3:]
        receipt_file = settings.place("raw", family, extract, name)
        if receipt_file.exists():
            receipt = store.read_json(receipt_file)
            has_bytes = (file.parent / receipt["bytes_sha256"]).exists()
            if _is_in_use(receipt, receipt_file) or (receipt.get("is_kept", True) and _is_of_today(receipt)):
                continue
            if not receipt.get("is_kept", True) and not has_bytes:
                continue  # until they are sent again
        yield store.read_json(file)


def _is_in_use(receipt: dict[str, Any], receipt_file: Path) -> bool:
    """Whether a build may have read what was loaded: of a file of which nothing was, only if its door let it pass."""
    if receipt["outcome"] != "loaded":
        return False
    if receipt["loaded"] or not receipt["records_in"]:
        return True
    verdict = receipt_file.with_suffix(".verdict.json")
    return verdict.exists() and bool(store.read_json(verdict)["passed"])


def _is_of_today(receipt: dict[str, Any]) -> bool:
    """Whether a file was read under the contract as it is now."""
    try:
        return bool(receipt["contract_digest"] == contract(receipt["family"], receipt["extract"]).digest)
    except RefusedExtract:
        return receipt["contract_digest"] is None


def _forget(settings: Settings, receipts: list[dict[str, Any]]) -> None:
    """Delete the bytes of files that hold what must not be collected. Their receipts stay.

    A kill before it leaves receipts that say so and bytes that are there still: the next load takes them up again.
    """
    for receipt in receipts:
        if not receipt.get("is_kept", True):
            place = settings.place("landed", receipt["family"], receipt["extract"])
            (place / receipt["bytes_sha256"]).unlink(missing_ok=True)


def _landed_file(settings: Settings, landed: dict[str, Any]) -> Path:
    file = settings.place("landed", landed["family"], landed["extract"], landed["bytes_sha256"])
    if not file.exists() or store.sha256_file(file) != landed["bytes_sha256"]:
        raise HrddError(
            "Bytes that were landed have changed or are gone.",
            found=f"{file.relative_to(settings.data)} is not what its name says",
            expected="a file whose SHA-256 is its name",
            rule="ingest/load.py",
            next_step="restore the file from a backup, then run load again",
        )
    return file


def _load(settings: Settings, landed: dict[str, Any], file: Path) -> dict[str, Any]:
    family, extract, extract_id = landed["family"], landed["extract"], landed["extract_id"]
    place = settings.place("raw", family, extract)
    receipt = {name: landed[name] for name in ("family", "extract", "extract_id", "bytes_sha256", "sent_as")} | {
        name: landed[name] for name in ("known_at", "delivery", "is_sample", "has_manifest", "source_system")
    }
    usual = "full" if landed["delivery"] == "snapshot" else "delta"
    manifest = landed["manifest"] or {}
    receipt |= {"coverage": manifest.get("coverage", usual), "unknown_entries": unknown_entries(manifest)}
    receipt |= {"contract_version": None, "contract_digest": None}
    store.folder(place)
    with TemporaryDirectory(dir=place, prefix=".put-") as folder:
        workspace = Path(folder)
        folders = [settings.place("raw"), settings.place("landed")]
        try:
            promised = contract(family, extract)
            receipt |= {"contract_version": promised.version, "contract_digest": promised.digest}
            with connect(bounded(settings), folders=folders, spill=workspace / "spill") as connection:
                reading = read(connection, file, landed["sent_as"], promised, manifest, workspace)
                as_of_date = _as_of_date(settings, connection, promised, landed, reading)
                known = keys(settings) if pseudonyms(promised) else None
                _say_where_from(connection, promised, landed, as_of_date, known, settings.timezone, reading)
        except RefusedExtract as refusal:
            receipt |= {
                "outcome": "refused",
                "refusal": refusal.parts(),
                "is_kept": not isinstance(refusal, ForbiddenColumn),
                "records_in": 0,
                "loaded": 0,
                "quarantined": 0,
                "lines_in": 0,
                "lines": None,
                "reasons": {},
                "faults": [],
                "unknown": {},
                "warnings": landed["warnings"],
                "parquet_sha256": None,
                "pseudonym_key": None,
                "as_of_date": landed["as_of_date"],
                "quarter": landed["quarter"],
            }
            store.write_json(place / f"{extract_id}.json", receipt)
            return receipt
        reading.quarantine.write(settings.place("quarantine", family, extract, extract_id + ".jsonl"))
        parquet = place / f"{extract_id}.parquet"
        with store.put(parquet) as temporary:
            reading.parquet.replace(temporary)
    receipt |= {"outcome": "loaded", "refusal": None, "is_kept": True}
    receipt |= counts(reading)
    receipt |= {
        "warnings": landed["warnings"] + reading.warnings,
        "parquet_sha256": store.sha256_file(parquet),
        "pseudonym_key": known.name if known else None,
        "as_of_date": as_of_date.isoformat() if as_of_date else None,
        "quarter": str(FiscalQuarter.containing(as_of_date)) if as_of_date else None,
    }
    store.write_json(place / f"{extract_id}.json", receipt)
    return receipt


def bounded(settings: Settings) -> Settings:
    """The settings with the memory that reading a file may take."""
    return replace(settings, memory_limit=MEMORY)


def counts(reading: Reading) -> dict[str, Any]:
    """What a receipt says about the records of a file: how many, where, why; no value."""
    return {
        "records_in": reading.records,
        "loaded": reading.loaded,
        "quarantined": len(reading.quarantine),
        "lines_in": sum(reading.lines.values()),
        "lines": reading.lines,
        "reasons": dict(sorted(reading.quarantine.reasons.items())),
        "faults": reading.quarantine.faults(),
        "unknown": reading.unknown,
    }


def _as_of_date(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    promised: Contract,
    landed: dict[str, Any],
    reading: Reading,
) -> date | None:
    """The date that the file speaks of: the manifest's, else the latest of its period column.

    Raises RefusedExtract if the file speaks of days after it was known, or a snapshot not of the manifest's quarter;
    of what was added or changed it may be that nothing is of that quarter, so this is a warning only.
    """
    promised_date = date.fromisoformat(landed["as_of_date"]) if landed["as_of_date"] else None
    if promised.period_column is None:
        return promised_date
    period = quoted(promised.period_column)
    if promised.column(promised.period_column).physical_type == "TIMESTAMP":
        period = f"timezone({text(settings.timezone)}, timezone('UTC', {period}))::date"
    source = f"read_parquet({text(str(reading.parquet))})"
    known_on = datetime.fromisoformat(landed["known_at"]).astimezone(ZoneInfo(settings.timezone)).date()
    earliest, latest, late = connection.execute(
        f"select min({period}), max({period}), count(*) filter ({period} > $1) from {source}", [known_on]
    ).fetchall()[0]
    if late:
        raise _refused(
            "The file is of a wrong quarter: it speaks of days that had not come.",
            found=f"{late} records whose {promised.period_column} is after {known_on}",
            expected=f"no day after {known_on}, the local date on which the content was known",
            rule="ingest/load.py; the contract's periodColumn",
            next_step="ask the sender which days the file holds, and for the file anew",
        )
    if promised.case_clock and latest is not None:
        latest = FiscalQuarter.containing(latest).end  # the day of the latest case is nobody's to know
    if promised_date is None or latest is None:
        return promised_date or latest
    quarter = FiscalQuarter.containing(promised_date)
    is_of_quarter = _count(
        connection, f"select count(*) from {source} where {period} between $1 and $2", quarter.start, quarter.end
    )
    if not is_of_quarter and promised.delivery != "snapshot":
        reading.warnings.append(
            f"no record is of {quarter}, the quarter of the manifest's as_of_date: they are of "
            f"{FiscalQuarter.containing(earliest)} to {FiscalQuarter.containing(latest)}"
        )
    elif not is_of_quarter:
        raise _refused(
            "The file is of a wrong quarter.",
            found=f"records of {FiscalQuarter.containing(earliest)} to {FiscalQuarter.containing(latest)} only",
            expected=f"records of {quarter}, the quarter of the manifest's as_of_date",
            rule="ingest/load.py; the contract's periodColumn",
            next_step="ask the sender for the snapshot of that quarter, or for the right manifest",
        )
    return promised_date


def _say_where_from(
    connection: duckdb.DuckDBPyConnection,
    promised: Contract,
    landed: dict[str, Any],
    as_of_date: date | None,
    known: Keys | None,
    timezone: str,
    reading: Reading,
) -> None:
    """Add to each record which delivery it came with, when that was known, and the day it speaks of.

    Ids become pseudonyms, and the days of a case go onto its own clock.
    """
    known_at = datetime.fromisoformat(landed["known_at"]).astimezone(UTC).replace(tzinfo=None)
    day = f"date '{as_of_date}'" if as_of_date else "null::date"
    if known:
        known.arm(connection)
    picks = known.columns(promised, timezone) if known else f"* exclude ({ROW_NUMBER})"
    rewrite(
        connection,
        reading.parquet,
        f"select {picks}, "
        f"{text(landed['extract_id'])} as _extract_id, {ROW_NUMBER}, "
        f"timestamp '{known_at.isoformat(sep=' ')}' as _known_at, {day} as _as_of_date "
        f"from read_parquet({text(str(reading.parquet))})",
    )


def _count(connection: duckdb.DuckDBPyConnection, query: str, *values: Any) -> int:
    return int(connection.execute(query, list(values)).fetchall()[0][0])


def _refused(headline: str, *, found: str, expected: str, rule: str, next_step: str) -> RefusedExtract:
    return RefusedExtract(headline, found=found, expected=expected, rule=rule, next_step=next_step)
