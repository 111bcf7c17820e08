"""A figure on the command line: everything that stands behind it, and no record of it."""

from __future__ import annotations

import csv
import os
import shutil
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from sample_year import Q4, Built

from pipeline import store
from pipeline.cli import main
from pipeline.database import connect
from pipeline.errors import HrddError
from pipeline.figure import ROWS, figure, rows_behind
from pipeline.provenance import provenance
from pipeline.settings import Settings

WITH_ROWS = sorted(file.stem for file in ROWS.glob("*.sql"))
# What a row of each set adds to the figure: a row is a contact, a person's relationship, or an invoice line.
COUNTED = {
    "grv_hrh_cases_reported": {"numerator": 109},
    "trn_bhr_completion_rate": {"numerator": 19_092, "denominator only": 22_200 - 19_092},
}
LEFT_OUT = {
    "ai_rights_complaints": [34],
    "qa_uncategorised_rate": [],
    "grv_hrh_cases_reported": [22, 9, 6, 4],
    "trn_bhr_completion_rate": [3719, 300, 103, 20],
    "sup_declaration_spend_rate": [96, 25],
}


@pytest.mark.parametrize("metric_id", WITH_ROWS)
def test_every_row_is_in_one_part_of_the_figure_or_left_out_for_one_reason(sample: Built, metric_id: str) -> None:
    found = figure(sample.settings, Q4, metric_id)["rows"]
    left_out = [rows["rows"] for rows in found["sets"] if rows["part"] == "left out"]
    assert left_out == LEFT_OUT[metric_id]
    assert all(bool(rows["reason"]) is (rows["part"] == "left out") for rows in found["sets"])
    assert sum(rows["rows"] for rows in found["sets"]) == found["looked_at"]
    parts = {rows["part"]: rows["rows"] for rows in found["sets"] if rows["part"] != "left out"}
    assert parts == COUNTED.get(metric_id, parts)
    statement = (ROWS / f"{metric_id}.sql").read_text(encoding="utf-8").replace("$fiscal_quarter", f"'{Q4}'")
    assert sample.rows(f"select count(*), count(distinct row_key) from ({statement})") == [(found["looked_at"],) * 2]


def test_the_rows_behind_a_figure_add_up_to_it(sample: Built) -> None:
    views = sample.rows("select view_name from duckdb_views() where view_name like 'rows%' and not internal")
    assert ("rows_training",) in views
    declared = 0
    for (view,) in views:
        # Over every perimeter, basis and quarter: a figure without a row has nothing to add.
        sums = sample.rows(
            "select numerator, denominator, rows_behind.* exclude (metric_id, perimeter, basis, fiscal_quarter)"
            f" from (select metric_id, perimeter, basis, fiscal_quarter, sum(adds_to_numerator),"
            f" sum(adds_to_denominator), count(*), count(distinct row_key), count(part)"
            f" from {view} group by all) as rows_behind inner join fct_metric_value"
            " using (metric_id, perimeter, basis, fiscal_quarter) where dimension = 'total' and value is not null"
        )
        for numerator, denominator, adds_to_numerator, adds_to_denominator, rows, keys, parts in sums:
            assert rows == keys == parts
            if adds_to_numerator is not None:
                assert pytest.approx((adds_to_numerator, adds_to_denominator)) == (numerator, denominator)
                declared += 1
    assert declared > 50


def test_a_row_is_left_out_for_a_reason_and_counts_without_one(sample: Built) -> None:
    for (view,) in sample.rows("select view_name from duckdb_views() where view_name like 'rows%' and not internal"):
        assert sample.rows(f"select * from {view} where (part = 'left out') <> (reason is not null) limit 1") == []


def test_the_rows_behind_a_figure_can_be_asked_for_by_any_reason(sample: Built) -> None:
    for (view,) in sample.rows("select view_name from duckdb_views() where view_name like 'rows%' and not internal"):
        for (reason,) in sample.rows(f"select distinct reason from {view} union select 'no reason of any figure'"):
            assert len(sample.rows(f"select * from {view} where reason = '{reason}' limit 1")) <= 1


def test_the_counts_by_reason_are_those_of_the_rows_that_are_left_out(sample: Built) -> None:
    counted = sample.rows("select metric_id, reason, left_out from board_exclusions order by all")
    views = sample.rows("select view_name from duckdb_views() where view_name like 'rows%' and not internal")
    # Rows of cases are of other themes' figures: those are in no release.
    every_row = " union all ".join(f"select * from {view}" for (view,) in views if view != "rows_cases")
    assert counted == sample.rows(
        f"select metric_id, reason, count(*) from ({every_row}) inner join dim_metric using (metric_id, basis)"
        f" where perimeter = headline_perimeter and fiscal_quarter = '{Q4}' and reason is not null"
        " group by all order by all"
    )
    assert len(counted) > 30


def test_every_metric_has_its_figure_and_the_rows_behind_it_with_their_digest_and_query(sample: Built) -> None:
    with connect(sample.settings, sample.folder / "due_diligence.duckdb", read_only=True) as connection:
        metrics = [metric for (metric,) in connection.execute("select metric_id from dim_metric").fetchall()]
        ways = {metric: way for metric in metrics if (way := rows_behind(connection, metric)) is not None}
        rows_of = {
            metric: connection.execute(statement, {"fiscal_quarter": str(Q4)}).fetchall()
            for metric, (_, statement) in ways.items()
        }
    assert set(rows_of) == set(metrics)
    for metric, rows in rows_of.items():
        shown = figure(sample.settings, Q4, metric)
        assert shown["metric_id"] == metric
        found = shown["rows"]
        assert found["query"] == ways[metric][0]
        for told in found["sets"]:
            keys = sorted(row[0] for row in rows if row[1:] == (told["part"], told["reason"]))
            assert told["rows"] == len(keys)
            assert told["digest"] == store.sha256_bytes("\n".join(keys).encode())
        assert sum(told["rows"] for told in found["sets"]) == found["looked_at"] == len(rows)


def test_the_invoice_lines_behind_a_rate_add_up_to_it(sample: Built) -> None:
    statement = (ROWS / "sup_declaration_spend_rate.sql").read_text(encoding="utf-8")
    sums = sample.rows(
        "select part, cast(sum(amount_jpy) as double) from int_supplier_spend_lines inner join"
        f" ({statement.replace('$fiscal_quarter', repr(str(Q4)))}) as behind"
        " using (row_key) group by part order by part"
    )
    assert sums == [("denominator only", 150e9), ("numerator", 850e9)]


def test_p20_the_reasons_for_which_a_figure_leaves_rows_out_add_up_to_all_that_it_looked_at(sample: Built) -> None:
    views = sample.rows("select view_name from duckdb_views() where view_name like 'rows%' and not internal")
    columns = "metric_id, perimeter, basis, fiscal_quarter, part, reason"
    # Rows of cases are of other themes' figures: how many of those are left out is in no release.
    looked_at = " union all ".join(f"select {columns} from {view}" for (view,) in views if view != "rows_cases")
    told = sample.rows(
        f"""
        with looked_at as (
            select rows_behind.* from ({looked_at}) as rows_behind inner join dim_metric using (metric_id, basis)
            where perimeter = headline_perimeter and fiscal_quarter = '{Q4}'
        ),
        sums as (
            select metric_id, count(*) as everything,
                count(*) filter (part <> 'left out' or reason is null) as in_or_not_of_the_count
            from looked_at group by metric_id
        ),
        reasons as (select metric_id, sum(left_out) as left_out from board_exclusions group by metric_id)
        select metric_id, everything, in_or_not_of_the_count + coalesce(left_out, 0)
        from sums left join reasons using (metric_id) order by metric_id
        """
    )
    assert len(told) > 80
    assert [row for row in told if row[1] != row[2]] == []
    reasons = "select reason, left_out from board_exclusions where metric_id = 'trn_bhr_completion_rate'"
    assert sample.rows(reasons) == [("on leave all the while the course was offered", 300)]


def test_another_row_is_another_digest(sample: Built) -> None:
    sets = figure(sample.settings, Q4, "grv_hrh_cases_reported")["rows"]["sets"]
    assert len({rows["digest"] for rows in sets}) == len(sets)
    assert figure(sample.settings, Q4, "grv_hrh_cases_reported")["rows"]["sets"] == sets


def said(settings: Settings, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["--data", str(settings.data), "figure", *arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize("metric_id", WITH_ROWS)
def test_no_key_of_a_row_is_printed(sample: Built, metric_id: str) -> None:
    code, text = said(sample.settings, metric_id, "--quarter", str(Q4))
    assert code == 0
    assert f"dbt_project/rows/{metric_id}.sql" in text
    keys = sample.rows(
        "select person_key from stg_hr__worker_month union select worker_key from stg_hr__worker_month"
        " union select case_id from stg_hotline__case union select contact_id from stg_hotline__contact"
        " union select invoice_id from stg_procurement__spend"
    )
    assert len(keys) > 1000
    assert [key for (key,) in keys if key in text] == []


def test_a_figure_comes_with_target_state_and_neighbors(sample: Built) -> None:
    code, text = said(sample.settings, "trn_bhr_completion_rate", "--quarter", str(Q4))
    assert code == 0
    for expected in ("86.0 %", "numerator: 19,092", "denominator: 22,200", "target value: 90", "MISSED", "83.7368"):
        assert expected in text


def test_a_count_without_target_and_other_rules_says_so_and_shows_all_the_rest(sample: Built) -> None:
    code, text = said(sample.settings, "grv_hrh_cases_reported", "--quarter", str(Q4))
    assert code == 0
    parts = (
        "Hotline, FY2023-Q4: 109",
        "value state: MEASURED",
        "numerator: 109",
        "denominator: none",
        "target value: none",
        "target status: NO_TARGET",
        "Under other rules: its definition knows no other.",
        "Releases of the quarter: none yet.",
        "As known today: 109",
        "The 150 rows it looked at",
    )
    for part in parts:
        assert f"{part}\n" in text


@pytest.mark.parametrize(("day", "is_known"), [(date(2023, 4, 13), False), (date(2023, 4, 14), True)])
def test_a_figure_is_known_by_the_end_of_its_cut_off_day_and_not_before(
    sample: Built, day: date, is_known: bool
) -> None:
    if is_known:
        assert figure(sample.settings, Q4, "wrk_headcount", day)["cutoff_at"] == "2023-04-14T15:00:00+00:00"
    else:
        with pytest.raises(HrddError, match="has no figures") as stopped:
            figure(sample.settings, Q4, "wrk_headcount", day)
        assert all(stopped.value.parts().values())


def test_a_metric_that_nobody_knows_is_said_to_be_unknown(sample: Built) -> None:
    code, text = said(sample.settings, "grv_cases", "--quarter", str(Q4))
    assert code == 1
    assert "There is no such metric" in text
    assert "grv_hrh_cases_reported" in text


CELL = {"metric_id": "grv_hrh_cases_reported", "perimeter": "jp", "basis": "ytd", "fiscal_quarter": str(Q4),
        "dimension": "total", "dimension_value": "ALL"}  # fmt: skip


def write_table(file: Path, *rows: dict[str, object]) -> None:
    file.parent.mkdir(exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


@pytest.fixture
def released(sample: Built, tmp_path: Path) -> Settings:
    """The build, with two releases of the quarter: the second one says one case less."""
    shutil.copytree(sample.settings.place("builds"), tmp_path / "builds", copy_function=os.link)
    inputs = store.read_json(sample.folder / "inputs.json")["deliveries"]
    there = {"inputs": inputs, "code": provenance(), "settings": sample.settings.chosen()}
    for revision, cases, day in ((1, 110, "2023-04-20"), (2, 109, "2023-05-30")):
        folder = tmp_path / "releases" / str(Q4) / f"r{revision}"
        moment = f"{day}T00:00:00+00:00"
        store.write_json(
            folder / "manifest.json",
            {"release": f"{Q4}/r{revision}", "released_at": moment, "cutoff_at": moment, **there},
        )
        said = {**CELL, "value": cases, "display_value": cases, "value_state": "MEASURED"}
        write_table(folder / "tables" / "grievance.csv", {**said, "basis": "qtr", "value": 27}, said)
    return Settings.load(data=tmp_path)


def test_a_restatement_is_the_difference_between_two_releases(released: Settings) -> None:
    releases = figure(released, Q4, "grv_hrh_cases_reported")["releases"]
    assert [(said["value"], said["change"]) for said in releases] == [(110, None), (109, -1)]


def test_as_of_a_day_the_later_release_is_unknown(released: Settings) -> None:
    releases = figure(released, Q4, "grv_hrh_cases_reported", date(2023, 5, 1))["releases"]
    assert [said["release"] for said in releases] == [f"{Q4}/r1"]


def test_two_clocks_tell_what_the_board_saw_what_is_known_and_why_they_differ(released: Settings) -> None:
    write_table(
        released.place("releases", str(Q4), "r2", "tables", "revision.csv"),
        {**CELL, "perimeter": "grp", "reasons": "FX_REVISION"},
        {**CELL, "reasons": "LATE_DATA DUPLICATE_MERGED"},
    )
    clocks = figure(released, Q4, "grv_hrh_cases_reported", date(2023, 5, 1))["clocks"]
    assert (clocks["board_saw"]["release"], clocks["board_saw"]["value"]) == (f"{Q4}/r1", 110)
    assert clocks["known_today"]["value"] == 109
    assert clocks["steps"] == [
        {"release": f"{Q4}/r2", "value": 109, "change": -1, "reasons": "LATE_DATA DUPLICATE_MERGED"}
    ]
    code, text = said(released, "grv_hrh_cases_reported", "--quarter", str(Q4), "--as-of", "2023-05-01")
    assert code == 0
    assert f"As the board saw it on 2023-05-01: 110, {Q4}/r1" in text
    assert "As known today: 109" in text
    assert "LATE_DATA" in text.split("From the one to the other")[1]


@pytest.mark.parametrize(
    ("day", "seen", "steps"),
    [("2023-04-19", None, 2), ("2023-04-20", "r1", 1), ("2023-05-29", "r1", 1), ("2023-05-30", "r2", 0)],
)
def test_the_board_saw_what_was_out_by_the_end_of_the_day(
    released: Settings, day: str, seen: str | None, steps: int
) -> None:
    clocks = figure(released, Q4, "grv_hrh_cases_reported", date.fromisoformat(day))["clocks"]
    assert (clocks["board_saw"] or {}).get("release") == (f"{Q4}/{seen}" if seen else None)
    assert len(clocks["steps"]) == steps


@pytest.mark.parametrize(
    ("extract", "reasons"), [("case", "LATE_DATA, not released yet"), ("channel", "not released yet")]
)
def test_what_no_release_says_yet_is_a_step_of_its_own_and_the_steps_add_up(
    released: Settings, extract: str, reasons: str
) -> None:
    folder = released.place("releases", str(Q4), "r2")
    file = folder / "tables" / "grievance.csv"
    file.write_text(file.read_text().replace("109,109", "107,107"))
    manifest = store.read_json(folder / "manifest.json")
    known = [d for d in manifest["inputs"] if (d["family"], d["extract"]) != ("hotline", extract)]
    assert len(known) < len(manifest["inputs"])
    store.write_json(folder / "manifest.json", {**manifest, "inputs": known})
    clocks = figure(released, Q4, "grv_hrh_cases_reported", date(2023, 5, 1))["clocks"]
    assert [(step["release"], step["change"]) for step in clocks["steps"]] == [(f"{Q4}/r2", -3), (None, 2)]
    assert clocks["steps"][-1]["reasons"] == reasons
    apart = clocks["known_today"]["value"] - clocks["board_saw"]["value"]
    assert sum(step["change"] for step in clocks["steps"]) == apart


def test_a_figure_says_which_extracts_it_rests_on(sample: Built) -> None:
    rests_on = figure(sample.settings, Q4, "grv_fines_compensation")["rests_on"]
    assert rests_on == ["hr/entity", "procurement/fx_rate", "register/fine"]
    code, text = said(sample.settings, "grv_fines_compensation", "--quarter", str(Q4))
    assert code == 0
    assert "rests on: hr/entity, procurement/fx_rate, register/fine" in text


def test_every_metric_rests_on_something_but_the_one_that_counts_what_a_release_withholds(sample: Built) -> None:
    resting = {metric for (metric,) in sample.rows("select metric_id from dim_metric_source")}
    metrics = {metric for (metric,) in sample.rows("select metric_id from dim_metric")}
    assert metrics - resting == {"qa_suppressed_cells"}
    assert resting < metrics
