"""approve: a second person says yes or no to the exact bytes of a candidate, and signs it.

Decisions stand in one ledger, ``approvals.jsonl``: append-only, each record signed and naming the one before it.
``approval.json`` beside the candidate is the record of its last decision; the ledger is what counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.errors import GateFailed, NotApproved, NotVerified
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from publish import candidate as candidates
from publish import chain, keys
from publish.manifest import APPROVAL, VERDICT
from publish.verify import approval_fault, same_person, verdict_fault

DECISIONS = ("approved", "rejected")
ROLE = "approver"
LEDGER = "approvals.jsonl"


def decide(
    settings: Settings,
    quarter: FiscalQuarter,
    *,
    candidate_digest: str,
    approver: str,
    decision: str,
    reason: str,
    signer: str = "",
) -> dict[str, Any]:
    """Write down a decision on the quarter's current candidate, and return ``approval.json``.

    ``signer`` is whose key signs: the approver's own, or ``gate`` where Airflow's server vouches for who answered.
    The same decision a second time changes nothing, unless the first has run out or another candidate of the quarter
    was decided since; a different one is refused. Raises NotApproved for a wrong person, digest, decision or key or a
    rejection without a reason, GateFailed where no passing verdict names these bytes.
    """
    with store.alone(settings.place(".locks", f"candidate-{quarter}")):
        folder, candidate = candidates.current(settings, quarter)
        _check_person(settings, candidate, approver)
        if signer not in ("", approver, keys.GATE):
            raise _refusal(
                f"{approver}'s decision, to be signed by {signer}",
                "the approver's key, or the gate's",
                "sign it yourself",
            )
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
        decided = {
            "quarter": str(quarter),
            "candidate_digest": candidate_digest,
            "decision": decision,
            "approver": approver,
            "role": ROLE,
            "reason": reason.strip(),
            "decided_at": settings.now().isoformat(),
            "prepared_by": candidate["prepared_by"],
            "is_sample": candidate["is_sample"],
        }
        return _taken_down(settings, folder / APPROVAL, decided, signer or approver)


def decisions(settings: Settings) -> list[chain.Record]:
    """Every decision, oldest first. Raises NotApproved where the ledger was changed or a decision is gone from it."""
    path = settings.place(LEDGER)
    try:
        records = chain.read(path)
    except NotVerified as broken:
        raise _refusal(broken.found, broken.expected, broken.next_step) from None
    known = {chain.digest(record) for record in records}
    for beside in sorted(settings.place("candidates").glob(f"FY*/*/{APPROVAL}")):
        record = store.read_json(beside)
        if "number" in record and chain.digest(record) not in known:
            raise _refusal(
                f"{beside.parent.name[:12]} has an approval.json that {LEDGER} does not hold",
                "a ledger in which every decision stands, as it was made",
                "compare both with their backups, and find out who wrote to them",
            )
    return records


def release_fault(settings: Settings, candidate: Mapping[str, Any], approval: Mapping[str, Any]) -> str | None:
    """What keeps a decision from releasing a candidate now, or nothing: read from the ledger, not believed."""
    quarter, digest = candidate["quarter"], candidate["candidate_digest"]
    records = decisions(settings)
    if fault := approval_fault(approval, quarter, digest):
        return fault
    if approval["prepared_by"] != candidate["prepared_by"]:
        return "that names another preparer"
    if approval not in records:
        return f"that {LEDGER} does not hold"
    if [record for record in records if record["quarter"] == quarter][-1] != approval:
        return "that a later decision of the quarter has overtaken"
    if fault := keys.signature_fault(approval, keys.trusted(settings), is_sample=candidate["is_sample"]):
        return fault
    if has_run_out(settings, approval):
        return f"that is not of the last {settings.approval_days} days"
    if fault := allowed(settings, approval["approver"], candidate["prepared_by"]):
        return f"by {fault}"
    return None


def has_run_out(settings: Settings, record: Mapping[str, Any]) -> bool:
    """Whether a decision is too old, by the installation's clock and ``approval_days``, to release anything now."""
    age = settings.now() - datetime.fromisoformat(record["decided_at"])
    # A decision of the future is a wrong clock, or a record that was made to last.
    return not timedelta(minutes=-5) <= age <= timedelta(days=settings.approval_days)


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


def _taken_down(settings: Settings, beside: Path, decided: dict[str, Any], signer: str) -> dict[str, Any]:
    """Sign a decision and add it to the ledger, then put it beside the candidate; a kill in between is made good."""
    with store.alone(settings.place(".locks", "approvals")):
        records = decisions(settings)
        of_quarter = [record for record in records if record["quarter"] == decided["quarter"]]
        same = [record for record in of_quarter if record["candidate_digest"] == decided["candidate_digest"]]
        if same and any(same[-1][name] != decided[name] for name in ("decision", "approver", "reason")):
            if same[-1]["decision"] == "rejected" or not has_run_out(settings, same[-1]):
                raise _refusal(
                    "a second decision about the same bytes, other than the first",
                    "one decision a candidate",
                    "prepare a new candidate after the cause is mended; what was decided stays decided",
                )
            same = []
        if same and same[-1] is of_quarter[-1] and not has_run_out(settings, same[-1]):
            record = same[-1]
        else:
            record = keys.signed(settings, {**chain.following(records), **decided}, signer)
            store.append_line(settings.place(LEDGER), record)
        if not beside.exists() or store.read_json(beside) != record:
            store.write_json(beside, record)
        return record


def _refusal(found: str, expected: str, next_step: str) -> NotApproved:
    return NotApproved(
        "The decision was not taken down. Nothing was published.",
        found=found,
        expected=expected,
        rule="publish/approval.py",
        next_step=next_step,
    )
