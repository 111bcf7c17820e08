"""The quarter that travels with every event after ingest."""

from __future__ import annotations

from datetime import UTC, datetime, time

from airflow.partition_mappers.base import PartitionMapper

from pipeline.errors import RefusedExtract
from pipeline.quarter import FiscalQuarter


class FiscalQuarterMapper(PartitionMapper):
    """Passes a fiscal quarter on as it is, and refuses every other key, also of a run that a person starts."""

    def to_downstream(self, key: str) -> str:
        """The same quarter; ValueError, by which Airflow refuses a key, if it is none."""
        return str(_quarter(key))

    def to_partition_date(self, downstream_key: str) -> datetime:
        """The first moment of the quarter's first day, which Airflow shows beside the run."""
        return datetime.combine(_quarter(downstream_key).start, time(0), UTC)


def _quarter(key: str) -> FiscalQuarter:
    try:
        return FiscalQuarter.parse(key)
    except RefusedExtract as stop:
        raise ValueError(str(stop)) from None
