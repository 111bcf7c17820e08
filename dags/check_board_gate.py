"""Check the candidate of one quarter, then ask a second person for a decision on its digest.

Started by a new candidate. A candidate that fails a check, or that the person rejects, ends here, and the last
release stays what it is. Several runs may wait side by side: one unanswered gate must not hold up the next candidate.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, DeadlineAlert, SyncCallback, get_current_context, task

from events.chain import AGAIN, CANDIDATE, GATE, by_quarter, four_parts, quarter_of
from events.deadlines import ReleaseDue
from events.gate import BoardGate
from events.notices import WAITS, Notice, overdue
from pipeline.settings import Settings

with DAG(
    dag_id="check_board_gate",
    doc_md=__doc__,
    schedule=by_quarter(CANDIDATE),
    max_active_runs=16,
    is_paused_upon_creation=False,
    catchup=False,
    default_args=AGAIN,
    deadline=DeadlineAlert(ReleaseDue(), interval=timedelta(0), callback=SyncCallback(overdue), name="release is due"),
    tags=["publish"],
) as dag:

    @task
    def check() -> dict[str, str | int]:
        """Run the board door over the candidate's files; its verdict names the digest of each."""
        from events.standing import standing
        from expectations.board_door import check_candidate

        context, settings = get_current_context(), Settings.load()
        quarter = quarter_of(context)
        with four_parts(context):
            now = standing(settings, quarter)
            verdict = check_candidate(settings, quarter)
            return {
                "quarter": str(quarter),
                "candidate_digest": now.candidate_digest if now else "",
                "checks": verdict["checks_evaluated"],
            }

    check() >> BoardGate(task_id="approve", outlets=[GATE], notifiers=[Notice(WAITS)])
