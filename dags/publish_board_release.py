"""Release the approved candidate of one quarter.

Started by an answered gate and by nothing else. It trusts no event and no task result: it reads the verdict and the
approval itself, compares every byte with them, and refuses otherwise.
"""

from __future__ import annotations

from airflow.sdk import DAG, get_current_context, task

from events.chain import AGAIN, GATE, RELEASE, by_quarter, four_parts, quarter_of
from events.notices import RELEASED, Notice
from pipeline.settings import Settings

with DAG(
    dag_id="publish_board_release",
    doc_md=__doc__,
    schedule=by_quarter(GATE),
    max_active_runs=1,
    is_paused_upon_creation=False,
    catchup=False,
    default_args=AGAIN,
    tags=["publish"],
) as dag:

    @task(outlets=[RELEASE], on_success_callback=[Notice(RELEASED)])
    def publish() -> dict[str, str]:
        """Move the candidate's files into the release folder; `latest` moves last."""
        from publish.release import publish

        context = get_current_context()
        with four_parts(context):
            latest = publish(Settings.load(), quarter_of(context))
            return {"release": latest["release"], "manifest_digest": latest["manifest_digest"]}

    publish()
