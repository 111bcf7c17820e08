"""Sample extracts of the register about how reports are handled: tests, contacts of sites, fines, breaches."""

from __future__ import annotations

from datetime import date

from samples.extract import Extract, columns, moment, taken
from samples.hotline import CHANNELS
from samples.hr import CLOSED_SITE, ENTITIES
from samples.register import COMMON, SYSTEM
from samples.safety import record

# Channels whose test of the last quarter failed, and those that nobody tested in it.
FAILED, UNTESTED = ("REGIONAL_CHINA",), ("JACER", "HRH_SITE_DESK")
# Sites without a contact, and one whose contact left on the day before the year ended.
WITHOUT_CONTACT = ("E021-S01", "E021-S02", "E031-S05", "E001-S04")
LEFT = {"E030-S02": date(2023, 3, 30), "E030-S03": date(2023, 3, 31)}
APPOINTED = {"E021": date(2023, 1, 16)}  # the company that joined within the year
# Company, class, kind, day, amount, currency. Two days stand at the edges of the year.
FINES = (
    ("E001", "DISCRIMINATION_HARASSMENT", "COMPENSATION", date(2022, 3, 31), "1500000.00", "JPY"),
    ("E001", "DISCRIMINATION_HARASSMENT", "COMPENSATION", date(2022, 4, 1), "800000.00", "JPY"),
    ("E003", "SAFETY_HEALTH", "FINE", date(2022, 11, 15), "1200000.00", "JPY"),
    ("E030", "DISCRIMINATION_HARASSMENT", "COMPENSATION", date(2022, 9, 20), "25000.00", "USD"),
    ("E010", "OTHER_HUMAN_RIGHTS", "PENALTY", date(2023, 3, 31), "4000.00", "EUR"),
    ("E001", "PRIVACY", "FINE", date(2023, 4, 1), "900000.00", "JPY"),
)
# Channel, suspected, confirmed.
BREACHES = (
    ("HRH_SITE_DESK", date(2022, 2, 21), date(2022, 3, 4)),
    ("COMPLIANCE_HOTLINE", date(2022, 10, 12), None),
)


def extracts() -> list[Extract]:
    """Four extracts of family register."""
    parts: tuple[tuple[str, str, list[tuple[object, ...]]], ...] = (
        ("channel_test", "channel region language tested_at is_at_night passed", _tests()),
        ("site_contact", "site_code kind contact_role appointed_on until", _contacts()),
        ("fine", "entity_code incident_class kind recognised_on amount currency", _fines()),
        ("confidentiality_breach", "breach_key channel suspected_on confirmed_on", _breaches()),
    )
    return [
        Extract("register", name, SYSTEM, taken(13, 12 + hour), COMMON + columns(own), rows)
        for hour, (name, own, rows) in enumerate(parts)
    ]


def _tests() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for channel, _, until, languages, *_ in CHANNELS:
        if until is not None or channel in UNTESTED:
            continue
        # Tested in the last hour of the quarter, which is the day before in UTC no more.
        for day, second in ((date(2022, 12, 15), 40_000), (date(2023, 3, 31), 86_399)):
            passed = "false" if channel in FAILED and day.year == 2023 else "true"
            night = "true" if second > 70_000 else "false"
            own = (channel, None, languages.split(";")[0], moment(day, second), night, passed)
            rows.append((*record("CT", len(rows) + 1, day), *own))
    return rows


def _contacts() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for code in sorted({code for code, *_ in ENTITIES}):
        for number in range(6):
            site = f"{code}-S{number:02d}"
            if site not in WITHOUT_CONTACT and (code, number) != CLOSED_SITE:
                appointed = APPOINTED.get(code, date(2021, 4, 1))
                rows.append(
                    (*record("SC", len(rows) + 1, appointed), site, "SITE", "CONTACT", appointed, LEFT.get(site))
                )
    return rows


def _fines() -> list[tuple[object, ...]]:
    return [
        (*record("FI", number, min(fine[3], date(2023, 4, 3))), *fine) for number, fine in enumerate(FINES, start=1)
    ]


def _breaches() -> list[tuple[object, ...]]:
    return [
        (*record("CB", number, suspected), f"CB-{number}", channel, suspected, confirmed)
        for number, (channel, suspected, confirmed) in enumerate(BREACHES, start=1)
    ]
