"""The gate as an Airflow task: it asks a person about one digest, and writes down what the person said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput

from events.chain import four_parts, quarter_of
from events.question import question
from events.standing import APPROVED, RELEASED, WAITING, standing
from pipeline.errors import GateFailed, NotApproved
from pipeline.settings import Settings

NO_REASON = "rejected in Airflow without a written reason"


class BoardGate(ApprovalOperator):
    """Parks until one of the settings' approvers answers; time alone never approves.

    The digest that was shown is kept by Airflow's server with the parked task, so the answer can mean nothing else.
    The decision is a file of the data folder, written by ``publish.approval.decide``, which checks person and digest.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            subject="May this candidate be released?",
            body="",
            params={"reason": Param("", type="string", title="Reason (needed for a rejection)", maxLength=2000)},
            response_timeout=timedelta(days=30),
            **kwargs,
        )

    def execute(self, context: Any) -> Any:
        """Ask, or go on at once if these very bytes were approved before."""
        settings, quarter = Settings.load(), quarter_of(context)
        digest = context["ti"].xcom_pull(task_ids="check")["candidate_digest"]
        now = standing(settings, quarter)
        if now is None or now.candidate_digest != digest or now.stage not in (WAITING, APPROVED, RELEASED):
            with four_parts(context):
                raise GateFailed(
                    f"There is nothing to approve for {quarter}.",
                    found="another candidate, or none that passed, is the current one",
                    expected="the candidate that this run checked, with a passing verdict",
                    rule="events/gate.py",
                    next_step="answer the gate of the current candidate",
                )
        if now.stage in (APPROVED, RELEASED):
            return {"decision": "approved", "candidate_digest": digest}
        if self._is_asked_already(context, digest):
            raise AirflowSkipException("This candidate already waits for an answer in another run.")
        self.subject = f"May the candidate of {quarter} be released?"
        self.body = question(settings, quarter)
        self.assigned_users = [{"id": name, "name": name} for name in settings.approvers]
        if not settings.approvers:
            with four_parts(context):
                raise NotApproved(
                    f"Nobody may approve {quarter}.",
                    found="no approvers in the settings",
                    expected="at least one person other than the preparer",
                    rule="pipeline/settings.py, approvers",
                    next_step="name the approvers in the settings file and start again",
                )
        try:
            super().execute(context)
        except TaskAwaitingInput as parked:
            raise TaskAwaitingInput(
                method_name=parked.method_name, kwargs={"candidate_digest": digest}, timeout=parked.timeout
            ) from None

    def execute_complete(self, context: Any, event: dict[str, Any], candidate_digest: str = "") -> dict[str, str]:
        """Write the decision of the person whom Airflow's server recorded; a rejection fails the task."""
        answer = super().execute_complete(context, event)
        from publish.approval import decide
        from publish.keys import GATE

        quarter = quarter_of(context)
        approver = (answer["responded_by_user"] or {}).get("id", "")
        is_yes = answer["chosen_options"] == [self.APPROVE]
        with four_parts(context):
            decide(
                Settings.load(),
                quarter,
                candidate_digest=candidate_digest,
                approver=approver,
                decision="approved" if is_yes else "rejected",
                # A "no" is never lost for want of words.
                reason=str(answer["params_input"].get("reason", "")).strip() or ("" if is_yes else NO_REASON),
                signer=GATE,
            )
            if not is_yes:
                raise NotApproved(
                    f"The candidate of {quarter} was rejected.",
                    found=f"{approver} said no to candidate {candidate_digest[:12]}",
                    expected="an approval",
                    rule="events/gate.py; the reason stands in the candidate's approval.json",
                    next_step="deliver corrected extracts; they open a new candidate, and this one stays as it is",
                )
        return {"decision": "approved", "candidate_digest": candidate_digest}

    def _is_asked_already(self, context: Any, digest: str) -> bool:
        task = context["ti"]
        runs = task.get_task_states(dag_id=self.dag_id, task_ids=[self.task_id])
        return any(
            states.get(self.task_id) == "awaiting_input"
            and (task.xcom_pull(task_ids="check", run_id=run) or {}).get("candidate_digest") == digest
            for run, states in runs.items()
            if run != task.run_id
        )
