"""Load: good records become typed Parquet, every other record goes to quarantine with its reason, none disappears.

``scan`` says what a record is; here DuckDB casts columns of text, each by one explicit rule of its type. The work is
whatever is landed and has no load receipt, or was refused under an older form of its contract.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from ingest import quarantine
from ingest.contract import Column, Contract, contract, contracts
from ingest.pseudonym import Keys, keys, pseudonyms, rekey
from ingest.quarantine import Broken
from ingest.scan import SEPARATOR, Scan, scan, unpacked
from pipeline import store
from pipeline.database import connect, quoted
from pipeline.errors import HrddError, RefusedExtract
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

FIRST_YEAR, LAST_YEAR = 1900, 2100
_CHUNK = 50_000  # records handed to DuckDB at once
_INSTANT = r"\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?"
_OFFSET = r"(Z|[+-](0\d|1[0-4]):[0-5]\d)"


@dataclass(frozen=True)
class _Loaded:
    """What one file came to: its good records are in the table ``good``, its broken ones here."""

    scan: Scan
    good: int
    good_lines: int
    broken: list[Broken]
    as_of_date: date | None
    warnings: list[str]


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
        work = list(_work(settings))
        if not work:
            return receipts
        with connect(settings, folders=[settings.place("raw")]) as connection:
            for landed in work:
                try:
                    content = _landed_bytes(settings, landed)
                except HrddError as fault:
                    altered.append(fault)
                    continue
                receipts.append(_load(settings, connection, landed, content))
    if altered:
        raise altered[0]
    return receipts


def _work(settings: Settings) -> Iterator[dict[str, Any]]:
    for file in sorted(settings.place("landed").glob("*/*/*.json")):
        family, extract, name = file.parts[-3:]
        receipt_file = settings.place("raw", family, extract, name)
        if receipt_file.exists():
            receipt = store.read_json(receipt_file)
            if receipt["outcome"] == "loaded" or receipt["contract_digest"] == _contract_digest(family, extract):
                continue
        yield store.read_json(file)


def _contract_digest(family: str, extract: str) -> str | None:
    try:
        return contract(family, extract).digest
    except RefusedExtract:
        return None


def _landed_bytes(settings: Settings, landed: dict[str, Any]) -> bytes:
    file = settings.place("landed", landed["family"], landed["extract"], landed["bytes_sha256"])
    content = file.read_bytes() if file.exists() else b""
    if store.sha256_bytes(content) != landed["bytes_sha256"]:
        raise HrddError(
            "Bytes that were landed have changed or are gone.",
            found=f"{file.relative_to(settings.data)} is not what its name says",
            expected="a file whose SHA-256 is its name",
            rule="ingest/load.py",
            next_step="restore the file from a backup, then run load again",
        )
    return content


def _load(
    settings: Settings, connection: duckdb.DuckDBPyConnection, landed: dict[str, Any], content: bytes
) -> dict[str, Any]:
    family, extract, extract_id = landed["family"], landed["extract"], landed["extract_id"]
    place = settings.place("raw", family, extract)
    receipt = {name: landed[name] for name in ("family", "extract", "extract_id", "bytes_sha256", "sent_as")} | {
        name: landed[name] for name in ("known_at", "delivery", "is_sample", "has_manifest", "source_system")
    }
    usual = "full" if landed["delivery"] == "snapshot" else "delta"
    receipt["coverage"] = (landed["manifest"] or {}).get("coverage", usual)
    receipt |= {"contract_version": None, "contract_digest": None}
    try:
        promised = contract(family, extract)
        receipt |= {"contract_version": promised.version, "contract_digest": promised.digest}
        result = _read(settings, connection, promised, landed, content)
    except RefusedExtract as refusal:
        receipt |= {
            "outcome": "refused",
            "refusal": refusal.parts(),
            "records_in": 0,
            "loaded": 0,
            "quarantined": 0,
            "lines_in": 0,
            "lines": None,
            "reasons": {},
            "faults": [],
            "warnings": landed["warnings"],
            "parquet_sha256": None,
            "pseudonym_key": None,
            "as_of_date": landed["as_of_date"],
            "quarter": landed["quarter"],
        }
        store.write_json(place / f"{extract_id}.json", receipt)
        return receipt
    quarantine.write(settings, family, extract, extract_id, result.broken)
    parquet = place / f"{extract_id}.parquet"
    known = keys(settings) if pseudonyms(promised) else None
    _write_parquet(connection, promised, landed, result, known, parquet)
    receipt |= {
        "outcome": "loaded",
        "refusal": None,
        "records_in": result.scan.records,
        "loaded": result.good,
        "quarantined": len(result.broken),
        "lines_in": result.scan.lines,
        "lines": {
            "header": 1,
            "blank": result.scan.blank_lines,
            "quarantined": sum(record.lines for record in result.broken),
            "loaded": result.good_lines,
        },
        "reasons": dict(sorted(Counter(record.reason for record in result.broken).items())),
        "faults": _faults(result.broken),
        "warnings": result.warnings,
        "parquet_sha256": store.sha256_file(parquet),
        "pseudonym_key": known.name if known else None,
        "as_of_date": result.as_of_date.isoformat() if result.as_of_date else None,
        "quarter": str(FiscalQuarter.containing(result.as_of_date)) if result.as_of_date else None,
    }
    store.write_json(place / f"{extract_id}.json", receipt)
    return receipt


def _read(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    promised: Contract,
    landed: dict[str, Any],
    content: bytes,
) -> _Loaded:
    """Scan and cast one file. Raises RefusedExtract for a fault of the whole file."""
    manifest = landed["manifest"] or {}
    warnings = list(landed["warnings"])
    scanned = scan(unpacked(content) if landed["sent_as"].lower().endswith(".gz") else content, promised)
    if manifest.get("rows", scanned.records) != scanned.records:
        raise _refused(
            "The file does not hold the records that its manifest promises.",
            found=f"{scanned.records} records",
            expected=f"{manifest['rows']} rows, as the manifest says",
            rule="ingest/README.md, the manifest",
            next_step="ask the sender for the file anew: it may have been cut short",
        )
    if not scanned.ends_with_newline:
        warnings.append("the last line does not end: the file may have been cut short")
    _fill_cells(connection, scanned)
    warnings += _prove_control_totals(connection, promised, manifest.get("control_totals", {}))
    faults = _judge(connection, promised)
    places = {number: place for place, number in enumerate(scanned.numbers)}
    broken = scanned.broken + [
        Broken(
            number,
            scanned.first_lines[places[number]],
            scanned.spans[places[number]],
            columns,
            reason,
            scanned.texts[places[number]],
        )
        for number, columns, reason in faults
    ]
    broken.sort(key=lambda record: record.record)
    good = _count(connection, "select count(*) from good")
    good_lines = sum(scanned.spans) - sum(scanned.spans[places[number]] for number, _, _ in faults)
    lines = 1 + scanned.blank_lines + good_lines + sum(record.lines for record in broken)
    if good + len(broken) != scanned.records or lines != scanned.lines:
        raise HrddError(
            "A file was not accounted for.",
            found=f"{scanned.records} records in {scanned.lines} lines; {good} loaded, {len(broken)} quarantined",
            expected="records in = loaded + quarantined, in lines too",
            rule="ingest/load.py",
            next_step="report this as a defect; nothing of the file was loaded",
        )
    as_of_date = _as_of_date(settings, connection, promised, landed)
    return _Loaded(scanned, good, good_lines, broken, as_of_date, warnings)


def _fill_cells(connection: duckdb.DuckDBPyConnection, scanned: Scan) -> None:
    """Make the table ``cells``: ``_number`` and the file's columns as text; an empty cell is null."""
    columns = ", ".join(f"{quoted(column.name)} varchar" for column in scanned.columns)
    connection.execute(f"create or replace temp table cells (_number bigint, {columns})")
    picks = ", ".join(f"nullif(cell[{place}], '')" for place in range(1, len(scanned.columns) + 1))
    for start in range(0, len(scanned.numbers), _CHUNK):
        end = start + _CHUNK
        connection.execute(
            f"insert into cells select number, {picks} "
            "from (select unnest($1::bigint[]) as number, string_split(unnest($2::varchar[]), $3) as cell)",
            [scanned.numbers[start:end], scanned.cells[start:end], SEPARATOR],
        )


def _judge(connection: duckdb.DuckDBPyConnection, promised: Contract) -> list[tuple[int, str, str]]:
    """Make the table ``good`` of typed records; return number, columns and reason of every other record of ``cells``.

    A record with several faults bears the first in the contract's order of columns. Of good records with one key the
    first stays.
    """
    columns = promised.columns
    places = ", ".join(f"{_fault(column)}" for column in columns)
    connection.execute(
        f"create or replace temp table faults as from (select _number, coalesce({places}) as fault from cells) "
        "where fault is not null"
    )
    typed = ", ".join(f"{_typed(column)} as {quoted(column.name)}" for column in columns)
    key = ", ".join(quoted(name) for name in promised.key)
    connection.execute(
        "create or replace temp table good as "
        f"select *, row_number() over (partition by {key} order by _number) as _turn "
        f"from (select _number, {typed} from cells anti join faults using (_number))"
    )
    found = [
        (number, *fault.split(":", 1)) for number, fault in connection.execute("from faults order by all").fetchall()
    ]
    repeated = connection.execute("select _number from good where _turn > 1 order by all").fetchall()
    connection.execute("delete from good where _turn > 1")
    return found + [(number, ", ".join(promised.key), "duplicate_key") for (number,) in repeated]


def _fault(column: Column) -> str:
    """SQL for what is wrong with a cell: ``column:reason``, or null for a good one."""
    cell = _cell(column)
    wrongs = _wrongs(column, cell)
    if column.required:
        wrongs.insert(0, ("missing", f"{cell} is null"))
    cases = " ".join(f"when {is_wrong} then {_text(f'{column.name}:{reason}')}" for reason, is_wrong in wrongs)
    return f"case {cases} end"


def _wrongs(column: Column, cell: str) -> list[tuple[str, str]]:
    """Reason and SQL condition of each rule of the column's type, in the order in which they speak."""
    codes = ", ".join(_text(code) for code in column.codes)
    match column.physical_type.split("(")[0]:
        case "BIGINT":
            shape = [("not_an_integer", _unlike(cell, "-?(0|[1-9][0-9]*)"))]
            return [*shape, ("out_of_range", f"try_cast({cell} as bigint) is null and {cell} is not null")]
        case "DECIMAL":
            fraction = f"([.][0-9]{{1,{column.decimals}}})?" if column.decimals else ""
            return [
                ("not_a_number", _unlike(cell, "-?[0-9]+([.][0-9]+)?")),
                ("too_many_decimals", _unlike(cell, f"-?[0-9]+{fraction}")),
                ("out_of_range", f"try_cast({cell} as {column.physical_type}) is null and {cell} is not null"),
            ]
        case "BOOLEAN":
            return [("not_a_boolean", f"{cell} not in ('true', 'false')")]
        case "DATE":
            shape = [("not_a_date", _unlike(cell, r"\d{4}-\d{2}-\d{2}"))]
            return [*shape, *_day_wrongs(cell, "not_a_date", f"try_cast({cell} as date)")]
        case "TIMESTAMP":
            return [
                ("no_offset", f"regexp_full_match({cell}, {_text(_INSTANT)})"),
                ("not_an_instant", _unlike(cell, _INSTANT + _OFFSET)),
                *_day_wrongs(cell, "not_an_instant", f"try_cast({cell} as timestamptz)"),
            ]
        case "VARCHAR[]":
            separator = _text(column.list_separator)
            items = f"string_split({cell}, {separator})"
            wrongs = [("empty_item", f"list_contains({items}, '')")]
            if codes:
                return [*wrongs, ("not_in_code_list", f"not list_has_all([{codes}], {items})")]
            return [*wrongs, ("outer_space", f"len(list_filter({items}, lambda item: {_spaced('item')})) > 0")]
        case _:
            if codes:
                return [("not_in_code_list", f"{cell} not in ({codes})")]
            if column.pattern:
                return [("pattern", _unlike(cell, column.pattern))]
            return [("outer_space", _spaced(cell))]


def _day_wrongs(cell: str, reason: str, cast: str) -> list[tuple[str, str]]:
    years = f"year({cast}) not between {FIRST_YEAR} and {LAST_YEAR}"
    return [(reason, f"{cast} is null and {cell} is not null"), ("year_out_of_range", years)]


def _cell(column: Column) -> str:
    """SQL for a cell in the contract's own words: what the sender calls a value is that value."""
    cell = quoted(column.name)
    if not column.value_aliases:
        return cell
    cases = " ".join(f"when {_text(alias)} then {_text(value)}" for alias, value in column.value_aliases)
    return f"case {cell} {cases} else {cell} end"


def _typed(column: Column) -> str:
    """SQL for the value of a cell that has no fault."""
    cell = _cell(column)
    match column.physical_type:
        case "VARCHAR":
            return cell
        case "VARCHAR[]":
            return f"string_split({cell}, {_text(column.list_separator)})"
        case "TIMESTAMP":
            return f"timezone('UTC', try_cast({cell} as timestamptz))"
        case other:
            return f"try_cast({cell} as {other})"


def _spaced(cell: str) -> str:
    return rf"regexp_matches({cell}, '^[\s\pZ]|[\s\pZ]$')"


def _unlike(cell: str, pattern: str) -> str:
    return f"not regexp_full_match({cell}, {_text(pattern)})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _prove_control_totals(
    connection: duckdb.DuckDBPyConnection, promised: Contract, totals: dict[str, Any]
) -> list[str]:
    """Compare the manifest's sums with those of all records, good or not. Returns warnings; sums stay unsaid."""
    warnings = []
    for name, total in totals.items():
        column = next((c for c in promised.columns if name in (c.name, *c.aliases)), None)
        try:
            promised_sum = Decimal(str(total))
        except InvalidOperation:
            promised_sum = None
        if column is None or promised_sum is None or column.physical_type.split("(")[0] not in ("BIGINT", "DECIMAL"):
            raise _broken_total("a control total that is none, or of no number column", "sums of number columns")
        faults = " or ".join(is_wrong for _, is_wrong in _wrongs(column, quoted(column.name)))
        unread, actual = connection.execute(
            f"select count(*) filter ({faults}), coalesce(sum({_typed(column)}) filter (not ({faults})), 0) from cells"
        ).fetchall()[0]
        if unread:
            warnings.append(f"the control total of {column.name} cannot be proven: {unread} records have no number")
        elif Decimal(actual) != promised_sum:
            raise _broken_total(f"another sum of {column.name}", f"the manifest's control total of {column.name}")
    return warnings


def _as_of_date(
    settings: Settings, connection: duckdb.DuckDBPyConnection, promised: Contract, landed: dict[str, Any]
) -> date | None:
    """The date that the file speaks of: the manifest's, else the latest of its period column.

    Raises RefusedExtract if the file speaks of days after it was known, or a snapshot not of the manifest's quarter.
    """
    promised_date = date.fromisoformat(landed["as_of_date"]) if landed["as_of_date"] else None
    if promised.period_column is None:
        return promised_date
    period = quoted(promised.period_column)
    if promised.column(promised.period_column).physical_type == "TIMESTAMP":
        period = f"timezone({_text(settings.timezone)}, timezone('UTC', {period}))::date"
    known_on = datetime.fromisoformat(landed["known_at"]).astimezone(ZoneInfo(settings.timezone)).date()
    earliest, latest, late = connection.execute(
        f"select min({period}), max({period}), count(*) filter ({period} > $1) from good", [known_on]
    ).fetchall()[0]
    if late:
        raise _refused(
            "The file is of a wrong quarter: it speaks of days that had not come.",
            found=f"{late} records whose {promised.period_column} is after {known_on}",
            expected=f"no day after {known_on}, the local date on which the content was known",
            rule="ingest/load.py; the contract's periodColumn",
            next_step="ask the sender which days the file holds, and for the file anew",
        )
    if promised_date is None or promised.delivery != "snapshot" or latest is None:
        return promised_date or latest
    quarter = FiscalQuarter.containing(promised_date)
    if not _count(
        connection, f"select count(*) from good where {period} between $1 and $2", quarter.start, quarter.end
    ):
        raise _refused(
            "The file is of a wrong quarter.",
            found=f"records of {FiscalQuarter.containing(earliest)} to {FiscalQuarter.containing(latest)} only",
            expected=f"records of {quarter}, the quarter of the manifest's as_of_date",
            rule="ingest/load.py; the contract's periodColumn",
            next_step="ask the sender for the snapshot of that quarter, or for the right manifest",
        )
    return promised_date


def _write_parquet(
    connection: duckdb.DuckDBPyConnection,
    promised: Contract,
    landed: dict[str, Any],
    result: _Loaded,
    known: Keys | None,
    file: Path,
) -> None:
    if known:
        known.arm(connection)
    replaced = known.replaced(promised) if known else ""
    names = ", ".join(quoted(column.name) for column in promised.columns)
    known_at = datetime.fromisoformat(landed["known_at"]).astimezone(UTC).replace(tzinfo=None)
    as_of_date = f"date '{result.as_of_date}'" if result.as_of_date else "null::date"
    with store.put(file) as temporary:
        connection.execute(
            f"copy (select {names}, {_text(landed['extract_id'])} as _extract_id, _number as _row_number, "
            f"timestamp '{known_at.isoformat(sep=' ')}' as _known_at, {as_of_date} as _as_of_date "
            f"from (select * {replaced} from good) order by _number) "
            f"to {_text(str(temporary))} (format parquet, compression zstd)"
        )


def _faults(broken: list[Broken]) -> list[dict[str, Any]]:
    """By reason and columns: how many records, and the first lines of at most twenty of them. No value."""
    lines: dict[tuple[str, str], list[int]] = {}
    for record in broken:
        lines.setdefault((record.reason, record.columns or ""), []).append(record.line)
    return [
        {"reason": reason, "columns": columns or None, "records": len(found), "first_lines": found[:20]}
        for (reason, columns), found in sorted(lines.items())
    ]


def _count(connection: duckdb.DuckDBPyConnection, query: str, *values: Any) -> int:
    return int(connection.execute(query, list(values)).fetchall()[0][0])


def _broken_total(found: str, expected: str) -> RefusedExtract:
    return _refused(
        "The file's sums are not those of its manifest.",
        found=found,
        expected=expected,
        rule="ingest/README.md, the manifest",
        next_step="ask the sender for the file and its manifest anew",
    )


def _refused(headline: str, *, found: str, expected: str, rule: str, next_step: str) -> RefusedExtract:
    return RefusedExtract(headline, found=found, expected=expected, rule=rule, next_step=next_step)
