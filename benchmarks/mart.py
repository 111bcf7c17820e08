"""What the mart costs at the size of a large company, and at ten times it, beside a plain DuckDB script.

The build computes every quarter there is, every perimeter and every dimension, keeps the rows behind each figure and
tests itself. The roofline script reads the same raw Parquet files and computes the figures of the large tables
(rosters, training, spend) for the same quarters, perimeters and dimensions; it proves nothing, keeps no rows behind a
figure, and leaves out what comes from small tables. Its headlines are compared with the build's. Two threads both.
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
select 'corp' as perimeter, entity_code, region, policy_adopted_on from entity where entity_code = '{parent}'
union all select 'jp', entity_code, region, policy_adopted_on from entity where consolidated and region = 'JP'
union all select 'grp', entity_code, region, policy_adopted_on from entity where consolidated
union all select 'emea', entity_code, region, policy_adopted_on from entity where consolidated and region = 'EMEA'
union all select 'au', entity_code, region, policy_adopted_on from entity where consolidated and country_iso2 = 'AU'
"""
# One row a person, quarter and perimeter; of concurrent posts any will do for a count.
STAFF = """
create table staff as
select fiscal_quarter, year_start, quarter_end, perimeter, person_key, min(worker_key) as worker_key,
    min(entity_code) as entity_code, min(worker_category) as worker_category,
    min(w.country_iso2) as country_iso2, min(work_language) as work_language, min(org_unit_code) as org_unit_code,
    min(region) as region, bool_or(collective_agreement) as has_agreement,
    bool_or(birth_year_band = 'UNDER_MIN') as is_under_age, bool_or(policy_adopted_on <= quarter_end) as is_under_policy
from worker_month as w
join quarters on as_of_date = quarter_end
join perimeters on legal_entity_code = entity_code
where employment_status not in ('TERMINATED', 'NOT_STARTED')
group by all
"""
PASSED = """
create table passed as
select person_key, course_code, coalesce(programme_code, originals.programme) as programme, c.source, completion_id,
    cast(c.completed_at + interval 9 hour as date) as passed_on, c.revision
from completion as c
join learner_xref using (source, learner_id)
join (select distinct course_code, programme_code, alias_of from course) as taken using (course_code)
left join (select distinct course_code as alias_of, programme_code as programme from course) as originals
    using (alias_of)
where c.passed
"""
TRAINED = """
create table trained as
with firsts as (
    select fiscal_quarter, person_key, min(passed_on) as first_passed_on
    from passed join quarters on passed_on between year_start and quarter_end
    where programme = 'BHR_ANNUAL'
    group by all
),
due as (
    select fiscal_quarter, person_key, min(due_on) as due_on
    from assignment join learner_xref using (learner_id)
    join quarters on assigned_on between year_start and quarter_end
    where waived_on is null
        and course_code in (select course_code from course where programme_code = 'BHR_ANNUAL')
    group by all
),
courses as (
    select year_start, person_key, theme, min(passed_on) as passed_on,
        arg_min(nominal_minutes, (passed_on, source || ' ' || completion_id)) as minutes
    from passed
    join (select distinct course_code, coalesce(alias_of, course_code) as course, theme, revision, nominal_minutes
        from course where theme is not null) using (course_code, revision)
    join (select distinct year_start, max(quarter_end) over (partition by year_start) as last_end from quarters)
        on passed_on between year_start and last_end
    group by year_start, person_key, course, theme
),
hours as (
    select fiscal_quarter, person_key, sum(minutes) as minutes
    from courses join quarters using (year_start)
    where passed_on <= quarter_end
    group by all
)
select staff.*, first_passed_on is not null as has_passed, coalesce(first_passed_on <= due_on, false) as is_on_time,
    coalesce(minutes, 0) as minutes
from staff
left join firsts using (fiscal_quarter, person_key)
left join due using (fiscal_quarter, person_key)
left join hours using (fiscal_quarter, person_key)
where worker_category in ('REGULAR', 'FIXED_TERM', 'PART_TIME', 'TEMPORARY', 'DISPATCHED')
    and not exists (
        select 1 from "leave" as l where l.worker_key = staff.worker_key
            and l.leave_start <= year_start and coalesce(l.leave_end, date '9999-12-31') >= quarter_end)
"""
ACKNOWLEDGED = """
create table acknowledged as
with versions as (
    select fiscal_quarter, quarter_end, max(valid_from) as valid_from
    from course join quarters on valid_from <= quarter_end
    where programme_code = 'CODE_OF_CONDUCT'
    group by all
)
select fiscal_quarter, entity_code, worker_category, fiscal_quarter_passed is not null as has_acknowledged
from staff
join versions using (fiscal_quarter)
left join (
    select distinct fiscal_quarter, person_key, fiscal_quarter as fiscal_quarter_passed
    from passed join versions on passed_on between valid_from and quarter_end
    where programme = 'CODE_OF_CONDUCT'
) using (fiscal_quarter, person_key)
where perimeter = 'grp'
"""
RECORDS = """
create table records as
with known as (
    select distinct source, learner_id
    from learner_xref where person_key in (select person_key from worker_month)
)
select source, cast(completed_at + interval 9 hour as date) as completed_on, known.learner_id is not null as is_matched
from completion left join known using (source, learner_id)
"""
BOUGHT = """
create table bought as
select s.quarter, perimeter, region, buying_entity, category, s.source_system, has_clause,
    b.canonical_supplier_id is not null as is_matched,
    coalesce(b.canonical_supplier_id, s.source_system || ':' || s.supplier_id) as supplier,
    sum(cast(s.amount as double) * cast(coalesce(f.avg_rate, 1) as double)) as jpy, min(posting_date) as first_on
from (
    select *, date_trunc('quarter', posting_date) as quarter, date_trunc('month', posting_date) as month,
        coalesce(substring(category_unspsc, 1, 2), 'UNKNOWN') as category
    from spend
) as s
join perimeters on buying_entity = entity_code
left join supplier as b using (source_system, supplier_id)
left join fx_rate as f on f.currency = s.currency and f.month = s.month
left join (
    select contract_id, valid_from, valid_to, human_rights_clause in ('STANDARD', 'NEGOTIATED') as has_clause
    from contract
) as c on s.contract_id = c.contract_id
    and posting_date between c.valid_from and coalesce(c.valid_to, date '9999-12-31')
where coalesce(b.supplier_type, 'UNKNOWN') <> 'INTRAGROUP'
group by all
"""
DECLARED = """
create table declared as
with valid as (
    select distinct fiscal_quarter, scope, source_system, d.supplier_id, canonical_supplier_id as supplier, valid_to,
        guideline_version
    from declaration as d join supplier using (source_system, supplier_id)
    join quarters on coalesce(d.valid_from, d.signed_on) <= quarter_end
        and coalesce(d.valid_to, date '9999-12-31') >= quarter_end
    where scope in ('ENTITY', 'GROUP') and d.status in ('SIGNED', 'EXPIRED')
)
select fiscal_quarter, supplier, max(valid_to) as valid_to, max(guideline_version) as version
from (
    select fiscal_quarter, supplier, valid_to, guideline_version from valid
    union all
    select fiscal_quarter, child.canonical_supplier_id, valid_to, guideline_version
    from valid join supplier as child
        on valid.source_system = child.source_system and valid.supplier_id = child.parent_supplier_id
    where scope = 'GROUP'
)
group by all
"""
ACTIVE = """
create table active as
with amounts as (
    select fiscal_quarter, quarter_end, trailing_year_start, supplier, sum(jpy) as jpy
    from bought join quarters on quarter between trailing_year_start and quarter_end
    where perimeter = 'grp'
    group by all
    having sum(jpy) > 0
),
known as (
    select canonical_supplier_id as supplier, min(country_iso2) as country_iso2, min(tier) as tier,
        min(size_band) as size_band
    from supplier group by all
),
looked as (
    select distinct fiscal_quarter, canonical_supplier_id as supplier, kind
    from (
        select source_system, supplier_id, submitted_on as done_on, 'SAQ' as kind from assessment
        where kind in ('SAQ', 'SEDEX_SAQ')
        union all select source_system, supplier_id, completed_on, 'AUDIT' from audit
    ) join supplier using (source_system, supplier_id)
    join quarters on done_on between trailing_year_start and quarter_end
)
select amounts.*, known.country_iso2, known.tier, known.size_band, declared.version, declared.valid_to,
    declared.supplier is not null as is_declared, saq.supplier is not null as has_saq,
    coalesce(saq.supplier, audits.supplier) is not null as is_assessed,
    known.country_iso2 in (select country_iso2 from high_risk_country) as is_high_risk
from amounts
left join known using (supplier)
left join declared using (fiscal_quarter, supplier)
left join (select * from looked where kind = 'SAQ') as saq using (fiscal_quarter, supplier)
left join (select * from looked where kind = 'AUDIT') as audits using (fiscal_quarter, supplier)
"""
SHARE = "select 100.0 * sum({of}) filter ({who}) / sum({of}) from {table} where fiscal_quarter = '{{quarter}}'"
FIGURES = {
    "wrk_headcount": "select count(*) from staff where perimeter = 'corp' and fiscal_quarter = '{quarter}'",
    "wrk_policy_coverage_rate": SHARE.format(of=1, who="is_under_policy", table="staff") + " and perimeter = 'grp'",
    "trn_bhr_completion_rate": SHARE.format(of=1, who="has_passed", table="trained") + " and perimeter = 'corp'",
    "trn_bhr_on_time_rate": SHARE.format(of=1, who="is_on_time", table="trained") + " and perimeter = 'corp'",
    "trn_hr_hours_per_worker": "select sum(minutes) / 60.0 / count(*) from trained"
    " where perimeter = 'corp' and fiscal_quarter = '{quarter}'",
    "gov_code_ack_rate": SHARE.format(of=1, who="has_acknowledged", table="acknowledged"),
    "qa_person_match_rate": "select 100.0 * count(*) filter (is_matched) / count(*) from records"
    " join quarters on completed_on between quarter_start and quarter_end where fiscal_quarter = '{quarter}'",
    "sup_declaration_spend_rate": "select 100.0 * sum(jpy) filter (declared.supplier is not null) / sum(jpy)"
    " from bought join quarters on quarter between trailing_year_start and quarter_end"
    " left join declared using (fiscal_quarter, supplier) where perimeter = 'grp' and fiscal_quarter = '{quarter}'",
    "sup_declaration_supplier_rate": SHARE.format(of=1, who="is_declared", table="active"),
    "sup_saq_spend_rate": SHARE.format(of="jpy", who="has_saq", table="active"),
    "sup_contract_clause_spend_rate": "select 100.0 * sum(jpy) filter (has_clause) / sum(jpy) from bought"
    " join quarters on quarter between trailing_year_start and quarter_end"
    " where perimeter = 'grp' and fiscal_quarter = '{quarter}'",
    "sup_spend_matched_rate": "select 100.0 * sum(jpy) filter (is_matched) / sum(jpy) from bought"
    " join quarters on quarter = quarter_start where perimeter = 'grp' and fiscal_quarter = '{quarter}'",
}
TABLES = (
    *(
        f"select fiscal_quarter, perimeter, {by} count(*), count(*) filter (is_under_policy),"
        " count(*) filter (has_agreement), count(*) filter (is_under_age) from staff group by all"
        for by in ("", "worker_category,", "country_iso2,", "entity_code,", "region,", "work_language, entity_code,")
    ),
    *(
        f"select fiscal_quarter, perimeter, {by} count(*) filter (has_passed), count(*),"
        " count(*) filter (has_passed and worker_category <> 'DISPATCHED'),"
        " count(*) filter (worker_category <> 'DISPATCHED'), count(*) filter (is_on_time), sum(minutes)"
        " from trained group by all"
        for by in ("", "worker_category,", "country_iso2,", "work_language,", "org_unit_code,")
    ),
    *(
        f"select fiscal_quarter, {by} count(*) filter (has_acknowledged), count(*) from acknowledged group by all"
        for by in ("", "worker_category,", "entity_code,")
    ),
    *(
        f"select fiscal_quarter, count(*) filter (is_matched), count(*) {by} from records"
        f" join quarters on completed_on between {since} and quarter_end group by all"
        for by in ("", ", source")
        for since in ("quarter_start", "year_start")
    ),
    "select fiscal_quarter, legal_entity_code, count(distinct person_key) from assignment"
    " join learner_xref using (learner_id) join quarters on assigned_on <= quarter_end"
    " join worker_month using (person_key) where as_of_date = quarter_end group by all",
    "select fiscal_quarter, perimeter, region, buying_entity, category, tier, sum(jpy),"
    " sum(jpy) filter (declared.supplier is not null), sum(jpy) filter (has_clause) from bought"
    " join quarters on quarter between trailing_year_start and quarter_end"
    " left join declared using (fiscal_quarter, supplier)"
    " left join (select canonical_supplier_id as supplier, min(tier) as tier from supplier group by all)"
    " using (supplier)"
    " group by grouping sets ((fiscal_quarter, perimeter), (fiscal_quarter, perimeter, region),"
    " (fiscal_quarter, perimeter, buying_entity), (fiscal_quarter, perimeter, category),"
    " (fiscal_quarter, perimeter, tier))",
    "select fiscal_quarter, category, sum(active.jpy) filter (has_saq), sum(active.jpy) filter (is_high_risk)"
    " from bought join quarters on quarter between trailing_year_start and quarter_end"
    " join active using (fiscal_quarter, supplier) where perimeter = 'grp' group by all",
    "select fiscal_quarter, source_system, sum(jpy) filter (is_matched), sum(jpy) from bought"
    " join quarters on quarter = quarter_start where perimeter = 'grp'"
    " group by grouping sets ((fiscal_quarter), (fiscal_quarter, source_system))",
    *(
        f"select fiscal_quarter, {by} count(*), count(*) filter (is_declared), count(*) filter (is_high_risk),"
        " count(*) filter (is_high_risk and is_assessed), sum(jpy), sum(jpy) filter (is_declared),"
        " sum(jpy) filter (valid_to <= quarter_end + 90), sum(jpy) filter (has_saq), sum(jpy) filter (is_high_risk)"
        " from active group by all"
        for by in ("", "tier,", "size_band,", "country_iso2,", "version,")
    ),
    "select supplier, min(first_on) from bought group by all",
)


def main() -> int:
    """Measure both sizes, the memory, and what history costs; print two tables."""
    out = Console(highlight=False)
    table = Table(title="The mart at the size of a large company: 2 threads", title_justify="left")
    for name in (
        "size",
        "spend lines",
        "whole build",
        "models",
        "tests",
        "roofline",
        "models / roofline",
        "work",
        "peak MB",
    ):
        table.add_column(name, justify="left" if name == "size" else "right")
    for scale in SCALES:
        found = _measure("size", scale)
        table.add_row(
            f"scale {scale}",
            f"{found['lines']:,}",
            *(f"{found[name]:.0f} s" for name in ("build", "models", "tests", "roofline")),
            f"{found['models'] / found['roofline']:.1f} x",
            f"{found['build_work'] / found['roofline_work']:.1f} x",
            f"{found['peak_mb']:.0f}",
        )
    out.print(table)
    out.print("work: processor time of the whole build, tests and dbt's own included, by that of the roofline")
    out.print(f"bar at scale 10: {BAR:.0f} x, under {MEMORY_BAR_MB} MB")
    with_none, with_ten = (_measure("history", years) for years in (0, 10))
    out.print(
        f"one quarter on top of ten years: {with_ten['build']:.1f} s, on top of none: {with_none['build']:.1f} s,"
        f" {with_ten['build'] / with_none['build']:.2f} x, of processor time"
        f" {with_ten['build_work'] / with_none['build_work']:.2f} x (bar: 1.2 x)"
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
    began, worked = time.perf_counter(), time.process_time()
    plain = roofline(settings)
    took, work = time.perf_counter() - began, time.process_time() - worked
    for metric_id, value in plain.items():
        if abs(value - built["figures"][metric_id]) > 1e-9 * abs(value):
            raise RuntimeError(f"{metric_id}: the build and the roofline differ")
    return {**built, "lines": grown["procurement/spend"], "roofline": took, "roofline_work": work}


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

    began, worked = time.perf_counter(), time.process_time()
    record = build(settings, QUARTER)
    took, work = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = {
        kind: sum(node["seconds"] for name, node in record["nodes"].items() if name.startswith(f"{kind}."))
        for kind in ("model", "test")
    }
    database = settings.place("builds", str(QUARTER), record["build_id"], DATABASE)
    with duckdb.connect(str(database), read_only=True) as connection:
        figures = dict(
            connection.execute(
                "select metric_id, value from fct_metric_value as figures inner join dim_metric as metrics"
                " using (metric_id, basis) where perimeter = headline_perimeter and dimension = 'total'"
                " and fiscal_quarter = ?",
                [str(QUARTER)],
            ).fetchall()
        )
    return {
        "build": took,
        "build_work": work,
        "models": seconds["model"],
        "tests": seconds["test"],
        "peak_mb": peak,
        "figures": {name: figures[name] for name in FIGURES},
    }


def roofline(settings: Settings) -> dict[str, float]:
    """The figures of the large tables, all quarters, perimeters and dimensions, from raw Parquet; headlines by id."""
    from dbt_project.build import quarters_kept

    with duckdb.connect(config={"threads": settings.threads, "memory_limit": settings.memory_limit}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for folder in sorted(settings.place("raw").glob("*/*")):
            if any(folder.glob("*.parquet")):
                connection.execute(f"create view \"{folder.name}\" as from read_parquet('{folder}/*.parquet')")
        connection.execute(
            "create table quarters (fiscal_quarter text, quarter_start date, quarter_end date, year_start date,"
            " trailing_year_start date)"
        )
        rosters = {day for (day,) in connection.execute("select distinct as_of_date from worker_month").fetchall()}
        for quarter in (quarter for quarter in quarters_kept(QUARTER) if quarter.end in rosters):
            connection.execute(
                "insert into quarters values (?, ?, ?, ?, ?)",
                [str(quarter), quarter.start, quarter.end, quarter.year_start, quarter.plus(-3).start],
            )
        connection.execute(PERIMETERS.format(parent=settings.parent_entity_code))
        for statement in (STAFF, PASSED, TRAINED, ACKNOWLEDGED, RECORDS, BOUGHT, DECLARED, ACTIVE):
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
