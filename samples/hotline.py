"""Sample extracts of family hotline: contacts, the cases they were merged into, their allegations, the channels.

FY2023 has 131 contacts, of which 109 are the first of a case that counts. The others are the second contact of such a
case through another desk, enquiries, contacts that re-open a case of FY2022, and reports to the Compliance Hotline.
Seven cases of the last quarter have no category yet; a late delivery gives them one. What came from outside Japan and
through the other channels stands apart: it is of no figure of the hotline's own desks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from pipeline.quarter import FiscalQuarter
from samples.extract import AS_OF, Extract, columns, day_between, moment, office_moment, seeded, taken, truth

SYSTEM = "SAMPLE hotline case system"
CASES_BY_QUARTER = {
    **dict(zip((FiscalQuarter(2022, n) for n in (1, 2, 3, 4)), (26, 28, 25, 24), strict=True)),
    **dict(zip((FiscalQuarter(2023, n) for n in (1, 2, 3, 4)), (24, 31, 27, 27), strict=True)),
}
# Final category of FY2023's cases by quarter of receipt, Q1 to Q4.
CATEGORIES = {
    "POWER_HARASSMENT": (9, 12, 10, 9),
    "SEXUAL_HARASSMENT": (3, 4, 3, 4),
    "MATERNITY_CARE_HARASSMENT": (1, 1, 1, 1),
    "OTHER_HARASSMENT": (0, 1, 1, 1),
    "HUMAN_RELATIONS": (5, 7, 6, 6),
    "WORK_ENVIRONMENT": (4, 3, 4, 4),
    "DISCRIMINATION": (1, 1, 0, 1),
    "WORKING_TIME_WAGES": (0, 1, 1, 1),
    "RETALIATION": (1, 0, 0, 0),
    "PRIVACY_AI": (0, 1, 0, 0),
    "OTHER_HR": (0, 0, 1, 0),
}
# Cases of the last quarter that have no category at the first cut, by the category that they get later.
NOT_YET = {
    "POWER_HARASSMENT": 3,
    "SEXUAL_HARASSMENT": 1,
    "HUMAN_RELATIONS": 1,
    "WORK_ENVIRONMENT": 1,
    "WORKING_TIME_WAGES": 1,
}
SECOND_ALLEGATIONS = 44
SECOND_CONTACTS = 9
ENQUIRIES = 6
REOPENED = 4
COMPLIANCE = 3
INCIDENT_BEFORE_THE_YEAR = 8
AFTER_THE_YEAR = 2
NOT_YET_IN_COMMITTEE_REPORT = 2
LATE_AT = datetime(2023, 5, 22, 1, tzinfo=UTC)

CONTACT = columns(
    "channel contact_id intake_method submitted_at language kind reporter_type identity canonical_case_id"
)
CASE = columns(
    "case_id received_date opened_date alleged_incident_month region entity_code legal_class status determination "
    "closed_date first_reply_date feedback_date committee_report_id severity cause_code"
)
ACTION = columns("case_id action_no type decided_on due_on done_on owner_division")
STATUS = columns("case_id changed_at from_status to_status")
RECATEGORISED = columns("case_id allegation_no changed_at from_category to_category")
ALLEGATION = columns("case_id allegation_no category is_primary ground right_code")
CHANNEL = columns("channel valid_from valid_to languages entities reporter_types third_party anonymous last_test_on")

REPLIED_AFTER = {5: 7, 6: 8}  # of thirteen cases, one is answered on the seventh day and one on the eighth
CAUSES = ("LEADERSHIP", "WORKLOAD", "COMMUNICATION", "PROCESS", "CONDUCT")
WITHOUT_CAUSE = 9  # every ninth case has none on record
# Cases of FY2023 that were opened again in its last quarter and closed once more.
REOPENED_AND_CLOSED = 2
# Cases whose category was changed: in the quarter after the receipt, and still in the quarter of the receipt.
CHANGED_LATER, CHANGED_AT_ONCE = 5, 3
# What came through other channels: channel, region, company, kind of reporter, category, by day of receipt.
ELSEWHERE = (
    (date(2022, 2, 14), "SAFECALL_EMEA", "EMEA", "E010", "EMPLOYEE", "POWER_HARASSMENT"),
    (date(2022, 3, 9), "CCC", "AMERICAS", None, "CUSTOMER", "PRIVACY_AI"),
    (date(2022, 4, 1), "SAFECALL_EMEA", "EMEA", "E010", "EMPLOYEE", "HUMAN_RELATIONS"),
    (date(2022, 5, 17), "SAFECALL_EMEA", "EMEA", "E010", "SUPPLIER", "WORKING_TIME_WAGES"),
    (date(2022, 6, 21), "REGIONAL_AMERICAS", "AMERICAS", "E030", "EMPLOYEE", "DISCRIMINATION"),
    (date(2022, 7, 8), "CCC", "EMEA", None, "RESIDENT", "COMMUNITY_IMPACT"),
    (date(2022, 7, 26), "CCC", "APAC", None, "CUSTOMER", "PRIVACY_AI"),
    (date(2022, 8, 18), "COMPLIANCE_HOTLINE", "APAC", None, "SUPPLIER", "WORKING_TIME_WAGES"),
    (date(2022, 9, 5), "REGIONAL_AMERICAS", "AMERICAS", "E030", "EMPLOYEE", "WORK_ENVIRONMENT"),
    (date(2022, 9, 30), "REGIONAL_CHINA", "CHINA", "E040", "EMPLOYEE", "HUMAN_RELATIONS"),
    (date(2022, 10, 1), "JACER", "APAC", None, "SUPPLIER", "FREEDOM_OF_ASSOCIATION"),
    (date(2022, 10, 20), "CCC", "AMERICAS", None, "CUSTOMER", "NOT_HR"),
    (date(2022, 11, 11), "SAFECALL_EMEA", "EMEA", "E010", "SUPPLIER", "RETALIATION"),
    (date(2022, 12, 2), "REGIONAL_APAC", "APAC", "E020", "EMPLOYEE", "OTHER_HARASSMENT"),
    (date(2023, 1, 12), "CCC", "EMEA", None, "RESIDENT", "COMMUNITY_IMPACT"),
    (date(2023, 1, 25), "CCC", "APAC", None, "CUSTOMER", "NOT_HR"),
    (date(2023, 2, 3), "COMPLIANCE_HOTLINE", "AMERICAS", None, "SUPPLIER", "HEALTH_SAFETY"),
    (date(2023, 2, 17), "JACER", "APAC", None, "NGO", "WORKING_TIME_WAGES"),
    (date(2023, 3, 8), "REGIONAL_AMERICAS", "AMERICAS", "E030", "EMPLOYEE", "POWER_HARASSMENT"),
    (date(2023, 3, 24), "CCC", "AMERICAS", None, "CUSTOMER", "OTHER_HR"),
    (date(2023, 3, 31), "SAFECALL_EMEA", "EMEA", "E010", "EMPLOYEE", "SEXUAL_HARASSMENT"),
    (date(2023, 4, 1), "CCC", "EMEA", None, "CUSTOMER", "PRIVACY_AI"),
)

_WORKERS = "EMPLOYEE;DISPATCHED;FORMER"
_PARTNERS = f"{_WORKERS};SUPPLIER"
_JAPAN = "E001;E002;E003;E004"
CHANNELS = (
    ("HRH_THIRD_PARTY", date(2020, 4, 1), date(2021, 3, 31), "ja", "E001", _WORKERS, True, True, date(2021, 2, 10)),
    ("HRH_THIRD_PARTY", date(2021, 4, 1), None, "ja;en", _JAPAN, _WORKERS, True, True, date(2023, 2, 8)),
    ("HRH_SITE_DESK", date(2005, 4, 1), None, "ja", _JAPAN, _WORKERS, False, False, date(2023, 1, 19)),
    ("REGIONAL_AMERICAS", date(2016, 4, 1), None, "en;es", "E030", _WORKERS, True, True, date(2023, 2, 22)),
    ("REGIONAL_CHINA", date(2016, 4, 1), None, "zh", "E040", _WORKERS, True, True, date(2022, 6, 14)),
    ("REGIONAL_APAC", date(2016, 4, 1), date(2022, 12, 31), "en", "E020", _WORKERS, True, True, date(2022, 11, 9)),
    ("REGIONAL_APAC", date(2023, 1, 1), None, "en", "E020;E021", _WORKERS, True, True, date(2023, 3, 7)),
    ("COMPLIANCE_HOTLINE", date(2003, 4, 1), None, "ja;en", _JAPAN, _PARTNERS, False, False, date(2023, 3, 1)),
    ("CCC", date(2000, 4, 1), None, "ja;en", None, "CUSTOMER;RESIDENT", False, False, date(2023, 3, 2)),
    ("SAFECALL_EMEA", date(2018, 4, 1), None, "en;fr", "E010;E011", _PARTNERS, True, True, date(2023, 2, 15)),
    ("JACER", date(2022, 10, 1), None, "ja;en", None, "SUPPLIER;RESIDENT;NGO", True, True, None),
)


@dataclass(slots=True)
class Case:
    """One case with its first contact. ``category`` is the final one; ``open_category`` says that it is still open."""

    number: int
    received: date
    channel: str
    category: str
    kind: str = "CONSULTATION"
    open_category: bool = False
    reopened_on: date | None = None
    incident: date | None = None
    second: str = ""
    in_report: bool = True
    region: str = "JP"
    entity: str | None = None
    reporter: str = ""

    @property
    def case_id(self) -> str:
        """The case's number."""
        return f"HC-{self.number:05d}"


def extracts() -> list[Extract]:
    """The extracts of family hotline, as they are at the first cut."""
    return [
        Extract("hotline", "channel", "SAMPLE hotline register", taken(6), CHANNEL, _channels()),
        Extract("hotline", "contact", SYSTEM, taken(12), CONTACT, _contacts()),
        Extract("hotline", "case", SYSTEM, taken(12, 2), CASE, list(case_rows())),
        Extract("hotline", "action", SYSTEM, taken(12, 4), ACTION, _actions()),
        Extract("hotline", "status_history", SYSTEM, taken(12, 5), STATUS, _states()),
        Extract("hotline", "category_history", SYSTEM, taken(12, 6), RECATEGORISED, _recategorised()),
        Extract("hotline", "allegation", SYSTEM, taken(12, 3), ALLEGATION, _allegations()),
    ]


def late_extract() -> Extract:
    """A delivery after the release: the seven open cases have got their category. None is forced labour."""
    rows = [_allegation(case, 1, case.category) for case in cases() if case.open_category]
    return Extract("hotline", "allegation", SYSTEM, LATE_AT, ALLEGATION, rows, suffix="-late")


@cache
def cases() -> tuple[Case, ...]:
    """Every case, by number: the two years, then enquiries, the Compliance Hotline and the first days of April."""
    random = seeded("hotline cases")
    made: list[Case] = []

    def add(received: date, category: str, channel: str = "", **more: Any) -> Case:
        desk = channel or ("HRH_SITE_DESK" if random.random() < 0.35 else "HRH_THIRD_PARTY")
        case = Case(20_000 + len(made) + 1, received, desk, category, **more)
        case.incident = _month_before(random, received)
        made.append(case)
        return case

    for quarter, number in CASES_BY_QUARTER.items():
        if quarter.fiscal_year == 2023:
            kinds = [name for name, counts in CATEGORIES.items() for _ in range(counts[quarter.number - 1])]
        else:
            kinds = random.choices(list(CATEGORIES), [sum(counts) for counts in CATEGORIES.values()], k=number)
        random.shuffle(kinds)
        days = sorted(day_between(random, quarter.start, quarter.end) for _ in kinds)
        if quarter == FiscalQuarter(2023, 1):
            days[0] = quarter.start
        if quarter.end == AS_OF:
            days[-1] = quarter.end
        for day, category in zip(days, kinds, strict=True):
            add(day, category)
    year = [case for case in made if case.received >= date(2022, 4, 1)]
    before = [case for case in made if case.received < date(2022, 4, 1)]

    waiting = dict(NOT_YET)
    for case in reversed(year):
        if waiting.get(case.category, 0) > 0:
            waiting[case.category] -= 1
            case.open_category = True
    for case in year[-NOT_YET_IN_COMMITTEE_REPORT:]:
        case.in_report = False
    for case in year:
        case.incident = max(case.incident or case.received, date(2022, 4, 1))
    for index in range(INCIDENT_BEFORE_THE_YEAR):
        year[index * 9].incident = date(2021, 6 + index // 2, 1)
    for case in random.sample(year[:-7], SECOND_CONTACTS):
        case.second = "HRH_THIRD_PARTY" if case.channel == "HRH_SITE_DESK" else "HRH_SITE_DESK"
    for index, case in enumerate(before[-40::10][:REOPENED]):
        case.reopened_on = date(2022, 5 + 2 * index, 12)

    for index in range(ENQUIRIES):
        add(date(2022, 4 + index, 20), "NOT_HR", kind="ENQUIRY").incident = None
    for index in range(COMPLIANCE):
        add(date(2022, 6 + 2 * index, 7), "WORKING_TIME_WAGES", "COMPLIANCE_HOTLINE", kind="REPORT")
    for _ in range(AFTER_THE_YEAR):
        add(date(2023, 4, 3), "HUMAN_RELATIONS").incident = date(2023, 4, 1)
    for received, channel, region, entity, reporter, category in ELSEWHERE:
        case = add(received, category, channel, kind="REPORT", region=region, entity=entity, reporter=reporter)
        case.in_report = False
    return tuple(made)


def _contacts() -> list[tuple[object, ...]]:
    random = seeded("hotline contacts")
    rows: list[tuple[object, ...]] = []

    def add(channel: str, submitted_at: str, kind: str, case: Case) -> None:
        number = f"{len(rows) + 1:06d}"
        identity = random.choice(("ANONYMOUS", "CONFIDENTIAL", "CONFIDENTIAL", "NAMED"))
        method = random.choice(
            ("PHONE", "EMAIL", "WEB", "WEB", "IN_PERSON" if channel == "HRH_SITE_DESK" else "LETTER")
        )
        reporter = case.reporter or random.choice(("EMPLOYEE",) * 8 + ("DISPATCHED", "FORMER"))
        rows.append((channel, number, method, submitted_at, "ja", kind, reporter, identity, case.case_id))

    for case in cases():
        # Half past midnight of the year's first day is still the year before in UTC.
        first_day = case.received == date(2022, 4, 1)
        submitted = moment(case.received, 1_800) if first_day else office_moment(random, case.received)
        add(case.channel, submitted, case.kind, case)
        if case.second:
            later = min(case.received + timedelta(days=random.randrange(1, 9)), AS_OF)
            add(case.second, office_moment(random, later), case.kind, case)
        if case.reopened_on is not None:
            add(case.channel, office_moment(random, case.reopened_on), case.kind, case)
    return rows


@cache
def case_rows() -> tuple[tuple[object, ...], ...]:
    """The case files, one row a case."""
    random = seeded("hotline case files")
    findings = ("SUBSTANTIATED", "PARTLY", "UNSUBSTANTIATED", "UNSUBSTANTIATED", "INSUFFICIENT_INFO", "REFERRED")
    rows: list[tuple[object, ...]] = []
    for case in cases():
        closed: date | None = case.received + timedelta(days=random.randrange(25, 130))
        finding = random.choice((*findings, "WITHDRAWN") if case.kind != "ENQUIRY" else ("REFERRED",))
        if case.open_category or closed is None or closed > AS_OF:
            closed = None
        status = "CLOSED" if closed else random.choice(("UNDER_REVIEW", "IN_PROGRESS", "PENDING"))
        if case.reopened_on is not None:
            status, closed = "REOPENED", None
        entity = random.choice(("E001",) * 7 + ("E003", "E003", "E004", None))
        if case.region != "JP":
            entity = case.entity
        harassment = case.category.endswith("HARASSMENT")
        reply = case.received + timedelta(days=random.randrange(0, 6))
        if case.number % 13 in REPLIED_AFTER:
            reply = case.received + timedelta(days=REPLIED_AFTER[case.number % 13])
        quarter = FiscalQuarter.containing(case.received)
        reported = case.in_report and case.kind != "ENQUIRY" and case.received <= AS_OF
        rows.append(
            (
                case.case_id,
                case.received,
                case.received,
                case.incident,
                case.region,
                entity,
                "CONSULTATION" if case.kind == "ENQUIRY" else "INTERNAL_RULE" if harassment else "WPA_REPORT",
                status,
                finding if closed else "UNDETERMINED",
                closed,
                reply,
                closed,
                f"RCCC-{quarter}" if reported else None,
                "SEVERE" if random.random() < 0.04 else "OTHER",
                CAUSES[case.number % len(CAUSES)] if closed and case.number % WITHOUT_CAUSE else None,
            )
        )
    return tuple(rows)


def _files() -> dict[str, dict[str, Any]]:
    return {str(row[0]): dict(zip(CASE, row, strict=True)) for row in case_rows()}


def _actions() -> list[tuple[object, ...]]:
    """One action for each case that was substantiated; some are done late, and some are not done."""
    random = seeded("hotline actions")
    rows: list[tuple[object, ...]] = []
    for number, file in enumerate(
        file for file in _files().values() if file["determination"] in ("SUBSTANTIATED", "PARTLY")
    ):
        kind = ("REMEDY", "DISCIPLINE", "TRAINING", "PROCESS", "NONE")[number % 5]
        due = file["closed_date"] + timedelta(days=30)
        done: date | None = due + timedelta(days=random.randrange(-20, 15))
        if number % 11 == 3 or (done is not None and done > AS_OF):
            done = None
        division = ("HR", "BUSINESS_UNIT", "COMPLIANCE")[number % 3]
        rows.append((file["case_id"], 1, kind, file["closed_date"], due, None if kind == "NONE" else done, division))
    return rows


def reopened_and_closed() -> list[Case]:
    """Cases that were closed, opened again in the last quarter, and closed once more in it."""
    files = _files()
    within = [
        case
        for case in cases()
        if case.region == "JP" and case.kind == "CONSULTATION" and case.received < date(2022, 12, 1)
        if (files[case.case_id]["closed_date"] or date(1, 1, 1)) >= date(2023, 1, 25)
    ]
    return within[:REOPENED_AND_CLOSED]


def _states() -> list[tuple[object, ...]]:
    """New when received, closed when closed, and what befell those that were opened again."""
    random = seeded("hotline states")
    files = _files()
    again = {case.number for case in reopened_and_closed()}
    rows: list[tuple[object, ...]] = []
    for case in cases():
        closed = files[case.case_id]["closed_date"]
        steps: list[tuple[date, str | None, str]] = [(case.received, None, "NEW")]
        if case.number in again:
            steps += [(case.received + timedelta(days=9), "NEW", "CLOSED"), (date(2023, 1, 16), "CLOSED", "REOPENED")]
        if case.reopened_on is not None:
            steps += [(date(2022, 4, 8), "NEW", "CLOSED"), (case.reopened_on, "CLOSED", "REOPENED")]
        if closed is not None:
            steps.append((closed, steps[-1][2], "CLOSED"))
        rows += [(case.case_id, office_moment(random, day), before, after) for day, before, after in steps]
    return rows


def _recategorised() -> list[tuple[object, ...]]:
    """Main allegations that had another category first."""
    random = seeded("hotline categories")
    settled = [
        case for case in cases() if case.region == "JP" and case.kind == "CONSULTATION" and not case.open_category
    ]
    year = [case for case in settled if date(2022, 4, 1) <= case.received <= AS_OF]
    third = [case for case in year if FiscalQuarter.containing(case.received).number == 3]
    rows: list[tuple[object, ...]] = []
    for case in third[:CHANGED_LATER]:
        rows.append((case.case_id, 1, office_moment(random, date(2023, 1, 18)), "OTHER_HR", case.category))
    for case in third[CHANGED_LATER : CHANGED_LATER + CHANGED_AT_ONCE]:
        rows.append((case.case_id, 1, office_moment(random, date(2022, 12, 29)), "OTHER_HR", case.category))
    return rows


def _allegations() -> list[tuple[object, ...]]:
    random = seeded("hotline allegations")
    year = [case for case in cases() if case.kind == "CONSULTATION" and date(2022, 4, 1) <= case.received <= AS_OF]
    twice = {case.number for case in random.sample([c for c in year if not c.open_category], SECOND_ALLEGATIONS)}
    rows = []
    for case in cases():
        rows.append(_allegation(case, 1, "UNCATEGORISED" if case.open_category else case.category))
        if case.number in twice or (case.received < date(2022, 4, 1) and random.random() < 0.4):
            other = "WORK_ENVIRONMENT" if case.category != "WORK_ENVIRONMENT" else "HUMAN_RELATIONS"
            rows.append(_allegation(case, 2, other))
    return rows


def _allegation(case: Case, number: int, category: str) -> tuple[object, ...]:
    ground = "GENDER" if category in ("SEXUAL_HARASSMENT", "DISCRIMINATION") else None
    return (case.case_id, number, category, truth(number == 1), ground, None)


def _channels() -> list[tuple[object, ...]]:
    return [(*row[:6], truth(bool(row[6])), truth(bool(row[7])), row[8]) for row in CHANNELS]


def _month_before(random: Random, day: date) -> date:
    return (day - timedelta(days=random.randrange(0, 60))).replace(day=1)
