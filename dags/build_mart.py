"""Build the due diligence mart of one quarter with dbt, into a fresh database file.

Started when all five families have an event of the same quarter. Ten late files of a quarter end in one build: a run
whose inputs are built already does nothing.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, AssetAll, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from events.chain import AGAIN, MART, RAW, by_quarter, four_parts, quarter_of
from pipeline.settings import Settings

with DAG(
    dag_id="build_mart",
    doc_md=__doc__,
    schedule=by_quarter(AssetAll(*RAW)),
    max_active_runs=1,
    is_paused_upon_creation=False,
    catchup=False,
    default_args=AGAIN,
    tags=["build"],
) as dag:

    @task(outlets=[MART])
    def build() -> dict[str, Any]:
        """Run dbt over the deliveries that the quarter's cut-off lets in."""
        from dbt_project import build as dbt
        from events.standing import standing

        context, settings = get_current_context(), Settings.load()
        quarter = quarter_of(context)
        with four_parts(context):
            now = standing(settings, quarter)
            if now and now.build_id == dbt.plan(settings, quarter).build_id:
                raise AirflowSkipException("The current candidate was made from exactly these extracts.")
            return {"quarter": str(quarter), "build_id": dbt.build(settings, quarter)["build_id"]}

    build()
