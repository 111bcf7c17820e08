"""The catalog, the rendered staging layer and the project's promises, compared with where each fact is written."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from dbt_project import render
from ingest.contract import contracts

MODELS = render.PROJECT / "models"
CORE = [
    "trn_bhr_completion_rate",
    "trn_bhr_completion_rate_excl_dispatched",
    "trn_bhr_gap_pp",
    "trn_hotline_staff_sessions",
    "trn_interviewer_attendance",
    "trn_officer_attendance",
    "grv_hrh_cases_reported",
    "grv_cases_by_category",
    "grv_forced_labour_trafficking_reports",
    "grv_zero_claim_strength",
    "grv_substantiated_discrimination",
    "grv_substantiated_hr_incidents",
    "grv_committee_reported_rate",
    "grv_channel_coverage_rate",
    "sup_declaration_spend_rate",
    "sup_saq_high_risk",
    "sup_third_party_audits",
    "wrk_headcount",
    "wrk_ohs_selfcheck_response_rate",
    "geo_high_risk_customer_check_rate",
    "geo_hria_coverage_rate",
    "ai_review_rate",
    "gov_salient_officer_rate",
    "gov_msa_statement_status",
]


def seed(name: str) -> list[dict[str, str]]:
    with (render.PROJECT / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


CATALOG = seed("metric_catalog")


def codes(family: str, extract: str, column: str) -> set[str]:
    return set(contracts()[family, extract].column(column).codes)


def test_the_staging_layer_is_what_the_contracts_render() -> None:
    written = {
        file.relative_to(render.PROJECT): file.read_text(encoding="utf-8")
        for file in sorted((MODELS / "staging").rglob("*.*"))
    }
    assert written == render.staging(), "run: python -m dbt_project.render"


def test_every_staged_contract_has_one_staging_model() -> None:
    models = {file.stem for file in (MODELS / "staging").rglob("*.sql")}
    assert models == {f"stg_{family}__{extract}" for (family, extract), terms in contracts().items() if terms.staged}


def test_only_staging_reads_a_source() -> None:
    reading = [file.stem for file in MODELS.rglob("*.sql") if "source(" in file.read_text(encoding="utf-8")]
    assert [name for name in reading if not name.startswith("stg_")] == []


def test_the_catalog_has_the_core_metrics() -> None:
    assert [metric["metric_id"] for metric in CATALOG if metric["is_core"] == "true"] == CORE


def without_partner(catalog: list[dict[str, str]], measured: set[str]) -> dict[str, set[str]]:
    """Metrics without a record, records without a metric, and records that say the same."""
    recorded = [metric["metric_id"] for metric in catalog]
    titles = Counter(metric["title"] for metric in catalog)
    counts = Counter((metric["numerator_text"], metric["denominator_text"]) for metric in catalog)
    return {
        "without a record": measured - set(recorded),
        "without a metric": set(recorded) - measured,
        "twice": {
            metric["metric_id"]
            for metric in catalog
            if recorded.count(metric["metric_id"]) > 1
            or titles[metric["title"]] > 1
            or counts[metric["numerator_text"], metric["denominator_text"]] > 1
        },
    }


NOTHING: dict[str, set[str]] = {"without a record": set(), "without a metric": set(), "twice": set()}


def measured_metrics() -> set[str]:
    """Every metric that a theme declares, by the name that it writes."""
    files = [*(MODELS / "marts" / "metrics").glob("metrics_*.sql"), *(render.PROJECT / "macros/declared").glob("*.sql")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(files) if file.stem != "metrics_neighbors")
    return set(re.findall(r"'((?:trn|grv|sup|wrk|geo|ai|gov|qa)_[a-z0-9_]+)'", text))


def test_every_metric_has_one_record_and_every_record_one_metric() -> None:
    assert without_partner(CATALOG, measured_metrics()) == NOTHING


def test_a_lost_metric_a_lost_record_and_a_copied_text_would_be_found() -> None:
    first, second = CATALOG[:2]
    both = {first["metric_id"], second["metric_id"]}
    assert without_partner([first], both) == NOTHING | {"without a record": {second["metric_id"]}}
    assert without_partner([first, second], both - {second["metric_id"]})["without a metric"] == {second["metric_id"]}
    assert without_partner([first, second | {"title": first["title"]}], both)["twice"] == both


FRAMEWORKS = seed("framework_map")


def test_every_metric_serves_a_passage_and_every_passage_a_metric() -> None:
    assert {row["metric_id"] for row in FRAMEWORKS} == {metric["metric_id"] for metric in CATALOG}


def test_the_map_knows_every_framework_that_a_reader_asks_by() -> None:
    asked = {
        "GRI",
        "ESRS",
        "UNGP Reporting Framework",
        "OECD Due Diligence Guidance",
        "UK Modern Slavery Act",
        "AU Modern Slavery Act",
        "LkSG",
        "CSDDD",
        "ILO",
    }
    assert asked <= {row["framework"] for row in FRAMEWORKS}
    assert {row["framework_version"] for row in FRAMEWORKS if row["framework"] == "ESRS"} == {"2023", "(EU) 2026/1563"}


def test_a_version_of_a_framework_holds_for_one_span_of_years() -> None:
    spans = {(row["framework"], row["framework_version"], row["valid_to_fy_start"]) for row in FRAMEWORKS}
    assert len({span[:2] for span in spans}) == len(spans)
    assert [
        row for row in FRAMEWORKS if row["valid_to_fy_start"] and row["valid_from_fy_start"] > row["valid_to_fy_start"]
    ] == []


@pytest.mark.parametrize(
    ("fiscal_year_start", "version", "reference"),
    [("2026-04-01", "2023", "S1-17"), ("2026-12-31", "2023", "S1-17"), ("2027-01-01", "(EU) 2026/1563", "S1-16 43(a)")],
)
def test_the_standard_is_chosen_by_the_day_on_which_the_year_begins(
    fiscal_year_start: str, version: str, reference: str
) -> None:
    in_force = [
        (row["framework_version"], row["reference"])
        for row in FRAMEWORKS
        if row["metric_id"] == "grv_substantiated_discrimination"
        and row["framework"] == "ESRS"
        and row["valid_from_fy_start"] <= fiscal_year_start <= (row["valid_to_fy_start"] or "9999-12-31")
    ]
    assert in_force == [(version, reference)]


@pytest.mark.parametrize("metric", CATALOG, ids=lambda metric: metric["metric_id"])
def test_a_metric_says_what_it_is(metric: dict[str, str]) -> None:
    assert [name for name in ("title", "numerator_text", "owner", "misuse", "standards") if not metric[name]] == []
    assert (metric["denominator_text"] == "") is (metric["value_rule"] == "count")
    assert (metric["target_value"] == "") is (metric["target_direction"] == "none")
    assert (metric["gap_to"] in CORE) is (metric["value_rule"] == "gap")
    assert (metric["unit"] in ("%", "pp")) is (metric["value_rule"] in ("share", "gap"))


def test_each_theme_numbers_its_metrics_from_one() -> None:
    for theme in {metric["theme"] for metric in CATALOG}:
        orders = [int(metric["theme_order"]) for metric in CATALOG if metric["theme"] == theme]
        assert orders == list(range(1, len(orders) + 1))
        assert (MODELS / "marts" / "board" / f"board_{theme}.sql").exists()


def test_every_code_of_a_contract_has_its_meaning() -> None:
    assert {row["worker_category"] for row in seed("worker_category")} == codes("hr", "worker_month", "worker_category")
    assert {row["category"] for row in seed("allegation_category")} == codes("hotline", "allegation", "category")


def test_no_model_knows_a_figure_of_the_sample() -> None:
    text = "\n".join(
        file.read_text(encoding="utf-8")
        for file in sorted(render.PROJECT.rglob("*"))
        if file.suffix in (".sql", ".csv")
    )
    assert re.findall(r"\b(22[,_]?200|19[,_]?092|109|702|64|850)\b", text) == []


def test_every_code_list_of_a_contract_is_enforced() -> None:
    enforced = {
        (model["name"], column["name"])
        for file in (MODELS / "staging").rglob("_*__models.yml")
        for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]
        for column in model["columns"]
        for constraint in column.get("constraints", [])
        if constraint["type"] == "check"
    }
    promised = {
        (f"stg_{family}__{extract}", column.name)
        for (family, extract), contract in contracts().items()
        for column in contract.columns
        if contract.staged and column.codes and column.physical_type == "VARCHAR"
    }
    assert enforced == promised


def test_every_file_of_the_project_is_small_enough_to_read() -> None:
    lengths = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in Path(MODELS).rglob("*.sql")}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


# What DuckDB and Spark both run and do not both mean, and what to write instead.
DIFFERS_IN_SILENCE = {
    r"\bconcat\s*\(": "|| with coalesce",
    r"\bavg\s*\((?!\s*cast\b[^)]*\bas double\b)": "the average of a cast to double",
    r"\bextract\s*\(|\bdayofweek\b": "a dispatched macro",
    r"\b(array_agg|max_by|min_by|mode|percentile_disc)\s*\(": "an aggregate that both engines define alike",
    r"\bregexp_replace\s*\(": "a dispatched macro",
    r"\bsubstring\s*\([^,]*,\s*0\b": "a place that counts from 1",
    r"\binterval\s+'?\d": "dbt.dateadd, cast to date",
    r"\b\w*(_on|_date)\s+-\s+[\w.]*(_on|_date|_end|_start)\b": "dbt.datediff",
    r"\b(at time zone|date_diff|strftime|epoch|union by name|quantile_cont)\b": "what both engines have",
}


def engine_words(sql: str) -> list[str]:
    """What a statement would have to write otherwise, so that every engine gives the same figure."""
    said = re.sub(r"--[^\n]*|\{#.*?#\}", "", sql, flags=re.DOTALL | re.IGNORECASE)
    return [instead for word, instead in DIFFERS_IN_SILENCE.items() if re.search(word, said, re.IGNORECASE)]


def test_no_model_says_what_engines_understand_differently() -> None:
    models = [*MODELS.rglob("*.sql"), *(render.PROJECT / "macros").rglob("*.sql")]
    assert len(models) > 70
    found = {file.name: engine_words(file.read_text(encoding="utf-8")) for file in models if file.name != "engine.sql"}
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize(
    "sql",
    [
        "select concat(a, b)",
        "select AVG(amount)",
        "select closed_on - received_on",
        "select cases.closed_date - cases.received_date",
        "select day + interval 1 month",
        "select extract(dow from day)",
        "select substring(code, 0, 2)",
        "select moment at time zone 'UTC'",
    ],
)
def test_such_a_word_would_be_found(sql: str) -> None:
    assert len(engine_words(sql)) == 1


def test_words_that_mean_the_same_everywhere_pass() -> None:
    assert engine_words("-- concat(a, b)\nselect avg(cast(amount as double)), a || b, high - low") == []


def open_ends(sql: str) -> list[str]:
    """Keys by which a window orders its rows without a word on nulls: one engine puts them first, the other last."""
    said = re.sub(r"--[^\n]*|\{#.*?#\}", "", sql, flags=re.DOTALL)
    found = []
    for window in re.finditer(r"\bover\s*\(", said, re.IGNORECASE):
        inside = within_brackets(said, window.end())
        ordered = re.search(r"\border\s+by\b(.*)", inside, re.IGNORECASE | re.DOTALL)
        if ordered is None:
            continue
        keys = re.split(r"\brows\s+between\b", ordered[1], flags=re.IGNORECASE)[0]
        said_of_nulls = re.compile(r"\bnulls\s+(first|last)$", re.IGNORECASE)
        found += [key for key in parts_between_commas(keys) if not said_of_nulls.search(key)]
    return found


def within_brackets(text: str, start: int) -> str:
    depth = 1
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return text[start:place]
    raise AssertionError("a bracket that is never closed")


def parts_between_commas(text: str) -> list[str]:
    parts, depth = [""], 0
    # What only the template sees is no part of the statement.
    for sign in re.sub(r"\{%.*?%\}", " ", text, flags=re.DOTALL):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]


def test_every_window_says_where_nulls_stand() -> None:
    models = [*MODELS.rglob("*.sql"), *(render.PROJECT / "macros").rglob("*.sql")]
    found = {file.name: open_ends(file.read_text(encoding="utf-8")) for file in models}
    assert {name: keys for name, keys in found.items() if keys} == {}


@pytest.mark.parametrize(
    ("sql", "keys"),
    [
        ("row_number() over (order by day)", ["day"]),
        ("sum(x) over (partition by a order by day desc nulls last, case when b then f(1, 2) end)",
         ["case when b then f(1, 2) end"]),
        ("max(x) over (order by day nulls first rows between unbounded preceding and 1 preceding)", []),
        ("count(*) over (partition by a)", []),
        ("select a from b order by a", []),
    ],
)  # fmt: skip
def test_a_window_that_leaves_nulls_to_the_engine_would_be_found(sql: str, keys: list[str]) -> None:
    assert open_ends(sql) == keys
