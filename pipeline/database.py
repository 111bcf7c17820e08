"""The only place that opens DuckDB, locked down: no network, no extensions, no file outside the named folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipeline.settings import Settings


@contextmanager
def connect(
    settings: Settings,
    file: Path | None = None,
    *,
    folders: Sequence[Path] = (),
    read_only: bool = False,
    ordered: bool = True,
    spill: Path | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database file (or one in memory) that can touch nothing but itself and ``folders``.

    ``ordered`` keeps the order of rows, so that the same rows give the same bytes; it uses one thread. ``spill`` is a
    folder for what does not fit into the memory.
    """
    connection = duckdb.connect(
        str(file) if file else ":memory:",
        read_only=read_only,
        config={
            "threads": 1 if ordered else settings.threads,
            "memory_limit": settings.memory_limit,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
        },
    )
    try:
        connection.execute("set global TimeZone = 'UTC'")  # of its cursors too
        connection.execute("set allow_persistent_secrets = false")
        allowed = ", ".join("'" + str(path.resolve()).replace("'", "''") + "/'" for path in folders)
        connection.execute(f"set allowed_directories = [{allowed}]")
        if spill is not None:
            connection.execute("set temp_directory = '" + str(spill.resolve()).replace("'", "''") + "'")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection
    finally:
        connection.close()


def quoted(name: str) -> str:
    """An identifier as SQL text; whatever is in it stays one identifier."""
    return '"' + name.replace('"', '""') + '"'
