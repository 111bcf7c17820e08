"""What joins one DAG to the next: the assets, the quarter they carry, and how a stop looks in Airflow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

from airflow.sdk import Asset, AssetWatcher, PartitionedAssetTimetable, PartitionMapper
from airflow.sdk.definitions.asset import BaseAsset
from airflow.sdk.exceptions import AirflowFailException

from events.landing import LandingTrigger
from events.quarters import FiscalQuarterMapper
from pipeline.errors import HrddError
from pipeline.quarter import FiscalQuarter

FAMILIES = ("hr", "procurement", "hotline", "training", "register")

LANDING = Asset("landing/extracts", watchers=[AssetWatcher(name="landing", trigger=LandingTrigger())])
RAW = [Asset(f"raw/{family}") for family in FAMILIES]
MART = Asset("mart/due_diligence")
CANDIDATE = Asset("candidate/board")
GATE = Asset("gate/board")
RELEASE = Asset("release/board")

# A task that was killed is run again: every step is a no-op where its work is already done.
AGAIN: dict[str, Any] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=2),
    "execution_timeout": timedelta(minutes=30),
}


def by_quarter(assets: BaseAsset) -> PartitionedAssetTimetable:
    """A schedule that starts a run of a quarter once every asset has an event of that same quarter."""
    # Airflow's two halves type the same mapper differently: a DAG file and the scheduler share this class.
    mapper = cast(PartitionMapper, FiscalQuarterMapper())
    return PartitionedAssetTimetable(assets=assets, default_partition_mapper=mapper)


def quarter_of(context: Any) -> FiscalQuarter:
    """The quarter of a run."""
    return FiscalQuarter.parse(context["dag_run"].partition_key or "")


def stop(context: Any, stops: Sequence[HrddError]) -> None:
    """Fail the task for good if there are stops: their four parts go into its log and, as a record, beside it."""
    if stops:
        records = [error.parts() | {"exit_code": error.exit_code} for error in stops]
        context["ti"].xcom_push(key="stops", value=records)
        raise AirflowFailException("\n".join(str(error) for error in stops))


@contextmanager
def four_parts(context: Any) -> Iterator[None]:
    """Turn a stop that a rule asked for into a failed task that nobody retries; other faults are tried again."""
    try:
        yield
    except HrddError as error:
        stop(context, [error])
