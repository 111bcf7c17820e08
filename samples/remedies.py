"""Sample extracts of family procurement about what follows: contracts, findings, corrective actions, exits.

FY2023 has no confirmed finding of forced or child labor; two that are not confirmed are there to be left out.
"""

from __future__ import annotations

from datetime import date, timedelta

from samples.extract import Extract, columns, taken, truth
from samples.procurement import ASSESSMENT, AUDIT, HOME, assessments, audits, contract_of, suppliers

CONTRACT = columns(
    "contract_id source_system supplier_id buying_entity human_rights_clause signed_on valid_from valid_to"
)
FINDING = columns(
    "finding_id audit_id assessment_id source_system supplier_id found_on severity topic_code confirmed closed_on"
)
CORRECTIVE_ACTION = columns("action_id finding_id agreed_on due_on closed_on verified_by")
SUPPLIER_EXIT = columns("exit_id source_system supplier_id decided_on decision reason")

CLAUSES = ("STANDARD", "NEGOTIATED", "NONE")
SEVERITIES = ("MINOR", "MAJOR", "MINOR", "CRITICAL", "MAJOR")
TOPICS = ("WORKING_HOURS", "SAFETY_HEALTH", "WAGES", "GRIEVANCE", "DISCRIMINATION")
NOT_FOLLOWED_UP = 3  # of the suppliers flagged in FY2023, those with which nothing was agreed
AGREED_IN_APRIL = 1  # and those with which it was agreed after the year
UNCONFIRMED = ("FORCED_LABOUR", "CHILD_LABOUR")


def extracts() -> list[Extract]:
    """The four extracts."""
    found, acted = _findings()
    return [
        Extract("procurement", "contract", "SAMPLE contract register", taken(7, 6), CONTRACT, _contracts()),
        Extract("procurement", "finding", "SAMPLE audits", taken(7, 7), FINDING, found),
        Extract("procurement", "corrective_action", "SAMPLE audits", taken(7, 8), CORRECTIVE_ACTION, acted),
        Extract("procurement", "supplier_exit", "SAMPLE supplier master", taken(7, 9), SUPPLIER_EXIT, _exits()),
    ]


def _contracts() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for supplier in suppliers():
        contract = contract_of(supplier)
        if contract is not None:
            clause = CLAUSES[supplier.number // 3 % len(CLAUSES)]
            # Every tenth of them ended in the middle of FY2023: what was posted later is under no contract.
            until = date(2022, 9, 30) if supplier.number % 10 == 0 else None
            began = date(2020, 4, 1)
            rows.append((contract, HOME, supplier.supplier_id, "E001", clause, began, began, until))
    return rows


def _findings() -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    findings: list[tuple[object, ...]] = []
    actions: list[tuple[object, ...]] = []

    def find(
        audit: object, assessment: object, supplier: object, day: date, severity: str, topic: str, **more: object
    ) -> str:
        number = f"F{len(findings) + 1:05d}"
        confirmed = truth(bool(more.get("confirmed", True)))
        closed = more.get("closed")
        findings.append((number, audit, assessment, HOME, supplier, day, severity, topic, confirmed, closed))
        return number

    def act(finding: str, agreed: date, due: date, closed: date | None) -> None:
        actions.append((f"CA{len(actions) + 1:05d}", finding, agreed, due, closed, "AUDITOR" if closed else None))

    for index, row in enumerate(audits()):
        audit = dict(zip(AUDIT, row, strict=True))
        day = audit["completed_on"]
        if not isinstance(day, date) or day > date(2023, 3, 31):
            continue
        for step in range(1 + index % 3):
            place = index + step
            due = day + timedelta(days=90)
            late = place % 4 == 3
            closed = due + timedelta(days=20) if late else due - timedelta(days=place % 3 * 30)
            is_open = closed > date(2023, 3, 31)
            finding = find(
                audit["audit_id"], None, audit["supplier_id"], day, SEVERITIES[place % 5], TOPICS[place % 5],
                closed=None if is_open else closed,
            )  # fmt: skip
            act(finding, day + timedelta(days=10), due, None if is_open else closed)
        if index < len(UNCONFIRMED):
            find(audit["audit_id"], None, audit["supplier_id"], date(2022, 6, 1), "CRITICAL", UNCONFIRMED[index],
                 confirmed=False, closed=date(2022, 8, 1))  # fmt: skip
    # A critical one that should have been closed the day before the year's last, and was closed after it.
    audit = dict(zip(AUDIT, audits()[0], strict=True))
    critical = find(audit["audit_id"], None, audit["supplier_id"], date(2022, 12, 1), "CRITICAL", "SAFETY_HEALTH")
    act(critical, date(2022, 12, 5), date(2023, 3, 30), None)
    # Due on the last day: due in the quarter, and not past due on it.
    end = date(2023, 3, 31)
    last = find(audit["audit_id"], None, audit["supplier_id"], date(2022, 12, 1), "MAJOR", "WAGES", closed=end)
    act(last, date(2022, 12, 5), end, end)

    flagged: dict[object, tuple[object, date]] = {}
    for row in assessments():
        sent = dict(zip(ASSESSMENT, row, strict=True))
        back, flags = sent["submitted_on"], str(sent["topic_flags"])
        is_high = sent["kind"] == "SAQ" and sent["result"] == "HIGH" and ("LABOUR" in flags or "HUMAN_RIGHTS" in flags)
        if is_high and isinstance(back, date) and back >= date(2022, 4, 1):
            flagged.setdefault(sent["supplier_id"], (sent["assessment_id"], back))
    for index, (supplier, (assessment, back)) in enumerate(flagged.items()):
        finding = find(None, assessment, supplier, back, "MINOR", "OTHER")
        if index >= NOT_FOLLOWED_UP:
            agreed = date(2023, 4, 3) if index < NOT_FOLLOWED_UP + AGREED_IN_APRIL else back
            act(finding, agreed, date(2023, 9, 30), None)
    return findings, actions


def _exits() -> list[tuple[object, ...]]:
    chosen = [supplier for supplier in suppliers() if supplier.kind == "NONE"][::300]
    decisions = (
        (date(2021, 11, 9), "TERMINATED", "OTHER_HUMAN_RIGHTS"),
        (date(2022, 4, 1), "SUSPENDED", "SAFETY_HEALTH"),
        (date(2022, 9, 14), "SUSPENDED", "OTHER_HUMAN_RIGHTS"),
        (date(2023, 3, 31), "TERMINATED", "FORCED_CHILD_LABOUR"),
        (date(2022, 7, 5), "TERMINATED", "NOT_HUMAN_RIGHTS"),
        (date(2023, 4, 3), "SUSPENDED", "SAFETY_HEALTH"),
    )
    rows = [
        (f"X{index:04d}", HOME, supplier.supplier_id, *decided)
        for index, (supplier, decided) in enumerate(zip(chosen, decisions, strict=True), start=1)
    ]
    # Suspended first, left later: one supplier, not two.
    rows.append(("X0007", HOME, chosen[2].supplier_id, date(2023, 2, 1), "TERMINATED", "OTHER_HUMAN_RIGHTS"))
    return list(rows)
