"""How fast the page opens over forty quarters, and how long a large release takes to write; part of ``make bench``.

The figures are invented: 126 metrics with forty quarters each, every one in five perimeters and forty parts.
"""

from __future__ import annotations

import gzip
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline import store
from pipeline.provenance import provenance
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings
from publish import candidate, keys, release
from publish.board import Board, Row, tables_of
from publish.dictionary import TABLES, THEMES
from publish.manifest import APPROVAL, VERDICT
from publish.verify import verify

NEWEST = FiscalQuarter(2033, 4)
QUARTERS = [NEWEST.plus(-back) for back in range(40)][::-1]
METRICS, PARTS = 126, 40
PERIMETERS = ("corp", "jp", "grp", "emea", "au")
START, FIRST_VIEW = 0, 2  # places of what is held to the bar among the pages that are opened
FIRST_VIEW_SECONDS, FIRST_VIEW_BYTES, RENDERING_SECONDS = 0.3, 200_000, 20.0


def figure(metric: int, quarter: FiscalQuarter, perimeter: str = "grp", part: int | None = None) -> Row:
    """One invented figure with every column that any table publishes of it."""
    numerator = 1000.0 + metric * 7 + quarter.number + (part or 0)
    value = numerator / 20
    return {
        "metric_id": f"inv_metric_{metric:03}", "title": f"Invented figure {metric} of a large company", "unit": "%",
        "perimeter": perimeter, "basis": "ytd", "fiscal_quarter": str(quarter), "numerator": numerator,
        "denominator": 2000.0, "value": value, "display_value": f"{value:.1f} %", "target_value": 75.0,
        "target_status": "MET" if value >= 75 else "MISSED", "value_state": "MEASURED", "theme_order": metric,
        "dimension": "total" if part is None else "country_iso2", "is_person_count": False,
        "dimension_value": "ALL" if part is None else f"PART_{part:02}",
    }  # fmt: skip


def large_board() -> Board:
    """A release of 126 metrics over all dimensions."""
    themes = list(THEMES)
    rows: dict[str, list[Row]] = {name: [] for name in TABLES}
    for metric in range(METRICS):
        theme = themes[metric % len(themes)]
        now = [figure(metric, NEWEST, perimeter) for perimeter in PERIMETERS]
        now += [figure(metric, NEWEST, "grp", part) for part in range(PARTS)]
        rows[theme] += now
        rows["headline"].append(figure(metric, NEWEST))
        rows["trend"] += [figure(metric, quarter) for quarter in QUARTERS]
        rows["metric_values"] += now + [figure(metric, past, where) for past in QUARTERS for where in PERIMETERS]
        about = dict.fromkeys(TABLES["dim_metric"].columns, "What an invented figure counts, in a sentence of its own.")
        rows["dim_metric"].append(
            {**about, **{name: figure(metric, NEWEST)[name] for name in ("metric_id", "title", "unit", "basis")},
             "theme": theme, "headline_perimeter": "grp", "definition_version": 1, "target_value": 75.0,
             "target_direction": "at_least", "is_person_count": False, "decimals": 1}
        )  # fmt: skip
    published = {
        name: [{column: row[column] for column in TABLES[name].columns} for row in found]
        for name, found in rows.items()
    }
    moment = datetime(2033, 4, 15, tzinfo=UTC)
    return Board(
        company="SAMPLE Company", is_sample=True, quarter=str(NEWEST), build_id="bench", cutoff_at=moment,
        standard_cutoff_at=moment, timezone="Asia/Tokyo", prepared_by="pipeline", deliveries=[], withhold_below=5,
        first_published=None, tables=tables_of(published),
    )  # fmt: skip


def put_release(settings: Settings, quarter: FiscalQuarter, files: dict[str, bytes]) -> None:
    """A release of these files that proves itself: with a verdict, an approval and a manifest."""
    sums = {path: store.sha256_bytes(content) for path, content in files.items()}
    digest = store.digest_of(sums)
    check = {"check": "ExpectNothing", "loudness": "fail", "status": "passed"}
    verdict = {
        "door": "board", "passed": True, "checks_expected": 1, "checks_evaluated": 1, "checks": [check], "files": sums,
    }  # fmt: skip
    approval = {
        "quarter": str(quarter), "candidate_digest": digest, "decision": "approved", "role": "approver",
        "approver": "approver", "prepared_by": "pipeline", "reason": "", "decided_at": "2033-04-16",
    }  # fmt: skip
    records = {VERDICT: verdict, APPROVAL: keys.signed(settings, approval, "approver")}
    about = {
        "quarter": str(quarter), "candidate_digest": digest, "build_id": "bench", "prepared_by": "pipeline",
        "revises": None, "inputs": [], "cutoff_at": "", "code": provenance(), "settings": settings.chosen(),
        "metric_versions": {f"inv_metric_{metric:03}": 1 for metric in range(METRICS)}, "is_sample": True,
    }  # fmt: skip
    with store.put_folder(settings.place("releases", str(quarter), "r1")) as folder:
        for path, content in (files | {name: store.canonical_json(record) for name, record in records.items()}).items():
            store.folder((folder / path).parent)
            (folder / path).write_bytes(content)
        release.assemble(folder, about, revision=1, released_at="2033-04-17T00:00:00+00:00", previous_release=None)


def opened(settings: Settings) -> tuple[Any, list[tuple[str, float, int]]]:
    """Open the pages as the server does, its part in front of them left out: what, seconds, bytes over the wire."""
    os.environ["HRDD_DATA"] = str(settings.data)
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import get_user
    from starlette.testclient import TestClient

    from portal import page

    page.app.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username="reader", role="viewer")
    page.app.dependency_overrides[page.may_read] = lambda: None
    page._decides = lambda user: False
    client = TestClient(page.app)
    release = f"/{NEWEST}/r1/"
    began = time.perf_counter()
    page.begin()  # as the server does when it starts
    first = client.get("/")
    found = [("an answer right after the start", time.perf_counter() - began, len(gzip.compress(first.content, 5)))]
    while client.get("/").status_code == 503:
        pass
    found.append(("until every release is proven", time.perf_counter() - began, 0))
    asked = (
        ("the first page", "/"),
        ("a release", release),
        ("a figure, and what forty releases said of it", release + "figures/inv_metric_000"),
        ("a figure", release + "figures/inv_metric_000"),
        ("every figure of a theme", release + "themes/training"),
    )
    for what, path in asked:
        began = time.perf_counter()
        answer = client.get(path)
        seconds = time.perf_counter() - began
        assert answer.status_code == 200, answer.text
        found.append((what, seconds, len(gzip.compress(answer.content, 5))))
    return client, found


def main() -> int:
    """Measure, print, and end with 1 if a bar is not reached."""
    out = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="hrdd-bench-") as data:
        settings = Settings.load(PROJECT / "samples" / "settings.toml", data)
        board = large_board()
        began = time.perf_counter()
        files = candidate.render(settings, board, Path(data))
        rendering = time.perf_counter() - began
        for quarter in QUARTERS:
            put_release(settings, quarter, files)
        began = time.perf_counter()
        verify(settings.place("releases", str(NEWEST), "r1"))
        proving = time.perf_counter() - began
        _, pages = opened(settings)
    size = sum(map(len, files.values())) / 1e6
    table = Table(title="The page: forty quarters of 126 metrics", title_justify="left")
    for name in ("what", "seconds", "bytes", "bar"):
        table.add_column(name, justify="right" if name in ("seconds", "bytes") else "left")
    bar = f"{FIRST_VIEW_SECONDS} s, {FIRST_VIEW_BYTES:,} bytes"
    for place, (what, seconds, wire) in enumerate(pages):
        held = f"{FIRST_VIEW_SECONDS} s" if place == START else bar if place == FIRST_VIEW else ""
        table.add_row(what, f"{seconds:.3f}", f"{wire:,}" if wire else "", held)
    table.add_row("proving one release", f"{proving:.3f}", f"{size * 1e6:,.0f}", "")
    cells = sum(len(found.rows) for found in board.tables.values())
    table.add_row(f"all formats of one release, {cells:,} rows", f"{rendering:.1f}", "", f"{RENDERING_SECONDS:.0f} s")
    out.print(table)
    _, seconds, wire = pages[FIRST_VIEW]
    slow = max(seconds, pages[START][1]) > FIRST_VIEW_SECONDS
    return int(slow or wire > FIRST_VIEW_BYTES or rendering > RENDERING_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
