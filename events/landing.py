"""The wake-up: something arrived in the landing. It says that there is work, never what the work is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import fsspec
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from pipeline.settings import Settings

Arrival = tuple[str, int, str]


def listing(settings: Settings) -> frozenset[Arrival]:
    """What lies in the landing now: (path, bytes, mark of change) of each file; nothing is opened or hashed.

    Names that begin with a dot are files that somebody is still writing.
    """
    filesystem, root = fsspec.core.url_to_fs(settings.landing_url)
    filesystem.invalidate_cache()
    if not filesystem.exists(root):
        return frozenset()
    return frozenset(
        (path, int(entry.get("size") or 0), str(entry.get("mtime") or entry.get("ETag") or entry.get("LastModified")))
        for path, entry in filesystem.find(root, detail=True).items()
        if not any(part.startswith(".") for part in path.removeprefix(root).split("/"))
    )


class LandingTrigger(BaseEventTrigger):
    """Looks at the landing and fires once when what arrived has been still for a moment.

    The first look fires too if anything lies there: whatever happened while nobody watched is looked at again. Files
    that go away wake nobody. Under a stream of arrivals that never pauses, it fires after ``patience_seconds``.
    """

    def __init__(self, poll_seconds: float = 0.25, settle_seconds: float = 1.0, patience_seconds: float = 30.0) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds
        self.settle_seconds = settle_seconds
        self.patience_seconds = patience_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments; they never change between runs, or Airflow would drop the watcher."""
        arguments = {
            "poll_seconds": self.poll_seconds,
            "settle_seconds": self.settle_seconds,
            "patience_seconds": self.patience_seconds,
        }
        return "events.landing.LandingTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire for ever, once for each group of arrivals. The landing is read from the settings of this process."""
        settings = Settings.load()
        clock = asyncio.get_running_loop().time
        known: frozenset[Arrival] = frozenset()
        while True:
            seen = await asyncio.to_thread(listing, settings)
            if seen - known:
                first = last = clock()
                while clock() - last < self.settle_seconds and clock() - first < self.patience_seconds:
                    await asyncio.sleep(self.poll_seconds)
                    again = await asyncio.to_thread(listing, settings)
                    if again != seen:
                        seen, last = again, clock()
                yield TriggerEvent({"arrivals": len(seen - known)})
            known = seen
            await asyncio.sleep(self.poll_seconds)
