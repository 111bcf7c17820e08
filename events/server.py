"""A team's server, before it starts: the secrets that docker-compose.yml mounts, and the landing in the store.

``python -m events.server secrets`` makes up every secret once; ``python -m events.server landing`` makes the landing
if it is not there yet.
"""

from __future__ import annotations

import argparse
import base64
import json
import secrets
import sys
from pathlib import Path

import fsspec

from pipeline import store
from pipeline.errors import BadSettings, HrddError
from pipeline.settings import PROJECT, Settings
from publish import keys

SECRETS = PROJECT / "secrets"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m events.server", description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=("secrets", "landing"))
    parser.add_argument("--into", type=Path, default=SECRETS, help="folder of the secrets (default: secrets)")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.load()
        if options.command == "landing":
            make_landing(settings)
        else:
            for file in make_secrets(settings, options.into):
                print(file)
    except HrddError as stop:
        print(stop, file=sys.stderr)
        return stop.exit_code
    return 0


def make_secrets(settings: Settings, folder: Path) -> list[Path]:
    """Write every secret that is not there yet, each in a file of its own, mode 0600; returns the files written.

    Users are ``admin``, ``preparer`` and the settings' approvers; each gets a password of its own. ``gate.public`` is
    no secret: it is the line that the settings need under ``[public_keys]``.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    passwords = {name: secrets.token_urlsafe(18) for name in ("admin", "preparer", *settings.approvers)}
    private, public = keys.new()
    database, key, hidden = secrets.token_urlsafe(24), secrets.token_hex(10).upper(), secrets.token_urlsafe(30)
    identity = {
        "name": "pipeline",
        "credentials": [{"accessKey": key, "secretKey": hidden}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    contents = {
        "airflow_passwords": json.dumps(passwords, indent=2),
        "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "api_secret_key": secrets.token_urlsafe(48),
        "jwt_secret": secrets.token_urlsafe(64),
        "database_password": database,
        "database_url": f"postgresql+psycopg2://airflow:{database}@postgres:5432/airflow",
        "pseudonym_keys": secrets.token_hex(32) + "\n",
        "disclosure_key": secrets.token_hex(32),
        "gate.key": private,
        "gate.public": f'gate = ["{public}"]\n',
        "store_identities.json": json.dumps({"identities": [identity]}, indent=2),
        "store_credentials": f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {hidden}\n",
    }
    # Some go in pairs, so a folder that holds a part of them is no place to add the rest to.
    present = [name for name in contents if (folder / name).exists()]
    if present and len(present) < len(contents):
        raise BadSettings(
            "The secrets are not whole.",
            found=f"{folder} has {', '.join(present)} and not the rest",
            expected="all of them, or none",
            rule="events/server.py, make_secrets",
            next_step="restore the missing files, or set the folder aside and make new secrets",
        )
    if present:
        return []
    for name, content in contents.items():
        store.write_bytes(folder / name, content.encode())
        (folder / name).chmod(0o600)
    return [folder / name for name in contents]


def make_landing(settings: Settings) -> None:
    """Make sure that the place that senders write to is there, be it a folder or a bucket."""
    filesystem, root = fsspec.core.url_to_fs(settings.landing_url)
    filesystem.makedirs(root, exist_ok=True)


if __name__ == "__main__":
    sys.exit(main())
