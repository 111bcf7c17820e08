"""By when a candidate must be decided: Airflow's own deadline of a run that waits at the gate.

Airflow's deadlines are of real time. A candidate of a quarter whose release is overdue already, such as a revision,
has a week from its question.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.sdk.definitions.deadline import BaseDeadlineReference

from pipeline.calendar import due_at
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

A_WEEK = timedelta(days=7)


class ReleaseDue(BaseDeadlineReference):
    """The moment by which the release of a run's quarter is due, by the calendar of releases."""

    required_kwargs = frozenset({"dag_id", "run_id"})

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> datetime:
        from airflow.models import DagRun
        from sqlalchemy import select

        of_run = (DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        key = session.scalar(select(DagRun.partition_key).where(*of_run))
        return deadline_of(Settings.load(), FiscalQuarter.parse(key or ""), datetime.now(UTC))


def deadline_of(settings: Settings, quarter: FiscalQuarter, now: datetime) -> datetime:
    """The deadline of a candidate of a quarter that is asked about now."""
    due = due_at(settings, quarter)
    return due if due > now else now + A_WEEK
