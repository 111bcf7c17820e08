"""Grievance and remedy: each figure is what plain Python finds in the sample extracts' own rows.

The senders' rows still have their days, which load takes away: a figure that is right by quarters and by each case's
own clock is right by the days too.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property

import pytest
from sample_year import Built, Workshop
from test_figures_of_people import END, QUARTER, SAMPLE, YEAR, Row, counted, extract, local
from test_invariants import with_one_more

from pipeline.quarter import FiscalQuarter
from samples import conduct, hotline, hr, procurement

DESKS = ("HRH_THIRD_PARTY", "HRH_SITE_DESK")
FOUND = ("SUBSTANTIATED", "PARTLY")


@dataclass(frozen=True)
class Matter:
    """A case with the contact that opened it and its allegations."""

    file: Row
    contact: Row
    allegations: tuple[str, ...]  # the main one first

    @property
    def received(self) -> date:
        return local(self.contact["submitted_at"])

    @property
    def channel(self) -> str:
        return str(self.contact["channel"])

    @property
    def closed(self) -> date | None:
        return self.file["closed_date"] if self.file["status"] == "CLOSED" else None

    @property
    def is_of_the_hotline(self) -> bool:
        return self.channel in DESKS

    @property
    def is_found(self) -> bool:
        return self.file["determination"] in FOUND


class Year:
    """The hotline's year as its senders tell it."""

    @cached_property
    def matters(self) -> list[Matter]:
        """Every case about a matter, by its first contact that is a report or a consultation."""
        first: dict[str, Row] = {}
        for row in extract(hotline, "contact"):
            if row["kind"] in ("REPORT", "CONSULTATION"):
                case = row["canonical_case_id"]
                first[case] = min(first.get(case, row), row, key=lambda contact: contact["submitted_at"])
        said: dict[str, list[Row]] = {}
        for row in extract(hotline, "allegation"):
            said.setdefault(row["case_id"], []).append(row)
        return [
            Matter(
                file,
                first[file["case_id"]],
                tuple(
                    row["category"]
                    for row in sorted(said[file["case_id"]], key=lambda row: row["is_primary"] != "true")
                ),
            )
            for file in extract(hotline, "case")
            if file["case_id"] in first
        ]

    @property
    def in_japan(self) -> list[Matter]:
        return [matter for matter in self.matters if matter.file["region"] == "JP"]

    def received(self, matters: list[Matter], since: date = YEAR) -> list[Matter]:
        return [matter for matter in matters if since <= matter.received <= END]

    @property
    def closed(self) -> list[Matter]:
        """Cases in Japan closed within the twelve months, which here are the fiscal year."""
        return [matter for matter in self.in_japan if matter.closed and YEAR <= matter.closed <= END]

    @property
    def hotline(self) -> list[Matter]:
        """The hotline's cases of the year."""
        return [matter for matter in self.received(self.in_japan) if matter.is_of_the_hotline]


SAID = Year()


def count(matters: list[Matter], which: Callable[[Matter], bool]) -> tuple[int, None]:
    return sum(map(which, matters)), None


def share(matters: list[Matter], which: Callable[[Matter], bool]) -> tuple[int, int]:
    return sum(map(which, matters)), len(matters)


def everywhere(which: Callable[[Matter], bool]) -> tuple[int, None]:
    return count(SAID.received(SAID.matters), which)


def fines() -> tuple[Decimal, None]:
    rows = [row for row in extract(conduct, "fine") if YEAR <= row["recognised_on"] <= END]
    total = Decimal(0)
    for row in rows:
        month = row["recognised_on"].replace(day=1)
        rate = Decimal(1) if row["currency"] == "JPY" else procurement.rate(month, row["currency"])
        total += Decimal(row["amount"]) * rate
    return total, None


def in_time() -> tuple[int, int]:
    matters = [matter for matter in SAID.hotline if matter.received >= QUARTER]
    return share(matters, lambda matter: (matter.file["first_reply_date"] - matter.received).days <= 7)


def feedback() -> tuple[int, int]:
    before = FiscalQuarter.containing(QUARTER).previous()
    matters = [
        matter
        for matter in SAID.in_japan
        if matter.is_of_the_hotline and before.start <= matter.file["first_reply_date"] <= before.end
    ]

    def was_told(matter: Matter) -> bool:
        told = matter.file["feedback_date"]
        return told is not None and (told - matter.file["first_reply_date"]).days <= 92

    return share(matters, was_told)


def closure() -> tuple[float, int]:
    days = [(matter.closed - matter.received).days for matter in SAID.closed if matter.closed]
    return statistics.median(days), len(days)


def still_open() -> tuple[int, None]:
    """By the states of each case, which every case of the sample has."""
    last: dict[str, Row] = {}
    for row in extract(hotline, "status_history"):
        if local(row["changed_at"]) <= END:
            last[row["case_id"]] = max(last.get(row["case_id"], row), row, key=lambda state: state["changed_at"])
    matters = [matter for matter in SAID.in_japan if matter.received <= END]
    return count(matters, lambda matter: last[matter.file["case_id"]]["to_status"] != "CLOSED")


def opened_again() -> tuple[int, None]:
    rows = extract(hotline, "status_history")
    again = {
        row["case_id"]
        for row in rows
        if row["from_status"] == "CLOSED"
        and row["to_status"] == "REOPENED"
        and QUARTER <= local(row["changed_at"]) <= END
    }
    return len(again), None


def done() -> set[str]:
    return {
        row["case_id"]
        for row in extract(hotline, "action")
        if row["type"] != "NONE" and row["done_on"] is not None and row["done_on"] <= END
    }


def recurrence() -> tuple[int, int]:
    found = [m for m in SAID.in_japan if m.is_found and m.closed and m.file["entity_code"]]

    def quarter(matter: Matter) -> FiscalQuarter:
        assert matter.closed is not None
        return FiscalQuarter.containing(matter.closed)

    def has_twin(matter: Matter) -> bool:
        return any(
            other.allegations[0] == matter.allegations[0]
            and other.file["entity_code"] == matter.file["entity_code"]
            and quarter(matter).plus(-4) <= quarter(other) < quarter(matter)
            for other in found
        )

    return share([matter for matter in found if matter.closed and YEAR <= matter.closed <= END], has_twin)


def overdue() -> tuple[int, None]:
    """Days are gone past load: an action that is due on the very last day counts, and the sample has none."""
    regions = {matter.file["case_id"]: matter.file["region"] for matter in SAID.matters}
    rows = [row for row in extract(hotline, "action") if regions[row["case_id"]] == "JP" and row["type"] != "NONE"]
    assert END not in {row["due_on"] for row in rows}
    return sum(row["due_on"] < END and (row["done_on"] is None or row["done_on"] > END) for row in rows), None


def per_hundred() -> tuple[int, float]:
    """Against the average of the four quarter ends."""
    japan: dict[str, set[str]] = {}
    for row in extract(hr, "worker_month"):
        at_work = row["employment_status"] not in ("TERMINATED", "NOT_STARTED")
        if row["as_of_date"] > str(YEAR) and at_work and row["legal_entity_code"] in SAMPLE.in_japan:
            japan.setdefault(row["as_of_date"], set()).add(row["person_key"])
    assert len(japan) == 4
    return len(SAID.hotline), sum(map(len, japan.values())) / 4


def language() -> tuple[int, int]:
    served = sum(_is_served(counted(person)) for person in SAMPLE.people)
    return served, len(SAMPLE.people)


def _is_served(post: Row) -> bool:
    reporter = "DISPATCHED" if post["worker_category"] in ("DISPATCHED", "SECURITY_CONTRACTOR") else "EMPLOYEE"
    return any(
        post["work_language"] in row["languages"].split(";")
        and post["legal_entity_code"] in (row["entities"] or "").split(";")
        and reporter in row["reporter_types"].split(";")
        for row in extract(hotline, "channel")
        if row["valid_from"] <= END and (row["valid_to"] or END) >= END
    )


def channels_tested() -> tuple[int, int]:
    passed = {
        row["channel"]
        for row in extract(conduct, "channel_test")
        if row["passed"] == "true" and QUARTER <= local(row["tested_at"]) <= END
    }
    valid = {
        row["channel"]
        for row in extract(hotline, "channel")
        if row["valid_from"] <= END and (row["valid_to"] or END) >= END
    }
    return len(passed & valid), len(valid)


def sites() -> tuple[int, int]:
    there = {
        row["site_code"]
        for row in extract(hr, "site")
        if row["entity_code"] in SAMPLE.companies and (row["valid_to"] or END) >= END
    }
    served = {
        row["site_code"]
        for row in extract(conduct, "site_contact")
        if row["appointed_on"] <= END <= (row["until"] or END)
    }
    return len(there & served), len(there)


def silent() -> tuple[int, None]:
    workers: dict[str, int] = {}
    for person in SAMPLE.people:
        place = counted(person)["legal_entity_code"]
        workers[place] = workers.get(place, 0) + 1
    heard = {matter.file["entity_code"] for matter in SAID.received(SAID.matters)}
    return sum(number >= 200 and place not in heard for place, number in workers.items()), None


def duplicates() -> tuple[int, None]:
    first = {matter.file["case_id"]: matter for matter in SAID.in_japan}
    merged = [
        row
        for row in extract(hotline, "contact")
        if row["kind"] in ("REPORT", "CONSULTATION") and QUARTER <= local(row["submitted_at"]) <= END
        if row["canonical_case_id"] in first
        and first[row["canonical_case_id"]].contact is not row
        and first[row["canonical_case_id"]].received >= YEAR
    ]
    return len(merged), None


def recategorised() -> tuple[int, None]:
    received = {matter.file["case_id"]: matter.received for matter in SAID.in_japan}
    changed = {
        row["case_id"]
        for row in extract(hotline, "category_history")
        if QUARTER <= local(row["changed_at"]) <= END and received[row["case_id"]] < QUARTER
    }
    return len(changed), None


def determined() -> list[Matter]:
    return [m for m in SAID.closed if m.file["determination"] in (*FOUND, "UNSUBSTANTIATED")]


FIGURES: dict[str, Callable[[], tuple[float | Decimal, float | None]]] = {
    "grv_hrh_cases_reported": lambda: (len(SAID.hotline), None),
    "grv_child_labour_reports": lambda: everywhere(lambda m: "CHILD_LABOUR" in m.allegations),
    "grv_forced_labour_trafficking_reports": lambda: everywhere(
        lambda m: bool({"FORCED_LABOUR", "TRAFFICKING"} & set(m.allegations))
    ),
    "grv_reports_all_channels": lambda: everywhere(lambda m: m.allegations[0] != "NOT_HR"),
    "grv_supplier_reports": lambda: everywhere(lambda m: m.contact["reporter_type"] == "SUPPLIER"),
    "grv_customer_resident_reports": lambda: everywhere(
        lambda m: m.channel == "CCC" and m.allegations[0] not in ("NOT_HR", "UNCATEGORISED")
    ),
    "grv_jacer_grievances": lambda: everywhere(lambda m: m.channel == "JACER"),
    "grv_fines_compensation": fines,
    "grv_substantiation_rate": lambda: share(determined(), lambda m: m.is_found),
    "grv_anonymous_share": lambda: share(SAID.hotline, lambda m: m.contact["identity"] == "ANONYMOUS"),
    "grv_retaliation_allegations": lambda: count(
        SAID.received(SAID.in_japan), lambda m: "RETALIATION" in m.allegations
    ),
    "grv_ack_7d_rate": in_time,
    "grv_feedback_3m_rate": feedback,
    "grv_closure_days_median": closure,
    "grv_open_cases": still_open,
    "grv_reopened_cases": opened_again,
    "grv_remedy_rate": lambda: share([m for m in SAID.closed if m.is_found], lambda m: m.file["case_id"] in done()),
    "grv_root_cause_rate": lambda: share(
        [m for m in SAID.closed if m.file["determination"] != "UNDETERMINED"],
        lambda m: m.file["cause_code"] is not None,
    ),
    "grv_recurrence_rate": recurrence,
    "grv_confidentiality_breaches": lambda: (
        sum(
            row["confirmed_on"] is not None and YEAR <= row["confirmed_on"] <= END
            for row in extract(conduct, "confidentiality_breach")
        ),
        None,
    ),
    "grv_actions_overdue": overdue,
    "grv_reports_per_100": per_hundred,
    "grv_language_coverage_rate": language,
    "grv_channel_test_pass_rate": channels_tested,
    "grv_site_contact_coverage_rate": sites,
    "grv_silent_entities": silent,
    "grv_duplicates_merged": duplicates,
    "grv_recategorised": recategorised,
}


@pytest.mark.parametrize("metric_id", FIGURES)
def test_a_figure_is_what_the_senders_rows_say(sample: Built, metric_id: str) -> None:
    numerator, denominator = FIGURES[metric_id]()
    assert sample.total(metric_id, "numerator, denominator") == (pytest.approx(float(numerator)), denominator)


def test_a_measured_zero_is_not_a_source_that_had_not_begun(sample: Built) -> None:
    states = "select fiscal_quarter, value_state from fct_metric_value where metric_id = '{}' and basis = '{}' and"
    states += " dimension = 'total' and perimeter = '{}' order by 1"
    breaches = dict(sample.rows(states.format("grv_confidentiality_breaches", "ytd", "grp")))
    assert [breaches[quarter] for quarter in ("FY2022-Q3", "FY2022-Q4", "FY2023-Q4")] == [
        "NOT_MEASURED", "MEASURED", "MEASURED_ZERO",
    ]  # fmt: skip
    recategorised = dict(sample.rows(states.format("grv_recategorised", "qtr", "jp")))
    assert recategorised["FY2022-Q4"] == "NOT_MEASURED"
    grievances = dict(sample.rows(states.format("grv_jacer_grievances", "qtr", "grp")))
    assert {grievances[quarter] for quarter in ("FY2022-Q4", "FY2023-Q1", "FY2023-Q2")} == {"MEASURED_ZERO"}


def test_the_year_of_the_hotline_has_nine_contacts_that_were_merged(sample: Built) -> None:
    # The nine of the golden year; the four that came back to a case of the year before are no duplicates.
    merged = "select sum(numerator) from fct_metric_value where metric_id = 'grv_duplicates_merged'"
    assert sample.rows(f"{merged} and dimension = 'total' and fiscal_quarter like 'FY2023-%'") == [(9,)]
    came_back = (
        "select count(*) from rows_grievance where metric_id = 'grv_duplicates_merged' and reason like 'came back%'"
    )
    assert sample.rows(f"{came_back} and fiscal_quarter like 'FY2023-%'") == [(4,)]


MISTAKES = [
    (
        "the reply of the eighth day taken for in time",
        {"metrics_grievance": (("counted.days_to_reply <= 7", "counted.days_to_reply <= 8"),)},
        {"grv_ack_7d_rate"},
    ),
    (
        "the reply of the seventh day taken for late",
        {"metrics_grievance": (("counted.days_to_reply <= 7", "counted.days_to_reply < 7"),)},
        {"grv_ack_7d_rate"},
    ),
    (
        "what was decided taken for done",
        {"int_hotline_cases": (("and done_quarter is not null", ""), ("min(done_quarter)", "min(decided_quarter)"))},
        {"grv_remedy_rate"},
    ),
    (
        "cases that were withdrawn or referred counted as determined",
        {"metrics_grievance": ((f"counted.determination not in {(*FOUND, 'UNSUBSTANTIATED')}", "false"),)},
        {"grv_substantiation_rate"},
    ),
    (
        "contacts about old cases counted as duplicates",
        {"int_hotline_merged_contacts": (("contacts.submitted_year > cases.received_year", "false"),)},
        set(),
    ),
    (
        "a category changed in the quarter of receipt counted",
        {"int_hotline_events": (("changed_quarter > cases.received", "changed_quarter >= cases.received"),)},
        set(),
    ),
    (
        "twins of whatever company",
        {"int_hotline_recurrences": (("and cases.entity_code = twins.entity_code", ""),)},
        {"grv_recurrence_rate"},
    ),
    (
        "a test that failed taken for one that passed",
        {"int_channels_tested": (("when tests.is_passed then", "when tests.channel is not null then"),)},
        {"grv_channel_test_pass_rate"},
    ),
    (
        "a contact who left the day before kept",
        {"int_sites": (("coalesce(contacts.until, cast('9999-12-31' as date)) >= sites.quarter_end", "true"),)},
        {"grv_site_contact_coverage_rate"},
    ),
    (
        "companies of every size",
        {"metrics_grievance": (("counted.workers < 200", "counted.workers < 1"),)},
        {"grv_silent_entities"},
    ),
    (
        "the headcount of the last day for the average",
        {"int_companies_and_reports": (
            ("coalesce(headcount.workers_of_all_quarters, 0) as double) / rosters.quarters_with_roster",
             "coalesce(headcount.workers, 0) as double)"),
        )},
        {"grv_reports_per_100"},
    ),
]  # fmt: skip
HEADLINES = """
select metric_id, numerator, denominator from fct_metric_value inner join dim_metric using (metric_id, basis)
where fiscal_quarter = 'FY2023-Q4' and dimension = 'total' and perimeter = headline_perimeter
"""
EVERY_QUARTER = HEADLINES.replace("fiscal_quarter = 'FY2023-Q4'", "true").replace(
    "numerator, ", "fiscal_quarter, numerator, "
)


@pytest.mark.parametrize(("name", "models", "moved"), MISTAKES, ids=[name for name, *_ in MISTAKES])
def test_a_mistake_moves_its_figure_and_no_other(
    workshop: Workshop, name: str, models: dict[str, tuple[tuple[str, str], ...]], moved: set[str]
) -> None:
    """Those that are about another quarter than the last one are looked for in every quarter."""
    query = HEADLINES if moved else EVERY_QUARTER
    right = {row[: len(row) - 2]: row[-2:] for row in workshop.connection.execute(query).fetchall()}
    with workshop.changed({model: workshop.statement(model, *changes) for model, changes in models.items()}) as changed:
        wrong = {row[: len(row) - 2]: row[-2:] for row in changed.execute(query).fetchall()}
    found = {key[0] for key in right if wrong[key] != right[key]}
    assert found == (moved or {"grv_duplicates_merged" if "duplicates" in name else "grv_recategorised"}), name


# Records that no figure may count: (why, staging model, the columns that put a copied record out of scope, of which).
OUT_OF_SCOPE = [
    ("a test of a channel that is not one", "stg_register__channel_test",
     "'T-1' as record_id, 'NO-CHANNEL' as channel", "is_passed"),
    ("an action about no case", "stg_hotline__action", "'T-1' as case_id, null as done_quarter", "true"),
    ("a state of no case", "stg_hotline__status_history", "'T-1' as case_id, 'CLOSED' as from_status", "true"),
    ("another category of a further allegation", "stg_hotline__category_history", "99 as allegation_no", "true"),
    ("a site of a company outside the group", "stg_hr__site", "'T-1' as site_code, 'E-NONE' as entity_code", "true"),
    ("a contact of a business unit", "stg_register__site_contact",
     "'T-1' as record_id, 'E001-S04' as site_code, 'BUSINESS_UNIT' as kind", "true"),
    ("a fine of a later year", "stg_register__fine", "'T-1' as record_id, date '2023-04-01' as recognised_on", "true"),
    ("a breach that nobody confirmed", "stg_register__confidentiality_breach",
     "'T-1' as record_id, date '2023-02-01' as suspected_on, null as confirmed_on", "true"),
    ("a finding of later", "stg_register__ohs_finding",
     "'T-1' as record_id, 'T-1' as finding_key, date '2023-04-01' as found_on", "true"),
    ("a survey of a company outside the group", "stg_register__ohs_survey",
     "'T-1' as record_id, 'E-NONE' as entity_code", "true"),
    ("accidents of a later month", "stg_register__accident",
     "'T-1' as record_id, date '2023-04-30' as month_end", "true"),
    ("a message of a later quarter", "stg_register__awareness_message",
     "'T-1' as record_id, date '2023-04-01' as issued_on", "true"),
    ("an enrolment in another course", "stg_training__assignment",
     "'SEC-101' as course_code, date '2022-06-01' as due_on", "due_on > date '2022-06-01'"),
]  # fmt: skip


@pytest.mark.parametrize(("why", "model", "columns", "which"), OUT_OF_SCOPE, ids=[row[0] for row in OUT_OF_SCOPE])
def test_a_record_out_of_scope_moves_no_figure(
    workshop: Workshop, why: str, model: str, columns: str, which: str
) -> None:
    before = workshop.connection.execute(f"{HEADLINES} order by all").fetchall()
    records = workshop.connection.execute(f'select count(*) from "{model}"').fetchall()[0][0]
    with with_one_more(workshop, model, columns, which) as connection:
        assert connection.execute(f'select count(*) from "{model}"').fetchall() == [(records + 1,)]
        assert connection.execute(f"{HEADLINES} order by all").fetchall() == before, why
