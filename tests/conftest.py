"""Airflow writes a home of its own as soon as it is imported; the tests give it one that goes away again."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from launcher import Released, release_of_the_sample_year
from sample_year import Built, Workshop, build_of_the_sample_year, workshop_of

# The longest files, which start Airflow again and again.
FIRST = ("test_end_to_end", "test_interruptions")
HOME = tempfile.mkdtemp(prefix="airflow-of-tests-")
os.environ["AIRFLOW_HOME"] = HOME
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: the tests of Airflow wait as long as they compute."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that none of them is left alone at the end."""
    items.sort(key=lambda item: item.path.stem not in FIRST)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave nothing behind."""
    shutil.rmtree(HOME, ignore_errors=True)


def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is one for all processes of a run."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sample year, built once for all processes of the tests; nobody changes it."""
    return build_of_the_sample_year(shared(tmp_path_factory) / "sample")


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    """The sample year, released through Airflow once for all processes of the tests; nobody changes it."""
    return release_of_the_sample_year(shared(tmp_path_factory) / "released")


@pytest.fixture(scope="session")
def workshop(sample: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Where the models of the sample year can be changed and run again."""
    with workshop_of(sample, tmp_path_factory.mktemp("workshop")) as opened:
        yield opened
