"""Training, awareness, workforce and safety: each figure is what plain Python finds in the sample extracts' own rows.

No statement of the mart is used here. A figure is worked out from the rows as their senders wrote them, by the words of
the catalog, and compared with numerator and denominator of the build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, cached_property
from typing import Any

import pytest
from sample_year import Q4, Built, Workshop

from samples import hr, safety, training
from samples.extract import LOCAL

YEAR, QUARTER, END = date(2022, 4, 1), date(2023, 1, 1), date(2023, 3, 31)
Row = dict[str, Any]


@cache
def extract(family: Any, name: str) -> list[Row]:
    """The rows of a sample extract, by the names of their columns."""
    found = next(extract for extract in family.extracts() if extract.extract == name)
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def local(instant: str) -> date:
    return datetime.fromisoformat(instant).astimezone(LOCAL).date()


@dataclass(frozen=True)
class Year:
    """The sample year as its senders tell it."""

    @cached_property
    def companies(self) -> dict[str, Row]:
        """Consolidated companies on the last day."""
        return {
            row["entity_code"]: row
            for row in extract(hr, "entity")
            if row["consolidated"] == "true" and row["valid_from"] <= END and (row["valid_to"] or END) >= END
        }

    @cached_property
    def people(self) -> dict[str, list[Row]]:
        """Work relationships at work in consolidated companies on the last day, by person."""
        found: dict[str, list[Row]] = {}
        for row in extract(hr, "worker_month"):
            at_work = row["employment_status"] not in ("TERMINATED", "NOT_STARTED")
            if row["as_of_date"] == str(END) and at_work and row["legal_entity_code"] in self.companies:
                found.setdefault(row["person_key"], []).append(row)
        return found

    def holders(self, role: str, entities: Iterable[str]) -> set[str]:
        """Who holds a role in one of the companies."""
        places = set(entities)
        return {
            person
            for person, posts in self.people.items()
            if any(post["legal_entity_code"] in places and post["role_flags"] == role for post in posts)
        }

    @cached_property
    def person_of(self) -> dict[str, str]:
        return {row["learner_id"]: row["person_key"] for row in extract(training, "learner_xref")}

    @cached_property
    def sign_ins(self) -> list[tuple[str, date, str]]:
        """Programme, day and person of each sign-in to a held session."""
        held = {
            row["session_id"]: (row["programme_code"], row["held_on"])
            for row in extract(training, "session")
            if row["status"] == "HELD"
        }
        return [
            (*held[row["session_id"]], self.person_of[row["learner_id"]]) for row in extract(training, "attendance")
        ]

    @cached_property
    def passes(self) -> list[tuple[str, date, str, str]]:
        """Course, local day, person and mode of each pass."""
        return [
            (row["course_code"], local(row["completed_at"]), self.person_of[row["learner_id"]], row["mode"])
            for row in extract(training, "completion")
            if row["passed"] == "true"
        ]

    def attended(self, programme: str, since: date = YEAR) -> set[str]:
        return {person for name, day, person in self.sign_ins if name == programme and since <= day <= END}

    def passed(self, *courses: str) -> set[str]:
        return {person for course, day, person, _ in self.passes if course in courses and YEAR <= day <= END}

    @cached_property
    def population(self) -> set[str]:
        """The parent's workers in training who were not away for the whole year."""
        away = {
            row["worker_key"]
            for row in extract(hr, "leave")
            if row["leave_start"] <= YEAR and (row["leave_end"] is None or row["leave_end"] >= END)
        }
        kinds = {"REGULAR", "FIXED_TERM", "PART_TIME", "TEMPORARY", "DISPATCHED"}
        return {
            person
            for person, posts in self.people.items()
            for post in posts
            if post["legal_entity_code"] == "E001" and post["worker_category"] in kinds
            if post["worker_key"] not in away
        }

    @property
    def in_japan(self) -> set[str]:
        return {code for code, row in self.companies.items() if row["region"] == "JP"}


SAMPLE = Year()
ANNUAL = ("BHR-101", "BHR-101E", "CHR-101")


def on_time() -> tuple[int, int]:
    due = {
        SAMPLE.person_of[row["learner_id"]]: row["due_on"]
        for row in extract(training, "assignment")
        if row["course_code"] in ANNUAL
    }
    first: dict[str, date] = {}
    for course, day, person, _ in SAMPLE.passes:
        if course in ANNUAL and YEAR <= day <= END:
            first[person] = min(day, first.get(person, day))
    in_time = {person for person, day in first.items() if person in due and day <= due[person]}
    return len(in_time & SAMPLE.population), len(SAMPLE.population)


def hours() -> tuple[float, int]:
    courses = [row for row in extract(training, "course") if row["theme"]]
    minutes = {row["course_code"]: row["nominal_minutes"] for row in courses}
    course_of = {row["course_code"]: row["alias_of"] for row in courses if row["alias_of"]}
    taken = {
        (course_of.get(course, course), minutes[course], person)
        for course, day, person, _ in SAMPLE.passes
        if course in minutes and YEAR <= day <= END and person in SAMPLE.population
    }
    return sum(length for _, length, _ in taken) / 60, len(SAMPLE.population)


def share(trained: set[str], of: set[str]) -> tuple[int, int]:
    return len(trained & of), len(of)


def interviewers() -> tuple[int, int]:
    since = {
        person: date.fromisoformat(post["role_flag_since"])
        for person, posts in SAMPLE.people.items()
        for post in posts
        if post["role_flags"] == "INTERVIEWER"
    }
    before = {
        person for name, day, person in SAMPLE.sign_ins if name == "INTERVIEWER" and day <= since.get(person, END)
    }
    return share(before, set(since))


def managers() -> tuple[int, int]:
    new = {
        person
        for person, posts in SAMPLE.people.items()
        if any(post["role_flags"] == "NEW_MANAGER" and post["role_flag_since"] >= str(YEAR) for post in posts)
    }
    in_post = {person for person in SAMPLE.people if counted(person)["grade_group"] == "MANAGER"} - new
    return len(SAMPLE.passed("NMG-201") & new) + len(SAMPLE.passed("MGR-202") & in_post), len(new | in_post)


def counted(person: str) -> Row:
    """The post under which a person counts: at home before abroad, and a training duty first."""
    kinds = ("REGULAR", "FIXED_TERM", "PART_TIME", "TEMPORARY", "DISPATCHED")
    return min(
        SAMPLE.people[person], key=lambda post: (post["worker_category"] not in kinds, post["home_or_host"] == "HOST")
    )


def new_officers() -> tuple[int, int]:
    new = {
        person
        for person in SAMPLE.holders("NEW_OFFICER", SAMPLE.in_japan)
        if any(post["role_flag_since"] >= str(YEAR) for post in SAMPLE.people[person])
    }
    return share(SAMPLE.attended("NEW_OFFICER"), new)


def access() -> tuple[int, int]:
    enrolled = {SAMPLE.person_of[row["learner_id"]] for row in extract(training, "assignment")}
    opened = {post["legal_entity_code"] for person in enrolled for post in SAMPLE.people.get(person, [])}
    return share(opened, SAMPLE.in_japan - {"E001"})


def security() -> tuple[int, int]:
    own = SAMPLE.holders("SECURITY", {"E001"})
    contractors = {
        person
        for person, posts in SAMPLE.people.items()
        if any(p["worker_category"] == "SECURITY_CONTRACTOR" and p["legal_entity_code"] == "E001" for p in posts)
    }
    return share(SAMPLE.passed("SEC-404"), own | contractors)


def lecture() -> tuple[int, None]:
    watched = {
        person for course, day, person, mode in SAMPLE.passes if (course, mode) == ("DVL-401", "REPLAY") and day <= END
    }
    return len(SAMPLE.attended("DOWNSTREAM_LECTURE") | watched), None


def system() -> tuple[int, int]:
    latest: dict[str, Row] = {}
    for row in sorted(extract(safety, "ohs_survey"), key=lambda row: row["submitted_on"]):
        latest[row["entity_code"]] = row
    covered = sum(
        latest.get(counted(person)["legal_entity_code"], {}).get("has_management_system") == "true"
        for person in SAMPLE.people
    )
    return covered, len(SAMPLE.people)


def survey() -> tuple[int, int]:
    answered = {row["entity_code"] for row in extract(safety, "ohs_survey") if row["opened_on"] >= YEAR}
    return share(answered, set(SAMPLE.companies))


def overdue() -> tuple[int, None]:
    rows = extract(safety, "ohs_finding")
    return sum(row["due_on"] < END and (row["closed_on"] is None or row["closed_on"] > END) for row in rows), None


def accidents() -> tuple[int, float]:
    rows = [row for row in extract(safety, "accident") if YEAR <= row["month_end"] <= END]
    return sum(row["recordable_accidents"] for row in rows), sum(float(row["hours_worked"]) for row in rows)


def messages() -> tuple[int, None]:
    return sum(QUARTER <= row["issued_on"] <= END for row in extract(safety, "awareness_message")), None


def themes() -> tuple[int, None]:
    theme_of = {row["course_code"]: row["theme"] for row in extract(training, "course")}
    said = {theme_of[course] for course, day, _, _ in SAMPLE.passes if YEAR <= day <= END}
    return len(said - {None}), None


def under_policy() -> tuple[int, int]:
    adopted = {
        code for code, row in SAMPLE.companies.items() if row["policy_adopted_on"] and row["policy_adopted_on"] <= END
    }
    return sum(counted(person)["legal_entity_code"] in adopted for person in SAMPLE.people), len(SAMPLE.people)


FIGURES: dict[str, Callable[[], tuple[float, float | None]]] = {
    "trn_bhr_on_time_rate": on_time,
    "trn_hr_themes_delivered": themes,
    "trn_hr_hours_per_worker": hours,
    "trn_hotline_staff_trained_rate": lambda: share(
        SAMPLE.attended("HOTLINE_STAFF", QUARTER), SAMPLE.holders("HOTLINE_STAFF", SAMPLE.in_japan)
    ),
    "trn_manager_completion_rate": managers,
    "trn_interviewer_coverage_rate": interviewers,
    "trn_officer_coverage_rate": new_officers,
    "trn_group_access_rate": access,
    "trn_security_contractor_rate": security,
    "trn_downstream_lecture_attendance": lecture,
    "trn_highrisk_ops_workshop_rate": lambda: share(
        SAMPLE.attended("HIGH_RISK_WORKSHOP"), SAMPLE.holders("INTL_HIGH_RISK", SAMPLE.companies)
    ),
    "trn_legal_compliance_rate": lambda: share(
        SAMPLE.attended("LEGAL_COMPLIANCE"), SAMPLE.holders("LEGAL_COMPLIANCE", {"E001"})
    ),
    "trn_awareness_messages": messages,
    "trn_procurement_staff_rate": lambda: share(
        SAMPLE.passed("PRC-405"), SAMPLE.holders("PROCUREMENT", SAMPLE.companies)
    ),
    "wrk_policy_coverage_rate": under_policy,
    "wrk_under_min_age": lambda: (0, None),
    "wrk_hr_ohs_survey_rate": survey,
    "wrk_ohs_system_coverage_rate": system,
    "wrk_ohs_findings_open": overdue,
    "wrk_recordable_accidents": accidents,
}


@pytest.mark.parametrize("metric_id", FIGURES)
def test_a_figure_is_what_the_senders_rows_say(sample: Built, metric_id: str) -> None:
    numerator, denominator = FIGURES[metric_id]()
    assert sample.total(metric_id, "numerator, denominator") == (pytest.approx(numerator, abs=1e-6), denominator)


def test_a_value_follows_its_rule(sample: Built) -> None:
    values = dict(
        sample.rows(
            f"select metric_id, value from fct_metric_value inner join dim_metric using (metric_id, basis)"
            f" where fiscal_quarter = '{Q4}' and dimension = 'total' and perimeter = headline_perimeter"
        )
    )
    worked, denominator = hours()
    assert values["trn_hr_hours_per_worker"] == pytest.approx(worked / denominator)
    recordable, worked_hours = accidents()
    assert values["wrk_recordable_accidents"] == pytest.approx(1e6 * recordable / worked_hours)


PARTS = """
select dimension_value, numerator, denominator from fct_metric_value
where metric_id = '{}' and dimension = '{}' and fiscal_quarter = 'FY2023-Q4' order by 1
"""


def test_two_cohorts_of_managers_and_two_employers_of_guards_stand_apart(sample: Built) -> None:
    numerator, denominator = managers()
    assert sample.rows(PARTS.format("trn_manager_completion_rate", "cohort")) == [
        ("MANAGER", numerator - 108, denominator - 120),
        ("NEW_MANAGER", 108, 120),
    ]
    assert sample.rows(PARTS.format("trn_security_contractor_rate", "employer")) == [
        ("CONTRACTOR", 42, 60),
        ("OWN", 22, 25),
    ]


def test_who_was_live_and_watched_again_was_live(sample: Built) -> None:
    live = len(SAMPLE.attended("DOWNSTREAM_LECTURE"))
    assert sample.rows(PARTS.format("trn_downstream_lecture_attendance", "mode")) == [
        ("LIVE", live, None),
        ("REPLAY", lecture()[0] - live, None),
    ]


# A mistake in a population, the figure that it moves, and the figure's parts after it.
MISTAKES = [
    (
        "the latest pass taken for the first",
        {"int_training_population": (("min(completions.completed_on)", "max(completions.completed_on)"),)},
        "trn_bhr_on_time_rate",
    ),
    (
        "the due day itself taken for late",
        {"int_training_population": (("first_passed_on <= due.due_on", "first_passed_on < due.due_on"),)},
        "trn_bhr_on_time_rate",
    ),
    (
        "trained on the very day taken for late",
        {
            "int_role_training": (
                ("first_trained_on <= persons.role_flag_since", "first_trained_on < persons.role_flag_since"),
            )
        },
        "trn_interviewer_coverage_rate",
    ),
    (
        "an old flag taken for a new manager",
        {"int_role_training": (("and posts.is_role_new", ""),)},
        "trn_manager_completion_rate",
    ),
    (
        "every attempt counted in the hours",
        {"int_theme_completions": (("attempt_no = 1 as", "true as"),)},
        "trn_hr_hours_per_worker",
    ),
    (
        "the due day itself taken for past due",
        {"int_ohs_findings": (("findings.due_on < quarters", "findings.due_on <= quarters"),)},
        "wrk_ohs_findings_open",
    ),
    (
        "what was closed on the last day taken for open",
        {"int_ohs_findings": (("closed_on <= quarters", "closed_on < quarters"),)},
        "wrk_ohs_findings_open",
    ),
    (
        "the round before counted for this year",
        {"int_companies": (("surveys.opened_on between quarters.year_start and quarters.quarter_end", "true"),)},
        "wrk_hr_ohs_survey_rate",
    ),
    (
        "only the live audience counted",
        {"int_training_attendees": (("mode <> 'ELEARNING'", "mode = 'LIVE'"),)},
        "trn_downstream_lecture_attendance",
    ),
]
HEADLINES = """
select metric_id, numerator, denominator from fct_metric_value inner join dim_metric using (metric_id, basis)
where fiscal_quarter = 'FY2023-Q4' and dimension = 'total' and perimeter = headline_perimeter
"""


@pytest.mark.parametrize(("name", "models", "metric_id"), MISTAKES, ids=[name for name, *_ in MISTAKES])
def test_a_mistake_in_a_population_moves_its_figure_and_no_other(
    workshop: Workshop, name: str, models: dict[str, tuple[tuple[str, str], ...]], metric_id: str
) -> None:
    right = {row[0]: row[1:] for row in workshop.connection.execute(HEADLINES).fetchall()}
    with workshop.changed({model: workshop.statement(model, *changes) for model, changes in models.items()}) as changed:
        wrong = {row[0]: row[1:] for row in changed.execute(HEADLINES).fetchall()}
    assert {metric for metric in right if wrong[metric] != right[metric]} == {metric_id}, name
