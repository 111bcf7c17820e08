"""The samples say what the founding year says, and each classic mistake over them gives its own wrong figure."""

from __future__ import annotations

import csv
import dataclasses
import fnmatch
import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner
from sample_year import Built

from pipeline.database import connect
from pipeline.errors import BadSettings
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings
from pipeline.store import checksums, sha256_file
from samples.scale import EXTRACTS, main
from samples.write import write_samples

CONTRACTS = [
    path
    for path in sorted((PROJECT / "ingest" / "contracts").glob("*/*.yaml"))
    if re.search(r"{property: (required|staged), value: true}", path.read_text(encoding="utf-8"))
]
LATE = "allegation-2023-03-31-late.csv"

# What several questions have in common. Every cell is a text here; empty is null.
WORDS = """
create macro local_day(moment) as cast(cast(moment as timestamptz) at time zone 'Asia/Tokyo' as date);

create view population as
select as_of_date, legal_entity_code as entity, worker_category as category, person_key, worker_key
from worker_month
where worker_category in ('REGULAR', 'FIXED_TERM', 'PART_TIME', 'TEMPORARY', 'DISPATCHED')
  and employment_status not in ('NOT_STARTED', 'TERMINATED');

create view away as
select worker_key from leave
where leave_start <= '2022-04-01' and (leave_end is null or leave_end >= '2023-03-31');

create view roster as
select * from population where as_of_date = '2023-03-31' and worker_key not in (select worker_key from away);

create view attempt as
select entity, category, person_key, worker_key, course_code, passed = 'true' as passed, completed_at,
  local_day(completed_at) as day
from completion
join learner_xref using (learner_id)
join (select distinct entity, category, person_key from population) using (person_key)
where course_code in (select course_code from course where programme_code = 'BHR_ANNUAL');

create view pass as
select * from attempt where passed and day between '2022-04-01' and '2023-03-31' and entity = 'E001';

create view japan_contact as
select contact.* from contact join "case" on canonical_case_id = case_id where region = 'JP';

create view counted_contact as
select * from japan_contact
where kind not in ('ENQUIRY', 'MISDIRECTED', 'TEST') and channel in ('HRH_THIRD_PARTY', 'HRH_SITE_DESK');

create view counted_case as
select * from "case"
where case_id in (select canonical_case_id from counted_contact)
  and received_date between '2022-04-01' and '2023-03-31';

create view bought as
select s.*, m.canonical_supplier_id as canonical, m.supplier_type,
  cast(s.amount as decimal(18, 2)) * coalesce(cast(f.avg_rate as decimal(12, 2)), 1) as jpy
from spend s
join supplier m using (source_system, supplier_id)
join entity e on e.entity_code = s.buying_entity and e.consolidated = 'true'
  and s.posting_date between e.valid_from and coalesce(e.valid_to, '9999-12-31')
left join fx_rate f on f.currency = s.currency and f.month = left(s.posting_date, 7) || '-01'
where s.posting_date between '2022-04-01' and '2023-03-31';

create view external as select * from bought where supplier_type <> 'INTRAGROUP';

create view signed as
select canonical_supplier_id as canonical, scope, coalesce(d.valid_to, '9999-12-31') >= '2023-03-31' as in_force
from declaration d join supplier using (source_system, supplier_id)
where d.status = 'SIGNED' and d.valid_from <= '2023-03-31';

create view own_cover as select distinct canonical from signed where in_force;

create view parent_cover as
select distinct child.canonical_supplier_id as canonical
from supplier child
join supplier parent
  on parent.source_system = child.source_system and parent.supplier_id = child.parent_supplier_id
join signed on signed.canonical = parent.canonical_supplier_id and signed.in_force and signed.scope = 'GROUP';
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.load(PROJECT / "samples" / "settings.toml", data=tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="module")
def files(settings: Settings) -> list[Path]:
    return write_samples(settings)


@pytest.fixture(scope="module")
def samples(settings: Settings, files: list[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with one table an extract, every cell a text, and the words above."""
    with connect(settings, folders=[settings.data]) as connection:
        for file in files:
            name = file.parent.name
            connection.execute(
                f"create table \"{name}\" as from read_csv('{file}', header = true, all_varchar = true, delim = ',')"
            )
        connection.execute(WORDS)
        yield connection


def one(samples: duckdb.DuckDBPyConnection, question: str) -> Any:
    """The one figure that a query answers with."""
    row = samples.execute(question).fetchone()
    assert row is not None
    return row[0]


def test_there_is_one_file_for_each_contract_with_exactly_its_header(files: list[Path]) -> None:
    assert len(files) == len(CONTRACTS) > 26
    written = {(file.parent.parent.name, file.parent.name): file for file in files}
    assert sorted(written) == sorted((path.parent.name, path.stem) for path in CONTRACTS)
    for path in CONTRACTS:
        promised = [column["name"] for column in yaml.safe_load(path.read_text())["schema"][0]["properties"]]
        with written[path.parent.name, path.stem].open(newline="", encoding="utf-8") as stream:
            assert next(csv.reader(stream)) == promised


def test_every_cell_keeps_its_contract(samples: duckdb.DuckDBPyConnection) -> None:
    """Required cells are there, code lists and patterns hold, values have their type, keys are unique."""
    for path in CONTRACTS:
        name, columns = path.stem, yaml.safe_load(path.read_text())["schema"][0]["properties"]
        key = ", ".join(f'"{column["name"]}"' for column in columns if column.get("primaryKey"))
        assert not samples.execute(f'select {key} from "{name}" group by all having count(*) > 1').fetchall(), name
        for column in columns:
            cell, where = f'"{column["name"]}"', f"{name}.{column['name']}"
            kind = "TIMESTAMPTZ" if column["physicalType"] == "TIMESTAMP" else column["physicalType"]
            wrong = []
            if column["required"]:
                wrong.append(f"{cell} is null")
            if not kind.startswith("VARCHAR"):
                wrong.append(f"{cell} is not null and try_cast({cell} as {kind}) is null")
            if pattern := (column.get("logicalTypeOptions") or {}).get("pattern"):
                wrong.append(f"not regexp_full_match({cell}, '{pattern}')")
            for rule in column.get("quality", []):
                allowed = ", ".join(f"'{value}'" for value in rule["arguments"]["validValues"])
                wrong.append(f"len(list_filter(string_split({cell}, ';'), lambda x: x not in ({allowed}))) > 0")
            for question in wrong:
                assert one(samples, f'select count(*) from "{name}" where {question}') == 0, (where, question)


def test_no_forbidden_column_is_sent(files: list[Path]) -> None:
    for path in CONTRACTS:
        properties = {p["property"]: p["value"] for p in yaml.safe_load(path.read_text())["customProperties"]}
        file = next(file for file in files if file.parent.name == path.stem)
        header = file.open(encoding="utf-8").readline().strip().split(",")
        for forbidden in properties["forbiddenColumns"]:
            assert not fnmatch.filter(header, forbidden), (path.stem, forbidden)


def test_every_manifest_agrees_with_its_file(files: list[Path]) -> None:
    cutoff = FiscalQuarter(2023, 4).cutoff(10, "Asia/Tokyo")
    for file in files:
        manifest = json.loads(file.with_name(f"{file.name}.manifest.json").read_text())
        promised = yaml.safe_load(
            (PROJECT / "ingest" / "contracts" / file.parent.parent.name / f"{file.parent.name}.yaml").read_text()
        )
        properties = {p["property"]: p["value"] for p in promised["customProperties"]}
        with file.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        assert manifest["rows"] == len(rows)
        assert manifest["sha256"] == sha256_file(file)
        assert manifest["schema_version"] == promised["version"]
        assert manifest["delivery"] == properties["delivery"]
        assert manifest["as_of_date"] == "2023-03-31"
        assert manifest["source_system"].startswith("SAMPLE ")
        assert manifest["contact"] == "SAMPLE"
        sent = datetime.fromisoformat(manifest["extract_ts"])
        assert datetime(2023, 4, 3, tzinfo=UTC) <= sent < datetime(2023, 4, 14, tzinfo=UTC) < cutoff
        totals = manifest["control_totals"]
        assert set(totals) == ({"amount"} if file.parent.name == "spend" else set())
        for column, total in totals.items():
            assert Decimal(total) == sum(Decimal(row[column]) for row in rows)


def test_the_same_call_gives_the_same_bytes_and_touches_nothing(settings: Settings, tmp_path: Path) -> None:
    elsewhere = dataclasses.replace(settings, data=tmp_path)
    write_samples(elsewhere)
    first = checksums(tmp_path)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    changed = tmp_path / "landing" / "hr" / "leave" / "leave-2023-03-31.csv"
    changed.write_text("something else")
    write_samples(elsewhere)
    assert checksums(tmp_path) == first
    assert {path for path, stamp in stamps.items() if path.stat().st_mtime_ns != stamp} == {changed}
    assert len(first) == 2 * len(CONTRACTS)


def test_samples_are_not_written_into_a_real_installation(settings: Settings, tmp_path: Path) -> None:
    real = dataclasses.replace(settings, data=tmp_path, is_sample=False)
    with pytest.raises(BadSettings):
        write_samples(real)
    with pytest.raises(BadSettings):
        write_samples(dataclasses.replace(settings, landing="s3://landing"))
    assert not any(tmp_path.iterdir())


def test_keys_are_pseudonyms_and_names_are_made_up(samples: duckdb.DuckDBPyConnection) -> None:
    for column in ("worker_key", "person_key"):
        assert one(samples, f"select bool_and(regexp_full_match({column}, '[WP][0-9a-f]{{14}}')) from worker_month")
    assert one(samples, "select bool_and(starts_with(name, 'SAMPLE ')) from supplier")
    assert one(samples, "select bool_and(starts_with(name, 'SAMPLE ')) from entity")
    assert one(samples, "select bool_and(starts_with(source_system, 'SAMPLE ')) from worker_month")


# Training


def test_the_roster_is_that_of_the_founding_year(samples: duckdb.DuckDBPyConnection) -> None:
    found = dict(
        samples.execute(
            "select category, count(distinct person_key) from population "
            "where entity = 'E001' and as_of_date = '2023-03-31' group by all"
        ).fetchall()
    )
    assert found == {"REGULAR": 20_000, "FIXED_TERM": 600, "PART_TIME": 396, "TEMPORARY": 4, "DISPATCHED": 1_500}
    assert one(samples, "select count(distinct person_key) from roster where entity = 'E001'") == 22_200
    assert one(samples, "select count(distinct as_of_date) from worker_month") == 8


def test_86_percent_of_the_roster_completed_the_annual_course(samples: duckdb.DuckDBPyConnection) -> None:
    numerator = one(
        samples, "select count(distinct person_key) from pass where person_key in (select person_key from roster)"
    )
    assert numerator == 19_092
    assert numerator / 22_200 == pytest.approx(0.86)


ON_ROSTER = "person_key in (select person_key from roster where entity = 'E001')"
IN_YEAR = "day between '2022-04-01' and '2023-03-31'"


@pytest.mark.parametrize(
    ("mistake", "numerator", "denominator", "wrong"),
    [
        (
            "dispatched workers dropped",
            f"select count(distinct person_key) from pass where {ON_ROSTER} and category <> 'DISPATCHED'",
            "select count(distinct person_key) from roster where entity = 'E001' and category <> 'DISPATCHED'",
            87.9,
        ),
        (
            "workers on leave kept",
            f"select count(distinct person_key) from pass where {ON_ROSTER}",
            "select count(distinct person_key) from population where entity = 'E001' and as_of_date = '2023-03-31'",
            84.9,
        ),
        ("rows counted, not persons", f"select count(*) from pass where {ON_ROSTER}", None, 87.5),
        ("leavers kept", "select count(distinct person_key) from pass", None, 88.5),
        (
            "alias dropped",
            f"select count(distinct person_key) from pass where {ON_ROSTER} and course_code = 'BHR-101'",
            None,
            84.0,
        ),
        (
            "failed counted",
            f"select count(distinct person_key) from attempt where {ON_ROSTER} and {IN_YEAR}",
            None,
            87.0,
        ),
        (
            "April counted",
            f"select count(distinct person_key) from attempt where {ON_ROSTER} and passed and day >= '2022-04-01'",
            None,
            89.0,
        ),
        (
            "average headcount",
            f"select count(distinct person_key) from pass where {ON_ROSTER}",
            "select avg(n) from (select count(distinct person_key) n from population where entity = 'E001' "
            "and as_of_date > '2022-03-31' group by as_of_date)",
            83.7,
        ),
        (
            "date in UTC",
            f"select count(distinct person_key) from attempt where {ON_ROSTER} and passed "
            "and left(completed_at, 10) between '2022-04-01' and '2023-03-31'",
            None,
            86.5,
        ),
    ],
)
def test_each_mistake_in_the_completion_rate_has_its_own_wrong_figure(
    samples: duckdb.DuckDBPyConnection, mistake: str, numerator: str, denominator: str | None, wrong: float
) -> None:
    below = one(samples, denominator) if denominator else 22_200
    assert round(100 * one(samples, numerator) / below, 1) == wrong, mistake


def test_there_is_no_roster_for_the_year_that_a_japanese_label_would_mean(samples: duckdb.DuckDBPyConnection) -> None:
    assert one(samples, "select count(*) from worker_month where as_of_date > '2023-03-31'") == 0


def test_the_last_second_of_the_year_counts_and_the_first_of_the_next_does_not(
    samples: duckdb.DuckDBPyConnection,
) -> None:
    moments = {row[0] for row in samples.execute("select completed_at from attempt where passed").fetchall()}
    assert {"2023-03-31T14:59:59+00:00", "2023-03-31T15:00:00+00:00"} <= moments
    assert one(samples, "select max(day) from pass") == date(2023, 3, 31)


def test_two_entities_tell_a_ratio_of_sums_from_a_mean_of_ratios(samples: duckdb.DuckDBPyConnection) -> None:
    rates = samples.execute(
        "select entity, count(distinct r.person_key), count(distinct a.person_key) from roster r "
        f"left join (from attempt where passed and {IN_YEAR}) a using (person_key, entity) "
        "where entity in ('E002', 'E003') group by all order by all"
    ).fetchall()
    assert rates == [("E002", 200, 190), ("E003", 1_000, 850)]


def test_completion_rises_through_the_year(samples: duckdb.DuckDBPyConnection) -> None:
    rates = [
        row[0]
        for row in samples.execute(
            "select count(distinct a.person_key) / count(distinct p.person_key) from population p "
            "left join attempt a on a.person_key = p.person_key and a.passed and a.day >= '2022-04-01' "
            "and a.day <= cast(p.as_of_date as date) where p.entity = 'E001' and p.as_of_date > '2022-03-31' "
            "group by p.as_of_date order by p.as_of_date"
        ).fetchall()
    ]
    assert rates == sorted(rates)
    assert 0.03 < rates[0] < rates[1] - 0.1 < rates[2] - 0.2 < rates[3] - 0.3


ATTENDED = (
    "from attendance join session using (session_id) join learner_xref using (learner_id) "
    "where programme_code = '{}' and status = 'HELD' and held_on between '2022-04-01' and '2023-03-31'"
)


@pytest.mark.parametrize(("programme", "sign_ins", "persons"), [("INTERVIEWER", 748, 702), ("NEW_OFFICER", 66, 64)])
def test_attendances_are_more_than_the_persons_who_attended(
    samples: duckdb.DuckDBPyConnection, programme: str, sign_ins: int, persons: int
) -> None:
    attended = ATTENDED.format(programme)
    assert one(samples, f"select count(*) {attended}") == sign_ins
    assert one(samples, f"select count(distinct person_key) {attended}") == persons
    at_work = "select person_key from worker_month where as_of_date = '2023-03-31'"
    japan = f"{at_work} and legal_entity_code in ('E001', 'E002', 'E003', 'E004')"
    assert one(samples, f"select count(distinct person_key) {attended} and person_key in ({japan})") == persons


def test_hotline_staff_met_once_a_quarter_by_the_day_on_which_the_session_was_held(
    samples: duckdb.DuckDBPyConnection,
) -> None:
    question = (
        "select list({0} order by {0}) from session where programme_code = 'HOTLINE_STAFF' and {0} >= '2022-04-01'"
    )
    held = [
        FiscalQuarter.containing(date.fromisoformat(day)).number for day in one(samples, question.format("held_on"))
    ]
    planned = [
        FiscalQuarter.containing(date.fromisoformat(day)).number for day in one(samples, question.format("planned_on"))
    ]
    assert held == [1, 2, 3, 4]
    assert planned == [1, 2, 2, 3, 3]


# Hotline


def test_109_cases_were_reported(samples: duckdb.DuckDBPyConnection) -> None:
    assert one(samples, "select count(*) from counted_case") == 109
    by_quarter = samples.execute(
        "select count(*) from counted_case group by date_trunc('quarter', cast(received_date as date)) order by min("
        "received_date)"
    ).fetchall()
    assert [row[0] for row in by_quarter] == [24, 31, 27, 27]


IN_CONTACT_YEAR = "local_day(submitted_at) between '2022-04-01' and '2023-03-31'"
HRH = "channel in ('HRH_THIRD_PARTY', 'HRH_SITE_DESK')"
OLD = "(select case_id from \"case\" where received_date < '2022-04-01')"


@pytest.mark.parametrize(
    ("mistake", "question", "wrong"),
    [
        ("raw rows", f"select count(*) from japan_contact where {IN_CONTACT_YEAR}", 131),
        (
            "duplicates not merged",
            f"select count(*) from counted_contact where {IN_CONTACT_YEAR} and canonical_case_id not in {OLD}",
            118,
        ),
        (
            "enquiries kept",
            f"select count(distinct canonical_case_id) from japan_contact where {IN_CONTACT_YEAR} and {HRH} "
            f"and canonical_case_id not in {OLD}",
            115,
        ),
        (
            "re-opened counted again",
            f"select count(distinct canonical_case_id) from counted_contact where {IN_CONTACT_YEAR}",
            113,
        ),
        (
            "wrong channel kept",
            f"select count(distinct canonical_case_id) from japan_contact where {IN_CONTACT_YEAR} "
            f"and kind <> 'ENQUIRY' and canonical_case_id not in {OLD}",
            112,
        ),
        ("allegations counted", "select count(*) from allegation join counted_case using (case_id)", 153),
        (
            "date of the incident",
            'select count(*) from "case" where case_id in (select canonical_case_id from counted_contact) '
            "and alleged_incident_month between '2022-04-01' and '2023-03-31'",
            101,
        ),
    ],
)
def test_each_mistake_in_the_count_of_cases_has_its_own_wrong_figure(
    samples: duckdb.DuckDBPyConnection, mistake: str, question: str, wrong: int
) -> None:
    assert one(samples, question) == wrong, mistake


GROUPS = (
    "case when a.category = 'UNCATEGORISED' then 'open' when a.category like '%HARASSMENT' then 'harassment' "
    "when a.category in ('HUMAN_RELATIONS', 'WORK_ENVIRONMENT') then a.category else 'other' end"
)


def test_seven_cases_have_no_category_until_the_late_delivery(
    settings: Settings, samples: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    question = (
        f"select {GROUPS}, count(*) from allegation a join counted_case using (case_id) "
        "where a.is_primary = 'true' group by all"
    )
    first = dict(samples.execute(question).fetchall())
    assert first == {"harassment": 57, "HUMAN_RELATIONS": 23, "WORK_ENVIRONMENT": 14, "other": 8, "open": 7}

    files = write_samples(dataclasses.replace(settings, data=tmp_path), late=True)
    assert len(files) == len(CONTRACTS) + 1
    late = next(file for file in files if file.name == LATE)
    manifest = json.loads(late.with_name(f"{late.name}.manifest.json").read_text())
    assert manifest["extract_ts"].startswith("2023-05-22T")
    assert manifest["as_of_date"] == "2023-03-31"
    assert manifest["rows"] == 7
    with late.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert not {row["category"] for row in rows} & {"FORCED_LABOUR", "TRAFFICKING", "CHILD_LABOUR", "UNCATEGORISED"}
    samples.execute("begin")
    for row in rows:
        samples.execute(
            "update allegation set category = ? where case_id = ? and allegation_no = ? and category = 'UNCATEGORISED'",
            [row["category"], row["case_id"], row["allegation_no"]],
        )
    second = dict(samples.execute(question).fetchall())
    samples.execute("rollback")
    assert second == {"harassment": 61, "HUMAN_RELATIONS": 24, "WORK_ENVIRONMENT": 15, "other": 9}


def test_nobody_reports_forced_labour_or_trafficking(samples: duckdb.DuckDBPyConnection) -> None:
    assert one(samples, "select count(*) from allegation where category in ('FORCED_LABOUR', 'TRAFFICKING')") == 0


def test_the_seven_open_cases_came_in_the_last_quarter_and_are_undetermined(samples: duckdb.DuckDBPyConnection) -> None:
    open_cases = samples.execute(
        'select received_date, determination, closed_date from "case" join allegation using (case_id) '
        "where category = 'UNCATEGORISED'"
    ).fetchall()
    assert len(open_cases) == 7
    assert min(row[0] for row in open_cases) >= "2023-01-01"
    assert {row[1:] for row in open_cases} == {("UNDETERMINED", None)}


def test_some_cells_are_small_enough_to_be_withheld(samples: duckdb.DuckDBPyConnection) -> None:
    categories = samples.execute(
        "select count(*) from allegation join counted_case using (case_id) where is_primary = 'true' group by category"
    ).fetchall()
    assert {row[0] for row in categories} & {1, 2, 3, 4}


def test_the_year_before_has_cases_too(samples: duckdb.DuckDBPyConnection) -> None:
    question = (
        'select count(*) from "case" where case_id in (select canonical_case_id from counted_contact) '
        "and received_date between '2022-01-01' and '2022-03-31'"
    )
    assert one(samples, question) == 24


# Procurement


COVERED = "canonical in (from own_cover) or canonical in (from parent_cover)"


def test_declarations_cover_850_of_1000_billion_yen(samples: duckdb.DuckDBPyConnection) -> None:
    assert one(samples, "select sum(jpy) from external") == 1_000_000_000_000
    assert one(samples, f"select sum(jpy) from external where {COVERED}") == 850_000_000_000
    by_parent = "canonical in (from parent_cover) and canonical not in (from own_cover)"
    assert one(samples, f"select sum(jpy) from external where {by_parent}") == 60_000_000_000


@pytest.mark.parametrize(
    ("mistake", "numerator", "denominator", "wrong"),
    [
        ("intra-group kept", f"select sum(jpy) from bought where {COVERED}", "select sum(jpy) from bought", 72.0),
        (
            "lapsed counted",
            f"select sum(jpy) from external where canonical in (select canonical from signed) or {COVERED}",
            "select sum(jpy) from external",
            89.0,
        ),
        (
            "parent ignored",
            "select sum(jpy) from external where canonical in (from own_cover)",
            "select sum(jpy) from external",
            79.0,
        ),
        (
            "suppliers counted",
            f"select count(distinct canonical) from external where {COVERED}",
            "select count(distinct canonical) from external",
            15.5,
        ),
        (
            "credits dropped",
            f"select sum(jpy) from external where ({COVERED}) and jpy > 0",
            "select sum(jpy) from external where jpy > 0",
            81.7,
        ),
    ],
)
def test_each_mistake_in_the_declared_share_has_its_own_wrong_figure(
    samples: duckdb.DuckDBPyConnection, mistake: str, numerator: str, denominator: str, wrong: float
) -> None:
    assert round(100 * float(one(samples, numerator)) / float(one(samples, denominator)), 1) == wrong, mistake


def test_the_parts_of_the_spend_are_those_of_the_fixture(samples: duckdb.DuckDBPyConnection) -> None:
    assert one(samples, "select sum(jpy) from bought where supplier_type = 'INTRAGROUP'") == 180_000_000_000
    assert one(samples, "select sum(jpy) from external where jpy < 0") == -40_000_000_000
    assert one(samples, "select count(distinct canonical) from external") == 2_000
    assert one(samples, f"select count(distinct canonical) from external where {COVERED}") == 310
    assert one(samples, "select min(total) from (select sum(jpy) total from external group by canonical)") > 0
    lapsed = "canonical in (select canonical from signed where not in_force)"
    assert one(samples, f"select sum(jpy) from external where {lapsed} and not ({COVERED})") == 40_000_000_000


def test_some_spend_is_in_other_currencies_each_month_with_a_rate(samples: duckdb.DuckDBPyConnection) -> None:
    abroad = one(samples, "select sum(jpy) from external where currency in ('USD', 'EUR')")
    assert abroad > 10_000_000_000
    missing = (
        "select count(*) from spend s left join fx_rate f on f.currency = s.currency "
        "and f.month = left(s.posting_date, 7) || '-01' where s.currency <> 'JPY' and f.month is null"
    )
    assert one(samples, missing) == 0


def test_spend_reaches_back_a_year_before_the_first_of_the_five_quarters(samples: duckdb.DuckDBPyConnection) -> None:
    first = samples.execute("select min(posting_date), max(posting_date) from spend").fetchone()
    assert first is not None
    assert "2021-04-01" <= first[0] < "2021-05-01"
    assert first[1] == "2023-04-03"


def test_validity_has_both_sides_of_its_last_day(samples: duckdb.DuckDBPyConnection) -> None:
    days = {row[0] for row in samples.execute("select valid_to from declaration where status = 'SIGNED'").fetchall()}
    assert {"2023-03-30", "2023-03-31"} <= days


def test_thirteen_third_party_audits_were_completed_by_the_end_of_the_year(samples: duckdb.DuckDBPyConnection) -> None:
    done = "from audit where auditor_kind = 'THIRD_PARTY' and completed_on <= '2023-03-31'"
    assert one(samples, f"select count(*) {done}") == 13
    assert one(samples, f"select count(distinct supplier_id) {done}") == 13


@pytest.mark.parametrize(("year", "suppliers"), [(2022, 36), (2023, 28)])
def test_questionnaires_flag_suppliers_for_human_rights_or_labour(
    samples: duckdb.DuckDBPyConnection, year: int, suppliers: int
) -> None:
    flagged = (
        "from assessment where kind = 'SAQ' and result = 'HIGH' and regexp_matches(topic_flags, 'HUMAN_RIGHTS|LABOUR') "
        f"and submitted_on between '{year - 1}-04-01' and '{year}-03-31'"
    )
    assert one(samples, f"select count(distinct supplier_id) {flagged}") == suppliers
    assert one(samples, f"select count(*) {flagged}") == suppliers + 1


# Register


def test_four_salient_issues_have_an_officer_once_only_approved_records_count(
    samples: duckdb.DuckDBPyConnection,
) -> None:
    standing = (
        "from salient_issue where approved_by <> recorded_by and record_id not in "
        "(select supersedes_record_id from salient_issue where supersedes_record_id is not null)"
    )
    assert samples.execute(f"select count(*), count(officer_role) {standing}").fetchone() == (4, 4)
    assert (
        one(samples, "select count(*) from salient_issue where coalesce(approved_by, recorded_by) = recorded_by") == 2
    )


def test_statements_are_published_for_two_entities_and_unknown_where_nobody_knows(
    samples: duckdb.DuckDBPyConnection,
) -> None:
    found = samples.execute(
        "select law, left(fy_start, 4)::int + 1, status, count(distinct entity_code), count(published_on) "
        "from msa_statement group by all order by all"
    ).fetchall()
    published = [("AU", year, "PUBLISHED", 2, 2) for year in (2021, 2022)]
    uk = [("UK", year, "PUBLISHED", 2, 2) for year in (2019, 2020, 2021, 2022)]
    assert found == [*published, ("AU", 2023, "UNKNOWN", 2, 0), *uk, ("UK", 2023, "NOT_DUE", 2, 0)]


def test_what_starts_next_year_is_an_empty_file_with_a_header(samples: duckdb.DuckDBPyConnection) -> None:
    assert one(samples, "select count(*) from ohs_selfcheck") == 0


@pytest.mark.parametrize("table", ["customer_check", "ai_review"])
def test_some_checks_come_after_the_deed_in_every_year(samples: duckdb.DuckDBPyConnection, table: str) -> None:
    before, after = {
        "customer_check": ("check_date", "contract_date"),
        "ai_review": ("reviewed_on", "released_on"),
    }[table]
    late, in_time, never = samples.execute(
        f"select count(*) filter ({before} > {after}), count(*) filter ({before} <= {after}), "
        f"count(*) filter ({before} is null) from {table}"
    ).fetchone() or (0, 0, 0)
    assert late > 0
    assert in_time > 40
    assert never > 0


def test_no_code_of_the_pipeline_knows_a_sample_figure() -> None:
    """The headline figures may stand in samples and tests only."""
    figures = re.compile(r"\b(19_?092|22_?200|19,092|22,200)\b")
    steps = ("pipeline", "ingest", "expectations", "publish", "events", "portal", "dags")
    known = [
        path.relative_to(PROJECT).as_posix()
        for step in steps
        for path in (PROJECT / step).rglob("*")
        if path.suffix in {".py", ".yaml", ".yml", ".sql"} and figures.search(path.read_text(encoding="utf-8"))
    ]
    assert known == []


# What a large company is said to have, and how near to it scale 1 comes.
LARGE = {
    ("hr", "worker_month"): 100_000,
    ("training", "assignment"): 600_000,
    ("procurement", "supplier"): 20_000,
    ("procurement", "spend"): 2_000_000,
}


@pytest.mark.parametrize("name", LARGE, ids="/".join)
def test_scale_1_is_a_large_company(samples: duckdb.DuckDBPyConnection, name: tuple[str, str]) -> None:
    of_one_day = "as_of_date = '2023-03-31'" if name[1] == "worker_month" else "true"
    copies = EXTRACTS[name]
    records = one(samples, f"select count(*) from {name[1]} where {of_one_day}") * copies.of * copies.within
    assert records == pytest.approx(LARGE[name], rel=0.11)


def test_a_scale_multiplies_what_is_loaded_under_keys_of_its_own(sample: Built, tmp_path: Path) -> None:
    for name in ("hr/leave", "procurement/audit"):
        shutil.copytree(sample.settings.place("raw") / name, tmp_path / "raw" / name)
    told = CliRunner().invoke(main, ["--data", str(tmp_path), "--scale", "2"])
    assert (told.exit_code, told.output) == (0, "hr/leave: 4,320 records\nprocurement/audit: 336 records\n")
    for name, key, records in (
        ("hr/leave", "worker_key, leave_start", 540 * 8),
        ("procurement/audit", "audit_id", 21 * 16),
    ):
        [file] = (tmp_path / "raw" / name).glob("*.parquet")
        with connect(sample.settings, folders=[file.parent]) as connection:
            keys = f"select count(*), count(distinct ({key})) from read_parquet('{file}')"
            assert connection.execute(keys).fetchall() == [(records, records)]
        assert json.loads(file.with_suffix(".json").read_text())["parquet_sha256"] == sha256_file(file)
