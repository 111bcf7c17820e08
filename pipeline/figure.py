"""One figure and everything that stands behind it, from a quarter's builds and releases on disk.

Rows are told as digests and counts. No cell of a record is read out of here, so nothing restricted can be printed.
"""

from __future__ import annotations

import csv
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from pipeline import database, store
from pipeline.errors import HrddError
from pipeline.provenance import provenance
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings

# For a metric, one statement that gives every row it looked at: its key, the part of the figure it is in, or the
# reason why it is in none. Where there is no such file, the view of the metric's theme says it, from the declaration
# that made the figure (dbt_project/macros/figures.sql).
ROWS = PROJECT / "dbt_project" / "rows"
VIEW = (
    "select rows_behind.row_key, rows_behind.part, rows_behind.reason from rows_{theme} as rows_behind"
    " inner join dim_metric as metrics on rows_behind.metric_id = metrics.metric_id"
    " and rows_behind.perimeter = metrics.headline_perimeter and rows_behind.basis = metrics.basis"
    " where metrics.metric_id = '{metric_id}' and rows_behind.fiscal_quarter = $fiscal_quarter"
)
NOT_RELEASED = "not released yet"
FIGURE = (
    "numerator", "denominator", "value", "display_value", "value_state", "target_value", "target_status", "perimeter",
    "basis", "title", "unit",
)  # fmt: skip


def figure(settings: Settings, quarter: FiscalQuarter, metric_id: str, as_of: date | None = None) -> dict[str, Any]:
    """The headline figure of a metric in a quarter, as known at the end of a day (else today).

    Returns the columns of ``FIGURE``, and ``build_id``, ``cutoff_at``, ``rests_on`` (the extracts behind it),
    ``neighbors`` (the figure under other rules), ``releases`` (what each release of the quarter said by then),
    ``clocks`` (as the board saw it that day, as it is known today, and the steps between, each with its reason codes)
    and ``rows`` (parts and exclusions with counts and digests, and the query that gives them; None for a metric of
    which no row is on record).
    Raises HrddError where nothing was built by then, or no such metric is in the build.
    """
    from publish.reasons import sources_of
    from publish.released import of_quarter

    until = _end_of(as_of, settings.timezone) if as_of else None
    cutoff, folder = _newest_build(settings, quarter, until)
    _, newest = _newest_build(settings, quarter, None)
    today = _today(settings, newest, metric_id)  # before the other: one process opens a file once
    rests_on = sources_of(settings, newest).get(metric_id, frozenset())
    folders = of_quarter(settings, quarter)
    released = _releases(folders, quarter, metric_id, today)
    with database.connect(settings, folder / "due_diligence.duckdb", read_only=True) as connection:
        found = _headline(connection, metric_id)
        return {
            "metric_id": metric_id,
            "quarter": str(quarter),
            **found,
            "build_id": folder.name,
            "cutoff_at": cutoff.isoformat(),
            "rests_on": sorted(rests_on),
            "neighbors": _neighbors(connection, metric_id),
            "releases": [said for said in released if _was_out(said, until)],
            "clocks": _clocks(released, until, today, _waiting(settings, folders, newest, rests_on)),
            "rows": _rows(connection, quarter, metric_id),
        }


def _headline(connection: duckdb.DuckDBPyConnection, metric_id: str) -> dict[str, Any]:
    columns, theme = ", ".join(f"figures.{name}" for name in FIGURE), _theme(connection, metric_id)
    found = connection.execute(
        f"select {columns} from board_{theme} as figures"
        " inner join dim_metric as metrics on figures.metric_id = metrics.metric_id"
        " and figures.perimeter = metrics.headline_perimeter and figures.basis = metrics.basis"
        " where figures.metric_id = ? and figures.dimension = 'total'",
        [metric_id],
    ).fetchone()
    assert found is not None, "every metric of the catalog has a total (a test of the build)"
    return {**dict(zip(FIGURE, found, strict=True)), "theme": theme}


def _today(settings: Settings, folder: Path, metric_id: str) -> dict[str, Any]:
    with database.connect(settings, folder / "due_diligence.duckdb", read_only=True) as connection:
        return _headline(connection, metric_id)


def _was_out(said: dict[str, Any], until: datetime | None) -> bool:
    return until is None or datetime.fromisoformat(said["released_at"]) <= until


def _clocks(
    released: list[dict[str, Any]], until: datetime | None, today: dict[str, Any], waiting: str
) -> dict[str, Any]:
    """``board_saw`` (release and figure, or None), ``known_today``, and ``steps`` from the one to the other.

    A step is a later release, or what the newest build knows and no release says yet; its ``change`` is told under the
    reason codes that lie upstream of this figure, which stay together. The changes of the steps add up.
    """
    names = ("release", "value", "display_value", "value_state")
    seen = [said for said in released if _was_out(said, until)]
    known = {name: today.get(name) for name in names}
    steps = [
        {"release": said["release"], "value": said["value"], "change": said["change"], "reasons": said["reasons"]}
        for said in released[len(seen) :]
    ]
    last = released[-1]["value"] if released else None
    if released and last != known["value"]:
        change = known["value"] - last if known["value"] is not None and last is not None else None
        steps.append({"release": None, "value": known["value"], "change": change, "reasons": waiting})
    return {
        "board_saw": {name: seen[-1][name] for name in names} if seen else None,
        "known_today": known,
        "steps": steps,
    }


def _end_of(day: date, timezone: str) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(timezone))


def _newest_build(settings: Settings, quarter: FiscalQuarter, until: datetime | None) -> tuple[datetime, Path]:
    builds = []
    for record in settings.place("builds", str(quarter)).glob("*/build.json"):
        cutoff = datetime.fromisoformat(store.read_json(record)["cutoff_at"])
        if until is None or cutoff <= until:
            builds.append((cutoff, record.stat().st_mtime_ns, record.parent))
    if not builds:
        raise HrddError(
            f"{quarter} has no figures.",
            found="no finished build" + (" whose cut-off lies on that day or before" if until else ""),
            expected="a build of the quarter",
            rule="pipeline/figure.py",
            next_step=f"hrdd build {quarter}" + (", or a later day" if until else ""),
        )
    cutoff, _, folder = max(builds)
    return cutoff, folder


def _theme(connection: duckdb.DuckDBPyConnection, metric_id: str) -> str:
    found = connection.execute("select theme from dim_metric where metric_id = ?", [metric_id]).fetchone()
    if found is None:
        known = connection.execute("select string_agg(metric_id, ', ' order by metric_id) from dim_metric").fetchone()
        raise HrddError(
            "There is no such metric.",
            found=metric_id,
            expected=f"one of {known[0] if known else ''}",
            rule="dbt_project/seeds/metric_catalog.csv",
            next_step="write the metric's identifier as the catalog does",
        )
    return str(found[0])


def _neighbors(connection: duckdb.DuckDBPyConnection, metric_id: str) -> list[dict[str, Any]]:
    names = ("rule", "variant", "numerator", "denominator", "value")
    found = connection.execute(
        f"select {', '.join(names)} from board_neighbors where metric_id = ? order by rule", [metric_id]
    ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in found]


def _waiting(settings: Settings, folders: list[Path], newest: Path, rests_on: frozenset[str]) -> str:
    """Why the newest build can say another figure than the last release: the codes that lie upstream of the figure."""
    from publish.reasons import reasons_for

    if not folders:
        return NOT_RELEASED
    manifest, inputs = store.read_json(folders[-1] / "manifest.json"), store.read_json(newest / "inputs.json")
    found = reasons_for(settings, manifest, inputs["deliveries"], provenance())
    return ", ".join([*(reason.code for reason in found if reason.bears_on(rests_on)), NOT_RELEASED])


def _releases(
    folders: list[Path], quarter: FiscalQuarter, metric_id: str, today: dict[str, Any]
) -> list[dict[str, Any]]:
    """What each release of the quarter said of the metric, oldest first, and by how much it differs from the last."""
    cell = {"metric_id": metric_id, "fiscal_quarter": str(quarter), "dimension": "total"}
    cell |= {name: today[name] for name in ("perimeter", "basis")}
    said: list[dict[str, Any]] = []
    for folder in folders:
        manifest = store.read_json(folder / "manifest.json")
        row = _row(folder / "tables" / f"{today['theme']}.csv", cell)
        if row is None:
            continue
        revised = _row(folder / "tables" / "revision.csv", cell)
        value = float(row["value"]) if row["value"] else None
        before = said[-1]["value"] if said else None
        said.append(
            {
                "release": manifest["release"],
                "released_at": manifest["released_at"],
                "cutoff_at": manifest["cutoff_at"],
                "value": value,
                "display_value": row["display_value"],
                "value_state": row["value_state"],
                "change": value - before if value is not None and before is not None else None,
                "reasons": revised["reasons"] if revised else "",
            }
        )
    return said


def _row(table: Path, cell: dict[str, str]) -> dict[str, str] | None:
    """The row of a published table that is about this figure."""
    if not table.exists():
        return None
    with table.open(encoding="utf-8", newline="") as stream:
        return next((row for row in csv.DictReader(stream) if cell.items() <= row.items()), None)


def _rows(connection: duckdb.DuckDBPyConnection, quarter: FiscalQuarter, metric_id: str) -> dict[str, Any] | None:
    found = rows_behind(connection, metric_id)
    if found is None:
        return None
    query, statement = found
    sets = connection.execute(
        "select part, reason, count(*), sha256(string_agg(row_key, chr(10) order by row_key))"
        f" from ({statement}) as rows_behind"
        " group by part, reason order by part = 'left out', part desc, count(*) desc, reason",
        {"fiscal_quarter": str(quarter)},
    ).fetchall()
    names = ("part", "reason", "rows", "digest")
    return {
        "query": query,
        "looked_at": sum(row[2] for row in sets),
        "sets": [dict(zip(names, row, strict=True)) for row in sets],
    }


def rows_behind(connection: duckdb.DuckDBPyConnection, metric_id: str) -> tuple[str, str] | None:
    """How to find the rows behind a metric's headline: what to call the query, and its text.

    The text has one parameter, ``$fiscal_quarter``, and gives row_key, part and reason. None if there is no way.
    """
    file = ROWS / f"{metric_id}.sql"
    if file.exists():
        return str(file.relative_to(PROJECT)), file.read_text(encoding="utf-8")
    theme = _theme(connection, metric_id)
    views = connection.execute("select count(*) from duckdb_views() where view_name = ?", [f"rows_{theme}"]).fetchone()
    if not views or not views[0]:
        return None
    statement = VIEW.format(theme=theme, metric_id=metric_id)
    return statement, statement
