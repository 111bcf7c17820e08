"""A status that no list has: its record is in no figure that looks at the status, and each of those says so by name."""

from __future__ import annotations

import pytest
from sample_year import Q4, Workshop
from test_invariants import FIGURES, with_one_more

WORK = {
    *("trn_bhr_completion_rate", "trn_bhr_completion_rate_excl_dispatched", "trn_bhr_gap_pp", "trn_bhr_on_time_rate"),
    *("trn_hr_hours_per_worker", "wrk_headcount", "wrk_policy_coverage_rate", "wrk_collective_coverage_rate"),
    *("wrk_under_min_age", "wrk_ohs_system_coverage_rate", "gov_code_ack_rate", "grv_zero_claim_strength"),
    *("grv_channel_coverage_rate", "grv_language_coverage_rate"),
}
AT_WORK = (
    f"as_of_date = '{Q4.end}' and legal_entity_code = 'E001' and worker_category = 'REGULAR' and role_flags is null"
    " and employment_status = 'ACTIVE'"
)
# One more record of a status that no list has: (what it is, staging model, the columns of a copied record, of which
# one, the figures that name it among what they leave out).
OF_UNKNOWN_STATUS = [
    ("a worker", "stg_hr__worker_month",
     "'W-0' as worker_key, 'P-0' as person_key, 'UNKNOWN' as employment_status", AT_WORK, WORK),
    ("another post of a worker", "stg_hr__worker_month",
     "'W-0' as worker_key, 'UNKNOWN' as employment_status", AT_WORK, set()),
    ("a session", "stg_training__session", "'T-1' as session_id, 'UNKNOWN' as status",
     f"programme_code = 'HOTLINE_STAFF' and held_on between '{Q4.start}' and '{Q4.end}'",
     {"trn_hotline_staff_sessions"}),
    ("a goal", "stg_register__goal",
     "'T-1' as record_id, 'UNKNOWN' as status", "fiscal_year = 'FY2023'", {"gov_goals_on_track_rate"}),
    ("a declaration of a supplier that has another", "stg_procurement__declaration",
     "'T-1' as declaration_id, 'UNKNOWN' as status", "status = 'SIGNED'", set()),
    ("a step from closed to a state that nobody knows", "stg_hotline__status_history",
     "'CLOSED' as from_status, 'UNKNOWN' as to_status, changed_tick - 1000000 as changed_tick",
     "changed_quarter = '2023-01-01' and to_status = 'CLOSED' and case_id in (select case_id from"
     " int_hotline_cases where region = 'JP')", {"grv_reopened_cases"}),
]  # fmt: skip
LEFT_OUT = "select metric_id, reason, left_out from board_exclusions order by all"


def looked_at(workshop: Workshop) -> str:
    """Every row that a figure of the quarter looked at, in the perimeter and on the basis of its headline."""
    views = " union all ".join(
        f"select metric_id, perimeter, basis, fiscal_quarter, reason from {model}"
        for model in sorted(workshop.nodes)
        if model.startswith("rows_") and model != "rows_cases"
    )
    return (
        f"(select rows_behind.* from ({views}) as rows_behind inner join dim_metric using (metric_id, basis)"
        f" where perimeter = headline_perimeter and fiscal_quarter = '{Q4}')"
    )


def left_out_row_by_row(workshop: Workshop) -> str:
    rows = f"{looked_at(workshop)} where reason is not null"
    return f"select metric_id, reason, count(*) from {rows} group by all order by all"


@pytest.mark.parametrize(
    ("what", "model", "columns", "which", "metrics"), OF_UNKNOWN_STATUS, ids=[row[0] for row in OF_UNKNOWN_STATUS]
)
def test_one_more_record_of_unknown_status_moves_no_figure_and_is_named_by_those_that_look_at_it(
    workshop: Workshop, what: str, model: str, columns: str, which: str, metrics: set[str]
) -> None:
    figures, told = (workshop.connection.execute(query).fetchall() for query in (FIGURES, LEFT_OUT))
    records = workshop.connection.execute(f'select count(*) from "{model}"').fetchall()[0][0]
    with with_one_more(workshop, model, columns, which) as connection:
        assert connection.execute(f'select count(*) from "{model}"').fetchall() == [(records + 1,)]
        assert connection.execute(FIGURES).fetchall() == figures, what
        now = connection.execute(LEFT_OUT).fetchall()
        assert set(now) - set(told) == {(metric, "of unknown status", 1) for metric in metrics}
        assert set(told) <= set(now)
        assert now == connection.execute(left_out_row_by_row(workshop)).fetchall()


# What was counted and is not any more, for its status became unknown: (staging model, of which record, the figures that
# move -> why they leave it out). A figure that left it out before, for another reason, does not move.
CLOSED = {
    metric: "of unknown status"
    for metric in (
        *("grv_closure_days_median", "grv_recurrence_rate", "grv_remedy_rate"),
        *("grv_root_cause_rate", "grv_substantiation_rate"),
    )
}
BECAME_UNKNOWN = [
    ("stg_hotline__case",
     "case_id = (select min(case_id) from int_hotline_cases_in_perimeter where perimeter = 'jp' and is_substantiated"
     " and closed_quarter = '2023-01-01' and not is_discrimination and not is_other_human_right)", CLOSED),
    ("stg_training__session",
     "session_id = (select min(session_id) from int_training_sessions where is_held and programme_code = 'INTERVIEWER'"
     " and held_on between '2022-04-01' and '2023-03-31')", {"trn_interviewer_attendance": "of unknown status"}),
    ("stg_procurement__declaration",
     "supplier_id = (select min(supplier_id) from int_suppliers inner join int_suppliers_active using (supplier_key)"
     f" where is_declared and parent_supplier_id is null and fiscal_quarter = '{Q4}')",
     dict.fromkeys(("sup_declaration_spend_rate", "sup_declaration_supplier_rate", "sup_declaration_expiring_90d",
                    "sup_declaration_outdated_version"), "with a declaration of unknown status only")),
]  # fmt: skip


@pytest.mark.parametrize(("model", "which", "moved"), BECAME_UNKNOWN, ids=[row[0] for row in BECAME_UNKNOWN])
def test_what_counted_before_its_status_became_unknown_is_left_out_by_name_and_still_looked_at(
    workshop: Workshop, model: str, which: str, moved: dict[str, str]
) -> None:
    rows = f"select metric_id, count(*) from {looked_at(workshop)} group by all order by all"
    figures, told, seen = (set(workshop.connection.execute(query).fetchall()) for query in (FIGURES, LEFT_OUT, rows))
    unknown = f"select * replace (case when {which} then 'UNKNOWN' else status end as status) from main.{model}"
    with workshop.changed({model: unknown}) as connection:
        now = connection.execute(LEFT_OUT).fetchall()
        assert {row[0] for row in figures ^ set(connection.execute(FIGURES).fetchall())} == set(moved)
        assert moved.items() <= {metric: reason for metric, reason, _ in set(now) - told if "unknown" in reason}.items()
        assert set(connection.execute(rows).fetchall()) == seen
        assert now == connection.execute(left_out_row_by_row(workshop)).fetchall()
