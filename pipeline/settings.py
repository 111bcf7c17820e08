"""Settings: one frozen object, read from one TOML file. Reading it changes nothing.

The environment may say where the settings file and the data are (``HRDD_SETTINGS``, ``HRDD_DATA``); nothing in the
environment can change a figure.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import available_timezones

from pipeline.errors import BadSettings

PROJECT = Path(__file__).resolve().parents[1]
DEFAULT_FILE = PROJECT / "samples" / "settings.toml"
COMPANY_FILE = PROJECT / "settings.toml"
GATE = "gate"  # the signer that is no person: Airflow's gate, which signs for whoever had signed in there
# The settings that can change a byte of a candidate; a release records them, so that it can be made again.
CHOSEN = (
    "company",
    "is_sample",
    "parent_entity_code",
    "timezone",
    "cutoff_business_days",
    "withhold_below",
    "strict_disclosure",
)
_KINDS = {
    "bool": bool,
    "int": int,
    "tuple[str, ...]": list,
    "tuple[dict[str, str], ...]": list,
    "Mapping[str, tuple[str, ...]]": dict,
}


@dataclass(frozen=True)
class Settings:
    """Everything that an installation may choose. Paths are absolute; every field has its unit in its comment."""

    data: Path
    landing: str = ""  # URL of the folder that senders write to; empty = the folder `landing` in `data`
    company: str = "SAMPLE Company"
    is_sample: bool = False  # a sample installation takes sample extracts only, and says SAMPLE on everything
    parent_entity_code: str = ""  # the legal entity that perimeter `corp` means
    timezone: str = "Asia/Tokyo"  # where the fiscal day begins and ends
    cutoff_business_days: int = 10  # Monday to Friday, after the quarter's last day
    due_business_days: int = 20  # Monday to Friday, after the quarter's last day, by when the release is due
    clock: str = "system"  # `system`, or one ISO 8601 moment with an offset that stands for now
    preparer: str = "pipeline"  # who a candidate is prepared by, unless a command names somebody else
    approvers: tuple[str, ...] = ()  # who may approve; the preparer never may
    approval_days: int = 30  # an approval older than this releases nothing; the person decides again
    notices: str = ""  # the Airflow connection (smtp or http) that notices go through; empty = no notices
    keys: str = "~/.hrdd/keys"  # folder of private keys, <name>.key each; `~` is the home of whoever signs
    # Signer -> public keys, the one in use first. `gate` signs for whoever answered in Airflow; a person signs alone.
    public_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    pseudonym_keys: str = ""  # file of the keys that make pseudonyms, seen from the settings file; mode 0600
    withhold_below: int = 5  # a count of persons from 1 to one less than this is withheld in a finer cell
    strict_disclosure: bool = False  # protect as for a pack that leaves the company: docs/disclosure.md
    disclosure_key_file: str = ""  # a file of 32 or more secret bytes, kept apart; a sample installation needs none
    threads: int = 2  # DuckDB's threads
    memory_limit: str = "4GB"  # DuckDB's memory
    sources: tuple[dict[str, str], ...] = field(default=(), hash=False)  # what is pulled: docs/add-a-source.md
    settings_file: Path = field(default=DEFAULT_FILE, compare=False)

    @classmethod
    def load(cls, file: Path | str | None = None, data: Path | str | None = None) -> Settings:
        """Read the settings file: the argument, else HRDD_SETTINGS, else settings.toml, else the sample settings."""
        chosen = file or os.environ.get("HRDD_SETTINGS") or (COMPANY_FILE if COMPANY_FILE.exists() else DEFAULT_FILE)
        path = Path(chosen).resolve()
        if not path.is_file():
            raise _bad(
                f"no file at {path}", "a TOML file with the installation's settings", "copy settings.example.toml"
            )
        try:
            values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
            raise _bad(f"{path.name} is not TOML: {fault}", "a TOML file", "mend the line it names") from None
        known = {f.name: f.type for f in fields(cls) if f.name != "settings_file"}
        for name, value in values.items():
            if name not in known:
                raise _bad(f"setting {name!r}", "one of " + ", ".join(sorted(known)), f"correct it in {path.name}")
            kind = _KINDS.get(str(known[name]), str)
            if type(value) is not kind:
                raise _bad(f"{name} = {value!r}", f"a value of type {kind.__name__}", f"correct it in {path.name}")
        # A folder that a person names is meant from where the person stands; the file's own, from the project.
        asked = data or os.environ.get("HRDD_DATA")
        written = values.pop("data", "data")
        root = Path(asked).absolute() if asked else PROJECT / written
        values["approvers"] = tuple(values.get("approvers", ()))
        values["sources"] = tuple(values.get("sources", ()))
        values["public_keys"] = {
            name: tuple(keys) if isinstance(keys, list) else (str(keys),)
            for name, keys in values.get("public_keys", {}).items()
        }
        settings = cls(data=root.resolve(), settings_file=path, **values)
        settings._check()
        return settings

    @property
    def landing_url(self) -> str:
        """Where senders write, as a URL that fsspec reads: file, s3 and others."""
        return self.landing or (self.data / "landing").as_uri()

    @property
    def landing_folder(self) -> Path | None:
        """The landing as a local folder, or nothing where it is elsewhere."""
        parts = urlsplit(self.landing_url)
        if parts.scheme == "file":
            return Path(unquote(parts.path))
        return None if parts.scheme else Path(self.landing)

    def now(self) -> datetime:
        """Now (UTC), by the installation's clock. A fixed clock makes two runs over the same bytes the same bytes."""
        if self.clock == "system":
            return datetime.now(UTC).replace(microsecond=0)
        try:
            moment = datetime.fromisoformat(self.clock)
        except ValueError:
            raise _bad(f"clock = {self.clock!r}", "`system` or an ISO 8601 moment", "correct it") from None
        if moment.tzinfo is None:
            raise _bad(f"clock = {self.clock!r}", "a moment with an offset, such as +09:00", "add the offset")
        return moment.astimezone(UTC)

    def disclosure_key(self) -> bytes:
        """The secret by which prepare breaks ties in what it withholds; the same for a year. Raises BadSettings."""
        if not self.disclosure_key_file and self.is_sample:
            return b"SAMPLE: this key protects nobody"
        try:
            key = Path(self.disclosure_key_file).read_bytes() if self.disclosure_key_file else b""
        except OSError:
            key = b""
        if len(key) < 32:
            raise _bad(
                "no disclosure key of 32 bytes or more",
                "disclosure_key_file, a file that only the pipeline reads",
                "head -c 32 /dev/urandom > KEYFILE; keep it out of the data folder and out of backups of it",
            )
        if self.pseudonym_keys and self._is_a_pseudonym_key(key):
            raise _bad(
                "a disclosure key that is a key of the pseudonyms too",
                "two secrets: who learns one must not have the other",
                "head -c 32 /dev/urandom > KEYFILE, and name it as disclosure_key_file",
            )
        return key

    def chosen(self) -> dict[str, Any]:
        """What this installation chose that can change a byte of a candidate."""
        return {name: getattr(self, name) for name in CHOSEN}

    def _is_a_pseudonym_key(self, key: bytes) -> bool:
        try:
            content = (self.settings_file.parent / self.pseudonym_keys).read_bytes()
        except OSError:
            return False  # whoever loads finds that it is missing
        lines = content.split()
        return key == content or key.strip() in lines or key.hex().encode() in lines

    def _check(self) -> None:
        self.now()
        if self.timezone not in available_timezones():
            raise _bad(f"timezone = {self.timezone!r}", "a name such as Asia/Tokyo", "correct it")
        if self.withhold_below < 5:
            raise _bad(f"withhold_below = {self.withhold_below}", "5 or more", "never lower the threshold; raise it")
        if GATE in self.approvers:
            raise _bad(f"an approver named {GATE}", "names of persons", "name the person: this one is the server's")
        if self.due_business_days < self.cutoff_business_days:
            raise _bad(
                f"due_business_days = {self.due_business_days}",
                f"{self.cutoff_business_days} or more: no release before the cut-off",
                "say when the release is due",
            )
        if self.approval_days < 1:
            raise _bad(f"approval_days = {self.approval_days}", "1 or more", "say for how long an approval may wait")

    def place(self, *parts: str) -> Path:
        """A place in the data folder; nothing is made by asking."""
        return self.data.joinpath(*parts)


def _bad(found: str, expected: str, next_step: str) -> BadSettings:
    return BadSettings(
        "The settings cannot be used.",
        found=found,
        expected=expected,
        rule="pipeline/settings.py",
        next_step=next_step,
    )
