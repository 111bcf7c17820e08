"""Who saw figures before they were released: the list of those who opened a candidate, ``viewings.jsonl``.

It holds names of users and digests, never a figure. It only grows, and each line names the digest of the one before.
The page lets in preparers and approvers and writes here before it shows anything; whoever reads the data folder itself
is the business of that folder's owner (files there are closed to others).
"""

from __future__ import annotations

from typing import Any

from pipeline import store
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from publish import chain

NAME = "viewings.jsonl"


def opened(settings: Settings, quarter: FiscalQuarter, candidate_digest: str, person: str) -> None:
    """Take down that a person opens a candidate; the first time counts, once for each person and candidate.

    Raises NotVerified where the list was changed: then nothing should be shown.
    """
    said = {"quarter": str(quarter), "candidate_digest": candidate_digest, "person": person}
    with store.alone(settings.place(".locks", "viewings")):
        known = viewings(settings)
        if not any(said.items() <= record.items() for record in known):
            moment = {"opened_at": settings.now().isoformat()}
            store.append_line(settings.place(NAME), {**chain.following(known), **said, **moment})


def viewings(settings: Settings, quarter: FiscalQuarter | None = None) -> list[dict[str, Any]]:
    """Every opening that was taken down, oldest first; of one quarter, if it is named.

    A record: ``number, previous, quarter, candidate_digest, person, opened_at``. Raises NotVerified for a changed list.
    """
    records = chain.read(settings.place(NAME))
    return [record for record in records if quarter is None or record["quarter"] == str(quarter)]
