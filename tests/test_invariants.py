"""What must not change a figure, whatever it is, and what figures owe each other."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_year import Q4, Built, Rows, Workshop

from dbt_project.build import plan
from expectations.extract_door import check_extracts
from ingest.contract import contracts
from ingest.land import land
from ingest.load import load
from pipeline.settings import PROJECT, Settings
from samples.write import write_samples

FIGURES = "select * from fct_metric_value order by all"
# Headlines over everything that is delivered, so that each is read at least once in other files and another order.
UPSERTED = [
    "stg_hotline__contact",
    "stg_hotline__case",
    "stg_hotline__allegation",
    "stg_training__completion",
    "stg_training__attendance",
    "stg_procurement__spend",
    "stg_procurement__declaration",
    "stg_register__msa_statement",
]
SNAPSHOTS = ["stg_hr__worker_month", "stg_hr__entity", "stg_procurement__supplier", "stg_hotline__channel"]


def delivered_otherwise(workshop: Workshop, model: str, seed: int, deliveries: int) -> str:
    """A staging model's statement over the same records in another order, dealt out to several deliveries."""
    dealt = f"hash(_row_number, {seed}) % {deliveries}"
    source = re.search(r"read_parquet\('[^']*', union_by_name = true\)", workshop.statement(model))
    assert source is not None
    return workshop.statement(
        model,
        (
            source[0],
            f"(select * replace ('delivery ' || ({dealt}) as _extract_id,"
            f" _known_at + to_hours(cast({dealt} as integer)) as _known_at)"
            f" from {source[0]} order by hash(_row_number, {seed} + 1))",
        ),
    )


@settings(max_examples=4, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), deliveries=st.integers(1, 4), models=st.sets(st.sampled_from(UPSERTED), min_size=3))
def test_neither_the_order_of_records_nor_their_deliveries_change_a_figure(
    workshop: Workshop, seed: int, deliveries: int, models: set[str]
) -> None:
    figures = workshop.connection.execute(FIGURES).fetchall()
    statements = {model: delivered_otherwise(workshop, model, seed, deliveries) for model in sorted(models)}
    statements |= {model: delivered_otherwise(workshop, model, seed, 1) for model in SNAPSHOTS}
    with workshop.changed(statements) as connection:
        assert connection.execute(FIGURES).fetchall() == figures


def test_the_models_that_are_delivered_otherwise_are_delivered_so() -> None:
    def delivery(model: str) -> str:
        family, extract = model.removeprefix("stg_").split("__")
        return contracts()[family, extract].delivery

    assert {delivery(model) for model in UPSERTED} == {"append", "upsert"}
    assert {delivery(model) for model in SNAPSHOTS} == {"snapshot"}


# Records that no figure may count: (why, staging model, the columns that put a copied record out of scope, of which).
OUT_OF_SCOPE = [
    ("a test contact", "stg_hotline__contact",
     "'T-1' as contact_id, 'TEST' as kind, null as canonical_case_id", "true"),
    ("an enquiry", "stg_hotline__contact",
     "'T-2' as contact_id, 'ENQUIRY' as kind, 'T-2' as canonical_case_id", "true"),
    ("a worker of no consolidated company", "stg_hr__worker_month",
     "'W-0' as worker_key, 'P-0' as person_key, 'E050' as legal_entity_code", "true"),
    ("a worker who never started", "stg_hr__worker_month",
     "'W-0' as worker_key, 'P-0' as person_key, 'NOT_STARTED' as employment_status", "true"),
    ("a second post of the same person", "stg_hr__worker_month",
     "'W-0' as worker_key, 'HOST' as home_or_host", "worker_category = 'REGULAR' and home_or_host = 'HOME'"),
    ("a pass of another course", "stg_training__completion",
     "'T-1' as completion_id, 'NOT-THE-COURSE' as course_code", "is_passed"),
    ("a pass by somebody whom nobody employs", "stg_training__completion",
     "'T-1' as completion_id, 'NOBODY' as learner_id", "is_passed"),
    ("a guest at a session", "stg_training__attendance", "null as learner_id", "true"),
    ("a session that was canceled", "stg_training__session", "'T-1' as session_id, 'CANCELLED' as status", "true"),
    ("spend of a company outside the group", "stg_procurement__spend",
     "'T-1' as invoice_id, 'E050' as buying_entity", "true"),
    ("spend before the twelve months", "stg_procurement__spend",
     "'T-1' as invoice_id, date '2019-01-01' as posting_date", "currency = 'JPY'"),
    ("a declaration that was declined", "stg_procurement__declaration",
     "'T-1' as declaration_id, 'DECLINED' as status", "true"),
    ("an audit by the buyer's own people", "stg_procurement__audit",
     "'T-1' as audit_id, 'OWN' as auditor_kind", "true"),
    ("an issue that is not salient yet", "stg_register__salient_issue",
     "'T-1' as record_id, 'SAMPLE other issue' as issue, date '2099-01-01' as since", "true"),
    ("a statement that is not due", "stg_register__msa_statement",
     "'T-1' as record_id, 'E-NONE' as entity_code, 'NOT_DUE' as status", "true"),
]  # fmt: skip


@contextmanager
def with_one_more(workshop: Workshop, model: str, columns: str, which: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database with one more record in a staging table: a copy of one that is there, with other columns."""
    more = f'(select * replace ({columns}) from "{model}" where {which} order by all desc limit 1)'
    with workshop.changed({model: f'select * from "{model}" union all {more}'}) as connection:
        yield connection


@pytest.mark.parametrize(("why", "model", "columns", "which"), OUT_OF_SCOPE, ids=[row[0] for row in OUT_OF_SCOPE])
def test_a_record_out_of_scope_changes_no_headline(
    workshop: Workshop, why: str, model: str, columns: str, which: str
) -> None:
    headline = "select * from board_headline order by all"
    before = workshop.connection.execute(headline).fetchall()
    records = workshop.connection.execute(f'select count(*) from "{model}"').fetchall()[0][0]
    with with_one_more(workshop, model, columns, which) as connection:
        assert connection.execute(f'select count(*) from "{model}"').fetchall() == [(records + 1,)]
        assert connection.execute(headline).fetchall() == before, why


EXTERNAL = "currency = 'JPY' and supplier_id in (select supplier_id from int_supplier_spend)"
DECLARATIONS = (
    "select perimeter, dimension, dimension_value, denominator from fct_metric_value"
    f" where metric_id = 'sup_declaration_spend_rate' and fiscal_quarter = '{Q4}'"
)


def test_what_an_unknown_company_bought_is_in_the_whole_and_in_a_part_unknown(workshop: Workshop) -> None:
    before = {row[:3]: row[3] for row in workshop.connection.execute(DECLARATIONS).fetchall()}
    unknown = "'T-1' as invoice_id, 'E-NONE' as buying_entity, 1000.00 as amount, date '2023-03-31' as posting_date"
    with with_one_more(workshop, "stg_procurement__spend", unknown, EXTERNAL) as connection:
        after = {row[:3]: row[3] for row in connection.execute(DECLARATIONS).fetchall()}
    for dimension in ("buying_entity", "buying_region"):
        assert after["grp", dimension, "UNKNOWN"] == 1000
        assert ("grp", dimension, "UNKNOWN") not in before
    assert after["grp", "total", "ALL"] == before["grp", "total", "ALL"] + 1000
    smaller = {place: value for place, value in before.items() if place[0] != "grp"}
    assert {place: value for place, value in after.items() if place[0] != "grp"} == smaller != {}


def test_who_works_for_an_unknown_company_is_in_the_whole_and_in_a_part_unknown(workshop: Workshop) -> None:
    heads = (
        "select perimeter, dimension, dimension_value, numerator from fct_metric_value"
        f" where metric_id = 'wrk_headcount' and fiscal_quarter = '{Q4}'"
    )
    attending = "select numerator from fct_metric_value where metric_id = 'trn_downstream_lecture_attendance'"
    attending += f" and dimension = 'total' and fiscal_quarter = '{Q4}'"
    before = {row[:3]: row[3] for row in workshop.connection.execute(heads).fetchall()}
    attended = workshop.connection.execute(attending).fetchall()
    nobody = "'W-0' as worker_key, 'P-0' as person_key, 'E-NONE' as legal_entity_code"
    at_work = f"as_of_date = '{Q4.end}' and legal_entity_code = 'E001' and employment_status = 'ACTIVE'"
    with with_one_more(workshop, "stg_hr__worker_month", nobody, at_work) as connection:
        after = {row[:3]: row[3] for row in connection.execute(heads).fetchall()}
    assert ("grp", "entity_code", "UNKNOWN") not in before
    assert after["grp", "entity_code", "UNKNOWN"] == 1
    assert after["grp", "total", "ALL"] == before["grp", "total", "ALL"] + 1
    smaller = {place: value for place, value in before.items() if place[0] != "grp"}
    assert {place: value for place, value in after.items() if place[0] != "grp"} == smaller != {}
    # Whoever moves to a company that nobody knows stays among those who attended.
    moved = "select * replace ('E-NONE' as legal_entity_code) from main.stg_hr__worker_month"
    with workshop.changed({"stg_hr__worker_month": moved}) as connection:
        assert connection.execute(attending).fetchall() == attended != []


@pytest.mark.parametrize(("currency", "counts"), [("JPY", True), ("QQQ", False)])
def test_a_fine_of_an_unknown_company_or_currency_is_counted_as_that(
    workshop: Workshop, currency: str, counts: bool
) -> None:
    fines = (
        "select dimension, dimension_value, numerator from fct_metric_value"
        f" where metric_id = 'grv_fines_compensation' and fiscal_quarter = '{Q4}' and dimension <> 'incident_class'"
    )
    left_out = "select reason, left_out from board_exclusions where metric_id = 'grv_fines_compensation'"
    guard = workshop.statement("int_fines_every_currency_has_its_rate")
    before = {row[:2]: row[2] for row in workshop.connection.execute(fines).fetchall()}
    more = f"'F-1' as record_id, 'E-NONE' as entity_code, '{currency}' as currency, 1000.00 as amount"
    with with_one_more(workshop, "stg_register__fine", f"{more}, date '2023-03-31' as recognised_on", "true") as there:
        after = {row[:2]: row[2] for row in there.execute(fines).fetchall()}
        told = there.execute(left_out).fetchall()
        assert there.execute(guard).fetchall() == []
    assert after == (before | {
        ("total", "ALL"): before["total", "ALL"] + 1000, ("entity_code", "UNKNOWN"): 1000,
    } if counts else before)  # fmt: skip
    assert told == ([] if counts else [("in a currency without a rate", 1)])


def test_an_amount_in_an_unknown_currency_is_in_no_sum_and_is_counted_as_left_out(workshop: Workshop) -> None:
    headline = "select * from board_headline order by all"
    reason = "in a currency without a rate"
    left_out = f"select metric_id, left_out from board_exclusions where reason = '{reason}' order by all"
    guard = workshop.statement("int_supplier_spend_every_currency_has_its_rate")
    before = workshop.connection.execute(headline).fetchall()
    assert workshop.connection.execute(left_out).fetchall() == []
    unknown = "'T-1' as invoice_id, 'QQQ' as currency, date '2023-03-31' as posting_date"
    with with_one_more(workshop, "stg_procurement__spend", unknown, EXTERNAL) as connection:
        assert connection.execute(headline).fetchall() == before
        assert connection.execute(left_out).fetchall() == [
            ("sup_contract_clause_spend_rate", 1), ("sup_declaration_spend_rate", 1), ("sup_spend_matched_rate", 1),
        ]  # fmt: skip
        lines = (PROJECT / "dbt_project" / "rows" / "sup_declaration_spend_rate.sql").read_text(encoding="utf-8")
        told = f"select row_key like '% T-1 %', part from ({lines}) where reason = '{reason}'"
        assert connection.execute(told, {"fiscal_quarter": str(Q4)}).fetchall() == [(True, "left out")]
        assert connection.execute(guard).fetchall() == []


def test_what_a_figure_leaves_out_is_counted_in_lines_by_the_board_and_by_the_rows_behind_it(
    workshop: Workshop,
) -> None:
    """One supplier of many lines is paid in a currency that has no rate."""
    reason = "in a currency without a rate"
    supplier = "select supplier_id from int_supplier_spend where currency = 'JPY' order by invoice_lines desc limit 1"
    unknown = (
        f"select * replace (case when supplier_id = ({supplier}) then 'QQQ' else currency end as currency)"
        " from main.stg_procurement__spend"
    )
    lines = (PROJECT / "dbt_project" / "rows" / "sup_declaration_spend_rate.sql").read_text(encoding="utf-8")
    with workshop.changed({"stg_procurement__spend": unknown}) as connection:
        told = dict(
            connection.execute(f"select metric_id, left_out from board_exclusions where reason = '{reason}'").fetchall()
        )
        behind = connection.execute(
            "select metric_id, count(*) from rows_supply_chain inner join dim_metric using (metric_id, basis)"
            f" where reason = '{reason}' and fiscal_quarter = '{Q4}' and perimeter = headline_perimeter group by all"
        ).fetchall()
        [(looked_up,)] = connection.execute(
            f"select count(*) from ({lines}) where reason = '{reason}'", {"fiscal_quarter": str(Q4)}
        ).fetchall()
    assert told == dict(behind)
    assert told["sup_declaration_spend_rate"] == told["sup_contract_clause_spend_rate"] == looked_up > 1


def test_a_known_currency_without_its_rate_of_a_month_stops_the_build(workshop: Workshop) -> None:
    guard = workshop.statement("int_supplier_spend_every_currency_has_its_rate")
    assert workshop.connection.execute(guard).fetchall() == []
    bought = "select max(posting_month) from int_supplier_spend where currency = 'USD'"
    [(month,)] = workshop.connection.execute(bought).fetchall()
    rates = f"select * from stg_procurement__fx_rate where currency <> 'USD' or month <> date '{month}'"
    with workshop.changed({"stg_procurement__fx_rate": rates}) as connection:
        assert connection.execute(guard).fetchall() == [("USD", month)]


def test_a_record_in_scope_changes_the_headline(workshop: Workshop) -> None:
    headline = "select metric_id, value from board_headline order by all"
    before = dict(workshop.connection.execute(headline).fetchall())
    one_more = "'W-0' as worker_key, 'P-0' as person_key"
    with with_one_more(workshop, "stg_hr__worker_month", one_more, "legal_entity_code = 'E001'") as connection:
        after = dict(connection.execute(headline).fetchall())
    assert after["wrk_headcount"] == before["wrk_headcount"] + 1


def test_what_is_delivered_for_the_next_quarter_is_not_even_seen_by_a_build_of_this_one(
    sample: Built, tmp_path: Path
) -> None:
    shutil.copytree(sample.settings.place("raw"), tmp_path / "raw", copy_function=os.link)
    later = Settings.load(data=tmp_path)
    before = plan(later, Q4)
    for file in write_samples(later, through=Q4.next()):
        if str(Q4.end) in file.name or file.parent.parent.name not in ("hr", "hotline"):
            file.unlink()
    assert len(land(later)) == len(load(later)) == len(check_extracts(later)) == 11
    assert plan(later, Q4) == before


# The counts of a flow, by quarter and since the year began. Distinct suppliers may stand in two quarters.
FLOWS = """
select metric_id, perimeter, basis, numerator
from fct_metric_value inner join dim_quarter using (fiscal_quarter)
where dimension = 'total' and denominator is null and metric_id <> 'sup_saq_high_risk' and fiscal_year = 2023
    and metric_id in (select metric_id from fct_metric_value where basis = 'qtr')
    and metric_id in (select metric_id from fct_metric_value where basis = 'ytd')
    and (basis = 'qtr' or (basis = 'ytd' and quarter_number = 4))
"""


def flows(rows: Rows) -> dict[tuple[str, str], dict[str, float]]:
    """For each metric and perimeter, what its quarters add up to and what it says of the year."""
    sums: dict[tuple[str, str], dict[str, float]] = {}
    for metric, perimeter, basis, numerator in rows:
        of = sums.setdefault((metric, perimeter), {"qtr": 0, "ytd": 0})
        of[basis] += numerator
    return sums


def test_quarters_add_up_to_the_year_to_date(workshop: Workshop) -> None:
    sums = flows(workshop.connection.execute(FLOWS).fetchall())
    assert sums["grv_hrh_cases_reported", "jp"] == {"qtr": 109, "ytd": 109}
    assert len(sums) >= 6
    assert {of: both for of, both in sums.items() if both["qtr"] != both["ytd"]} == {}


def test_a_late_case_is_the_true_up_between_what_was_said_and_what_is_known(workshop: Workshop) -> None:
    said = flows(workshop.connection.execute(FLOWS).fetchall())
    contact = (
        "select * replace ('T-1' as contact_id, 'HRH_SITE_DESK' as channel, 'REPORT' as kind,"
        " 'T-1' as canonical_case_id, date '2022-07-01' as submitted_quarter) from stg_hotline__contact limit 1"
    )
    case = "select * replace ('T-1' as case_id, date '2022-07-01' as received_quarter) from stg_hotline__case"
    with workshop.changed(
        {
            "stg_hotline__contact": f"select * from stg_hotline__contact union all ({contact})",
            "stg_hotline__case": f"select * from stg_hotline__case union all ({case} where region = 'JP' limit 1)",
        }
    ) as connection:
        known = flows(connection.execute(FLOWS).fetchall())
        quarter = connection.execute(
            "select numerator from board_headline inner join dim_quarter using (fiscal_quarter)"
            f" where metric_id = 'grv_hrh_cases_reported' and fiscal_quarter = '{Q4}'"
        ).fetchall()
    reported = ("grv_hrh_cases_reported", "jp")
    true_up = known[reported]["qtr"] - said[reported]["qtr"]
    assert true_up == 1
    assert known[reported]["ytd"] == said[reported]["qtr"] + true_up
    assert quarter == [(known[reported]["ytd"],)]
