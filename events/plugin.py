"""What Airflow learns from this project when it starts: the mapper, the deadline and the releases' page."""

from __future__ import annotations

import sys
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from events.deadlines import ReleaseDue
from events.quarters import FiscalQuarterMapper

_DEADLINES: list[Any] = [ReleaseDue]
_MAPPERS: list[Any] = [FiscalQuarterMapper]


def _pages() -> tuple[list[Any], list[Any]]:
    # Every component imports every plugin; only the API server has a use for a page.
    if "api-server" not in sys.argv:
        return [], []
    from portal.page import APP, VIEW, begin

    begin()
    return [APP], [VIEW]


class EventsPlugin(AirflowPlugin):
    """Registered through the entry point ``airflow.plugins`` of the package."""

    name = "hrdd_events"
    partition_mappers = _MAPPERS
    deadline_references = _DEADLINES
    fastapi_apps, external_views = _pages()
