"""Sample extracts of family register on governance: policies, reports, meetings, dialogues, goals, conflicts."""

from __future__ import annotations

from datetime import date, timedelta

from samples.extract import Extract, columns, taken
from samples.procurement import HOME, suppliers
from samples.register import COMMON, OFFICE, SYSTEM, common

# Document, version, approved on, reviewed on.
POLICIES = (
    ("GROUP_HUMAN_RIGHTS_POLICY", "2015", date(2015, 4, 28), date(2020, 2, 14)),
    ("GROUP_HUMAN_RIGHTS_POLICY", "2022", date(2022, 6, 30), date(2023, 2, 14)),
    ("CODE_OF_CONDUCT", "2022", date(2022, 9, 26), None),
    ("SUPPLIER_GUIDELINES", "2020-01", date(2020, 1, 20), None),
    ("SUPPLIER_GUIDELINES", "2022-07", date(2022, 7, 1), None),
    ("AI_REGULATION", "1", date(2019, 4, 1), None),
    ("AI_REGULATION", "2", date(2022, 11, 15), date(2023, 3, 1)),
)
# Body, day. One is of the first day of a quarter, one of the last.
BOARD_REPORTS = (
    ("BOARD_OF_DIRECTORS", date(2022, 1, 27)), ("BOARD_OF_DIRECTORS", date(2022, 6, 30)),
    ("BOARD_OF_DIRECTORS", date(2022, 7, 1)), ("BOARD_OF_DIRECTORS", date(2022, 9, 29)),
    ("BOARD_OF_DIRECTORS", date(2022, 12, 22)), ("BOARD_OF_DIRECTORS", date(2023, 2, 24)),
    ("EXECUTIVE_COMMITTEE", date(2022, 5, 20)), ("EXECUTIVE_COMMITTEE", date(2023, 1, 20)),
)  # fmt: skip
MEETINGS = (
    ("SUSTAINABILITY_ADVISORY", date(2021, 12, 10)), ("SUSTAINABILITY_ADVISORY", date(2022, 12, 9)),
    ("HUMAN_RIGHTS_PROMOTION", date(2022, 4, 1)), ("HUMAN_RIGHTS_PROMOTION", date(2022, 10, 14)),
    ("RISK_CONTROL_COMPLIANCE", date(2022, 6, 10)), ("RISK_CONTROL_COMPLIANCE", date(2022, 9, 9)),
    ("RISK_CONTROL_COMPLIANCE", date(2022, 12, 16)), ("RISK_CONTROL_COMPLIANCE", date(2023, 3, 31)),
    ("RISK_CONTROL_COMPLIANCE", date(2023, 4, 1)),
)  # fmt: skip
DIALOGUES = (
    ("UNION", date(2022, 2, 3)), ("UNION", date(2022, 5, 12)), ("UNION", date(2022, 11, 10)),
    ("ILO_EXPERT", date(2022, 4, 18)), ("NPO", date(2022, 4, 26)), ("INVESTOR", date(2022, 5, 17)),
    ("LAWYER", date(2022, 5, 31)), ("EXTERNAL_EXPERT", date(2022, 12, 9)), ("INVESTOR", date(2023, 3, 8)),
)  # fmt: skip
# Initiative, entity, joined, left.
INITIATIVES = (
    ("SAMPLE due diligence working group", "E001", date(2019, 4, 1), None),
    ("SAMPLE due diligence working group", "E010", date(2021, 7, 1), None),
    ("SAMPLE business network", "E001", date(2020, 4, 1), None),
    ("SAMPLE grievance mechanism", "E001", date(2022, 10, 1), date(2023, 3, 31)),
    ("SAMPLE old pledge", "E001", date(2015, 4, 1), date(2023, 3, 30)),
)
# Fiscal year, theme, goal, metric, status.
GOALS = (
    ("FY2022", "1", "Completion of the annual course of at least 90 %", "trn_bhr_completion_rate", "MISSED"),
    ("FY2023", "1", "Completion of the annual course of at least 90 %", "trn_bhr_completion_rate", "MISSED"),
    ("FY2023", "1", "Revise the human rights policy", None, "ACHIEVED"),
    ("FY2023", "1", "Impact assessments in high-risk areas", "geo_hria_coverage_rate", "ON_TRACK"),
    ("FY2023", "1", "Inspect AI projects by plan", "ai_inspection_rate", "ACHIEVED"),
    ("FY2023", "2", "Declarations of suppliers", "sup_declaration_spend_rate", "ACHIEVED"),
    ("FY2023", "2", "Extend questionnaires to tier 2", "sup_tier2_saq", "ON_TRACK"),
    ("FY2023", "2", "Audit by third parties", "sup_third_party_audits", "BEHIND"),
    ("FY2023", "2", "SAMPLE goal that was given up", None, "DROPPED"),
    ("FY2024", "1", "Declarations for 75 % of the amount", "sup_declaration_spend_rate", "ON_TRACK"),
)
# Country, right, found, settled, settlement. Codes that ISO 3166 leaves to users.
CONFLICTS = (
    ("XA", "FREEDOM_OF_ASSOCIATION", date(2022, 2, 1), date(2022, 3, 1), "RESOLVED"),
    ("XA", "FREEDOM_OF_ASSOCIATION", date(2022, 5, 9), date(2022, 8, 22), "RESOLVED"),
    ("XB", "PRIVACY", date(2022, 10, 4), date(2023, 3, 31), "ESCALATED"),
    ("XD", "DISCRIMINATION", date(2023, 1, 16), date(2023, 4, 1), "RESOLVED"),  # after the year: still open on its end
)
PROGRAMMES = (
    ("SAMPLE school of coding", "JP", date(2022, 2, 19)),
    ("SAMPLE school of coding", "JP", date(2022, 8, 6)),
    ("SAMPLE safe networks for children", "JP", date(2022, 10, 22)),
    ("SAMPLE reading days", "GB", date(2023, 3, 31)),
)
REACHED_BY_GUIDELINES, REACHED_BY_OLD_GUIDELINES = 1_460, 300
PARTNERS_REACHED, CUSTOMERS_REACHED, TOLD_TWICE = 24, 31, 4


def extracts() -> list[Extract]:
    """The nine extracts."""
    parts: tuple[tuple[str, str, list[tuple[object, ...]]], ...] = (
        ("policy", "document version document_approved_on reviewed_on languages", _policies()),
        ("board_report", "body reported_on topic", [*_events("BR", BOARD_REPORTS), _draft_report()]),
        ("committee_meeting", "committee held_on topic", _events("CM", MEETINGS)),
        ("dialogue", "stakeholder_group held_on topic", _events("DG", DIALOGUES)),
        ("initiative", "initiative entity_code joined_on left_on", _records("IN", INITIATIVES, 2)),
        ("goal", "fiscal_year theme goal metric_id status", _goals()),
        ("outreach", "party_type source_system party_key document version delivered_on", _outreach()),
        ("law_conflict", "country_iso2 right_code found_on settled_on settlement", _records("LC", CONFLICTS, 2)),
        ("child_programme", "activity country_iso2 held_on", _records("CP", PROGRAMMES, 2)),
    )
    return [
        Extract("register", name, SYSTEM, taken(13, 7 + hour), COMMON + columns(own), rows)
        for hour, (name, own, rows) in enumerate(parts)
    ]


def _policies() -> list[tuple[object, ...]]:
    return [
        (*common("PO", number, approved + timedelta(days=2)), document, version, approved, reviewed, "ja;en")
        for number, (document, version, approved, reviewed) in enumerate(POLICIES, start=1)
    ]


def _events(table: str, events: tuple[tuple[str, date], ...]) -> list[tuple[object, ...]]:
    return [
        (*common(table, number, day + timedelta(days=2)), what, day, "SAMPLE human rights")
        for number, (what, day) in enumerate(events, start=1)
    ]


def _records(table: str, records: tuple[tuple[object, ...], ...], day_at: int) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for number, record in enumerate(records, start=1):
        day = record[day_at]
        assert isinstance(day, date)
        rows.append((*common(table, number, day + timedelta(days=3)), *record))
    return rows


def _draft_report() -> tuple[object, ...]:
    # Approved by the one who wrote it: it does not count.
    recorded = date(2023, 3, 20)
    return (*common("BR", 99, recorded, approver=OFFICE), "BOARD_OF_DIRECTORS", recorded, "SAMPLE draft")


def _goals() -> list[tuple[object, ...]]:
    # A goal is recorded when its year begins; how it stands today is a record that corrects that one.
    rows: list[tuple[object, ...]] = []
    for number, goal in enumerate(GOALS, start=1):
        year = int(goal[0].removeprefix("FY"))
        set_on = date(2023, 3, 15) if year == 2024 else date(year - 1, 4, 20)
        rows.append((*common("GO", number, set_on), *goal[:-1], "ON_TRACK"))
        if year < 2024:
            now = (*common("GO", 100 + number, date(year, 3, 24), supersedes=f"GO-{number:04d}"), *goal)
            rows.append(now)
    return rows


def _outreach() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []

    def reach(kind: str, system: str | None, key: str, document: str, version: str, day: date) -> None:
        rows.append((*common("OU", len(rows) + 1, day), kind, system, key, document, version, day))

    external = [supplier for supplier in suppliers() if supplier.kind != "INTRAGROUP"]
    for index, supplier in enumerate(external[:REACHED_BY_GUIDELINES]):
        day = date(2022, 7, 4) + timedelta(days=index % 270)
        reach("SUPPLIER", HOME, supplier.supplier_id, "SUPPLIER_GUIDELINES", "2022-07", day)
    for supplier in external[-REACHED_BY_OLD_GUIDELINES:]:
        reach("SUPPLIER", HOME, supplier.supplier_id, "SUPPLIER_GUIDELINES", "2020-01", date(2020, 6, 1))
    for number in range(PARTNERS_REACHED):
        reach("PARTNER", None, f"PA{number:04d}", "GROUP_HUMAN_RIGHTS_POLICY", "2022", date(2022, 8, 1))
    for number in range(CUSTOMERS_REACHED):
        reach("CUSTOMER", None, f"CU{number:04d}", "GROUP_HUMAN_RIGHTS_POLICY", "2022", date(2022, 11, 1))
    for number in range(TOLD_TWICE):
        reach("PARTNER", None, f"PA{number:04d}", "GROUP_HUMAN_RIGHTS_POLICY", "2022", date(2023, 1, 16))
    reach("PARTNER", None, "PA9999", "GROUP_HUMAN_RIGHTS_POLICY", "2015", date(2021, 5, 1))  # the year before
    return rows
