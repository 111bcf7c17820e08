"""A figure names the code that made it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipeline import provenance


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for package in provenance.PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "code.py").write_text(package)
    monkeypatch.setattr(provenance, "PROJECT", tmp_path)
    return tmp_path


def digest_now() -> str:
    provenance._source_digest.cache_clear()
    return provenance.source_digest()


@pytest.mark.parametrize(
    "name", ["dbt_project/models/new.sql", "ingest/contracts/new.yaml", "publish/page.css", "publish/page.html"]
)
def test_a_file_that_can_change_a_figure_changes_the_source_digest(project: Path, name: str) -> None:
    before = digest_now()
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text("x")
    assert digest_now() != before
    (project / name).unlink()
    assert digest_now() == before


@pytest.mark.parametrize(
    "name", ["publish/README.md", "dbt_project/target/run.sql", "publish/__pycache__/x.py", "docs/x.py"]
)
def test_a_file_that_cannot_change_a_figure_does_not(project: Path, name: str) -> None:
    before = digest_now()
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text("x")
    assert digest_now() == before


def test_the_lock_and_the_commit_are_named_where_there_are_any(project: Path) -> None:
    assert provenance.provenance()["lock_digest"] == provenance.provenance()["commit"] == "unknown"
    (project / "requirements.lock").write_bytes(b"")
    assert provenance.provenance()["lock_digest"].startswith("e3b0c442")
    git = ["git", "-c", "user.name=SAMPLE", "-c", "user.email=sample@example.org"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *command], cwd=project, check=True)
    provenance._commit.cache_clear()
    assert len(provenance.provenance()["commit"]) == 40
    provenance._commit.cache_clear()
