"""What the mart costs at the size of a large company, and at ten times it, beside a plain DuckDB script.

The build computes every quarter there is, every perimeter and every dimension, keeps the rows behind each figure and
tests itself. The roofline script reads the same raw Parquet files and computes the figures of the large tables
(headcount, training, spend) for the same quarters, perimeters and dimensions; it proves nothing and keeps nothing. Its
figures are compared with the build's. Two threads both.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from pipeline import store
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings

QUARTER = FiscalQuarter.parse("FY2023-Q4")
SCALES = (1, 10)
BAR, MEMORY_BAR_MB = 3.0, 8 * 1024

PERIMETERS = """
create table perimeters as
select 'corp' as perimeter, entity_code, region from entity where entity_code = '{parent}'
union all select 'jp', entity_code, region from entity where consolidated and region = 'JP'
union all select 'grp', entity_code, region from entity where consolidated
union all select 'emea', entity_code, region from entity where consolidated and region = 'EMEA'
union all select 'au', entity_code, region from entity where consolidated and country_iso2 = 'AU'
"""
# One row a person, quarter and perimeter; of concurrent posts any will do for a count.
STAFF = """
create table staff as
select fiscal_quarter, year_start, quarter_end, perimeter, person_key, min(worker_key) as worker_key,
    min(entity_code) as entity_code, min(worker_category) as worker_category,
    min(w.country_iso2) as country_iso2, min(work_language) as work_language
from worker_month as w
join quarters on as_of_date = quarter_end
join perimeters on legal_entity_code = entity_code
where employment_status not in ('TERMINATED', 'NOT_STARTED')
group by all
"""
TRAINED = """
create table trained as
with passed as (
    select distinct fiscal_quarter, person_key
    from completion as c join learner_xref using (source, learner_id)
    join quarters on cast(c.completed_at + interval 9 hour as date) between year_start and quarter_end
    where c.passed and c.course_code in (select course_code from course where programme_code = 'BHR_ANNUAL')
)
select staff.*, passed.person_key is not null as has_passed
from staff left join passed using (fiscal_quarter, person_key)
where worker_category in ('REGULAR', 'FIXED_TERM', 'PART_TIME', 'TEMPORARY', 'DISPATCHED')
    and not exists (
        select 1 from "leave" as l where l.worker_key = staff.worker_key
            and l.leave_start <= year_start and coalesce(l.leave_end, date '9999-12-31') >= quarter_end)
"""
BOUGHT = """
create table bought as
select quarter, perimeter, region, b.canonical_supplier_id is not null as is_matched,
    coalesce(b.canonical_supplier_id, s.source_system || ':' || s.supplier_id) as supplier,
    sum(cast(s.amount as double) * cast(coalesce(f.avg_rate, 1) as double)) as jpy
from (
    select *, date_trunc('quarter', posting_date) as quarter, date_trunc('month', posting_date) as month from spend
) as s
join perimeters on buying_entity = entity_code
left join supplier as b using (source_system, supplier_id)
left join fx_rate as f on f.currency = s.currency and f.month = s.month
where coalesce(b.supplier_type, 'UNKNOWN') <> 'INTRAGROUP'
group by all
"""
DECLARED = """
create table declared as
with valid as (
    select distinct fiscal_quarter, scope, source_system, d.supplier_id, canonical_supplier_id as supplier
    from declaration as d join supplier using (source_system, supplier_id)
    join quarters on coalesce(d.valid_from, d.signed_on) <= quarter_end
        and coalesce(d.valid_to, date '9999-12-31') >= quarter_end
    where scope in ('ENTITY', 'GROUP') and d.status in ('SIGNED', 'EXPIRED')
)
select distinct fiscal_quarter, supplier from valid
union
select distinct fiscal_quarter, child.canonical_supplier_id
from valid join supplier as child
    on valid.source_system = child.source_system and valid.supplier_id = child.parent_supplier_id
where scope = 'GROUP'
"""
FIGURES = {
    "wrk_headcount": "select count(*) from staff where perimeter = 'corp' and fiscal_quarter = '{quarter}'",
    "trn_bhr_completion_rate": "select 100.0 * count(*) filter (has_passed) / count(*) from trained"
    " where perimeter = 'corp' and fiscal_quarter = '{quarter}'",
    "sup_declaration_spend_rate": "select 100.0 * sum(jpy) filter (declared.supplier is not null) / sum(jpy)"
    " from bought join quarters on quarter between trailing_year_start and quarter_end"
    " left join declared using (fiscal_quarter, supplier) where perimeter = 'grp' and fiscal_quarter = '{quarter}'",
}
TABLES = (
    *(
        f"select fiscal_quarter, perimeter, {by} count(*) from staff group by all"
        for by in ("", "worker_category,", "country_iso2,", "entity_code,")
    ),
    *(
        f"select fiscal_quarter, perimeter, {by} count(*) filter (has_passed), count(*) from trained group by all"
        for by in ("", "worker_category,", "country_iso2,", "work_language,")
    ),
    "select fiscal_quarter, perimeter, region, sum(jpy), sum(jpy) filter (declared.supplier is not null) from bought"
    " join quarters on quarter between trailing_year_start and quarter_end"
    " left join declared using (fiscal_quarter, supplier)"
    " group by grouping sets ((fiscal_quarter, perimeter), (fiscal_quarter, perimeter, region))",
    "select fiscal_quarter, sum(jpy) filter (is_matched) / sum(jpy) from bought"
    " join quarters on quarter = quarter_start where perimeter = 'grp' group by all",
    "select fiscal_quarter, supplier, sum(jpy) from bought"
    " join quarters on quarter between trailing_year_start and quarter_end where perimeter = 'grp' group by all",
)


def main() -> int:
    """Measure both sizes, the memory, and what history costs; print two tables."""
    out = Console(highlight=False)
    table = Table(title="The mart at the size of a large company: 2 threads", title_justify="left")
    for name in ("size", "spend lines", "whole build", "models", "tests", "roofline", "models / roofline", "peak MB"):
        table.add_column(name, justify="left" if name == "size" else "right")
    for scale in SCALES:
        found = _measure("size", scale)
        table.add_row(
            f"scale {scale}",
            f"{found['lines']:,}",
            *(f"{found[name]:.0f} s" for name in ("build", "models", "tests", "roofline")),
            f"{found['models'] / found['roofline']:.1f} x",
            f"{found['peak_mb']:.0f}",
        )
    out.print(table)
    out.print(f"bar at scale 10: {BAR:.0f} x, under {MEMORY_BAR_MB} MB")
    with_none, with_ten = (_measure("history", years) for years in (0, 10))
    out.print(
        f"one quarter on top of ten years: {with_ten['build']:.1f} s, on top of none: {with_none['build']:.1f} s,"
        f" {with_ten['build'] / with_none['build']:.2f} x (bar: 1.2 x)"
    )
    return 0


def _measure(what: str, number: int) -> dict[str, Any]:
    """One measurement in a process of its own, so that its peak of memory is its own."""
    with tempfile.TemporaryDirectory(prefix="hrdd-bench-") as folder:
        answer = Path(folder) / "found.json"
        command = [sys.executable, "-m", "benchmarks.mart", what, str(number), folder, str(answer)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return dict(store.read_json(answer))


def size(scale: int, folder: Path) -> dict[str, Any]:
    """Build the sample year at a scale, and compute its figures plainly. Raises RuntimeError where they differ."""
    from samples.scale import grow

    settings = _sample(folder)
    grown = grow(settings, scale)
    built = _built(settings)
    began = time.perf_counter()
    plain = roofline(settings)
    took = time.perf_counter() - began
    for metric_id, value in plain.items():
        if abs(value - built["figures"][metric_id]) > 1e-9 * abs(value):
            raise RuntimeError(f"{metric_id}: the build and the roofline differ")
    return {**built, "lines": grown["procurement/spend"], "roofline": took}


def history(years: int, folder: Path) -> dict[str, Any]:
    """Build the sample quarter at scale 1 on top of so many years before it."""
    from samples.scale import age, grow

    settings = _sample(folder)
    grow(settings, 1)
    age(settings, years)
    return _built(settings)


def _sample(folder: Path) -> Settings:
    from expectations.extract_door import check_extracts
    from ingest.land import land
    from ingest.load import load
    from samples.write import write_samples

    settings = Settings.load(PROJECT / "samples" / "settings.toml", folder / "data")
    for step in (write_samples, land, load, check_extracts):
        step(settings)
    return settings


def _built(settings: Settings) -> dict[str, Any]:
    from dbt_project.build import DATABASE, build

    began = time.perf_counter()
    record = build(settings, QUARTER)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = {
        kind: sum(node["seconds"] for name, node in record["nodes"].items() if name.startswith(f"{kind}."))
        for kind in ("model", "test")
    }
    database = settings.place("builds", str(QUARTER), record["build_id"], DATABASE)
    with duckdb.connect(str(database), read_only=True) as connection:
        figures = dict(connection.execute("select metric_id, value from board_headline").fetchall())
    return {
        "build": took,
        "models": seconds["model"],
        "tests": seconds["test"],
        "peak_mb": peak,
        "figures": {name: figures[name] for name in FIGURES},
    }


def roofline(settings: Settings) -> dict[str, float]:
    """The figures of the large tables, all quarters, perimeters and dimensions, from raw Parquet; headlines by id."""
    with duckdb.connect(config={"threads": settings.threads, "memory_limit": settings.memory_limit}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for folder in sorted(settings.place("raw").glob("*/*")):
            if any(folder.glob("*.parquet")):
                connection.execute(f"create view \"{folder.name}\" as from read_parquet('{folder}/*.parquet')")
        connection.execute(
            "create table quarters (fiscal_quarter text, quarter_start date, quarter_end date, year_start date,"
            " trailing_year_start date)"
        )
        for quarter in (QUARTER.plus(-back) for back in range(5)):
            connection.execute(
                "insert into quarters values (?, ?, ?, ?, ?)",
                [str(quarter), quarter.start, quarter.end, quarter.year_start, quarter.plus(-3).start],
            )
        connection.execute(PERIMETERS.format(parent=settings.parent_entity_code))
        for statement in (STAFF, TRAINED, BOUGHT, DECLARED):
            connection.execute(statement)
        for statement in TABLES:
            connection.execute(statement).fetchall()
        found = {}
        for metric_id, statement in FIGURES.items():
            row = connection.execute(statement.format(quarter=QUARTER)).fetchone()
            found[metric_id] = float(row[0]) if row else 0.0
        return found


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(main())
    what, number, place, answer = sys.argv[1:]
    store.write_json(Path(answer), {"size": size, "history": history}[what](int(number), Path(place)))
