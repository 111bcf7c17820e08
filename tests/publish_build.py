"""A small finished build, made by hand: enough to prepare, approve, release and attack a candidate."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from pipeline import store
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from publish import approval, candidate, release
from publish.dictionary import COLUMNS, FRAMEWORK_COLUMNS, TABLES, THEMES
from publish.tables import SQL_TYPES

QUARTER = FiscalQuarter.parse("FY2023-Q4")
LATER = FiscalQuarter.parse("FY2024-Q1")
HOSTILE = "=HYPERLINK(\"https://example.org\")<script>alert('x')</script>&\"'"
RATES = {"trn_rate": ("training", 86, 100, 90.0), "sup_rate": ("supply_chain", 85, 100, 75.0)}
COUNTS = {
    "grv_cases": ("grievance", 109),
    "wrk_heads": ("workforce", 2200),
    "sup_third_party_audits": ("supply_chain", 109),
    "geo_areas": ("geopolitics", 7),
    "ai_reviews": ("ai", 12),
    "gov_statements": ("governance", 0),
    "qa_cells": ("quality", 3),
}
TRAINING = "trn_bhr_completion_rate"
CELLS = {"A": 0, "B": 1, "C": 4, "D": 5, "E": 99}

USUAL = tempfile.TemporaryDirectory(prefix="candidates-of-tests-")  # goes away with the process
PASSAGE = ["sup_rate", "GRI", "Topic Standards", "414-2", "PARTIAL", "2018-07-01", None, "Under revision"]
NOBODY = (1900, 1, "NOT_HR", "UNKNOWN", "NAMED", 0)


def settings_at(data: Path) -> Settings:
    """The sample installation with its data somewhere else."""
    return Settings.load(data=data)


def finished_build(
    settings: Settings,
    build_id: str = "b1",
    quarter: FiscalQuarter = QUARTER,
    *,
    cells: dict[str, int] = CELLS,
    title: str = "Cases reported",
    shift: int = 0,
    cube: list[tuple[Any, ...]] | None = None,
    hotline: Any = None,
    history: int = 4,
    companies: dict[str, tuple[int, int]] | None = None,
    sources: dict[str, list[str]] | None = None,
) -> str:
    """Write a build's folder with all board tables; returns the build's id.

    ``shift`` moves every numerator; ``sources`` are the extracts behind metrics; ``companies`` adds the training figure
    of the programme by company, and not to the headline.
    """
    place = store.folder(settings.place("builds", str(quarter), build_id))
    tables = _tables(quarter, cells, title, shift, history)
    if hotline is not None:
        _add_hotline(tables, quarter, hotline)
    if companies is not None:
        _add_companies(tables, quarter, companies, history)
    with duckdb.connect(str(place / "due_diligence.duckdb")) as connection:
        for name, published in TABLES.items():
            if published.is_derived:
                continue
            columns = ", ".join(f"{column} {SQL_TYPES[COLUMNS[column].kind]}" for column in published.columns)
            hidden = "not_public VARCHAR default 'private', firms BIGINT"
            connection.execute(f"create table {published.model} ({columns}, {hidden})")
            marks = ", ".join("?" for _ in published.columns)
            for row in tables[name]:
                connection.execute(
                    f"insert into {published.model} ({', '.join(published.columns)}) values ({marks})",
                    [row.get(column) for column in published.columns],
                )
        names = ", ".join(f"{name} VARCHAR" for name in FRAMEWORK_COLUMNS)
        connection.execute(f"create table framework_map ({names})")
        connection.execute(f"insert into framework_map values ({', '.join('?' * len(PASSAGE))})", PASSAGE)
        connection.execute("create table dim_metric_source (metric_id VARCHAR, extract VARCHAR)")
        for metric, extracts in (sources or {}).items():
            connection.executemany("insert into dim_metric_source values (?, ?)", [(metric, name) for name in extracts])
        connection.execute(
            "create table int_hotline_cube (fiscal_year INTEGER, quarter_number INTEGER, category VARCHAR, "
            "reporter_type VARCHAR, identity VARCHAR, cases BIGINT)"
        )
        connection.executemany("insert into int_hotline_cube values (?, ?, ?, ?, ?, ?)", cube or [NOBODY])
    known = {"family": "hotline", "extract": "case", "extract_id": "c" * 64, "as_of_date": "2023-03-31"}
    deliveries = [
        {**known, "known_at": "2023-04-03T00:00:00+00:00", "has_manifest": True, "is_late": False},
        {
            **known,
            "extract_id": "d" * 64,
            "known_at": "2023-05-01T00:00:00+00:00",
            "has_manifest": False,
            "is_late": True,
        },
    ]
    inputs = {
        "quarter": str(quarter),
        "build_id": build_id,
        "cutoff_at": "2023-05-01T00:00:00+00:00",
        "standard_cutoff_at": "2023-04-14T15:00:00+00:00",
        "is_sample": settings.is_sample,
        "deliveries": [
            {**delivery, "records": 9, "quarantined": 0, "is_sample": settings.is_sample} for delivery in deliveries
        ],
    }
    store.write_json(place / "inputs.json", inputs)
    store.write_json(place / "build.json", {"quarter": str(quarter), "build_id": build_id, "outcome": "succeeded"})
    return build_id


def made(settings: Settings, build_id: str = "b1", quarter: FiscalQuarter = QUARTER, **build: Any) -> dict[str, Any]:
    """Build and prepare; the candidate's record."""
    return candidate.prepare_build(settings, quarter, finished_build(settings, build_id, quarter, **build))


@cache
def _usual() -> Path:
    """A data folder with the usual candidate of the sample installation; it stays as it is."""
    made(settings_at(Path(USUAL.name)))
    return Path(USUAL.name)


def prepared(
    settings: Settings, build_id: str = "b1", quarter: FiscalQuarter = QUARTER, **build: Any
) -> dict[str, Any]:
    """Build and prepare; the candidate's record. The usual one, in an empty folder, is made once and copied."""
    usual = (settings, build_id, quarter, build) == (settings_at(settings.data), "b1", QUARTER, {})
    if not usual or any(settings.data.glob("*")):
        return made(settings, build_id, quarter, **build)
    shutil.copytree(_usual(), settings.data, symlinks=True, dirs_exist_ok=True)
    return candidate.current(settings, quarter)[1]


def checked(settings: Settings, quarter: FiscalQuarter = QUARTER, **changes: Any) -> dict[str, Any]:
    """Write the verdict that a board door of three checks would write, with some of it changed."""
    folder, record = candidate.current(settings, quarter)
    check = {
        "subject": "x",
        "loudness": "fail",
        "status": "passed",
        "found": "",
        "expected": "",
        "rule": "",
        "next": "",
    }
    verdict = {
        "door": "board",
        "passed": True,
        "checks_expected": 3,
        "checks_evaluated": 3,
        "checks": [{"check": f"Expect{number}", **check} for number in range(3)],
        "files": record["files"],
        "releases_digest": release.releases_digest(settings),
        **changes,
    }
    store.write_json(folder / "verdict.json", verdict)
    return record


def decided(
    settings: Settings,
    quarter: FiscalQuarter = QUARTER,
    *,
    approver: str = "approver",
    decision: str = "approved",
    reason: str = "",
    digest: str | None = None,
) -> dict[str, Any]:
    """A decision about the current candidate."""
    _, record = candidate.current(settings, quarter)
    chosen = digest or record["candidate_digest"]
    return approval.decide(
        settings, quarter, candidate_digest=chosen, approver=approver, decision=decision, reason=reason
    )


def released(settings: Settings, build_id: str = "b1", quarter: FiscalQuarter = QUARTER, **build: Any) -> Path:
    """The whole way of one candidate; the release folder."""
    prepared(settings, build_id, quarter, **build)
    checked(settings, quarter)
    decided(settings, quarter)
    return settings.place(release.publish(settings, quarter)["path"])


def _tables(
    quarter: FiscalQuarter, cells: dict[str, int], title: str, shift: int, history: int
) -> dict[str, list[dict[str, Any]]]:
    quarters = [quarter.plus(place - history + 1) for place in range(history)]
    metrics, headline, trend, values = [], [], [], []
    themes: dict[str, list[dict[str, Any]]] = {theme: [] for theme in THEMES}
    everything = {**RATES, **{name: (theme, count, None, None) for name, (theme, count) in COUNTS.items()}}
    for name, (theme, numerator, denominator, target) in everything.items():
        unit = "%" if denominator else "cases"
        called = title if name == "grv_cases" else f"Figure {name}"
        metrics.append(
            {"metric_id": name, "definition_version": 1, "theme": theme, "title": called, "unit": unit,
             "headline_perimeter": "grp", "basis": "ytd", "numerator_text": f"What {name} counts",
             "denominator_text": "All" if denominator else None, "target_value": target,
             "target_direction": "at_least" if target else "none", "owner": "Human rights office",
             "trust_level": "gold", "misuse": "-not for ranking", "is_person_count": True, "decimals": 1,
             "standards": "UNGP 17"}
        )  # fmt: skip
        for place, past in enumerate(quarters):
            base = {"metric_id": name, "title": called, "unit": unit, "perimeter": "grp", "basis": "ytd",
                    "fiscal_quarter": str(past), "is_person_count": True, "theme_order": 1}  # fmt: skip
            count = max(numerator - 3 * (len(quarters) - 1 - place), 0) + shift
            total = {**base, **_figure(count, denominator, target), "dimension": "total", "dimension_value": "ALL"}
            finer = [
                {**base, **_figure(cell, None, None), "unit": "cases", "dimension": "country_iso2",
                 "dimension_value": part}
                for part, cell in cells.items()
            ] if name == "sup_third_party_audits" else []  # fmt: skip
            trend.append(total)
            values += [total, *finer]
            if past == quarter:
                headline.append(total)
                themes[theme] += [total, *finer]
    return {
        "headline": headline, "trend": trend, **themes,
        "neighbors": [
            {**headline[0], "rule": "leave_rule", "variant": "others counted too", "headline_value": 86.0,
             "low_value": 84.0, "high_value": 86.0}
        ],
        "exclusions": [
            {**headline[0], "reason": reason, "left_out": count} for reason, count in (("on leave", 40), ("away", 4))
        ],
        "metric_values": values, "dim_metric": metrics,
        "dim_quarter": [
            {"fiscal_quarter": str(past), "fiscal_year": past.fiscal_year, "quarter_number": past.number,
             "quarter_start": past.start, "quarter_end": past.end}
            for past in quarters
        ],
        "dim_entity": [
            {"entity_code": "E001", "valid_from": date(2015, 4, 1), "name": "SAMPLE Parent", "country_iso2": "JP",
             "region": "JP", "is_consolidated": True, "is_parent": True}
        ],
    }  # fmt: skip


def _add_hotline(tables: dict[str, list[dict[str, Any]]], quarter: FiscalQuarter, counts: Any) -> None:
    """The totals of a year of cases: each quarter and year to date, those with a category, and no forced labour."""
    category = 8  # UNCATEGORISED is the last of the programme's nine categories
    by_quarter = [int(counts[..., number].sum()) for number in range(4)]
    waiting = [int(counts[category, ..., number].sum()) for number in range(4)]
    for number in range(1, quarter.number + 1):
        past = quarter.plus(number - quarter.number)
        for basis in ("qtr", "ytd"):
            since = number - 1 if basis == "qtr" else 0
            whole, without = sum(by_quarter[since:number]), sum(waiting[since:number])
            for name, numerator, denominator in (
                ("grv_hrh_cases_reported", whole, None),
                ("grv_cases_by_category", whole - without, whole or None),
                ("grv_forced_labour_trafficking_reports", 0, None),
            ):
                row = {"metric_id": name, "title": f"Figure {name}", "unit": "%" if denominator else "cases",
                       "perimeter": "jp", "basis": basis, "fiscal_quarter": str(past), "is_person_count": True,
                       "theme_order": 2, "dimension": "total", "dimension_value": "ALL",
                       **_figure(numerator, denominator, None)}  # fmt: skip
                tables["metric_values"].append(row)
                if past == quarter:
                    tables["grievance"].append(row)
                    if basis == "ytd":
                        tables["headline"].append(row)
                        metric = {**tables["dim_metric"][0], "metric_id": name, "theme": "grievance",
                                  "headline_perimeter": "jp"}  # fmt: skip
                        tables["dim_metric"].append(metric)
                if basis == "ytd":
                    tables["trend"].append(row)


def _add_companies(
    tables: dict[str, list[dict[str, Any]]], quarter: FiscalQuarter, companies: dict[str, tuple[int, int]], history: int
) -> None:
    """A figure that the programme gives by company: each quarter back, each company has five fewer completed."""
    base = {
        **tables["dim_metric"][0],
        "metric_id": TRAINING,
        "title": "Training completion",
        "headline_perimeter": "grp",
    }
    tables["dim_metric"].append(base)
    for back in range(history):
        past = quarter.plus(-back)
        counts = {"ALL": tuple(sum(column) for column in zip(*companies.values(), strict=True)), **companies}
        for part, (completed, everybody) in counts.items():
            is_total = part == "ALL"
            lost = 5 * back * (len(companies) if is_total else 1)
            row = {"metric_id": TRAINING, "title": base["title"], "unit": "%", "perimeter": "grp", "basis": "ytd",
                   "fiscal_quarter": str(past), "is_person_count": True, "theme_order": 3,
                   **_figure(completed - lost, everybody, 90.0 if is_total else None),
                   "dimension": "total" if is_total else "entity_code", "dimension_value": part}  # fmt: skip
            tables["metric_values"].append(row)
            if is_total:
                tables["trend"].append(row)
            if not back:
                tables["training"].append(row)
    known = tables["dim_entity"][0]
    tables["dim_entity"] += [{**known, "entity_code": code, "name": f"SAMPLE {code}", "is_parent": False}
                             for code in companies if code != known["entity_code"]]  # fmt: skip


def _figure(count: int, denominator: int | None, target: float | None) -> dict[str, Any]:
    value = 100 * count / denominator if denominator else float(count)
    status = "NO_TARGET" if target is None else "MET" if value >= target else "MISSED"
    shown = f"{value:.1f} %" if denominator else f"{count:,}"
    state = "MEASURED" if value else "MEASURED_ZERO"
    return {"numerator": count, "denominator": denominator, "value": value, "display_value": shown,
            "target_value": target, "target_status": status, "value_state": state}  # fmt: skip
