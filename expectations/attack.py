"""The attacker: what can be worked out about a few people from everything that was ever printed.

It reads only what a reader holds, the files of one or many release folders, and shares no code with what protects them
(a test walks the imports). The union of the folders is one system of whole numbers; each number that was not printed is
bounded in it. The programme that a release carries says which cells its tables have and which codes there are.
``attack_cases.py`` asks about the hotline, ``attack_groups.py`` about other few people and firms; what they find is
told in the words of ``findings.py``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from expectations import printed
from expectations.attack_cases import Cases
from expectations.attack_groups import Groups
from expectations.findings import CONTRADICTING, PROGRAMMES, UNREAD, Report
from expectations.intervals import SECONDS
from pipeline import store
from pipeline.errors import HrddError
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings

PROGRAMME = PROJECT / "publish" / "programme.yml"
LEDGER = "ledger.jsonl"
NOTHING = (None, None, None)


def attack(settings: Settings, folders: Sequence[Path], *, seconds: float = SECONDS, strict: bool = False) -> Report:
    """Attack the union of release folders, oldest first; the last one is the newest.

    ``strict`` asks what a pack must keep that leaves the company: the higher threshold, and every rule of every cell.
    Never raises for what is in the files: what cannot be read or settled is in the report, and the report then does
    not stand.
    """
    report = Report()
    found: list[tuple[Path, printed.Found]] = []
    for folder in folders:
        try:
            release = printed.read(settings, folder)
        except (printed.Unreadable, OSError):
            report.broken[UNREAD] += 1
            continue
        report.digests[str(folder)] = dict(release.digests)
        report.broken[CONTRADICTING] += release.contradictions
        _recall(report, [earlier.figures for _, earlier in found], release)
        found.append((folder, release))
    by_programme: dict[bytes, tuple[dict[str, Any], list[printed.Found]]] = {}
    for folder, release in found:
        programme = _programme(folder)
        if programme is None:
            report.broken[PROGRAMMES] += 1
        else:
            by_programme.setdefault(store.canonical_json(programme), (programme, []))[1].append(release)
    years: list[int] = []
    for programme, releases_of in by_programme.values():
        try:
            figures = [release.figures for release in releases_of]
            years += Cases(report, programme, figures, seconds, strict).attack()
            Groups(report, programme, releases_of, seconds, strict).attack()
        except (KeyError, TypeError, ValueError, HrddError):
            report.broken[UNREAD] += 1  # a programme or a figure that is not what it should be
    if not by_programme or len(years) != len(set(years)):
        report.broken[PROGRAMMES] += 1  # a year belongs to one programme: a second one would cut it into other cells
    report.broken = +report.broken
    return report


def _recall(report: Report, earlier: Sequence[dict[printed.Key, printed.Numbers]], release: printed.Found) -> None:
    """Hold what a revision says of earlier figures against them. What they withheld is then as good as printed there;
    without an earlier release at hand, as good as printed here."""
    for key, numbers in release.before.items():
        if numbers[2] is None:
            continue
        told = [past[key][2] for past in earlier if key in past]
        values = [value for value in told if value is not None]
        if not values:
            then = next((past for past in reversed(earlier) if key in past), release.figures)
            if then.get(key, NOTHING)[2] is None:
                then[key] = numbers
        elif all(abs(value - numbers[2]) > 1e-9 * max(1.0, abs(value)) for value in values):
            report.broken[CONTRADICTING] += 1


def releases(home: Path) -> list[Path]:
    """The release folders in a data folder's ``releases``, in the order of their quarters and revisions."""
    folders = [folder for folder in home.glob("FY*/r*") if (folder / "manifest.json").is_file()]
    return sorted(
        folders, key=lambda folder: (FiscalQuarter.parse(folder.parent.name), int(folder.name.removeprefix("r")))
    )


def ledger_stands(home: Path) -> bool:
    """Whether the ledger chains, has one line for each release, and says of each what its folder says."""
    folders = {f"{folder.parent.name}/{folder.name}": folder for folder in releases(home)}
    try:
        lines = [json.loads(line) for line in (home / LEDGER).read_text("utf-8").splitlines()]
    except FileNotFoundError:
        return not folders
    except ValueError:
        return False
    previous = ""
    for line in lines:
        body = {name: value for name, value in line.items() if name != "hash"}
        if line.get("previous") != previous or line.get("hash") != store.sha256_bytes(store.canonical_json(body)):
            return False
        previous = line["hash"]
        folder = folders.get(line.get("release"))
        if folder is None or store.sha256_file(folder / "manifest.json") != line.get("manifest_sha256"):
            return False
    return sorted(line["release"] for line in lines) == sorted(folders)


def follows_the_reviewed_programme(folder: Path, file: Path = PROGRAMME) -> bool:
    """Whether a release carries the programme that was reviewed, and not one made for the occasion."""
    import yaml

    return _programme(folder) == yaml.safe_load(file.read_text("utf-8"))


def _programme(folder: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((folder / "programme.json").read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
