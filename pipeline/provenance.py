"""Which code made a figure: the commit, a digest of the source, and a digest of the pinned environment."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

from pipeline import store
from pipeline.settings import PROJECT

PACKAGES = ("pipeline", "ingest", "dbt_project", "expectations", "publish")
SUFFIXES = frozenset({".py", ".sql", ".yml", ".yaml", ".csv", ".toml", ".html", ".css"})
NOT_SOURCE = frozenset({"target", "logs", "dbt_packages", "__pycache__"})
LOCK = "requirements.lock"
UNKNOWN = "unknown"


def source_digest() -> str:
    """One digest for every file of the project that can change a figure; read once in a process."""
    return _source_digest(PROJECT)


def provenance() -> dict[str, str]:
    """``commit``, ``source_digest`` and ``lock_digest`` as text; ``unknown`` where there is nothing to read."""
    lock = PROJECT / LOCK
    return {
        "commit": _commit(PROJECT),
        "source_digest": source_digest(),
        "lock_digest": store.sha256_file(lock) if lock.is_file() else UNKNOWN,
    }


@cache
def _source_digest(project: Path) -> str:
    return store.digest_of(
        {
            file.relative_to(project).as_posix(): store.sha256_file(file)
            for package in PACKAGES
            for file in sorted((project / package).rglob("*"))
            if file.suffix in SUFFIXES and not NOT_SOURCE.intersection(file.relative_to(project).parts)
        }
    )


@cache
def _commit(project: Path) -> str:
    # An installed copy may lie inside somebody else's repository: only the project's own is asked.
    if not (project / ".git").exists():
        return UNKNOWN
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=project, env=environment, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return UNKNOWN
    return answer.stdout.strip() if answer.returncode == 0 else UNKNOWN
