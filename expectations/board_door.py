"""Would we sign this table? The door between a candidate and the person who may approve it.

It reads the candidate's files as they are written, measures them (expectations/board_frames.py) and lets Great
Expectations judge the measures (expectations/board_checks.py against thresholds.yml). It also attacks them, together
with every release before (expectations/attack.py): what must stay hidden may not be worked out. The verdict names the
digest of every file, so what was checked is what can be released.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations import verdict as verdicts
from expectations.bounds import Bounds, bounds
from pipeline import store
from pipeline.database import connect
from pipeline.errors import GateFailed
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

if TYPE_CHECKING:  # both take a second to import, and a standing verdict needs neither
    from pandas import DataFrame

    from expectations.board_frames import Candidate

NEXT = "Nothing was released and the last release stands: docs/runbooks/failed-gate.md."


def check_candidate(settings: Settings, quarter: FiscalQuarter) -> dict[str, Any]:
    """Judge the current candidate of a quarter and write its verdict beside it.

    A verdict that is there is taken again only if it names the same bytes and was made by the same rules. Raises
    GateFailed, after the verdict is written, if it did not pass; also if there is no candidate.
    """
    current = settings.place("candidates", str(quarter), "current.json")
    if not current.exists():
        raise GateFailed(
            f"There is no candidate of {quarter} to check.",
            found="no current.json among the quarter's candidates",
            expected="a candidate that was prepared from a finished build",
            rule="docs/layout.md, candidates",
            next_step=f"run `hrdd build {quarter}` and `hrdd prepare {quarter}` first",
        )
    folder = current.with_name(store.read_json(current)["candidate_digest"])
    limits = bounds("board")
    record = _standing(settings, folder, limits) or _judged(settings, folder, limits)
    refusal = verdicts.refusal(record, f"the candidate of {quarter}", next_step=NEXT)
    if refusal is not None:
        raise refusal
    return record


def _standing(settings: Settings, folder: Path, limits: Bounds) -> dict[str, Any] | None:
    """The verdict that is there, if it is about these bytes and by these rules."""
    file = folder / "verdict.json"
    if not file.exists():
        return None
    record: dict[str, Any] = store.read_json(file)
    same = (
        record["files"] == store.checksums(folder / "files")
        and record["rules_digest"] == limits.digest
        and record.get("releases_digest") == _releases_digest(settings)
    )
    return record if same else None


def _releases_digest(settings: Settings) -> str:
    """What was released when the candidate was attacked: another release since then, and it is attacked again."""
    home = settings.place("releases")
    return store.digest_of(
        {file.relative_to(home).as_posix(): store.sha256_file(file) for file in sorted(home.glob("*/*/manifest.json"))}
    )


def frames_of(
    settings: Settings, folder: Path, candidate: Candidate, limits: Bounds
) -> dict[str, Callable[[], DataFrame]]:
    """Every frame of the board door by name, made when it is asked for: what is measured, and what was attacked."""
    from expectations import attack, board_frames, findings

    files = folder / "files"

    @cache
    def report() -> findings.Report:
        home = settings.place("releases")
        found = attack.attack(settings, [*attack.releases(home), files], strict=settings.strict_disclosure)
        found.broken[findings.LEDGERS] += not attack.ledger_stands(home)
        found.broken[findings.PROGRAMMES] += not attack.follows_the_reviewed_programme(files)
        return found

    return board_frames.frames(candidate, limits.pinned) | {
        "attack": lambda: board_frames.attack_frame(report().broken, findings.RULES),
        "attacked_files": lambda: board_frames.attacked_files_frame(candidate, report().digests.get(str(files), {})),
    }


def _judged(settings: Settings, folder: Path, limits: Bounds) -> dict[str, Any]:
    from expectations import board_checks, board_frames, judge

    with connect(settings, folders=[folder]) as connection:
        candidate = board_frames.read(settings, connection, folder, store.read_json(folder / "candidate.json"))
    frames = frames_of(settings, folder, candidate, limits)
    records: dict[str, Mapping[str, Any]] = {}
    for name, make in frames.items():
        checks = [check for check in board_checks.CHECKS if check.frame == name]
        try:
            frame = make()
        except Exception:
            # A fault in a table may be named by one of its values; that the frame could not be made is the finding.
            answers = judge.unanswered(checks, limits, name)
        else:
            answers = judge.judge(frame, checks, limits, name)
        records |= {answer["check"]: answer for answer in answers}
    ordered = [records[check.__name__] for check in board_checks.CHECKS if check.__name__ in records]
    record = verdicts.verdict(limits, ordered, candidate.found) | {"releases_digest": _releases_digest(settings)}
    store.write_json(folder / "verdict.json", record)
    return record
