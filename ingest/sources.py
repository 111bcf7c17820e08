"""Pull: fetch extracts from where they lie (SFTP, object store, SQL database, HTTP) and put them into landing.

Each source of the settings names an Airflow connection, an extract, and a path or a query. What is fetched arrives as
from any sender: whole, in one step, its manifest first. A manifest that lies beside the file at the source is passed on
as it is; otherwise the puller writes one. Nothing at a source is ever changed.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from fsspec.core import url_to_fs

from ingest.contract import contracts
from ingest.land import IN_TRANSIT, MANIFEST, MAX_MANIFEST_BYTES, MAX_SENT_BYTES
from pipeline import store
from pipeline.errors import BadSettings, HrddError, SourceFailed
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

TIMEOUT = 60.0  # seconds without an answer
CHUNK = 1 << 18
DAYS = ("", "name", "today")  # which day an extract speaks of: unsaid, as its file's name says, the day of the pull
_DAY = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")


@dataclass(frozen=True)
class Source:
    """One extract and where it is fetched from: ``path`` is a pattern of files, or ``query`` a SELECT."""

    name: str
    connection: str
    family: str
    extract: str
    path: str = ""
    query: str = ""
    as_of: str = ""


@dataclass(frozen=True)
class Access:
    """What an Airflow connection says. Nothing of it but ``kind`` is ever shown."""

    kind: str
    host: str = field(repr=False, default="")
    port: int | None = field(repr=False, default=None)
    login: str = field(repr=False, default="")
    password: str = field(repr=False, default="")
    schema: str = field(repr=False, default="")
    extra: Mapping[str, Any] = field(repr=False, default_factory=dict)


@dataclass(frozen=True)
class Fetched:
    """One file as it came: where it lay, what tells its versions apart, when it was known, and its rows if counted."""

    path: str
    mark: str | None
    known_at: datetime
    rows: int | None = None
    manifest: bytes | None = None


# Tells whether a version is new, and takes a fetched file over.
Seen = Callable[[str, str], bool]
Take = Callable[[Fetched, Path], None]


def sources(settings: Settings) -> list[Source]:
    """The settings' sources, in their order. Raises BadSettings for one that says too little or too much."""
    known = {each.name for each in fields(Source)}
    found: list[Source] = []
    for written in settings.sources:
        entries = {str(name): str(value) for name, value in written.items()}
        missing = {"name", "connection", "family", "extract"} - set(entries)
        if missing or set(entries) - known:
            raise _bad(
                "a source without " + ", ".join(sorted(missing)) if missing else "a source with an unknown entry"
            )
        source = Source(**entries)
        if re.fullmatch("[a-z][a-z0-9_-]{0,40}", source.name) is None or source.name in {each.name for each in found}:
            raise _bad("a source whose name is not plain, or is another's too")
        if bool(source.path) == bool(source.query) or source.as_of not in DAYS:
            raise _bad(f"source {source.name} with a path and a query, with neither, or with another as_of")
        if (source.family, source.extract) not in contracts():
            raise _bad(f"source {source.name} of an extract that has no contract")
        found.append(source)
    return found


def pull(settings: Settings, access: Callable[[str], Access]) -> list[dict[str, Any]]:
    """Fetch what is new at every source and put it into landing; ``access`` looks a connection up by its id.

    Returns one record for each file that was fetched and each source that failed: ``source, family, extract, outcome``
    (``pulled | unchanged | failed``), ``refusal``. One source that fails costs no other anything.
    """
    results: list[dict[str, Any]] = []
    chosen = sources(settings)
    if not chosen:
        return results
    place = settings.place("pulled")
    with store.alone(place / ".lock"):
        store.sweep(place)
        ledger = place / "pulls.jsonl"
        for source in chosen:
            who = {"source": source.name, "family": source.family, "extract": source.extract}
            earlier = [line for line in store.read_lines(ledger) if line["source"] == source.name]
            seen = {(line["path"], line["mark"]) for line in earlier}
            newest = {line["path"]: line for line in earlier}

            def take(fetched: Fetched, file: Path, source: Source = source, newest: dict[str, Any] = newest) -> None:
                line = _delivered(settings, source, fetched, file, newest.get(fetched.path))
                store.append_line(ledger, line)
                newest[fetched.path] = line
                results.append(
                    {"source": source.name, "family": source.family, "extract": source.extract}
                    | {"outcome": line["outcome"], "refusal": None}
                )

            def is_new(path: str, mark: str, seen: set[tuple[str, str]] = seen) -> bool:
                return (path, mark) not in seen

            try:
                found = access(source.connection)
                _reader(source, found)(found, source, is_new, take, place)
            except HrddError as stop:
                results.append(who | {"outcome": "failed", "refusal": stop.parts()})
            except Exception as fault:
                # What a server or a driver says may hold an address, a login or a value: its kind is enough.
                results.append(who | {"outcome": "failed", "refusal": _failed(source, type(fault).__name__).parts()})
    return results


def failures(results: Iterable[Mapping[str, Any]]) -> list[SourceFailed]:
    """The sources that failed, as errors in four parts."""
    return [
        SourceFailed(
            f"{result['source']}: {refusal['headline']}",
            found=refusal["found"],
            expected=refusal["expected"],
            rule=refusal["rule"],
            next_step=refusal["next"],
        )
        for result in results
        if (refusal := result["refusal"])
    ]


def _reader(source: Source, access: Access) -> Callable[[Access, Source, Seen, Take, Path], None]:
    readers = {
        "sftp": _by_sftp,
        "ssh": _by_sftp,
        "s3": _by_s3,
        "aws": _by_s3,
        "http": _by_http,
        "https": _by_http,
        "postgres": _by_postgres,
    }
    if access.kind not in readers or bool(source.query) != (access.kind == "postgres"):
        raise _bad(f"source {source.name}, whose connection is of type {access.kind!r}")
    return readers[access.kind]


def connection_of(found: Any) -> Access:
    """What an Airflow connection says, as this module needs it."""
    return Access(
        kind=found.conn_type or "",
        host=found.host or "",
        port=found.port,
        login=found.login or "",
        password=found.password or "",
        schema=found.schema or "",
        extra=json.loads(found.extra) if found.extra else {},
    )


def _delivered(
    settings: Settings, source: Source, fetched: Fetched, file: Path, last: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Put one fetched file into landing, unless it is what was pulled last, for the same quarter; returns its line."""
    sha256 = store.sha256_file(file)
    day = _day(settings, source, fetched)
    line = {
        "source": source.name,
        "path": fetched.path,
        "mark": fetched.mark,
        "sha256": sha256,
        "quarter": str(FiscalQuarter.containing(day)) if day else None,
        "pulled_at": settings.now().isoformat(),
    }
    if fetched.manifest is None and last and (last["sha256"], last["quarter"]) == (sha256, line["quarter"]):
        return line | {"outcome": "unchanged", "sent_as": None}
    manifest = fetched.manifest or store.canonical_json(
        {
            "source_system": f"{'SAMPLE ' if settings.is_sample else ''}{source.name}",
            "extract_ts": fetched.known_at.isoformat(),
            "sha256": sha256,
            "bytes": file.stat().st_size,
        }
        | ({"as_of_date": day.isoformat()} if day else {})
        | ({"rows": fetched.rows} if fetched.rows is not None else {})
    )
    # A name of this system's own: what a source calls its file is nobody's path here.
    name = f"{source.name}-{fetched.known_at:%Y%m%dT%H%M%SZ}-{sha256[:12]}{_suffix(fetched.path)}"
    _put(settings, f"{source.family}/{source.extract}/{name}", file, manifest)
    return line | {"outcome": "pulled", "sent_as": name}


def _put(settings: Settings, path: str, file: Path, manifest: bytes) -> None:
    """The manifest first, then the file, each in one step."""
    folder = settings.landing_folder
    if folder is not None:
        store.write_bytes(folder / (path + MANIFEST), manifest)
        with store.put(folder / path) as temporary, file.open("rb") as read, temporary.open("wb") as write:
            _copy(_chunks(read), write)
        return
    system, root = url_to_fs(settings.landing_url)
    system.pipe_file(f"{root}/{path}{MANIFEST}", manifest)
    system.put_file(str(file), f"{root}/{path}")


def _day(settings: Settings, source: Source, fetched: Fetched) -> date | None:
    if source.as_of == "today":
        return fetched.known_at.astimezone(ZoneInfo(settings.timezone)).date()
    if not source.as_of:
        return None
    found = _DAY.findall(PurePosixPath(fetched.path).name)
    try:
        [written] = found
        return date.fromisoformat(written)
    except ValueError:
        raise _failed(source, f"a file's name with {len(found)} days in it", "one day, such as 2023-03-31") from None


def _by_sftp(access: Access, source: Source, is_new: Seen, take: Take, place: Path) -> None:
    """Files of an SFTP server whose host key the connection names (extra: ``host_key``, ``private_key``)."""
    import asyncssh

    if not access.extra.get("host_key"):
        raise _failed(source, "a connection that names no host key", "extra host_key, as `ssh-keyscan HOST` shows it")
    try:
        # With or without the name of the host before it.
        key = asyncssh.import_public_key(re.sub(r"\A[^\n]*?(?=(ssh|ecdsa)-\S+ AAAA)", "", access.extra["host_key"]))
    except asyncssh.KeyImportError:
        raise _failed(source, "a host key that is none", "extra host_key, as `ssh-keyscan HOST` shows it") from None
    own = access.extra.get("private_key")
    options: dict[str, Any] = {"client_keys": [asyncssh.import_private_key(own)] if own else None}
    if access.password:
        options["password"] = access.password

    async def run() -> None:
        async with (
            asyncssh.connect(
                access.host,
                access.port or 22,
                username=access.login,
                known_hosts=([key], [], []),
                config=None,
                agent_path=None,
                connect_timeout=TIMEOUT,
                login_timeout=TIMEOUT,
                **options,
            ) as connection,
            connection.start_sftp_client() as client,
        ):
            if not await client.isdir(str(PurePosixPath(source.path).parent)):
                raise _failed(source, "a folder that is not there", "the folder of the source's path")
            # Nothing that matches is an outbox that was emptied.
            found = await client.glob(source.path, error_handler=lambda *_: None)
            for path, beside in _in_order(map(str, found)):
                before = await client.lstat(path)
                if before.type != asyncssh.FILEXFER_TYPE_REGULAR:
                    continue
                promised = await client.stat(beside) if await client.isfile(beside) else None
                mark = f"{before.size} {before.mtime} {promised.mtime if promised else ''}".strip()
                if not is_new(path, mark):
                    continue
                manifest = None
                if promised:
                    stream: Any
                    async with client.open(beside, "rb") as stream:
                        manifest = await stream.read(MAX_MANIFEST_BYTES + 1)
                with _workspace(place) as file:
                    with file.open("wb") as target:
                        async with client.open(path, "rb") as stream:
                            while chunk := await stream.read(CHUNK):
                                _write(target, chunk)
                    after = await client.stat(path)
                    if (after.size, after.mtime) != (file.stat().st_size, before.mtime):
                        continue  # somebody is writing it; the next pull takes it
                    known_at = datetime.fromtimestamp(int(before.mtime or 0), UTC)
                    take(Fetched(path, mark, known_at, manifest=manifest), file)

    asyncio.run(run())


def _by_s3(access: Access, source: Source, is_new: Seen, take: Take, place: Path) -> None:
    """Objects of an S3-compatible store; ``path`` is ``bucket/pattern`` (extra: ``endpoint_url``, ``region_name``)."""
    import s3fs

    system = s3fs.S3FileSystem(
        key=access.login or None,
        secret=access.password or None,
        endpoint_url=access.extra.get("endpoint_url"),
        client_kwargs={"region_name": access.extra.get("region_name", "us-east-1")},
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    found = system.glob(source.path, detail=True)
    for path, beside in _in_order(found):
        entry = found[path]
        if entry["type"] != "file":
            continue
        promised = system.cat_file(beside) if system.exists(beside) else None
        mark = f"{entry['ETag']} {store.sha256_bytes(promised)[:12] if promised else ''}".strip()
        if is_new(path, mark):
            with _workspace(place) as file:
                with system.open(path, "rb") as stream, file.open("wb") as target:
                    _copy(_chunks(stream), target)
                known_at = entry["LastModified"].astimezone(UTC).replace(microsecond=0)
                take(Fetched(path, mark, known_at, manifest=promised), file)


def _by_http(access: Access, source: Source, is_new: Seen, take: Take, place: Path) -> None:
    """One file of a web server, over TLS unless the connection's schema says http (extra: ``token``)."""
    import httpx

    base = f"{access.schema or 'https'}://{access.host}" + (f":{access.port}" if access.port else "")
    headers = {"Authorization": f"Bearer {access.extra['token']}"} if access.extra.get("token") else {}
    login = (access.login, access.password) if access.login else None
    # Neither a redirect nor the environment may send a login elsewhere.
    with (
        httpx.Client(timeout=TIMEOUT, auth=login, headers=headers, follow_redirects=False, trust_env=False) as client,
        client.stream("GET", base + "/" + source.path.lstrip("/")) as answer,
    ):
        if answer.status_code != 200:
            raise _failed(source, f"answer {answer.status_code}", "answer 200, without a redirect")
        mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        if mark and not is_new(source.path, mark):
            return
        told = answer.headers.get("Last-Modified")
        known_at = parsedate_to_datetime(told).astimezone(UTC) if told else _moment()
        with _workspace(place) as file:
            with file.open("wb") as target:
                _copy(answer.iter_bytes(CHUNK), target)
            length = answer.headers.get("Content-Length")
            if length and "Content-Encoding" not in answer.headers and int(length) != file.stat().st_size:
                raise _failed(source, "fewer bytes than the server promised", "the whole file")
            take(Fetched(source.path, mark, known_at), file)


def _by_postgres(access: Access, source: Source, is_new: Seen, take: Take, place: Path) -> None:
    """The rows of a SELECT, as CSV, read in one read-only snapshot (extra: ``sslmode``, ``sslrootcert``)."""
    import psycopg2
    from psycopg2 import sql

    options = {name: access.extra[name] for name in ("sslmode", "sslrootcert") if access.extra.get(name)}
    with closing(
        psycopg2.connect(
            host=access.host,
            port=access.port or 5432,
            user=access.login,
            password=access.password,
            dbname=access.schema,
            connect_timeout=int(TIMEOUT),
            **({"sslmode": "verify-full"} | options),
        )
    ) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor, _workspace(place) as file:
            cursor.execute("set local timezone to 'UTC'; set local datestyle to 'ISO'")
            cursor.execute("select statement_timestamp()")
            known_at = cursor.fetchone()[0].astimezone(UTC).replace(microsecond=0)
            statement = sql.SQL("copy ({}) to stdout (format csv, header)").format(sql.SQL(source.query.rstrip("; \n")))
            with file.open("wb") as target:
                cursor.copy_expert(statement, _Limited(target))
            take(Fetched(f"{source.name}.csv", None, known_at, rows=cursor.rowcount), file)


@contextmanager
def _workspace(place: Path) -> Iterator[Path]:
    """A path for one file on its way; nothing of it stays, and what a kill leaves is swept."""
    with TemporaryDirectory(dir=store.folder(place), prefix=".put-") as folder:
        yield Path(folder) / "fetched"


class _Limited:
    """A file that takes no more than landing would."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target

    def write(self, chunk: bytes) -> int:
        _write(self._target, chunk)
        return len(chunk)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def _copy(chunks: Iterator[bytes], target: BinaryIO) -> None:
    for chunk in chunks:
        _write(target, chunk)


def _write(target: BinaryIO, chunk: bytes) -> None:
    if target.tell() + len(chunk) > MAX_SENT_BYTES:
        raise OverflowError("more than landing takes")
    target.write(chunk)


def _in_order(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each file and where its manifest would lie; no manifests, hidden files and files in transit."""
    for path in sorted(paths):
        name = PurePosixPath(path).name
        if not name.startswith(".") and not name.lower().endswith((MANIFEST, *IN_TRANSIT)):
            yield path, path + MANIFEST


def _suffix(path: str) -> str:
    endings = [ending.lower() for ending in PurePosixPath(path).suffixes if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", ending)]
    return "".join(endings[-2:] if endings[-1:] == [".gz"] else endings[-1:])


def _moment() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _failed(source: Source, found: str, expected: str = "an answer of the source") -> SourceFailed:
    return SourceFailed(
        "Nothing could be pulled.",
        found=found,
        expected=expected,
        rule=f"settings.toml, source {source.name}; ingest/sources.py",
        next_step=f"look at the Airflow connection {source.connection} and at the source; the next pull tries again",
    )


def _bad(found: str) -> BadSettings:
    return BadSettings(
        "A source cannot be used.",
        found=found,
        expected="name, connection, family and extract, a path (or a query, for a database), and as_of if it is known",
        rule="settings.toml, sources; docs/add-a-source.md",
        next_step="correct the source in the settings, or its connection's type in Airflow",
    )
