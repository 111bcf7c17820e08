"""The mart's own documentation as one file: every model, column, test and metric of a build, to read without a server.

``make docs`` writes it beside the data of the newest quarter that was built.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from dbt_project.build import DATABASE, DBT_PROJECT, QUIET
from pipeline import store
from pipeline.errors import BuildFailed, HrddError
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

PAGE = "static_index.html"


def write_docs(settings: Settings) -> Path:
    """Write ``builds/<quarter>/dbt_docs.html`` of the newest quarter, from its newest finished build.

    Raises HrddError where nothing was built yet, and BuildFailed where dbt stops.
    """
    built = [record for record in settings.place("builds").glob("FY*/*/build.json")]
    if not built:
        raise HrddError(
            "There is nothing to document yet.",
            found="no finished build",
            expected="a build, of which the documentation shows the columns as they are",
            rule="dbt_project/docs.py",
            next_step="make run, or hrdd build of a quarter, then make docs",
        )
    newest = max(built, key=lambda record: (FiscalQuarter.parse(record.parent.parent.name), record.stat().st_mtime_ns))
    folder = newest.parent
    with tempfile.TemporaryDirectory(dir=store.folder(folder.parent), prefix=".docs-") as scratch:
        # dbt opens the database for writing, and a build is not to be touched.
        copy = shutil.copyfile(folder / DATABASE, Path(scratch) / DATABASE)
        variables = store.read_json(folder / "variables.json") | {"database": str(copy)}
        places = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--target-path", scratch]
        places += ["--log-path", scratch, "--vars", json.dumps(variables)]
        try:
            outcome = dbtRunner().invoke(["docs", "generate", "--static", *QUIET, "--no-partial-parse", *places])
        finally:
            DuckDBConnectionManager.close_all_connections()
        if not outcome.success:
            raise BuildFailed(
                "The documentation could not be written.",
                found=f"dbt stopped: {type(outcome.exception).__name__}",
                expected="dbt's documentation of a finished build",
                rule="dbt_project/docs.py",
                next_step="build the quarter again, then make docs",
            )
        page = folder.parent / "dbt_docs.html"
        store.write_bytes(page, (Path(scratch) / PAGE).read_bytes())
    return page


def main() -> int:
    """Write the page and say where it lies."""
    try:
        page = write_docs(Settings.load())
    except HrddError as error:
        print(error, file=sys.stderr)
        return 1
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
