"""Take what lies in the landing into the raw layer, one file independent of the other.

Started by an arrival in the landing. The arrival only wakes: each task does whatever has no record yet, so it does
not matter which file woke it, how many came at once, or whether the run before was killed. A refused file fails its
task after every other file was handled, and the next task runs all the same: a bad file never costs a good one.

`announce` ends the run: for each quarter that has everything and is not built yet, one event for each family.
"""

from __future__ import annotations

from airflow.sdk import DAG, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from events.chain import AGAIN, LANDING, RAW, stop
from pipeline.settings import Settings

with DAG(
    dag_id="land_extracts",
    doc_md=__doc__,
    schedule=[LANDING],
    max_active_runs=1,
    is_paused_upon_creation=False,
    catchup=False,
    default_args=AGAIN,
    tags=["ingest"],
) as dag:

    @task
    def land() -> dict[str, int]:
        """Copy each new file byte for byte and write its receipt."""
        from ingest.land import land, refusals

        receipts = land(Settings.load())
        stop(get_current_context(), refusals(receipts))
        return {"files": len(receipts)}

    @task(trigger_rule="all_done")
    def load() -> dict[str, int]:
        """Read each landed file by its contract; what breaks it goes to quarantine."""
        from ingest.land import refusals
        from ingest.load import load

        receipts = load(Settings.load())
        stop(get_current_context(), refusals(receipts))
        return {
            "extracts": len(receipts),
            "records": sum(receipt["loaded"] for receipt in receipts),
            "quarantined": sum(receipt["quarantined"] for receipt in receipts),
        }

    @task(trigger_rule="all_done")
    def check() -> dict[str, int]:
        """Ask of each loaded extract whether it is the one that was promised."""
        from expectations.extract_door import check_extracts, refusals

        verdicts = check_extracts(Settings.load())
        stop(get_current_context(), refusals(verdicts))
        return {"extracts": len(verdicts), "checks": sum(verdict["checks_evaluated"] for verdict in verdicts)}

    @task(trigger_rule="all_done", outlets=RAW)
    def announce() -> dict[str, list[str]]:
        """Send one event a family for each quarter that can be built; all families in the same moment."""
        from dbt_project.build import quarters_to_build

        quarters = [str(quarter) for quarter in quarters_to_build(Settings.load())]
        if not quarters:
            raise AirflowSkipException("No quarter has new extracts and all that it needs.")
        events = get_current_context()["outlet_events"]
        for asset in RAW:
            events[asset].add_partitions(quarters)
        return {"quarters": quarters}

    @task(trigger_rule="one_failed", retries=0)
    def report() -> None:
        """Make the run itself fail if a file was refused, so that the list of runs shows it."""
        raise AirflowFailException("A file was refused; the failed task of this run says which, and what to do.")

    ingest = [land(), load(), check()]
    ingest[0] >> ingest[1] >> ingest[2] >> announce()
    ingest >> report()
