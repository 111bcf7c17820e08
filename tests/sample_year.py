"""The sample year, built once for every test that looks at it, and its models run again over changed statements."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from pipeline import store
from pipeline.database import connect
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings

Q4 = FiscalQuarter(2023, 4)
Rows = list[tuple[Any, ...]]
WHOLE = ("board_*.sql", "fct_*.sql", "int_*.sql")  # dbt's tests of more than staging


@dataclass(frozen=True)
class Built:
    """A finished build and where it lies."""

    settings: Settings
    record: dict[str, Any]

    @property
    def folder(self) -> Path:
        return self.settings.place("builds", self.record["quarter"], self.record["build_id"])

    def rows(self, query: str) -> Rows:
        with connect(self.settings, self.folder / "due_diligence.duckdb", read_only=True) as connection:
            return connection.execute(query).fetchall()

    def figures(self) -> Rows:
        return self.rows("select * from fct_metric_value order by all")

    def headline(self, metric_id: str, columns: str) -> tuple[Any, ...]:
        (row,) = self.rows(f"select {columns} from board_headline where metric_id = '{metric_id}'")
        return row

    def total(self, metric_id: str, columns: str, quarter: object = Q4) -> tuple[Any, ...]:
        """What a metric says of a quarter, in the perimeter and on the basis of its headline."""
        (row,) = self.rows(
            f"select {columns} from fct_metric_value inner join dim_metric using (metric_id, basis)"
            f" where metric_id = '{metric_id}' and fiscal_quarter = '{quarter}' and dimension = 'total'"
            " and perimeter = headline_perimeter"
        )
        return row

    def series(self, metric_id: str, basis: str) -> Rows:
        return self.rows(
            "select numerator, target_status from fct_metric_value inner join dim_metric using (metric_id)"
            f" where metric_id = '{metric_id}' and fct_metric_value.basis = '{basis}' and dimension = 'total'"
            " and perimeter = headline_perimeter order by fiscal_quarter"
        )


class Workshop:
    """The models of a build as dbt compiled them, and a copy of its database to run them over again."""

    def __init__(self, built: Built, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        manifest = store.read_json(built.folder / "target" / "manifest.json")
        self.nodes = {node["name"]: node for node in manifest["nodes"].values()}

    @cached_property
    def in_order(self) -> list[str]:
        """Models and seeds, parents first."""
        built = {name for name, node in self.nodes.items() if node["resource_type"] in ("model", "seed")}
        return [name for name in TopologicalSorter({m: self._parents(m) & built for m in sorted(built)}).static_order()]

    def _parents(self, model: str) -> set[str]:
        return {parent.split(".")[-1] for parent in self.nodes[model]["depends_on"].get("nodes", [])}

    def _kind(self, model: str) -> str:
        return "view" if self.nodes[model]["config"]["materialized"] == "view" else "table"

    def behind(self, changed: set[str]) -> list[str]:
        """Every model that rests on one of the changed ones, in the order in which they are built."""
        reached = set(changed)
        for model in self.in_order:
            if self.nodes[model]["resource_type"] == "model" and self._parents(model) & reached:
                reached.add(model)
        return [model for model in self.in_order if model in reached - changed]

    def statement(self, model: str, *changes: tuple[str, str]) -> str:
        """A model's statement with the changes made; a change that finds nothing to change is an error."""
        text = str(self.nodes[model]["compiled_code"])
        for before, after in changes:
            assert before in text, f"{model} does not say: {before}"
            text = text.replace(before, after)
        return text

    @contextmanager
    def changed(self, statements: Mapping[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
        """The database with the models of other statements in it, and with all behind them run again."""
        self.connection.execute("begin")
        try:
            for model, statement in statements.items():
                self.connection.execute(f'create or replace {self._kind(model)} "{model}" as {statement}')
            for model in self.behind(set(statements)):
                # A view follows what it looks at.
                if self._kind(model) == "table":
                    self.connection.execute(f'create or replace table "{model}" as {self.statement(model)}')
            yield self.connection
        finally:
            self.connection.execute("rollback")


def hrdd(data: Path, *arguments: str, settings: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as a person does."""
    environment = os.environ | {"HRDD_SETTINGS": str(settings or PROJECT / "samples" / "settings.toml")}
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "--data", str(data), *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def taken(data: Path, *commands: list[str]) -> None:
    """One command after the other over a data folder; each has to succeed."""
    for arguments in commands:
        done = hrdd(data, *arguments)
        assert done.returncode == 0, done.stderr


def build_of_the_sample_year(data: Path) -> Built:
    """Landed, loaded, checked and built by hand; who comes while another process is at it gets what that one made."""
    settings = Settings.load(data=data)
    with store.alone(data.with_suffix(".lock")):
        if not settings.place("builds").exists():
            taken(data, ["sample"], ["land"], ["load"], ["check"], ["build", str(Q4)])
    [finished] = settings.place("builds", str(Q4)).glob("*/build.json")
    return Built(settings, store.read_json(finished))


def staging_alone(folder: Path) -> Path:
    """dbt's project with nothing but its staging models, of which dbt makes far less work than of the whole."""
    beyond = ("intermediate", "marts", "own", "seeds", "declared", "*.py", "__pycache__", "_singular*", *WHOLE)
    return shutil.copytree(PROJECT / "dbt_project", folder, ignore=shutil.ignore_patterns(*beyond))


@contextmanager
def workshop_of(built: Built, folder: Path, reads: Sequence[Path] = ()) -> Iterator[Workshop]:
    """A workshop over a copy of the build's database; of files, it can read the build's inputs, and what it is told."""
    database = folder / "due_diligence.duckdb"
    shutil.copyfile(built.folder / database.name, database)
    with connect(built.settings, database, folders=[built.folder, *reads], ordered=False) as connection:
        yield Workshop(built, connection)
