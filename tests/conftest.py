"""Airflow writes a home of its own as soon as it is imported; the tests give it one that goes away again."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest

HOME = tempfile.mkdtemp(prefix="airflow-of-tests-")
os.environ["AIRFLOW_HOME"] = HOME
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave nothing behind."""
    shutil.rmtree(HOME, ignore_errors=True)
