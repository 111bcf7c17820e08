"""Build, with the sample year as it comes through landing, load and the extract door, and with mended copies of it."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from sample_year import Q4, Built, Workshop, staging_alone

from dbt_project.build import DBT_PROJECT, SELECTED, build, plan, quarters_to_build
from dbt_project.docs import write_docs
from expectations.extract_door import check_extracts
from ingest.contract import contracts
from ingest.land import land
from ingest.load import load
from pipeline import store
from pipeline.database import connect
from pipeline.errors import BuildFailed, MissingExtracts
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from samples.next_year import END
from samples.write import write_samples

THEMES = ("training", "grievance", "supply_chain", "workforce", "geopolitics", "ai", "governance", "quality")
LATE = datetime(2023, 5, 22, 1, tzinfo=UTC)
REQUIRED = sum(terms.required for terms in contracts().values())
STAGED = sum(terms.staged for terms in contracts().values())
MARKER = "NEVER-TO-BE-SHOWN"

# Columns that point at one human being, and columns that point at one matter of the hotline.
OF_A_PERSON = {"person_key", "worker_key", "learner_id", "attendee"}
OF_A_CASE = {"case_id", "canonical_case_id", "contact_id"}
# Models that turn records into counts or calendars. Nothing else ends the way of a person or of a case.
COUNTS_ONLY = {
    "int_quarters",
    "int_rosters",
    "int_headcount_by_language",
    "int_measured",
    *(f"metrics_{theme}" for theme in (*THEMES, "cases", "cases_left_out", "cases_sources", "derived")),
}


def copy_of(built: Built, folder: Path) -> Settings:
    """The loaded extracts of a build's data folder in a folder of their own, without its builds."""
    shutil.copytree(built.settings.place("raw"), folder / "raw", copy_function=os.link)
    return Settings.load(data=folder)


def raw_file(settings: Settings, family: str, extract: str) -> Path:
    (file,) = settings.place("raw", family, extract).glob("*.parquet")
    return file


def certify(parquet: Path, **changes: Any) -> None:
    """Receipt and verdict that name the file's bytes as they are now."""
    receipt = parquet.with_suffix(".json")
    digest = store.sha256_file(parquet)
    store.write_json(receipt, store.read_json(receipt) | changes | {"parquet_sha256": digest})
    verdict = parquet.with_name(f"{parquet.stem}.verdict.json")
    store.write_json(verdict, store.read_json(verdict) | {"files": {parquet.name: digest}})


def mend(settings: Settings, family: str, extract: str, query: str) -> None:
    """Put the result of a query over the table ``delivered`` in the place of an extract's good records."""
    parquet = raw_file(settings, family, extract)
    with store.put(parquet) as temporary, connect(settings, folders=[parquet.parent]) as connection:
        connection.execute(f"create table delivered as select * from read_parquet('{parquet}')")
        connection.execute(f"copy ({query}) to '{temporary}' (format parquet)")
    certify(parquet)


def deliver(settings: Settings, family: str, extract: str, query: str, known_at: datetime) -> None:
    """One more delivery of an extract: the result of a query over the table ``delivered``."""
    first = raw_file(settings, family, extract)
    extract_id = store.sha256_bytes(f"{family} {extract} {query} {known_at}".encode())
    parquet = first.with_name(f"{extract_id}.parquet")
    moment = known_at.replace(tzinfo=None).isoformat(sep=" ")
    with store.put(parquet) as temporary, connect(settings, folders=[parquet.parent]) as connection:
        connection.execute(f"create table delivered as select * from read_parquet('{first}')")
        connection.execute(
            f"copy (select * replace ('{extract_id}' as _extract_id, timestamp '{moment}' as _known_at) from ({query}))"
            f" to '{temporary}' (format parquet)"
        )
    for suffix in (".json", ".verdict.json"):
        os.link(first.with_name(first.stem + suffix), parquet.with_name(parquet.stem + suffix))
    certify(parquet, extract_id=extract_id, known_at=known_at.isoformat())


EXCL = 100 * 18_192 / 20_700
GOLDEN = {
    "trn_bhr_completion_rate": (19_092, 22_200, 86.0, "86.0 %", 90, "MISSED", "MEASURED"),
    "trn_bhr_completion_rate_excl_dispatched": (18_192, 20_700, EXCL, "87.9 %", None, "NO_TARGET", "MEASURED"),
    "trn_bhr_gap_pp": (19_092, 22_200, -4.0, "-4.0 pp", 0, "MISSED", "MEASURED"),
    "trn_hotline_staff_sessions": (1, None, 1, "1", 1, "MET", "MEASURED"),
    "trn_interviewer_attendance": (702, None, 702, "approx. 700", None, "NO_TARGET", "MEASURED"),
    "trn_officer_attendance": (64, None, 64, "64", None, "NO_TARGET", "MEASURED"),
    "grv_hrh_cases_reported": (109, None, 109, "109", None, "NO_TARGET", "MEASURED"),
    "grv_cases_by_category": (102, 109, 100 * 102 / 109, "93.6 %", 100, "MISSED", "MEASURED"),
    "grv_forced_labour_trafficking_reports": (0, None, 0, "0", None, "NO_TARGET", "PROVISIONAL_UNCATEGORISED"),
    "sup_declaration_spend_rate": (850e9, 1000e9, 85.0, "85.0 %", 75, "MET", "MEASURED"),
    "gov_salient_officer_rate": (4, 4, 100.0, "4 of 4", 100, "MET", "MEASURED"),
    "gov_msa_statement_status": (12, 12, 100.0, "100.0 %", 100, "MET", "MEASURED"),
    "wrk_ohs_selfcheck_response_rate": (None, None, None, "not measured", 100, "NOT_COMPARABLE", "NOT_MEASURED"),
}


@pytest.mark.parametrize("metric_id", GOLDEN)
def test_the_golden_figures_stand_in_the_headline(sample: Built, metric_id: str) -> None:
    columns = "numerator, denominator, value, display_value, target_value, target_status, value_state"
    assert sample.headline(metric_id, columns) == GOLDEN[metric_id]


# Each classic mistake has a number of its own (docs of the sample year); none of them is ours.
WRONG = {
    "trn_bhr_completion_rate": (87.9, 84.9, 87.5, 88.5, 84.0, 87.0, 89.0, 83.7, 86.5),
    "grv_hrh_cases_reported": (131, 118, 115, 113, 112, 153, 101, 107),
    "sup_declaration_spend_rate": (72.0, 89.0, 79.0, 15.5, 81.7),
}


@pytest.mark.parametrize("metric_id", WRONG)
def test_no_classic_mistake_is_made(sample: Built, metric_id: str) -> None:
    (value,) = sample.headline(metric_id, "round(value, 1)")
    assert value not in WRONG[metric_id]


def test_a_headline_stands_between_its_neighbors(sample: Built) -> None:
    columns = "rule, round(value, 1), round(low_value, 1), round(high_value, 1) from board_neighbors"
    of = "select {} where metric_id = '{}' order by rule"
    assert sample.rows(of.format(columns, "trn_bhr_completion_rate")) == [
        ("dispatched_rule", 87.9, 83.7, 87.9),
        ("headcount_rule", 83.7, 83.7, 87.9),
        ("leave_rule", 84.9, 83.7, 87.9),
    ]
    inherited, last_rate = 79.0, sample.rows(of.format("value from board_neighbors", "sup_declaration_spend_rate"))[0]
    assert sample.rows(of.format(columns, "sup_declaration_spend_rate"))[1][:2] == (
        "parent_inheritance_rule",
        inherited,
    )
    assert 75 < last_rate[0] != 85.0
    assert (
        sample.rows("select metric_id from board_neighbors where not headline_value between low_value and high_value")
        == []
    )


def test_a_neighbor_that_would_tell_of_a_few_persons_is_left_out(sample: Built, workshop: Workshop) -> None:
    few = workshop.statement(
        "int_training_population",
        (
            "on_leave.worker_key is not null as",
            "workers.person_key in (select min(person_key) from int_workers_in_scope) as",
        ),
    )
    with workshop.changed({"int_training_population": few}) as connection:
        rules = connection.execute("select rule from board_neighbors where metric_id = 'trn_bhr_gap_pp' order by 1")
        assert rules.fetchall() == [("dispatched_rule",), ("headcount_rule",)]


def test_the_quarters_of_a_flow_are_those_in_which_it_happened(sample: Built) -> None:
    by_quarter = (26, 28, 25, 24, 24, 31, 27, 27)
    assert sample.series("grv_hrh_cases_reported", "qtr") == [(n, "NO_TARGET") for n in by_quarter]
    assert sample.series("grv_hrh_cases_reported", "ytd")[4:] == [(n, "NO_TARGET") for n in (24, 55, 82, 109)]
    assert sample.series("trn_hotline_staff_sessions", "qtr") == [(1, "MET")] * 8
    assert sample.series("trn_hotline_staff_sessions", "ytd")[-1] == (4, "NOT_COMPARABLE")


# Beside the core: what plain SQL over the extracts' own rows finds.
BY_HAND = {
    "sup_declaration_supplier_rate": (310, 2000),
    "sup_saq_response_rate": (
        "select count(*) filter (submitted_on <= '2023-03-31'), count(*) from stg_procurement__assessment"
        " where kind = 'SAQ' and due_on between '2022-04-01' and '2023-03-31'"
    ),
    "sup_tier2_saq": (
        "select count(distinct s.canonical_supplier_id), null from stg_procurement__assessment as a"
        " join stg_procurement__supplier as s using (source_system, supplier_id) where a.tier = 2 and a.kind = 'SAQ'"
        " and a.submitted_on between '2022-04-01' and '2023-03-31'"
    ),
    "geo_high_risk_country_count": (
        "select count(*), null from stg_register__high_risk_country where version = '2022'"
    ),
    "geo_mitigated_rate": (
        "select count(*) filter (has_agreement), count(*) from stg_register__customer_check"
        " where result = 'CONFIRMED' and check_date <= '2023-03-31'"
    ),
    "ai_review_outcomes": (
        "select count(*), null from stg_register__ai_review where outcome is not null"
        " and reviewed_on between '2023-01-01' and '2023-03-31'"
    ),
    "wrk_collective_coverage_rate": (
        "select count(distinct person_key) filter (has_collective_agreement), count(distinct person_key)"
        " from stg_hr__worker_month where as_of_date = '2023-03-31'"
        " and employment_status not in ('TERMINATED', 'NOT_STARTED') and legal_entity_code in (select entity_code"
        " from stg_hr__entity where is_consolidated and valid_from <= '2023-03-31'"
        " and coalesce(valid_to, '9999-12-31') >= '2023-03-31')"
    ),
}


@pytest.mark.parametrize("metric_id", BY_HAND)
def test_a_figure_is_what_its_rows_say(sample: Built, metric_id: str) -> None:
    found = sample.rows(
        "select numerator, denominator from fct_metric_value inner join dim_metric using (metric_id)"
        f" where metric_id = '{metric_id}' and fiscal_quarter = '{Q4}' and dimension = 'total' and not is_core"
    )
    expected = BY_HAND[metric_id]
    assert found == ([expected] if isinstance(expected, tuple) else sample.rows(expected))


def test_every_core_metric_is_in_the_headline_and_every_metric_in_every_quarter_of_the_trend(sample: Built) -> None:
    assert sample.rows("select count(*), count(distinct metric_id) from board_headline") == [(24, 24)]
    [(metrics,)] = sample.rows("select count(*) from dim_metric")
    assert metrics > 24
    quarters = [(str(Q4.plus(step)), metrics) for step in range(-7, 1)]
    assert sample.rows("select fiscal_quarter, count(*) from board_trend group by all order by 1") == quarters


def test_each_theme_shows_its_headlines_unchanged(sample: Built) -> None:
    columns = "metric_id, perimeter, basis, numerator, denominator, value, display_value, target_status, value_state"
    themes = " union all ".join(
        f"select {columns} from board_{theme} inner join dim_metric using (metric_id, basis)"
        " where dimension = 'total' and perimeter = headline_perimeter and is_core"
        for theme in THEMES
    )
    assert sample.rows(f"select * from ({themes}) order by metric_id") == sample.rows(
        f"select {columns} from board_headline order by metric_id"
    )


def test_small_counts_are_given_for_one_perimeter(sample: Built) -> None:
    # Two perimeters side by side tell the difference. A zero of the whole group has to be told, and workers are many.
    assert sample.rows(
        "select metric_id from fct_metric_value where is_person_count and value is not null and denominator is null"
        " group by metric_id having count(distinct perimeter) > 1 order by metric_id"
    ) == [("grv_forced_labour_trafficking_reports",), ("wrk_headcount",)]


def test_a_ratio_of_sums_is_not_a_mean_of_ratios(sample: Built) -> None:
    parts = sample.rows(
        "select numerator, denominator from fct_metric_value where metric_id = 'trn_bhr_completion_rate'"
        f" and perimeter = 'corp' and fiscal_quarter = '{Q4}' and dimension = 'worker_category'"
    )
    mean = sum(100 * numerator / denominator for numerator, denominator in parts) / len(parts)
    assert len(parts) >= 4
    assert (sum(n for n, _ in parts), sum(d for _, d in parts)) == (19_092, 22_200)
    assert abs(mean - 86.0) > 0.1


def test_a_build_is_whole_and_closed(sample: Built) -> None:
    names = {file.name for file in sample.folder.iterdir()}
    assert {"inputs", "inputs.json", "due_diligence.duckdb", "build.json"} <= names
    assert [name for name in names if name.endswith(".wal")] == []
    assert set(sample.record["nodes"]) == set(store.read_json(sample.folder / "build.json")["nodes"])
    assert {node["status"] for node in sample.record["nodes"].values()} <= {"success", "pass"}
    manifest = store.read_json(sample.folder / "target" / "manifest.json")
    kinds = [node["resource_type"] for node in manifest["nodes"].values()]
    assert (sample.record["models"], sample.record["tests"]) == (kinds.count("model"), kinds.count("test"))


def test_a_build_sees_links_to_raw_and_says_which(sample: Built) -> None:
    record = store.read_json(sample.folder / "inputs.json")
    assert len(record["deliveries"]) == STAGED
    for delivery in record["deliveries"]:
        name = Path(delivery["family"], delivery["extract"], f"{delivery['extract_id']}.parquet")
        assert (sample.folder / "inputs" / name).samefile(sample.settings.place("raw") / name)
        assert delivery["is_late"] is False


def test_the_same_inputs_are_the_same_build(sample: Built) -> None:
    before = (sample.folder / "build.json").stat().st_mtime_ns
    assert build(sample.settings, Q4) == sample.record
    assert (sample.folder / "build.json").stat().st_mtime_ns == before


def test_every_table_and_column_says_what_it_is(sample: Built) -> None:
    assert (
        sample.rows(
            "select table_name from duckdb_tables() where coalesce(comment, '') = ''"
            " union all select table_name || '.' || column_name from duckdb_columns()"
            " where not internal and coalesce(comment, '') = ''"
        )
        == []
    )


def test_every_test_of_the_project_has_a_name_of_its_own(sample: Built) -> None:
    nodes = store.read_json(sample.folder / "target" / "manifest.json")["nodes"].values()
    models = {node["name"] for node in nodes if node["resource_type"] in ("model", "seed")}
    unnamed = [
        node["name"]
        for node in nodes
        if node["resource_type"] == "test" and not any(node["name"].startswith(f"{model}_") for model in models)
    ]
    assert unnamed == []


def test_the_documentation_is_one_page_that_shows_every_model_as_it_was_built(sample: Built, tmp_path: Path) -> None:
    builds = sample.folder.parent.parent
    shutil.copytree(builds, tmp_path / builds.name, copy_function=os.link)
    page = write_docs(Settings.load(data=tmp_path))
    text = page.read_text(encoding="utf-8")
    built = [name for (name,) in sample.rows("select table_name from duckdb_tables() where schema_name = 'main'")]
    assert len(built) > 100
    assert [name for name in built if f'.due_diligence.{name}"' not in text] == []
    assert page.parent == tmp_path / builds.name / str(Q4)


def joined_at_person_level(parents: dict[str, list[str]], people: set[str], cases: set[str]) -> set[str]:
    """Models that see records of people and records of cases; what only counts passes neither on."""

    def sees(model: str, origins: set[str]) -> bool:
        return model in origins or any(
            parent not in COUNTS_ONLY and sees(parent, origins) for parent in parents.get(model, [])
        )

    return {model for model in parents if sees(model, people) and sees(model, cases)}


@pytest.fixture(scope="module")
def lineage(sample: Built) -> dict[str, list[str]]:
    """Every model's parents, by name."""
    manifest = store.read_json(sample.folder / "target" / "manifest.json")
    return {
        name.split(".")[-1]: [parent.split(".")[-1] for parent in parents]
        for name, parents in manifest["parent_map"].items()
        if name.startswith("model.")
    }


def holding(sample: Built, columns: set[str]) -> set[str]:
    listed = ", ".join(f"'{column}'" for column in columns)
    return {name for (name,) in sample.rows(f"select table_name from duckdb_columns() where column_name in ({listed})")}


def test_no_model_joins_the_hotline_with_people(sample: Built, lineage: dict[str, list[str]]) -> None:
    people, cases = holding(sample, OF_A_PERSON), holding(sample, OF_A_CASE)
    assert {"stg_hr__worker_month", "stg_hr__leave", "stg_training__learner_xref"} <= people
    assert {"stg_hotline__contact", "stg_hotline__case", "stg_hotline__allegation"} <= cases
    assert people & cases == set()
    # What passes nothing on has to hold nobody.
    assert COUNTS_ONLY & (people | cases) == set()
    assert joined_at_person_level(lineage, people, cases) == set()


@pytest.mark.parametrize(
    ("model", "parent"),
    [
        ("int_hotline_cases", "int_workers_in_scope"),
        ("metrics_grievance", "stg_hr__worker_month"),
        ("metrics_training", "int_hotline_cases_in_perimeter"),
        ("int_training_population", "stg_hotline__allegation"),
    ],
)
def test_such_a_join_would_be_found(sample: Built, lineage: dict[str, list[str]], model: str, parent: str) -> None:
    joined = lineage | {model: [*lineage[model], parent]}
    assert model in joined_at_person_level(joined, holding(sample, OF_A_PERSON), holding(sample, OF_A_CASE))


def test_counts_only_models_count(sample: Built) -> None:
    people = sample.rows("select count(*) from int_workers_in_scope")[0][0]
    counts = sample.rows("select count(*), sum(workers) from int_headcount_by_language")[0]
    assert counts[0] * 100 < people == counts[1]


def test_the_models_keep_their_boundaries_and_every_source_its_freshness(sample: Built, tmp_path: Path) -> None:
    """dbt's unit tests as a person runs them, over a copy of the built database; dbt has nothing to warn of."""
    database = shutil.copyfile(sample.folder / "due_diligence.duckdb", tmp_path / "due_diligence.duckdb")
    variables = store.read_json(sample.folder / "variables.json") | {"database": str(database)}
    places = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--log-path", str(tmp_path)]
    places += ["--target-path", str(tmp_path / "target"), "--vars", json.dumps(variables)]
    quiet = ["--quiet", "--log-level-file", "none"]
    warnings: list[str] = []

    def listen(event: Any) -> None:
        if event.info.level == "warn":
            warnings.append(event.info.msg)

    command = [*quiet, "test", "--select", "test_type:unit", "--no-partial-parse"]
    outcome = dbtRunner(callbacks=[listen]).invoke([*command, *places])
    assert outcome.success, outcome.exception
    expected = store.read_json(tmp_path / "target" / "manifest.json")["unit_tests"]
    assert len(outcome.result.results) == len(expected) > 0
    assert {str(result.status) for result in outcome.result.results} == {"pass"}
    assert warnings == []

    # The sample year is longer ago than any company's quarter: of each extract that a quarter waits for dbt says so.
    found = dbtRunner().invoke([*quiet, "source", "freshness", *places])
    DuckDBConnectionManager.close_all_connections()
    assert {(result.node.name, str(result.status)) for result in found.result.results} == {
        (name, "warn") for (_, name), terms in contracts().items() if terms.required
    }


@pytest.fixture(scope="module")
def mended(sample: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sample year with a few facts changed, each in a figure of its own, one of them by a late delivery."""
    settings = copy_of(sample, tmp_path_factory.mktemp("mended"))
    mend(
        settings,
        "training",
        "session",
        "select * replace (case when held_on between '2022-07-01' and '2022-09-30' and programme_code = 'HOTLINE_STAFF'"
        " then date '2022-10-05' else held_on end as held_on) from delivered",
    )
    mend(
        settings,
        "register",
        "salient_issue",
        "select * from delivered union all select * replace ('SI-9999' as record_id, 'SAMPLE fifth issue' as issue,"
        " null as officer_role, null as supersedes_record_id) from delivered where record_id = 'SI-0001'",
    )
    mend(
        settings,
        "register",
        "goal",
        "select * from delivered union all (select * replace ('GO-9999' as record_id, 'UNKNOWN' as status,"
        " null as supersedes_record_id) from delivered where fiscal_year = 'FY2023' order by record_id limit 1)",
    )
    deliver(
        settings,
        "register",
        "ohs_selfcheck",
        "select 'OH-' || entity_code as record_id, date '2023-02-01' as recorded_on, 'OFFICE' as recorded_by,"
        " 'HEAD' as approved_by,"
        " * exclude (record_id, recorded_on, recorded_by, approved_by, entity_code, opened_on, submitted_on,"
        " _extract_id, _row_number, _known_at, _as_of_date), entity_code, opened_on, submitted_on,"
        " '' as _extract_id, if(entity_code = 'E001', 1, 2) as _row_number,"
        " timestamp '2023-04-01' as _known_at, date '2023-03-31' as _as_of_date"
        " from (select * exclude (entity_code, opened_on, submitted_on) from delivered) right join"
        " (values ('E001', date '2023-02-01', date '2023-03-31'), ('E002', date '2023-02-01', null))"
        " as checks (entity_code, opened_on, submitted_on) on true",
        datetime(2023, 4, 5, tzinfo=UTC),
    )
    deliver(
        settings,
        "hotline",
        "contact",
        "select * replace ('SAMPLE-1' as contact_id, null as canonical_case_id, date '2022-01-01' as submitted_quarter)"
        " from delivered where kind = 'REPORT' limit 1",
        datetime(2023, 4, 5, tzinfo=UTC),
    )
    deliver(
        settings,
        "hotline",
        "case",
        "select * from delivered where received_quarter < '2023-01-01'",
        datetime(2023, 4, 6, tzinfo=UTC),
    )
    deliver(
        settings,
        "hotline",
        "allegation",
        "select * replace (case when row_number() over (order by case_id, allegation_no) = 1 then 'FORCED_LABOUR'"
        " else 'WORK_ENVIRONMENT' end as category) from delivered where category = 'UNCATEGORISED'",
        LATE,
    )
    return Built(settings, build(settings, Q4))


def test_a_session_that_moved_leaves_its_quarter_without_one(mended: Built) -> None:
    sessions = mended.series("trn_hotline_staff_sessions", "qtr")
    assert sessions[-5:] == [(1, "MET"), (1, "MET"), (0, "MISSED"), (2, "MET"), (1, "MET")]


def test_a_late_category_changes_a_zero_and_not_the_number_of_cases(mended: Built) -> None:
    forced = mended.headline("grv_forced_labour_trafficking_reports", "value, display_value, value_state")
    assert forced == (1, "1", "MEASURED")
    assert mended.headline("grv_cases_by_category", "value, target_status") == (100.0, "MET")
    assert mended.headline("grv_hrh_cases_reported", "value") == (109,)


def test_cases_that_are_gone_from_a_later_delivery_keep_counting(sample: Built, mended: Built) -> None:
    assert mended.series("grv_hrh_cases_reported", "qtr") == sample.series("grv_hrh_cases_reported", "qtr")


def test_a_report_that_no_case_holds_keeps_a_zero_provisional(sample: Built, mended: Built) -> None:
    query = (
        "select value, value_state from board_trend where metric_id = 'grv_forced_labour_trafficking_reports'"
        " and fiscal_quarter = 'FY2022-Q4'"
    )
    assert sample.rows(query) == [(0, "MEASURED_ZERO")]
    assert mended.rows(query) == [(0, "PROVISIONAL_UNCATEGORISED")]


def test_a_late_delivery_moves_the_cutoff_and_says_so(sample: Built, mended: Built) -> None:
    record = store.read_json(mended.folder / "inputs.json")
    late = [(d["family"], d["extract"]) for d in record["deliveries"] if d["is_late"]]
    assert late == [("hotline", "allegation")]
    assert datetime.fromisoformat(record["cutoff_at"]) == LATE
    assert datetime.fromisoformat(record["standard_cutoff_at"]) < LATE
    assert mended.record["build_id"] != sample.record["build_id"]


def test_a_goal_of_a_status_that_no_list_has_is_built_and_left_out_by_name(sample: Built, mended: Built) -> None:
    of_goals = "where metric_id = 'gov_goals_on_track_rate'"
    assert mended.rows(f"select reason, left_out from board_exclusions {of_goals}") == [("of unknown status", 1)]
    figures = f"select * from fct_metric_value {of_goals} order by all"
    assert mended.rows(figures) == sample.rows(figures) != []


def test_an_issue_without_an_officer_is_counted(mended: Built) -> None:
    columns = "numerator, denominator, value, display_value, target_status"
    assert mended.headline("gov_salient_officer_rate", columns) == (4, 5, 80.0, "4 of 5", "MISSED")


def test_a_round_that_was_opened_is_measured_over_every_company(mended: Built) -> None:
    numerator, denominator, state = mended.headline(
        "wrk_ohs_selfcheck_response_rate", "numerator, denominator, value_state"
    )
    assert (numerator, state) == (1, "MEASURED")
    assert denominator > 2


def test_figures_that_nothing_touched_stay(sample: Built, mended: Built) -> None:
    touched = (
        "('trn_hotline_staff_sessions', 'trn_hotline_staff_trained_rate', 'gov_salient_officer_rate',"
        " 'wrk_ohs_selfcheck_response_rate')"
    )
    # Figures about the figures and about the issues see every delivery.
    derived = "metric_id not like 'qa_%' and metric_id not like 'gov_salient_%'"
    query = (
        f"select * from fct_metric_value where metric_id not in {touched} and metric_id not like 'grv_%'"
        f" and {derived} order by all"
    )
    assert sample.rows(query) == mended.rows(query)


def test_what_a_delivery_moves_rests_on_it(sample: Built, mended: Built) -> None:
    """By what two builds say, and not by what lineage says of itself."""
    saw = [set(store.checksums(built.folder / "inputs").items()) for built in (sample, mended)]
    new = {str(Path(name).parent) for name, _ in saw[0] ^ saw[1]}
    query = "select metric_id, * exclude (metric_id) from fct_metric_value"
    moved = {row[0] for row in set(sample.rows(query)) ^ set(mended.rows(query))}
    sources = mended.rows("select metric_id, list(extract) from dim_metric_source group by metric_id")
    behind = {metric: set(extracts) for metric, extracts in sources}
    assert {metric for metric in moved if not behind[metric] & new} == set()
    assert {"trn_hotline_staff_sessions", "gov_salient_officer_rate", "grv_cases_by_category"} <= moved
    assert not behind["trn_bhr_completion_rate"] & new  # most figures rest on none of them


YEAR = tuple(str(Q4.plus(step)) for step in (-3, -2, -1, 0))
YEAR_AFTER = [Q4.plus(step) for step in (1, 2, 3, 4)]


@pytest.fixture(scope="module")
def a_year_later(sample: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The last quarter of the next year, over records in another order, older deliveries, and those of the year."""
    settings = copy_of(sample, tmp_path_factory.mktemp("later"))
    for family, extract in (
        ("hr", "worker_month"),
        ("training", "completion"),
        ("hotline", "contact"),
        ("procurement", "spend"),
    ):
        mend(settings, family, extract, "select * from delivered order by hash(_row_number)")
    earlier = datetime(2023, 4, 3, tzinfo=UTC)
    deliver(settings, "hr", "entity", "select * replace (false as consolidated) from delivered", earlier)
    deliver(settings, "procurement", "supplier", "select * from delivered limit 10", earlier)
    deliver(settings, "training", "completion", "select * replace (false as passed) from delivered", earlier)
    deliver(settings, "hotline", "case", "select * replace ('EMEA' as region) from delivered", earlier)
    # Days that no figure of these years looks at: five years before, of suppliers that no list knows.
    long_ago = "cast({day} - interval 5 year as date) as {day}"
    others = "invoice_id || '-old' as invoice_id, supplier_id || '-old' as supplier_id"
    unlisted = f"select * replace ({long_ago.format(day='posting_date')}, {others}) from delivered"
    deliver(settings, "procurement", "spend", unlisted, earlier)
    rosters = f"select * replace ({long_ago.format(day='as_of_date')}) from delivered"
    half = f"(select * from delivered using sample 50%) union all {rosters}"
    deliver(settings, "hr", "worker_month", half, earlier)
    before = plan(settings, Q4)

    write_samples(settings, through=END)
    for file in settings.place("landing").rglob(f"*-{Q4.end}.csv*"):
        file.unlink()
    assert len(land(settings)) == len(load(settings)) == len(check_extracts(settings)) == STAGED * len(YEAR_AFTER)
    assert plan(settings, Q4).deliveries == before.deliveries

    # A build that was killed left something behind: it is thrown away, not built upon.
    leftover = settings.place("builds", str(END), plan(settings, END).build_id, "due_diligence.duckdb")
    store.write_bytes(leftover, b"half a database")
    return Built(settings, build(settings, END))


def test_neither_the_order_of_records_nor_older_and_later_deliveries_change_a_figure(
    sample: Built, a_year_later: Built
) -> None:
    taken = store.read_json(a_year_later.folder / "inputs.json")["deliveries"]
    assert len(taken) == STAGED * (1 + len(YEAR_AFTER)) + 6
    # The figures about the figures say how many deliveries there were.
    query = f"select * from fct_metric_value where fiscal_quarter in {YEAR} and metric_id not like 'qa_%' order by all"
    assert a_year_later.rows(query) == sample.rows(query) != []


def test_a_build_computes_its_fiscal_year_and_the_one_before(sample: Built, a_year_later: Built) -> None:
    quarters = "select fiscal_quarter from dim_quarter order by all"
    assert [quarter for (quarter,) in a_year_later.rows(quarters)] == [*YEAR, *map(str, YEAR_AFTER)]
    assert [quarter for (quarter,) in sample.rows(quarters)][-4:] == [*YEAR]


def test_records_of_days_that_no_figure_looks_at_are_not_staged(a_year_later: Built) -> None:
    """The twelve months that end with the oldest quarter are the first that a figure looks at."""
    for extract, day in {"hr__worker_month": "as_of_date", "procurement__spend": "posting_date"}.items():
        [(first, deliveries)] = a_year_later.rows(f"select min({day}), count(distinct extract_id) from stg_{extract}")
        assert FiscalQuarter.containing(first) == Q4.plus(-6)
        assert deliveries == 1 + len(YEAR_AFTER)


def test_each_quarter_of_the_next_year_lacks_nothing_and_has_all_of_it_in_time(a_year_later: Built) -> None:
    for quarter in YEAR_AFTER:
        chosen = plan(a_year_later.settings, quarter)
        assert chosen.missing == []
        assert not any(delivery["is_late"] for delivery in chosen.deliveries)


def test_the_next_year_has_figures_of_its_own(a_year_later: Built) -> None:
    of = {
        (quarter, metric): figure
        for quarter, metric, *figure in a_year_later.rows(
            "select fiscal_quarter, metric_id, numerator, round(value, 1), value_state, target_status"
            " from fct_metric_value inner join dim_metric using (metric_id, basis) where dimension = 'total'"
            f" and perimeter = headline_perimeter and fiscal_quarter > '{Q4}' and metric_id not like 'qa_%'"
        )
    }
    # It is measured as the year before was, but for new suppliers: there are none. What starts in it, starts in Q2.
    unmeasured = {place for place, figure in of.items() if figure[2] == "NOT_MEASURED"}
    assert unmeasured == {(str(quarter), "sup_new_screened_rate") for quarter in YEAR_AFTER} | {
        (str(YEAR_AFTER[0]), "wrk_ohs_selfcheck_response_rate")
    }
    assert of[str(END), "trn_bhr_completion_rate"] == [19_758, 89.1, "MEASURED", "MISSED"]
    assert [of[str(quarter), "grv_hrh_cases_reported"][0] for quarter in YEAR_AFTER] == [26, 57, 84, 111]


def test_a_failing_build_names_its_nodes_and_shows_no_value(
    sample: Built, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = copy_of(sample, tmp_path)
    mend(settings, "procurement", "fx_rate", "select * from delivered where currency <> 'USD' or month = '2022-03-01'")
    mend(settings, "hotline", "case", f"select * replace ('{MARKER}' as status) from delivered")
    mend(settings, "hr", "worker_month", "select * replace (as_of_date + 1 as as_of_date) from delivered")
    broken = raw_file(settings, "training", "completion")
    store.write_bytes(broken, b"not Parquet")
    certify(broken)
    with pytest.raises(BuildFailed) as stopped:
        build(settings, Q4)
    assert "stg_hotline__case: Constraint Error at status" in stopped.value.found
    assert "stg_training__completion" in stopped.value.found
    assert "int_supplier_spend_every_currency_has_its_rate" in stopped.value.found
    assert "int_quarters_release_quarter_has_its_roster" in stopped.value.found
    assert all(stopped.value.parts().values())
    folder = settings.place("builds", str(Q4), plan(settings, Q4).build_id)
    assert not (folder / "build.json").exists()
    assert "stg_hotline__case" in (folder / "build.log").read_text(encoding="utf-8")
    written = [file for file in folder.rglob("*") if file.is_file() and "inputs" not in file.relative_to(folder).parts]
    assert written
    assert [file.name for file in written if MARKER.encode() in file.read_bytes()] == []
    assert MARKER not in str(stopped.value) + "".join(capfd.readouterr())


def test_a_build_that_lost_a_test_fails(sample: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = copy_of(sample, tmp_path / "data")
    monkeypatch.setattr("dbt_project.build.DBT_PROJECT", staging_alone(tmp_path / "project"))
    monkeypatch.setattr("dbt_project.build.SELECTED", (*SELECTED, "--exclude", "stg_hr__entity_key_is_unique"))
    with pytest.raises(BuildFailed, match="not whole") as stopped:
        build(settings, Q4)
    folder = settings.place("builds", str(Q4), plan(settings, Q4).build_id)
    nodes = store.read_json(folder / "target" / "manifest.json")["nodes"].values()
    tests = [node["name"] for node in nodes if node["resource_type"] == "test"]
    assert "stg_hr__entity_key_is_unique" in tests
    assert stopped.value.found == f"{len(tests) - 1} tests ran"
    assert not (folder / "build.json").exists()


def test_a_raw_file_that_changed_after_the_door_is_not_built(sample: Built, tmp_path: Path) -> None:
    settings = copy_of(sample, tmp_path)
    changed = raw_file(settings, "hr", "entity")
    store.write_bytes(changed, changed.read_bytes() + b"\0")
    with pytest.raises(BuildFailed, match="not what was loaded") as stopped:
        build(settings, Q4)
    assert "raw/hr/entity" in stopped.value.found


def test_a_quarter_of_which_nothing_arrived_cannot_be_built(sample: Built) -> None:
    with pytest.raises(MissingExtracts) as stopped:
        build(sample.settings, FiscalQuarter(2024, 1))
    assert f"no delivery of this quarter arrived: {REQUIRED} extracts" in stopped.value.found
    assert all(stopped.value.parts().values())


def test_a_missing_family_stops_the_build_and_is_named(sample: Built, tmp_path: Path) -> None:
    settings = copy_of(sample, tmp_path)
    shutil.rmtree(settings.place("raw", "hotline"))
    names = [
        f"hotline/{extract}"
        for (family, extract), terms in sorted(contracts().items())
        if family == "hotline" and terms.required
    ]
    assert [line.split(":")[0] for line in plan(settings, Q4).missing] == names
    assert quarters_to_build(settings) == []
    with pytest.raises(MissingExtracts):
        build(settings, Q4)
