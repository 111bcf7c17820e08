"""Sample extracts of the register about safety and health, and about what the office does on harassment."""

from __future__ import annotations

from datetime import date, timedelta

from pipeline.quarter import FiscalQuarter
from samples.extract import EARLIER, QUARTERS, Extract, columns, digest, taken
from samples.hr import ENTITIES
from samples.register import COMMON, HEAD, OFFICE, SYSTEM
from samples.workforce import workers

REGION = {code: region for code, _, _, _, is_consolidated, region, *_ in ENTITIES if is_consolidated}
SURVEY_OPENED = {2022: date(2021, 10, 1), 2023: date(2022, 10, 3)}
SELFCHECK_OPENED = date(2023, 9, 4)
# Companies that did not answer in FY2023, and those that say they have no management system.
SILENT, WITHOUT_SYSTEM = ("E021", "E031"), ("E011",)
# Finding, company, severity, found, due, closed. The third is due on the last day itself, which is in time; the fourth
# was closed late, and the fifth on the very last day.
FINDINGS = (
    ("F-01", "E001", "MAJOR", date(2022, 6, 10), date(2022, 12, 31), None),
    ("F-02", "E003", "MINOR", date(2022, 9, 5), date(2023, 3, 30), None),
    ("F-03", "E003", "CRITICAL", date(2023, 1, 16), date(2023, 3, 31), None),
    ("F-04", "E010", "MINOR", date(2022, 3, 1), date(2022, 8, 31), date(2022, 10, 14)),
    ("F-05", "E030", "MAJOR", date(2022, 11, 2), date(2023, 2, 28), date(2023, 3, 31)),
    ("F-06", "E001", "MINOR", date(2023, 2, 8), date(2023, 6, 30), None),
)
# Day, officer, channel.
MESSAGES = (
    (date(2021, 12, 6), "OFFICER_PEOPLE", "INTRANET"),
    (date(2022, 6, 1), "OFFICER_PEOPLE", "VIDEO"),
    (date(2022, 9, 12), "OFFICER_LEGAL", "EMAIL"),
    (date(2022, 12, 5), "PRESIDENT", "VIDEO"),
    (date(2023, 1, 10), "OFFICER_PEOPLE", "INTRANET"),
    (date(2023, 3, 31), "OFFICER_LEGAL", "MEETING"),
    (date(2023, 4, 1), "OFFICER_PEOPLE", "INTRANET"),
)
KINDS = {"DISPATCHED": "DISPATCHED", "SECURITY_CONTRACTOR": "CONTRACTOR"}
HOURS_A_QUARTER = 470
# One recordable accident for so many hours, by kind of worker.
HOURS_PER_ACCIDENT = {"EMPLOYEE": 2_500_000, "DISPATCHED": 900_000, "CONTRACTOR": 30_000}


def extracts() -> list[Extract]:
    """Four extracts of family register."""
    parts: tuple[tuple[str, str, list[tuple[object, ...]]], ...] = (
        ("awareness_message", "issued_on officer_role channel topic", _messages()),
        ("ohs_survey", "entity_code region opened_on submitted_on has_management_system", _surveys()),
        ("ohs_finding", "finding_key entity_code site_code found_on severity due_on closed_on", _findings()),
        (
            "accident",
            "entity_code month_end worker_category fatalities recordable_accidents lost_days hours_worked",
            _accidents(),
        ),
    )
    return [
        Extract("register", name, SYSTEM, taken(13, 8 + hour), COMMON + columns(own), rows)
        for hour, (name, own, rows) in enumerate(parts)
    ]


def first_selfcheck(until: date) -> list[tuple[object, ...]]:
    """What has been returned until a day of the first self-check, that of FY2024; the sample year has nothing of it."""
    rows: list[tuple[object, ...]] = []
    for index, entity in enumerate(sorted(REGION)):
        submitted = SELFCHECK_OPENED + timedelta(days=12 + 9 * index)
        if entity not in SILENT and submitted <= until:
            rows.append((*record("OS", len(rows) + 1, submitted), entity, SELFCHECK_OPENED, submitted))
    return rows


def record(table: str, number: int, recorded: date) -> tuple[object, ...]:
    """The common columns of an approved record."""
    name = f"{table}-{number:04d}"
    return (
        name,
        recorded,
        OFFICE,
        HEAD,
        recorded + timedelta(days=3),
        f"sample://evidence/{name}",
        digest(name),
        None,
        None,
    )


def _messages() -> list[tuple[object, ...]]:
    return [
        (*record("AM", number, min(day, date(2023, 4, 3))), day, role, channel, "HARASSMENT")
        for number, (day, role, channel) in enumerate(MESSAGES, start=1)
    ]


def _surveys() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for year, opened in SURVEY_OPENED.items():
        for index, (entity, region) in enumerate(sorted(REGION.items())):
            if entity in SILENT and (year == 2023 or entity == "E021"):
                continue
            submitted = opened + timedelta(days=20 + 5 * index)
            has_system = "false" if entity in WITHOUT_SYSTEM else "true"
            rows.append((*record("SV", len(rows) + 1, submitted), entity, region, opened, submitted, has_system))
    return rows


def _findings() -> list[tuple[object, ...]]:
    return [
        (*record("OF", number, found), key, entity, f"{entity}-S00", found, severity, due, closed)
        for number, (key, entity, severity, found, due, closed) in enumerate(FINDINGS, start=1)
    ]


def _accidents() -> list[tuple[object, ...]]:
    """One record a quarter, company and kind of worker: hours in proportion to the workers who were there."""
    rows: list[tuple[object, ...]] = []
    for quarter in EARLIER + QUARTERS:
        there: dict[tuple[str, str], int] = {}
        for worker in workers():
            if worker.entity in REGION and worker.is_there(quarter):
                place = (worker.entity, KINDS.get(worker.category, "EMPLOYEE"))
                there[place] = there.get(place, 0) + 1
        for (entity, kind), number in sorted(there.items()):
            hours = number * HOURS_A_QUARTER
            accidents = hours // HOURS_PER_ACCIDENT[kind]
            own = (entity, quarter.end, kind, 0, accidents, accidents * 6, f"{hours}.00")
            rows.append((*record("AC", len(rows) + 1, _recorded(quarter)), *own))
    return rows


def _recorded(quarter: FiscalQuarter) -> date:
    return quarter.end + timedelta(days=6)
