"""Each classic mistake, made in the models themselves: it moves the figure it is about to its own wrong value.

The tables are those of the golden year (samples/README.md). A mistake is a changed statement of one or two models;
everything behind them is run again, and the whole headline is compared, so a figure that moved unasked fails too. A
mistake about who counts moves what else is counted of the same rows; the table names those figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sample_year import Q4, Workshop

Changes = tuple[tuple[str, str], ...]

COMPLETION = {"trn_bhr_completion_rate", "trn_bhr_gap_pp"}
COMPLETIONS = COMPLETION | {"trn_bhr_completion_rate_excl_dispatched"}
# What is counted of the same cases moves with them.
CASES = {"grv_hrh_cases_reported", "grv_cases_by_category"}
ROWS_OF_CASES = CASES | {"grv_committee_reported_rate", "grv_substantiated_discrimination"}

ADDED = "coalesce(sum(case when counted.persons is not null and counted.has_passed then counted.persons else 0 end), 0)"
COUNTED = "sum(case when counted.persons is not null then counted.persons end)"
PASSED_BY_ANYBODY = """(
    select count(distinct completions.person_key)
    from int_training_completions as completions
    inner join int_quarters as years on completions.completed_on between years.year_start and years.quarter_end
    inner join stg_hr__worker_month as workers on completions.person_key = workers.person_key
    inner join int_entities_in_perimeter as entities on workers.legal_entity_code = entities.entity_code
    where completions.programme_code = 'BHR_ANNUAL'
        and years.fiscal_quarter = quarters.fiscal_quarter
        and entities.perimeter = quarters.perimeter
)"""
AVERAGE_HEADCOUNT = """(
    select sum(1.0) / count(distinct workers.fiscal_quarter)
    from int_workers_in_scope as workers
    inner join int_quarters as earlier on workers.fiscal_quarter = earlier.fiscal_quarter
    inner join int_quarters as years on earlier.fiscal_year = years.fiscal_year
    where workers.is_in_training_scope
        and years.fiscal_quarter = quarters.fiscal_quarter
        and workers.perimeter = quarters.perimeter
)"""
ONE_ROW_A_CONTACT = ("and contacts.contact_no = 1", "")
BY_THE_DAY_OF_THE_CASE = (
    "coalesce(contacts.submitted_quarter, cases.received_quarter) as",
    "cases.received_quarter as",
)
EVERY_KIND = ("and kind in ('CONSULTATION', 'REPORT')", "")
EVERY_SIGN_IN: dict[str, Changes] = {
    "int_training_events": (
        ("select distinct\n    sessions", "select\n    sessions"),
        ("union\nselect distinct", "union all\nselect distinct"),
    ),
    "int_training_attendees": (
        ("max(case when attended.is_status_known and rosters.is_status_known then 1 else 0 end) = 1 as", "true as"),
        ("max(case when attended.is_live then 1 else 0 end) = 1 as", "attended.is_live as"),
        (
            "group by\n    quarters.fiscal_quarter,\n    rosters.perimeter,\n    attended.programme_code,\n"
            "    attended.attendee",
            "",
        ),
    ),
}
TWO_CASES = """
    select purged.case_id from stg_hotline__case as purged
    inner join stg_hotline__contact as heard on purged.case_id = heard.canonical_case_id
    where heard.channel = 'HRH_SITE_DESK' and heard.kind in ('CONSULTATION', 'REPORT')
        and purged.determination = 'UNSUBSTANTIATED' and purged.received_quarter between '2022-07-01' and '2022-12-31'
    group by purged.case_id
    order by purged.case_id limit 2
"""


@dataclass(frozen=True)
class Mistake:
    """A mistake, the models it is made in, the figure it is about with its wrong value, and all that moves with it."""

    name: str
    models: dict[str, Changes]
    metric_id: str
    wrong: float
    moved: set[str]
    wrong_status: str | None = None


MISTAKES = [
    Mistake(
        "dispatched workers dropped",
        {"int_training_population": (
            ("where workers.is_in_training_scope",
             "where workers.is_in_training_scope and workers.worker_category <> 'DISPATCHED'"),
        )},
        "trn_bhr_completion_rate", 87.9, COMPLETION,
    ),
    Mistake(
        "workers on leave kept in the denominator",
        {"metrics_training": (("counted.is_on_leave", "false"),)},
        "trn_bhr_completion_rate", 84.9, COMPLETIONS,
    ),
    Mistake(
        "completions counted, not persons",
        {
            "int_training_population": (
                ("min(completions.completed_on) as first", "completions.completed_on as first"),
                ("group by windows.fiscal_quarter, completions.person_key", ""),
                ("coalesce(passed.first_passed_on <= due.due_on, false)", "false"),
            ),
            "int_training_cube": (("count(*) as", "count(*) as passes, count(distinct person_key) as"),),
            "metrics_training": ((ADDED, ADDED.replace("then counted.persons", "then counted.passes")),),
        },
        "trn_bhr_completion_rate", 87.5, COMPLETIONS,
    ),
    Mistake(
        "leavers kept in the numerator",
        {"metrics_training": ((ADDED, PASSED_BY_ANYBODY),)},
        "trn_bhr_completion_rate", 88.5, COMPLETIONS,
    ),
    Mistake(
        "the other title of the course dropped",
        {"int_course_programmes": (("where coalesce(", "where courses.alias_of is null and coalesce("),)},
        "trn_bhr_completion_rate", 84.0, COMPLETIONS,
    ),
    Mistake(
        "failed attempts counted",
        {"int_training_completions": (("    completions.is_passed\n", "    true\n"),)},
        "trn_bhr_completion_rate", 87.0, COMPLETIONS,
    ),
    Mistake(
        "April counted",
        {"int_training_population": (
            ("between windows.year_start and windows.quarter_end", ">= windows.year_start"),
        )},
        "trn_bhr_completion_rate", 89.0, COMPLETIONS,
    ),
    Mistake(
        "average headcount as the denominator",
        {"metrics_training": ((f"cast({COUNTED} as double)", f"cast({AVERAGE_HEADCOUNT} as double)"),)},
        "trn_bhr_completion_rate", 83.7, COMPLETIONS,
    ),
    Mistake(
        "the day in UTC",
        {"int_training_completions": (("cast(540 as bigint)", "cast(0 as bigint)"),)},
        "trn_bhr_completion_rate", 86.5, COMPLETIONS,
    ),
    Mistake(
        "sign-ins counted, not interviewers", EVERY_SIGN_IN,
        "trn_interviewer_attendance", 748, {"trn_interviewer_attendance", "trn_officer_attendance"},
    ),
    Mistake(
        "sign-ins counted, not officers", EVERY_SIGN_IN,
        "trn_officer_attendance", 66, {"trn_interviewer_attendance", "trn_officer_attendance"},
    ),
    Mistake(
        "raw contacts counted",
        {"int_hotline_cases": (
            ONE_ROW_A_CONTACT, EVERY_KIND, ("in ('HRH_THIRD_PARTY', 'HRH_SITE_DESK')", "is not null"),
        )},
        "grv_hrh_cases_reported", 131, ROWS_OF_CASES,
    ),
    Mistake(
        "duplicates not merged",
        {"int_hotline_cases": (ONE_ROW_A_CONTACT, BY_THE_DAY_OF_THE_CASE)},
        "grv_hrh_cases_reported", 118, ROWS_OF_CASES,
    ),
    Mistake("enquiries kept", {"int_hotline_cases": (EVERY_KIND,)}, "grv_hrh_cases_reported", 115, CASES),
    Mistake(
        "re-opened cases counted again",
        {"int_hotline_cases": (("order by submitted_tick nulls last,", "order by submitted_tick desc,"),)},
        "grv_hrh_cases_reported", 113, CASES,
    ),
    Mistake(
        "another channel kept",
        {"int_hotline_cases": (("'HRH_SITE_DESK')", "'HRH_SITE_DESK', 'COMPLIANCE_HOTLINE')"),)},
        "grv_hrh_cases_reported", 112, CASES,
    ),
    Mistake(
        "allegations counted, not cases",
        {"int_hotline_cases": (
            ("where\n    contacts.case_id is not null",
             "left join stg_hotline__allegation as each on cases.case_id = each.case_id\n"
             "where\n    contacts.case_id is not null"),
        )},
        "grv_hrh_cases_reported", 153, ROWS_OF_CASES,
    ),
    Mistake(
        "the month of the incident used",
        {"int_hotline_cases": (
            ("coalesce(contacts.submitted_quarter, cases.received_quarter) as received_quarter",
             "cases.alleged_incident_quarter as received_quarter"),
        )},
        "grv_hrh_cases_reported", 101, CASES | {"grv_committee_reported_rate"},
    ),
    Mistake(
        "two cases purged at the source",
        {"int_hotline_cases": (
            ("    contacts.case_id is not null\n    or other_contacts.case_id is null",
             f"cases.case_id not in ({TWO_CASES})"
             " and (contacts.case_id is not null or other_contacts.case_id is null)"),
        )},
        "grv_hrh_cases_reported", 107, CASES,
    ),
    Mistake(
        "group companies kept in the denominator",
        {"int_supplier_spend": (("<> 'INTRAGROUP'", "<> 'NOBODY'"),)},
        "sup_declaration_spend_rate", 72.0, {"sup_declaration_spend_rate"}, "MISSED",
    ),
    Mistake(
        "lapsed declarations counted",
        {"int_suppliers_with_declaration": (
            ("coalesce(declarations.valid_to, cast('9999-12-31' as date)) >= quarters.quarter_end", "true"),
        )},
        "sup_declaration_spend_rate", 89.0, {"sup_declaration_spend_rate"},
    ),
    Mistake(
        "declarations of parents ignored",
        {"int_suppliers_with_declaration": (("and valid.scope = 'GROUP'", "and false"),)},
        "sup_declaration_spend_rate", 79.0, {"sup_declaration_spend_rate"},
    ),
    Mistake(
        "suppliers counted, not their amounts",
        {"metrics_supply_chain": (
            ("coalesce(sum(case when counted.row_key is not null and counted.is_declared"
             " then counted.amount_jpy else 0 end), 0)",
             "count(distinct case when counted.is_declared then counted.supplier_key end)"),
            ("sum(case when counted.row_key is not null then counted.amount_jpy end)",
             "count(distinct counted.supplier_key)"),
        )},
        "sup_declaration_spend_rate", 15.5, {"sup_declaration_spend_rate"}, "MISSED",
    ),
    Mistake(
        "credits dropped",
        {"int_invoice_lines": (
            ("and spend.posting_date between", "and spend.amount > 0 and spend.posting_date between"),
        )},
        "sup_declaration_spend_rate", 81.7, {"sup_declaration_spend_rate"},
    ),
]  # fmt: skip

HEADLINE = "select metric_id, round(value, 1), numerator, denominator, value_state, target_status from board_headline"


def headline(workshop: Workshop, models: dict[str, Changes]) -> dict[str, tuple[object, ...]]:
    statements = {model: workshop.statement(model, *changes) for model, changes in models.items()}
    with workshop.changed(statements) as connection:
        return {row[0]: row[1:] for row in connection.execute(HEADLINE).fetchall()}


@pytest.fixture(scope="module")
def right(workshop: Workshop) -> dict[str, tuple[object, ...]]:
    return {row[0]: row[1:] for row in workshop.connection.execute(HEADLINE).fetchall()}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_moves_its_figure_to_its_own_wrong_value_and_no_other(
    workshop: Workshop, right: dict[str, tuple[object, ...]], mistake: Mistake
) -> None:
    wrong = headline(workshop, mistake.models)
    assert wrong[mistake.metric_id][0] == mistake.wrong
    assert {metric for metric in right if wrong[metric] != right[metric]} == mistake.moved
    status = mistake.wrong_status or right[mistake.metric_id][-1]
    assert wrong[mistake.metric_id][-1] == status


def test_no_two_mistakes_about_a_figure_look_alike() -> None:
    for metric in {mistake.metric_id for mistake in MISTAKES}:
        values = [mistake.wrong for mistake in MISTAKES if mistake.metric_id == metric]
        assert len(set(values)) == len(values)


def test_a_workshop_that_changes_nothing_moves_nothing(
    workshop: Workshop, right: dict[str, tuple[object, ...]]
) -> None:
    assert headline(workshop, {"int_hotline_cases": (), "int_workers_in_scope": (), "int_supplier_spend": ()}) == right


def test_a_zero_claimed_while_cases_wait_for_their_category_is_another_state(
    workshop: Workshop, right: dict[str, tuple[object, ...]]
) -> None:
    metric = "grv_forced_labour_trafficking_reports"
    wrong = headline(workshop, {"int_hotline_quarters": (("uncategorised.fiscal_quarter is not null as", "false as"),)})
    assert right[metric] == (0, 0, None, "PROVISIONAL_UNCATEGORISED", "NO_TARGET")
    assert wrong[metric] == (0, 0, None, "MEASURED_ZERO", "NO_TARGET")
    assert {other for other in right if wrong[other] != right[other]} == {metric}


def test_the_rate_of_one_day_moves_the_amounts_and_no_status(
    workshop: Workshop, right: dict[str, tuple[object, ...]]
) -> None:
    wrong = headline(
        workshop,
        {"int_supplier_spend": (("and spend.posting_month = rates.month", "and rates.month = date '2023-03-01'"),)},
    )
    metric = "sup_declaration_spend_rate"
    assert wrong[metric] != right[metric]
    assert wrong[metric][-1] == right[metric][-1] == "MET"
    assert {other for other in right if wrong[other] != right[other]} == {metric}


def test_the_year_that_a_japanese_label_would_mean_has_no_roster_and_stops(workshop: Workshop) -> None:
    guard = workshop.statement("int_quarters_release_quarter_has_its_roster")
    assert workshop.connection.execute(guard).fetchall() == []
    nendo = workshop.statement(
        "int_rosters", *((f"'{year}-", f"'{year + 1}-") for year in (2023, 2022, 2021, 2020, 2019))
    )
    with workshop.changed({"int_rosters": nendo}) as connection:
        assert connection.execute(guard).fetchall() == [(str(Q4),)]
