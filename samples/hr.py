"""Sample extracts of family hr: eight quarter ends of the workforce, the legal entities, their sites and the leaves."""

from __future__ import annotations

from datetime import date

from samples.extract import EARLIER, QUARTERS, Extract, columns, taken, truth
from samples.workforce import PLACE, Worker, workers

# code, valid from, name, country, consolidated, region, policy adopted on, valid to
ENTITIES = (
    ("E001", date(2000, 4, 1), "SAMPLE Company", "JP", True, "JP", date(2015, 4, 28), None),
    ("E002", date(2005, 4, 1), "SAMPLE Japan Services", "JP", True, "JP", date(2015, 6, 1), None),
    ("E003", date(2005, 4, 1), "SAMPLE Japan Systems", "JP", True, "JP", date(2015, 6, 1), None),
    ("E004", date(2008, 10, 1), "SAMPLE Japan Fielding", "JP", True, "JP", date(2015, 7, 1), None),
    ("E010", date(2003, 4, 1), "SAMPLE Europe", "GB", True, "EMEA", date(2016, 1, 15), None),
    ("E011", date(2010, 4, 1), "SAMPLE Germany", "DE", True, "EMEA", date(2016, 1, 15), None),
    ("E020", date(2004, 7, 1), "SAMPLE Australia", "AU", True, "APAC", date(2016, 2, 1), None),
    ("E021", date(2012, 1, 1), "SAMPLE Singapore", "SG", False, "APAC", None, date(2022, 9, 30)),
    ("E021", date(2022, 10, 1), "SAMPLE Singapore", "SG", True, "APAC", date(2023, 1, 16), None),
    ("E030", date(2002, 4, 1), "SAMPLE Americas", "US", True, "AMERICAS", date(2016, 3, 1), None),
    ("E031", date(2011, 4, 1), "SAMPLE Brazil", "BR", True, "AMERICAS", date(2016, 9, 1), None),
    ("E040", date(2006, 4, 1), "SAMPLE China", "CN", True, "CHINA", date(2016, 4, 1), None),
    ("E050", date(2018, 4, 1), "SAMPLE Japan Affiliate", "JP", False, "JP", None, None),
)

CLOSED_SITE = ("E001", 5)

WORKER_MONTH = columns(
    "as_of_date worker_key person_key source_system legal_entity_code worker_category home_or_host employment_status "
    "org_unit_code site_code country_iso2 work_language grade_group role_flags role_flag_since start_date end_date "
    "birth_year_band fte collective_agreement agency_code"
)
ENTITY = columns("entity_code valid_from name country_iso2 consolidated region policy_adopted_on valid_to")
SITE = columns("site_code valid_from entity_code country_iso2 work_languages contact_point_since valid_to")
LEAVE = columns("worker_key leave_start leave_class leave_end expected_return")


def extracts() -> list[Extract]:
    """The four extracts of family hr."""
    return [
        Extract("hr", "worker_month", "SAMPLE HR", taken(5), WORKER_MONTH, _worker_months()),
        Extract("hr", "entity", "SAMPLE legal entity register", taken(4), ENTITY, _entities()),
        Extract("hr", "site", "SAMPLE site register", taken(4, 2), SITE, _sites()),
        Extract("hr", "leave", "SAMPLE HR", taken(5, 2), LEAVE, _leaves()),
    ]


def _worker_months() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    everyone = [(worker, _before_status(worker), *_after_status(worker)) for worker in workers()]
    for quarter in EARLIER + QUARTERS:
        day = quarter.end
        as_of = str(day)
        rows += [
            (
                as_of,
                *before,
                worker.status if worker.leave is None else worker.status_on(day),
                *place,
                *(role if worker.role_since is None or worker.role_since <= day else ("", "")),
                *after,
            )
            for worker, before, place, role, after in everyone
            if worker.is_there(quarter)
        ]
    return rows


def _before_status(worker: Worker) -> tuple[str, ...]:
    agency = worker.category in ("DISPATCHED", "SECURITY_CONTRACTOR")
    return (
        worker.worker_key,
        worker.person_key,
        "SAMPLE agency ledger" if agency else "SAMPLE HR",
        worker.entity,
        worker.category,
        "HOST" if worker.host else "HOME",
    )


def _after_status(worker: Worker) -> tuple[tuple[str, ...], tuple[str, str], tuple[str, ...]]:
    """Where somebody works, in which role, and the rest of the row."""
    country, language = PLACE[worker.entity]
    number = worker.number
    agency = worker.category in ("DISPATCHED", "SECURITY_CONTRACTOR")
    part_time = worker.category in ("PART_TIME", "TEMPORARY")
    covered = worker.category == "REGULAR" and number % 5 < 3
    place = (
        f"{worker.entity}-U{number % 24:02d}",
        f"{worker.entity}-S{number % 6:02d}",
        country,
        language,
        worker.grade,
    )
    rest = (
        str(worker.start),
        # A quarter-end snapshot does not know yet who is going to leave.
        str(worker.end) if worker.status == "TERMINATED" else "",
        "ADULT",
        "0.60" if part_time else "1.00",
        truth(covered),
        f"AG{number % 7:02d}" if agency else "",
    )
    return place, (worker.role, str(worker.role_since or "")), rest


def _entities() -> list[tuple[object, ...]]:
    return [
        (code, since, name, country, truth(consolidated), region, adopted, until)
        for code, since, name, country, consolidated, region, adopted, until in ENTITIES
    ]


def _sites() -> list[tuple[object, ...]]:
    """Six sites of each company; the last one of the parent was closed within the year."""
    return [
        (
            f"{code}-S{number:02d}",
            since,
            code,
            PLACE[code][0],
            PLACE[code][1],
            None,
            date(2022, 12, 31) if (code, number) == CLOSED_SITE else None,
        )
        for code, since in sorted({code: since for code, since, *_ in reversed(ENTITIES)}.items())
        for number in range(6)
    ]


def _leaves() -> list[tuple[object, ...]]:
    return [
        (worker.worker_key, worker.leave[0], worker.leave[2], worker.leave[1], worker.leave[1])
        for worker in workers()
        if worker.leave is not None
    ]
