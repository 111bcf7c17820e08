"""approve: a second person says yes or no to the exact bytes of a candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.errors import GateFailed, NotApproved
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from publish import candidate as candidates
from publish.manifest import APPROVAL, VERDICT
from publish.verify import same_person, verdict_fault

DECISIONS = ("approved", "rejected")
ROLE = "approver"


def decide(
    settings: Settings,
    quarter: FiscalQuarter,
    *,
    candidate_digest: str,
    approver: str,
    decision: str,
    reason: str,
) -> dict[str, Any]:
    """Write down a decision on the quarter's current candidate, and return ``approval.json``.

    The same decision a second time changes nothing; another one is refused. Raises NotApproved for a wrong person,
    digest, decision or a rejection without a reason, GateFailed where no passing verdict names these bytes.
    """
    with store.alone(settings.place(".locks", f"candidate-{quarter}")):
        folder, candidate = candidates.current(settings, quarter)
        _check_person(settings, candidate, approver)
        if decision not in DECISIONS:
            raise _refusal("an unknown decision", "approved or rejected", "choose one of them")
        if decision == "rejected" and not reason.strip():
            raise _refusal("a rejection without a reason", "what has to be mended", "say why")
        if candidate_digest != candidate["candidate_digest"]:
            raise _refusal(
                f"a decision about {candidate_digest[:12]}",
                f"one about the current candidate of {quarter}, {candidate['candidate_digest'][:12]}",
                "look at the current candidate, then decide about its digest",
            )
        passed_verdict(folder, candidate)
        return _written(
            folder / APPROVAL,
            {
                "quarter": str(quarter),
                "candidate_digest": candidate_digest,
                "decision": decision,
                "approver": approver,
                "role": ROLE,
                "reason": reason.strip(),
                "decided_at": settings.now().isoformat(),
                "prepared_by": candidate["prepared_by"],
            },
        )


def passed_verdict(folder: Path, candidate: dict[str, Any]) -> dict[str, Any]:
    """The board door's verdict of a candidate; raises GateFailed unless it passed and names these very files."""
    path = folder / VERDICT
    verdict = store.read_json(path) if path.exists() else {}
    fault = verdict_fault(verdict, candidate["files"]) if path.exists() else None
    if fault or not path.exists():
        raise GateFailed(
            f"{candidate['quarter']} has not passed the board door. Nothing was published.",
            found=f"a verdict {fault}" if fault else "no verdict",
            expected="a passing verdict that names every file of the candidate",
            rule="publish/verify.py, verdict_fault",
            next_step=f"hrdd check {candidate['quarter']}, and mend what it names",
        )
    return verdict


def allowed(settings: Settings, approver: str, prepared_by: str) -> str | None:
    """Why somebody may not approve what somebody prepared, or nothing."""
    if same_person(approver, prepared_by):
        return "the one who prepared the candidate"
    if approver not in settings.approvers:
        return "somebody who is not named as an approver"
    return None


def _check_person(settings: Settings, candidate: dict[str, Any], approver: str) -> None:
    fault = allowed(settings, approver, candidate["prepared_by"])
    if fault:
        raise _refusal(fault, "a second person, named in `approvers` of the settings", "let an approver decide")


def _written(path: Path, approval: dict[str, Any]) -> dict[str, Any]:
    if not path.exists():
        store.write_json(path, approval)
        return approval
    earlier: dict[str, Any] = store.read_json(path)
    if {**earlier, "decided_at": None} != {**approval, "decided_at": None}:
        raise _refusal(
            "a second decision about the same bytes, other than the first",
            "one decision a candidate",
            "prepare a new candidate after the cause is mended; what was decided stays decided",
        )
    return earlier


def _refusal(found: str, expected: str, next_step: str) -> NotApproved:
    return NotApproved(
        "The decision was not taken down. Nothing was published.",
        found=found,
        expected=expected,
        rule="publish/approval.py",
        next_step=next_step,
    )
