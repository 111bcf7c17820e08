"""The roofline: a plain DuckDB script that reads the same CSV files and computes the same headline figures.

It trusts its input, keeps no history, protects nobody and proves nothing: what it takes is the least that any way of
computing these figures could take on this machine, and the pipeline is measured against it.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

TRAINING = """
with staff as (
    select distinct person_key from worker_month as w
    where as_of_date = date '{end}' and legal_entity_code = '{parent}'
      and employment_status not in ('TERMINATED', 'NOT_STARTED')
      and worker_category in ('REGULAR', 'FIXED_TERM', 'PART_TIME', 'TEMPORARY', 'DISPATCHED')
      and not exists (
        from "leave" as l where l.worker_key = w.worker_key
          and l.leave_start <= date '{start}' and coalesce(l.leave_end, date '9999-12-31') >= date '{end}')
), passed as (
    select distinct x.person_key from completion as c join learner_xref as x using (source, learner_id)
    where c.passed and cast(c.completed_at + interval 9 hour as date) between date '{start}' and date '{end}'
      and c.course_code in (select course_code from course where programme_code = 'BHR_ANNUAL')
)
select 100.0 * count(p.person_key) / count(*) from staff left join passed as p using (person_key)
"""
HOTLINE = """
select count(*) from (
    select min(submitted_at) as first from contact
    where channel in ('HRH_THIRD_PARTY', 'HRH_SITE_DESK') and kind in ('CONSULTATION', 'REPORT')
    group by canonical_case_id)
where cast(first + interval 9 hour as date) between date '{start}' and date '{end}'
"""
SPEND = """
select sum(s.amount * coalesce(f.avg_rate, 1)) from spend as s
join supplier as p using (source_system, supplier_id)
left join fx_rate as f on f.currency = s.currency and f.month = date_trunc('month', s.posting_date)
where p.supplier_type <> 'INTRAGROUP' and s.posting_date between date '{start}' and date '{end}'
  and s.buying_entity in (select entity_code from entity where consolidated)
"""


def run(landing: Path, *, start: str, end: str, parent: str, threads: int) -> dict[str, float]:
    """Read every CSV below ``landing`` and compute three headline figures; returns them by name."""
    with duckdb.connect(config={"threads": threads}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for file in sorted(landing.glob("*/*/*.csv")):
            connection.read_csv(str(file)).create(file.parent.name)
        figures = {"training": TRAINING, "hotline": HOTLINE, "spend": SPEND}
        found = {}
        for name, text in figures.items():
            row = connection.execute(text.format(start=start, end=end, parent=parent)).fetchone()
            found[name] = float(row[0]) if row else 0.0
        return found
