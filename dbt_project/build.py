"""Build: choose the deliveries of a quarter as of its cut-off, and run dbt over them into a fresh database file.

A build is a folder of its own (docs/layout.md). What it saw is linked into it, so it can be looked at and repeated
without the rest of the data folder. The folder is finished when ``build.json`` is there; before that it is nothing,
and is made again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt_common.events.base_types import EventMsg

from dbt_project.own_records import Records, own_records, write_records
from dbt_project.render import OF_RECENT_DAYS
from ingest.contract import ADDED_BY_LOADING, contracts
from pipeline import store
from pipeline.database import connect, quoted
from pipeline.errors import BuildFailed, MissingExtracts
from pipeline.provenance import source_digest
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

DBT_PROJECT = Path(__file__).resolve().parent
DATABASE = "due_diligence.duckdb"
# A release speaks of its fiscal year and of the one before it; older quarters stand in the releases of their own.
YEARS_BEFORE = 1
QUARTERS_OF_A_MEAN = 4  # a mean of twelve months is that of so many rosters
# Clock changes of a zone are known that far back from the quarter; what is older takes the oldest offset.
YEARS_OF_CLOCKS = 4
SHORT = (
    "family",
    "extract",
    "extract_id",
    "known_at",
    "as_of_date",
    "delivery",
    "has_manifest",
    "is_sample",
    "quarantined",
)
RULE = "docs/layout.md, Cut-off"
# Unit tests try the models on cases of their own; they belong to the project's tests, not to a quarter's data.
SELECTED = ("--exclude-resource-type", "unit_test", "--exclude-resource-type", "exposure")
# A file's log levels and run results quote the engine, and the engine quotes data: this project writes its own log.
QUIET = ("--quiet", "--no-use-colors", "--log-level", "none", "--log-level-file", "none")
# dbt's events for a finished node, and what each calls the number of nodes.
NODE_RESULTS = {"LogModelResult": "total", "LogSeedResult": "total", "LogTestResult": "num_models"}
# The kinds of fault that a message may be quoted as; the engine's own before dbt's, which wrap them.
KINDS = tuple(
    f"{kind} Error"
    for kind in (
        "Constraint",
        "Conversion",
        "Invalid Input",
        "Out of Range",
        "Out of Memory",
        "IO",
        "Catalog",
        "Binder",
        "Parser",
        "Compilation",
        "Database",
        "Runtime",
    )
)

Progress = Callable[[str, str, int, int], None]


@dataclass(frozen=True)
class Plan:
    """What a build of the quarter would see. ``missing`` names what it still lacks, and why; empty when it can start.

    ``deliveries`` are load receipts in short, as in ``inputs.json``; both moments are UTC.
    """

    quarter: FiscalQuarter
    build_id: str
    cutoff_at: datetime
    standard_cutoff_at: datetime
    deliveries: list[dict[str, Any]]
    missing: list[str]
    own: Records = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class _Delivery:
    """One loaded extract that passed its door."""

    receipt: dict[str, Any]

    @property
    def name(self) -> tuple[str, str]:
        return self.receipt["family"], self.receipt["extract"]

    @property
    def known_at(self) -> datetime:
        return datetime.fromisoformat(self.receipt["known_at"]).astimezone(UTC)

    @property
    def as_of(self) -> date | None:
        return date.fromisoformat(self.receipt["as_of_date"]) if self.receipt["as_of_date"] else None


def plan(settings: Settings, quarter: FiscalQuarter) -> Plan:
    """Choose the deliveries that a build of the quarter takes, by docs/layout.md. Reads receipts and verdicts only."""
    standard = quarter.cutoff(settings.cutoff_business_days, settings.timezone)
    passed: list[_Delivery] = []
    missing: list[str] = []
    staged = {name: terms for name, terms in sorted(contracts().items()) if terms.staged}
    for name, terms in staged.items():
        usable, fault = _usable(settings, *name)
        usable = [delivery for delivery in usable if delivery.as_of is None or delivery.as_of <= quarter.end]
        if not terms.required or any(_speaks_of(delivery, quarter) for delivery in usable):
            passed += usable
        else:
            missing.append(f"{'/'.join(name)}: {fault or 'no delivery of this quarter arrived'}")
    if len({delivery.receipt.get("pseudonym_key") for delivery in passed} - {None}) > 1:
        missing.append("raw: some pseudonyms are not under the newest key yet")
    cutoff = max([standard, *_late_moments(passed, quarter, standard)])
    taken = sorted(
        (delivery.receipt for delivery in passed if delivery.known_at <= cutoff),
        key=lambda receipt: (receipt["family"], receipt["extract"], receipt["known_at"], receipt["extract_id"]),
    )
    deliveries = [
        {
            **{field: receipt[field] for field in SHORT},
            "records": receipt["loaded"],
            "is_late": _Delivery(receipt).known_at > standard,
        }
        for receipt in taken
    ]
    own = own_records(settings, quarter, cutoff, taken)
    # Everything that can change a figure, and nothing that cannot.
    build_id = store.sha256_bytes(
        store.canonical_json(
            {
                "quarter": str(quarter),
                "inputs": [
                    [r["family"], r["extract"], r["extract_id"], r["parquet_sha256"], r["known_at"]] for r in taken
                ],
                "cutoff_at": cutoff.isoformat(),
                "parent_entity_code": settings.parent_entity_code,
                "timezone": settings.timezone,
                "cutoff_business_days": settings.cutoff_business_days,
                "own": store.sha256_bytes(store.canonical_json(own)),
                "source": source_digest(),
                "engines": [version("dbt-core"), version("dbt-duckdb"), version("duckdb")],
            }
        )
    )[:16]
    return Plan(quarter, build_id, cutoff, standard, deliveries, missing, own)


def missing_in_short(missing: list[str]) -> str:
    """What a plan lacks, by reason: up to eight extracts are named, more are counted."""
    by_reason: dict[str, list[str]] = {}
    for line in missing:
        name, _, reason = line.partition(": ")
        by_reason.setdefault(reason, []).append(name)
    return "; ".join(
        f"{reason}: " + (", ".join(names) if len(names) <= 8 else f"{len(names)} extracts")
        for reason, names in by_reason.items()
    )


def quarters_to_build(settings: Settings) -> list[FiscalQuarter]:
    """Quarters that lack nothing and whose current candidate, if any, is of another build; oldest first."""
    spoken_of = {
        receipt["quarter"]
        for file in sorted(settings.place("raw").glob("*/*/*.json"))
        if not file.name.endswith(".verdict.json") and (receipt := store.read_json(file))["quarter"]
    }
    waiting = []
    for quarter in sorted(FiscalQuarter.parse(written) for written in spoken_of):
        chosen = plan(settings, quarter)
        if not chosen.missing and chosen.build_id != _current_build(settings, quarter):
            waiting.append(quarter)
    return waiting


def build(settings: Settings, quarter: FiscalQuarter, progress: Progress | None = None) -> dict[str, Any]:
    """Build the quarter and return ``build.json``; a build that is there already is returned as it is.

    ``progress`` is called with a node's id, its status, how many nodes are done, and how many there are.
    Raises MissingExtracts while the quarter lacks an extract, and BuildFailed when dbt stops.
    """
    chosen = plan(settings, quarter)
    if chosen.missing:
        required = sum(terms.required for terms in contracts().values())
        raise MissingExtracts(
            f"{quarter} cannot be built yet.",
            found=missing_in_short(chosen.missing),
            expected=f"each of the {required} required extracts, loaded, with a passing extract door, for {quarter}",
            rule=RULE,
            next_step="ask the senders for what is missing, or mend what was refused; then build again",
        )
    folder = settings.place("builds", str(quarter), chosen.build_id)
    with store.alone(folder.parent / ".building"):
        if (folder / "build.json").exists():
            return dict(store.read_json(folder / "build.json"))
        shutil.rmtree(folder, ignore_errors=True)
        store.folder(folder)
        _link_inputs(settings, chosen, folder)
        record = _run_dbt(settings, chosen, folder, progress)
        store.write_json(folder / "build.json", record)
        return record


def quarters_kept(quarter: FiscalQuarter) -> list[FiscalQuarter]:
    """The quarters that a build of the quarter computes, oldest first: its fiscal year's so far and the year before."""
    return [quarter.plus(-back) for back in reversed(range(quarter.number + 4 * YEARS_BEFORE))]


def utc_offsets(timezone: str, since: date, until: date) -> list[dict[str, Any]]:
    """How far the time zone is ahead of UTC, from when: ``{since: moment in UTC as text, minutes}``, oldest first."""
    zone = ZoneInfo(timezone)
    offsets: list[dict[str, Any]] = []
    # Zones change at a quarter of an hour at the finest.
    moment = datetime(since.year, since.month, since.day, tzinfo=UTC)
    end = datetime(until.year, until.month, until.day, tzinfo=UTC)
    step = timedelta(days=1)
    while moment <= end:
        minutes = _minutes_ahead(zone, moment)
        if not offsets:
            offsets.append({"since": "1900-01-01 00:00:00", "minutes": minutes})
        elif offsets[-1]["minutes"] != minutes:
            change = moment - step
            while _minutes_ahead(zone, change) != minutes:
                change += timedelta(minutes=15)
            offsets.append({"since": change.strftime("%Y-%m-%d %H:%M:%S"), "minutes": minutes})
        moment += step
    return offsets


def _minutes_ahead(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return int((offset or timedelta()).total_seconds() // 60)


def _usable(settings: Settings, family: str, extract: str) -> tuple[list[_Delivery], str | None]:
    """The deliveries of one extract that passed their door, and what befell the others."""
    usable: list[_Delivery] = []
    faults: set[str] = set()
    folder = settings.place("raw", family, extract)
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        if file.name.endswith(".verdict.json"):
            continue
        receipt = store.read_json(file)
        door = file.with_name(f"{receipt['extract_id']}.verdict.json")
        if receipt["outcome"] != "loaded":
            faults.add("a delivery was refused")
        elif not door.exists():
            faults.add("a delivery waits for the extract door")
        elif not _door_passed(store.read_json(door), receipt):
            faults.add("a delivery did not pass the extract door")
        elif receipt["is_sample"] and not settings.is_sample:
            faults.add("a delivery is of the sample year, which no real quarter is made of")
        else:
            usable.append(_Delivery(receipt))
    return usable, " and ".join(sorted(faults)) or None


def _door_passed(verdict: dict[str, Any], receipt: dict[str, Any]) -> bool:
    # A verdict is about bytes: one that names others says nothing of these.
    return bool(verdict["passed"]) and receipt["parquet_sha256"] in verdict["files"].values()


def _speaks_of(delivery: _Delivery, quarter: FiscalQuarter) -> bool:
    return delivery.as_of is None or FiscalQuarter.containing(delivery.as_of) == quarter


def _late_moments(passed: list[_Delivery], quarter: FiscalQuarter, standard: datetime) -> Iterator[datetime]:
    """Moments after the standard cut-off that this build has to reach."""
    for name in sorted({delivery.name for delivery in passed}):
        of_extract = [delivery for delivery in passed if delivery.name == name]
        dated = [d.known_at for d in of_extract if d.as_of is not None and _speaks_of(d, quarter)]
        yield from (moment for moment in dated if moment > standard)
        # A delivery without a date moves the cut-off only where the quarter would otherwise have none.
        undated = [d.known_at for d in of_extract if d.as_of is None]
        if undated and not dated and min(undated) > standard:
            yield min(undated)


def _current_build(settings: Settings, quarter: FiscalQuarter) -> str | None:
    pointer = settings.place("candidates", str(quarter), "current.json")
    if not pointer.exists():
        return None
    digest = store.read_json(pointer)["candidate_digest"]
    candidate = settings.place("candidates", str(quarter), digest, "candidate.json")
    return str(store.read_json(candidate)["build_id"]) if candidate.exists() else None


def _link_inputs(settings: Settings, chosen: Plan, folder: Path) -> None:
    for delivery in chosen.deliveries:
        family, extract, extract_id = delivery["family"], delivery["extract"], delivery["extract_id"]
        raw = settings.place("raw", family, extract, f"{extract_id}.parquet")
        receipt = store.read_json(raw.with_suffix(".json"))
        if not raw.exists() or store.sha256_file(raw) != receipt["parquet_sha256"]:
            raise BuildFailed(
                f"A raw file of {chosen.quarter} is not what was loaded.",
                found=f"raw/{family}/{extract}/{raw.name} is missing, or its digest is not that of its load receipt",
                expected="the bytes that load wrote and the extract door checked",
                rule="dbt_project/build.py",
                next_step="delete the file with its receipt and its verdict, then load, check and build again",
            )
        link = store.folder(folder / "inputs" / family / extract) / raw.name
        try:
            os.link(raw, link)
        except OSError:
            shutil.copyfile(raw, link)
    _fill_what_did_not_arrive(settings, folder / "inputs")
    write_records(settings, chosen.own, folder / "inputs")
    store.write_json(
        folder / "inputs.json",
        {
            "quarter": str(chosen.quarter),
            "build_id": chosen.build_id,
            "cutoff_at": chosen.cutoff_at.isoformat(),
            "standard_cutoff_at": chosen.standard_cutoff_at.isoformat(),
            "is_sample": settings.is_sample or any(delivery["is_sample"] for delivery in chosen.deliveries),
            "deliveries": chosen.deliveries,
        },
    )


def _fill_what_did_not_arrive(settings: Settings, inputs: Path) -> None:
    """An empty relation, of the contract's types, for each staged extract of which nothing arrived."""
    empty = [
        (folder, terms)
        for (family, extract), terms in sorted(contracts().items())
        if terms.staged and not (folder := inputs / family / extract).is_dir()
    ]
    for folder, terms in empty:
        columns = [f"null::{column.physical_type} as {quoted(column.name)}" for column in terms.in_raw.columns]
        columns += [f"null::{kind} as {name}" for name, kind in ADDED_BY_LOADING.items()]
        with connect(settings, folders=[store.folder(folder)]) as connection:
            file = str(folder / "nothing.parquet").replace("'", "''")
            connection.execute(f"copy (select {', '.join(columns)} limit 0) to '{file}' (format parquet)")


def dbt_variables(settings: Settings, chosen: Plan, folder: Path) -> dict[str, Any]:
    """What dbt is told: everything a figure depends on beside the extracts, and where this build lies."""
    kept = quarters_kept(chosen.quarter)
    leading = [kept[0].plus(-back) for back in reversed(range(1, QUARTERS_OF_A_MEAN))]
    reach = _reach(settings, chosen, leading[0].start, folder / "inputs")
    return {
        "inputs": str(folder / "inputs"),
        "deliveries": Counter(
            name
            for delivery in chosen.deliveries
            if (name := f"{delivery['family']}/{delivery['extract']}") not in reach
            or _in_utc(datetime.fromisoformat(delivery["known_at"])) >= reach[name]["known_from"]
        ),
        "reach": reach,
        "database": str(folder / DATABASE),
        "threads": settings.threads,
        "memory_limit": settings.memory_limit,
        "quarter": str(chosen.quarter),
        "cutoff_at": _in_utc(chosen.cutoff_at),
        "parent_entity_code": settings.parent_entity_code,
        "utc_offsets": utc_offsets(
            settings.timezone, chosen.quarter.plus(-4 * YEARS_OF_CLOCKS).year_start, chosen.cutoff_at.date()
        ),
        "quarters": [
            {
                "fiscal_quarter": str(quarter),
                "fiscal_year": quarter.fiscal_year,
                "quarter_number": quarter.number,
                "quarter_start": str(quarter.start),
                "quarter_end": str(quarter.end),
                "year_start": str(quarter.year_start),
                "trailing_year_start": str(quarter.plus(-3).start),
                "is_kept": quarter in kept,
            }
            for quarter in leading + kept
        ],
    }


def _in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")


def _reach(settings: Settings, chosen: Plan, since: date, inputs: Path) -> dict[str, dict[str, str]]:
    """For each extract of ``OF_RECENT_DAYS``: the first day that is looked at, and when a record of it was first known.

    A record takes the place only of what was known before it, so what was known before that moment has no say.
    """
    reach = {}
    for family, extract in sorted(OF_RECENT_DAYS):
        folder = (inputs / family / extract).resolve()
        known_from = None
        if any(folder.glob("*.parquet")):
            files = str(folder / "*.parquet").replace("'", "''")
            day = quoted(contracts()[family, extract].period_column or "")
            with connect(settings, folders=[folder]) as connection:
                [(known_from,)] = connection.execute(
                    f"select min(_known_at) from read_parquet('{files}') where {day} >= ?", [since]
                ).fetchall()
        reach[f"{family}/{extract}"] = {
            "since": str(since),
            "known_from": known_from.isoformat(sep=" ") if known_from else _in_utc(chosen.cutoff_at),
        }
    return reach


def _run_dbt(settings: Settings, chosen: Plan, folder: Path, progress: Progress | None) -> dict[str, Any]:
    """Run dbt over the folder's inputs; returns the content of ``build.json``, or raises BuildFailed."""

    def report(event: EventMsg) -> None:
        if progress and event.info.name in NODE_RESULTS:
            node = event.data.node_info
            total = getattr(event.data, NODE_RESULTS[event.info.name])
            progress(node.unique_id, node.node_status, event.data.index, total)

    arguments = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    arguments += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    variables = dbt_variables(settings, chosen, folder)
    store.write_json(folder / "variables.json", variables)
    arguments += ["--vars", json.dumps(variables)]
    try:
        # A partial parse can lose tests without a word (dbt-core 1.11), so every build reads the project anew.
        outcome = dbtRunner(callbacks=[report]).invoke(["build", *QUIET, *SELECTED, "--no-partial-parse", *arguments])
    finally:
        # dbt keeps the database open after its run, and nobody else can read a file that is open for writing.
        DuckDBConnectionManager.close_all_connections()
    results = list(getattr(outcome.result, "results", []))
    _write_log(folder, results)
    if not outcome.success:
        raise _failed(chosen, folder, results, outcome)
    tests = sum(result.node.resource_type == "test" for result in results)
    expected = _tests_written(folder / "target" / "manifest.json")
    left_open = (folder / f"{DATABASE}.wal").exists()
    if tests != expected or left_open:
        raise BuildFailed(
            f"The build of {chosen.quarter} is not whole.",
            found="dbt's database was not closed" if left_open else f"{tests} tests ran",
            expected="one closed database file" if left_open else f"all {expected} tests of the project",
            rule="dbt_project/build.py",
            next_step="build again; if it stays so, look at build.log in the folder of the build",
        )
    return {
        "quarter": str(chosen.quarter),
        "build_id": chosen.build_id,
        "cutoff_at": chosen.cutoff_at.isoformat(),
        "outcome": "succeeded",
        "dbt_version": version("dbt-core"),
        "duckdb_version": version("duckdb"),
        "models": sum(result.node.resource_type == "model" for result in results),
        "tests": tests,
        "nodes": {
            result.node.unique_id: {"status": str(result.status), "seconds": round(result.execution_time, 3)}
            for result in results
        },
    }


def _tests_written(manifest: Path) -> int:
    return sum(node["resource_type"] == "test" for node in store.read_json(manifest)["nodes"].values())


def _write_log(folder: Path, results: list[Any]) -> None:
    """What became of each node, in this project's own words: the engine's words quote data."""
    lines = [
        f"{result.status!s:8} {result.execution_time:8.3f} s  {result.node.unique_id}  {_short(result)}".rstrip()
        for result in results
    ]
    store.write_bytes(folder / "build.log", ("\n".join(lines) + "\n").encode())
    # dbt's own record repeats the engine's messages.
    (folder / "target" / "run_results.json").unlink(missing_ok=True)


def _failed(chosen: Plan, folder: Path, results: list[Any], outcome: dbtRunnerResult) -> BuildFailed:
    stopped = [result for result in results if str(result.status) in ("error", "fail")]
    skipped = sum(str(result.status) == "skipped" for result in results)
    found = "; ".join(f"{result.node.unique_id}: {_short(result)}" for result in stopped[:5])
    if len(stopped) > 5:
        found += f"; and {len(stopped) - 5} more"
    if not found:
        found = f"dbt could not start: {type(outcome.exception).__name__}"
    place = f"builds/{chosen.quarter}/{chosen.build_id}"
    return BuildFailed(
        f"The build of {chosen.quarter} failed.",
        found=f"{found}; {skipped} nodes behind it did not run",
        expected="every model built and every test passed",
        rule=f"dbt_project; the compiled statements lie in {place}/target",
        next_step=f"read {place}/build.log, mend the extract or the model it names, then build again",
    )


def _short(result: Any) -> str:
    """A result without any value of the data: the kind of fault, and the columns of the node that it names."""
    status = str(result.status)
    if status == "fail":
        return f"{result.failures} records break this promise"
    if status != "error":
        return ""
    message = result.message or ""
    kind = next((kind for kind in KINDS if kind in message), "Error")
    named = set(re.findall(r"\w+", message)) & set(result.node.columns)
    return f"{kind} at {', '.join(sorted(named))}" if kind == "Constraint Error" and named else kind
