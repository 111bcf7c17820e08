"""Make the candidate of one quarter: the files that a reader would get, protected and checksummed.

Started by the built mart of the quarter. A build that newer extracts have overtaken makes no candidate.
"""

from __future__ import annotations

from airflow.sdk import DAG, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from events.chain import AGAIN, CANDIDATE, MART, by_quarter, four_parts, quarter_of
from pipeline.settings import Settings

with DAG(
    dag_id="prepare_candidate",
    doc_md=__doc__,
    schedule=by_quarter(MART),
    max_active_runs=1,
    is_paused_upon_creation=False,
    catchup=False,
    default_args=AGAIN,
    tags=["publish"],
) as dag:

    @task(outlets=[CANDIDATE])
    def prepare() -> dict[str, str | int]:
        """Write the candidate's files and their checksums, and make it the quarter's current one."""
        from dbt_project.build import plan
        from publish.candidate import prepare

        context, settings = get_current_context(), Settings.load()
        quarter = quarter_of(context)
        with four_parts(context):
            build_id = plan(settings, quarter).build_id
            if not settings.place("builds", str(quarter), build_id, "build.json").exists():
                raise AirflowSkipException("Extracts came in after this build; theirs makes the candidate.")
            candidate = prepare(settings, quarter)
            return {
                "quarter": candidate["quarter"],
                "candidate_digest": candidate["candidate_digest"],
                "files": len(candidate["files"]),
                "withheld_cells": candidate["withheld_cells"],
            }

    prepare()
