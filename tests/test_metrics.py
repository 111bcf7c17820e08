"""The catalog, the rendered staging layer and the project's promises, compared with where each fact is written."""

from __future__ import annotations

import csv
import re
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
    assert [metric["metric_id"] for metric in CATALOG] == CORE


@pytest.mark.parametrize("metric", CATALOG, ids=lambda metric: metric["metric_id"])
def test_a_metric_says_what_it_is(metric: dict[str, str]) -> None:
    assert [name for name in ("title", "numerator_text", "owner", "misuse", "standards") if not metric[name]] == []
    assert (metric["denominator_text"] == "") is (metric["value_rule"] == "count")
    assert (metric["target_value"] == "") is (metric["target_direction"] == "none")
    assert (metric["gap_to"] in CORE) is (metric["value_rule"] == "gap")
    assert (metric["unit"] in ("%", "pp")) is (metric["value_rule"] != "count")


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
