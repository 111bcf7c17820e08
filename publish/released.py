"""Which releases are in place."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from publish import manifest as manifests

_REVISION = re.compile(r"r([1-9]\d*)")


def releases(settings: Settings) -> list[tuple[FiscalQuarter, int, Path]]:
    """Every release that is in place, oldest quarter and revision first."""
    found = []
    for folder in settings.place("releases").glob("FY*/r*"):
        match = _REVISION.fullmatch(folder.name)
        if match and (folder / manifests.NAME).is_file():
            found.append((FiscalQuarter.parse(folder.parent.name), int(match[1]), folder))
    return sorted(found)


def of_quarter(settings: Settings, quarter: FiscalQuarter) -> list[Path]:
    """The releases of one quarter, oldest revision first."""
    return [folder for other, _, folder in releases(settings) if other == quarter]


def by_name(settings: Settings) -> dict[str, Path]:
    """Every release that is in place, by its name (``FY2023-Q4/r1``), oldest quarter and revision first."""
    return {f"{quarter}/r{revision}": folder for quarter, revision, folder in releases(settings)}
