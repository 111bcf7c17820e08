"""Fetch extracts from the sources of the settings and put them into the landing.

The only DAG that a clock starts: a source does not say when it has something new. What it puts into the landing is an
arrival like any other, and that arrival starts the rest. Without a source in the settings a run does nothing. A source
that fails fails the run, after every other source was looked at.
"""

from __future__ import annotations

from airflow.sdk import DAG, Connection, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from events.chain import AGAIN, four_parts, stop
from pipeline.settings import Settings

with DAG(
    dag_id="pull_extracts",
    doc_md=__doc__,
    schedule="17 * * * *",
    max_active_runs=1,
    is_paused_upon_creation=False,
    catchup=False,
    default_args=AGAIN,
    tags=["ingest"],
) as dag:

    @task
    def pull() -> dict[str, int]:
        """Look at every source; put what is new into the landing, each file with its manifest."""
        from ingest.sources import connection_of, failures, pull, sources

        context, settings = get_current_context(), Settings.load()
        with four_parts(context):
            if not sources(settings):
                raise AirflowSkipException("The settings name no source.")
            results = pull(settings, lambda name: connection_of(Connection.get(name)))
        stop(context, failures(results))
        return {"files": sum(result["outcome"] == "pulled" for result in results)}

    pull()
