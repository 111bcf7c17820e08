"""Sample extracts of family register on transactions and AI: end use, screenings, measures, inspections, checks."""

from __future__ import annotations

from datetime import date, timedelta

from samples.extract import Extract, columns, moment, taken
from samples.register import COMMON, SYSTEM, common, customer_checks

# Per quarter: controlled transactions, of which confirmed before, of which on the day of the contract, of which after.
END_USE = {
    date(2021, 4, 1): (9, 6, 1, 1),
    date(2021, 7, 1): (10, 7, 1, 1),
    date(2021, 10, 1): (10, 8, 0, 1),
    date(2022, 1, 1): (10, 8, 1, 0),
    date(2022, 4, 1): (12, 10, 1, 1),
    date(2022, 7, 1): (11, 9, 1, 0),
    date(2022, 10, 1): (13, 12, 0, 1),
    date(2023, 1, 1): (14, 12, 1, 1),
}
# Day, reason.
DECLINED = ((date(2022, 6, 2), "HUMAN_RIGHTS"), (date(2023, 3, 31), None), (date(2022, 3, 31), "OTHER"))
CLASSES = ("RADIO", "CRYPTOGRAPHY", "SENSORS")
# Measure of, started. The risk of the third assessment is met after the year only.
MEASURES = (("HI-0002", date(2022, 8, 1)), ("HI-0003", date(2023, 3, 31)), ("HI-0006", date(2023, 4, 3)))
# Unit, planned, completed, result.
INSPECTIONS = (
    ("AI unit A", date(2022, 1, 18), date(2022, 1, 20), "NO_FINDING"),
    ("AI unit A", date(2022, 4, 1), date(2022, 4, 5), "NO_FINDING"),
    ("AI unit A", date(2022, 9, 12), date(2022, 9, 12), "FINDING"),
    ("AI unit A", date(2023, 2, 6), date(2023, 2, 9), "NO_FINDING"),
    ("AI unit B", date(2022, 6, 14), date(2022, 7, 1), "NO_FINDING"),
    ("AI unit B", date(2022, 12, 6), None, None),
    ("AI unit B", date(2023, 3, 31), date(2023, 3, 31), "FINDING"),
    ("AI unit C", date(2022, 10, 3), date(2022, 10, 3), "NO_FINDING"),
    ("AI unit C", date(2023, 3, 20), date(2023, 4, 3), "NO_FINDING"),  # done after the year
    ("AI unit C", date(2023, 4, 1), date(2023, 4, 1), "NO_FINDING"),  # planned for the next
)
CHECKS = (
    ("Biometric gates", date(2022, 2, 7), "NONE"), ("Biometric gates", date(2022, 4, 1), "NONE"),
    ("School platforms", date(2022, 9, 15), "RISK"), ("School platforms", date(2023, 3, 31), "NONE"),
    ("Smart city cameras", date(2022, 12, 1), "RISK"),
)  # fmt: skip


def extracts() -> list[Extract]:
    """The five extracts."""
    parts: tuple[tuple[str, str, list[tuple[object, ...]]], ...] = (
        (
            "end_use",
            "transaction_key customer_key country_iso2 product_class contract_date checked_on decision reason",
            end_uses(),
        ),
        (
            "sanctions_screen",
            "customer_key country_iso2 contract_date list_set_version screened_at result program decision",
            _screenings(),
        ),
        (
            "mitigation",
            "mitigation_key source_kind source_record_id measure started_on completed_on",
            [
                (*common("MI", n, started), f"MI-{n:03d}", "HRIA", of, "WRITTEN_AGREEMENT", started, None)
                for n, (of, started) in enumerate(MEASURES, start=1)
            ],
        ),
        (
            "ai_inspection",
            "unit planned_on completed_on result",
            [(*common("IP", n, row[2] or row[1]), *row) for n, row in enumerate(INSPECTIONS, start=1)],
        ),
        (
            "child_rights_check",
            "product_line checked_on result",
            [(*common("CR", n, row[1]), *row) for n, row in enumerate(CHECKS, start=1)],
        ),
    )
    return [
        Extract("register", name, SYSTEM, taken(13, 16 + hour), COMMON + columns(own), rows)
        for hour, (name, own, rows) in enumerate(parts)
    ]


def end_uses() -> list[tuple[object, ...]]:
    """Controlled transactions, with the confirmation of the intended use where there is one."""
    rows: list[tuple[object, ...]] = []
    for start, (contracts, before, same_day, after) in END_USE.items():
        for index in range(contracts):
            day = start + timedelta(days=6 * index)
            check = None
            if index < before:
                check = day - timedelta(days=1 + index % 9)
            elif index < before + same_day:
                check = day
            elif index < before + same_day + after:
                check = day + timedelta(days=1)
            decision = None if check is None else ("PROCEED", "PROCEED", "PROCEED", "CONDITIONED")[index % 4]
            number = len(rows) + 1
            own = (f"TX{number:05d}", f"CE{number % 40:05d}", ("XA", "JP", "US")[index % 3], CLASSES[index % 3])
            rows.append((*common("EU", number, day + timedelta(days=2)), *own, day, check, decision, None))
    # Declined, so that no contract follows; the reason is not always written down.
    for declined, reason in DECLINED:
        number = len(rows) + 1
        refused = (f"TX{number:05d}", f"CE{number:05d}", "XB", "SENSORS", None, declined, "DECLINED", reason)
        rows.append((*common("EU", number, declined), *refused))
    return rows


def _screenings() -> list[tuple[object, ...]]:
    """Nearly every contract has a screening before it; a few come after local midnight, or never."""
    contracts = [(str(row[9]), str(row[10]), row[11]) for row in customer_checks()]
    contracts += [(str(row[10]), str(row[11]), row[13]) for row in end_uses()]
    rows: list[tuple[object, ...]] = []
    screened: set[str] = set()
    for index, (customer, country, day) in enumerate(contracts):
        if not isinstance(day, date) or customer in screened or index % 17 == 5:
            continue
        screened.add(customer)
        # Half past midnight of the day after is still the day of the contract in UTC.
        late = index % 11 == 3
        at = moment(day + timedelta(days=1), 1_800) if late else moment(day - timedelta(days=index % 4), 86_000)
        is_match = index % 23 == 7
        result = "TRUE_MATCH" if is_match else "FALSE_MATCH" if index % 9 == 4 else "CLEAR"
        program = ("SAMPLE human rights", None)[index % 2] if is_match else None
        decision = "DECLINED" if is_match else "PROCEED"
        number = len(rows) + 1
        recorded = day + timedelta(days=2)
        own = (customer, country, day, "SAMPLE lists 2022-04", at, result, program, decision)
        rows.append((*common("SS", number, recorded), *own))
    return rows
