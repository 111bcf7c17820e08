"""Sample extracts of family register: what the sustainability office records and a second person approves."""

from __future__ import annotations

from datetime import date, timedelta

from samples.extract import Extract, columns, digest, seeded, taken, truth

OFFICE, HEAD = "SUSTAINABILITY_OFFICE", "HEAD_OF_SUSTAINABILITY"
SYSTEM = "SAMPLE register"
COMMON = columns(
    "record_id recorded_on recorded_by approved_by approved_on evidence_uri evidence_sha256 supersedes_record_id note"
)

FRAGILITY = "SAMPLE fragility list"
# Codes that ISO 3166 leaves to users: no real country is judged here. Version, in force from -> countries.
HIGH_RISK = {
    ("2020", date(2020, 9, 17)): "XA XB XC XD XE XF XG XH",
    ("2022", date(2022, 9, 19)): "XA XB XD XE XF XG XH XJ XK",
}
# Per quarter from FY2022-Q1: contracts in listed countries, of which checked in time, of which checked too late.
CUSTOMER_CHECKS = {
    date(2021, 4, 1): (8, 5, 2),
    date(2021, 7, 1): (7, 5, 1),
    date(2021, 10, 1): (9, 7, 1),
    date(2022, 1, 1): (9, 7, 1),
    date(2022, 4, 1): (11, 9, 1),
    date(2022, 7, 1): (10, 9, 0),
    date(2022, 10, 1): (12, 11, 1),
    date(2023, 1, 1): (13, 12, 1),
}
# Per quarter: AI projects released, of which reviewed in time, of which reviewed after their release.
AI_REVIEWS = {
    date(2021, 4, 1): (9, 6, 1),
    date(2021, 7, 1): (10, 7, 2),
    date(2021, 10, 1): (11, 9, 0),
    date(2022, 1, 1): (12, 10, 1),
    date(2022, 4, 1): (11, 9, 1),
    date(2022, 7, 1): (14, 13, 0),
    date(2022, 10, 1): (15, 14, 1),
    date(2023, 1, 1): (16, 15, 1),
}
# Business, region, kind of affiliate, in scope from, started, completed, finding.
HRIA = (
    ("Public safety A", "JP", "COMPANY", date(2021, 10, 1), date(2021, 11, 1), date(2022, 2, 25), "NONE"),
    ("Public safety B", "JP", "COMPANY", date(2021, 10, 1), date(2022, 4, 11), date(2022, 6, 24), "RISK"),
    ("Digital identity A", "JP", "DOMESTIC", date(2021, 10, 1), date(2022, 5, 16), date(2022, 9, 9), "RISK"),
    ("Digital identity B", "JP", "DOMESTIC", date(2021, 10, 1), date(2022, 7, 4), date(2022, 11, 18), "NONE"),
    ("Networks A", "JP", "DOMESTIC", date(2022, 4, 1), date(2022, 10, 3), date(2023, 1, 27), "NONE"),
    ("Networks B", "JP", "COMPANY", date(2022, 4, 1), date(2022, 11, 7), date(2023, 3, 31), "RISK"),
    ("Submarine cables", "APAC", "INTERNATIONAL", date(2022, 4, 1), date(2023, 2, 6), None, None),
    ("Border systems", "AMERICAS", "INTERNATIONAL", date(2022, 4, 1), None, None, None),
    ("Smart cities", "EMEA", "INTERNATIONAL", date(2022, 10, 1), None, None, None),
)
# Entity, law, first day of the fiscal year, board approval, publication, status.
STATEMENTS = (
    *(
        (entity, "UK", date(year - 1, 4, 1), date(year, 8, 27), date(year, 9, 1 + year % 20), "PUBLISHED")
        for entity in ("E001", "E010")
        for year in (2019, 2020, 2021, 2022)
    ),
    *((entity, "UK", date(2022, 4, 1), None, None, "NOT_DUE") for entity in ("E001", "E010")),
    ("E001", "AU", date(2020, 4, 1), date(2021, 8, 27), date(2021, 9, 15), "PUBLISHED"),
    ("E020", "AU", date(2020, 4, 1), date(2021, 8, 30), date(2021, 9, 15), "PUBLISHED"),
    ("E001", "AU", date(2021, 4, 1), date(2022, 8, 26), date(2022, 9, 14), "PUBLISHED"),
    # 183 days after the end of the fiscal year: the last day that is in time.
    ("E020", "AU", date(2021, 4, 1), date(2022, 9, 22), date(2022, 9, 30), "PUBLISHED"),
    ("E001", "AU", date(2022, 4, 1), None, None, "UNKNOWN"),
    ("E020", "AU", date(2022, 4, 1), None, None, "UNKNOWN"),
)


def extracts() -> list[Extract]:
    """The seven extracts of family register."""
    parts: tuple[tuple[str, str, list[tuple[object, ...]]], ...] = (
        ("salient_issue", "issue officer_role since until assessed_on", _salient_issues()),
        ("high_risk_country", "list version country_iso2 valid_from dimension", _countries()),
        (
            "customer_check",
            "customer_key country_iso2 contract_date check_date result agreement committee_report_id",
            customer_checks(),
        ),
        (
            "hria",
            "business region affiliate_type trigger in_scope_from started completed finding next_due",
            _hria(),
        ),
        ("ai_review", "project_key domain region released_on reviewed_on outcome", _ai_reviews()),
        (
            "msa_statement",
            "entity_code law fy_start board_approved_on signed_by_role published_on url status",
            _statements(),
        ),
        # The self-assessment of occupational health and safety starts in FY2024: nothing has been measured yet.
        ("ohs_selfcheck", "entity_code opened_on submitted_on", []),
    )
    return [
        Extract("register", name, SYSTEM, taken(13, hour), COMMON + columns(own), rows)
        for hour, (name, own, rows) in enumerate(parts)
    ]


def common(
    table: str, number: int, recorded: date, *, approver: str | None = HEAD, supersedes: str | None = None
) -> tuple[object, ...]:
    """The nine columns that every record of the register begins with."""
    record = f"{table}-{number:04d}"
    approved = None if approver is None else recorded + timedelta(days=3)
    evidence = f"sample://evidence/{record}"
    return (record, recorded, OFFICE, approver, approved, evidence, digest(record), supersedes, None)


def _salient_issues() -> list[tuple[object, ...]]:
    began, added, drafted = date(2020, 4, 1), date(2022, 4, 1), date(2023, 3, 1)
    summer, autumn = date(2022, 6, 20), date(2022, 11, 24)
    geopolitics = "Human rights risks related to geopolitical situations and conflicts"
    noted = date(2020, 4, 10)
    return [
        (*common("SI", 1, noted), "AI and human rights", "OFFICER_AI", began, None, autumn),
        (*common("SI", 2, noted), "Labour in supply chains", "OFFICER_PROCUREMENT", began, None, autumn),
        (*common("SI", 3, noted), "Safety and health of workers", "OFFICER_PEOPLE", began, None, summer),
        (*common("SI", 4, date(2022, 4, 8)), geopolitics, None, added, None, None),
        (*common("SI", 5, date(2022, 7, 15), supersedes="SI-0004"), geopolitics, "OFFICER_LEGAL", added, None, None),
        # Approved by nobody, and by the one who wrote it: neither counts.
        (*common("SI", 6, drafted, approver=None), "SAMPLE draft issue one", None, drafted, None, None),
        (*common("SI", 7, date(2023, 3, 2), approver=OFFICE), "SAMPLE draft issue two", None, drafted, None, None),
    ]


def _countries() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for (version, since), countries in HIGH_RISK.items():
        for country in countries.split():
            recorded = since + timedelta(days=4)
            rows.append((*common("HC", len(rows) + 1, recorded), FRAGILITY, version, country, since, "SECURITY"))
    return rows


def customer_checks() -> list[tuple[object, ...]]:
    """Contracts in listed countries and a few others, with their checks."""
    random = seeded("customer checks")
    rows: list[tuple[object, ...]] = []
    for start, (contracts, in_time, late) in CUSTOMER_CHECKS.items():
        lists = sorted(since for _, since in HIGH_RISK)
        for index in range(contracts + 3):
            day = start + timedelta(days=6 * index)
            inside = [since for since in lists if since <= day][-1]
            listed = next(text for (_, since), text in HIGH_RISK.items() if since == inside).split()
            country = random.choice(listed) if index < contracts else "JP"
            check = None
            if index < in_time:
                check = day - timedelta(days=index % 5)  # on the day of the contract is in time
            elif index < in_time + late:
                check = day + timedelta(days=1)
            confirmed = check is not None and index % 6 == 2
            result = None if check is None else "CONFIRMED" if confirmed else "CLEAR"
            number = len(rows) + 1
            agreement = truth(index % 4 == 0) if confirmed else None
            report = f"RCCC-{start:%Y-%m}" if confirmed else None
            own = (f"CU{number:05d}", country, day, check, result, agreement, report)
            rows.append((*common("CC", number, day + timedelta(days=5)), *own))
    return rows


def _hria() -> list[tuple[object, ...]]:
    rows = []
    for number, (business, region, affiliate, since, started, completed, finding) in enumerate(HRIA, start=1):
        due = None if completed is None else completed + timedelta(days=730)
        own = (f"SAMPLE {business}", region, affiliate, "HIGH_RISK_AREA", since, started, completed, finding, due)
        rows.append((*common("HI", number, completed or started or since), *own))
    return rows


def _ai_reviews() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for start, (released, in_time, late) in AI_REVIEWS.items():
        for index in range(released):
            day = start + timedelta(days=5 * index)
            reviewed = None
            if index < in_time:
                reviewed = day - timedelta(days=index % 4)
            elif index < in_time + late:
                reviewed = day + timedelta(days=2)
            outcome = None if reviewed is None else "CONDITIONED" if index % 7 == 3 else "APPROVED"
            number = len(rows) + 1
            domain = "BIOMETRICS" if index % 3 == 0 else "OTHER"
            region = ("JP", "JP", "JP", "EMEA", "APAC", "AMERICAS")[index % 6]
            own = (f"AI{number:05d}", domain, region, day, reviewed, outcome)
            rows.append((*common("AI", number, day + timedelta(days=3)), *own))
    rejected = ("AI90001", "BIOMETRICS", "JP", None, date(2023, 2, 7), "REJECTED")
    rows.append((*common("AI", len(rows) + 1, date(2023, 2, 9)), *rejected))
    return rows


def _statements() -> list[tuple[object, ...]]:
    rows = []
    for number, (entity, law, start, board, published, status) in enumerate(STATEMENTS, start=1):
        recorded = published or date(2023, 3, 15)
        year = start.year + 1
        url = f"https://statements.example/{entity}/{law}/FY{year}" if published else None
        own = (entity, law, start, board, "DIRECTOR" if board else None, published, url, status)
        rows.append((*common("MS", number, recorded), *own))
    return rows
