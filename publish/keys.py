"""Keys: who signed a decision. Ed25519, one private key a signer, public keys in the settings.

A signer is a person, or ``gate``: the server's key, with which Airflow's gate signs for whoever had signed in there.
The sample installation has SAMPLE keys that anybody can make: they prove nothing, and a real installation refuses them.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pipeline import store
from pipeline.errors import HrddError, NotApproved
from pipeline.settings import GATE, Settings

CLOSED = 0o600
SIGNATURE = "signature"
_KIND = "ed25519:"

PublicKeys = Mapping[str, Sequence[str]]


def make(settings: Settings, name: str) -> str:
    """Make a signer's private key in the folder of keys, closed to everybody else; returns the public key as text.

    A key that is there already is kept: what it signed must stay provable.
    """
    path = _file(settings, name)
    if path.exists():
        raise HrddError(
            f"{name} has a key already.",
            found=str(path),
            expected="no key of that name",
            rule="publish/keys.py",
            next_step="to change it, move the old one away; its public key stays in the settings, after the new one",
        )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    private, public = new()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, CLOSED)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(private)
    return public


def new() -> tuple[str, str]:
    """A new key: the private one as PEM, and the public one as the settings write it."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode(), _text(private.public_key())


def sample_key(name: str) -> str:
    """The public key of the SAMPLE key of a name."""
    return _text(_sample(name).public_key())


def trusted(settings: Settings) -> PublicKeys | None:
    """Whom this installation believes: its settings' public keys; nothing where it believes SAMPLE keys only."""
    return None if settings.is_sample else settings.public_keys


def given(written: Iterable[str]) -> PublicKeys:
    """Public keys as a person writes them, ``NAME=ed25519:...`` each; several of one name are all believed."""
    found: dict[str, list[str]] = {}
    for text in written:
        name, _, key = text.partition("=")
        found.setdefault(name, []).append(key)
    return found


def signed(settings: Settings, record: Mapping[str, Any], signer: str) -> dict[str, Any]:
    """The record with ``signed_by``, ``key`` and ``signature`` (over all the rest of it).

    Raises NotApproved where the signer's private key is missing, open to others or not the one of the settings.
    """
    private = _sample(signer) if settings.is_sample else _private(settings, signer)
    key = _text(private.public_key())
    if not settings.is_sample and list(settings.public_keys.get(signer, ()))[:1] != [key]:
        raise _refusal(
            f"a private key of {signer} that the settings do not name first",
            f"its public key as the first of {signer} under [public_keys] in {settings.settings_file.name}",
            f"hrdd keys {signer} prints the line to add",
        )
    body = {**record, "signed_by": signer, "key": key}
    return {**body, SIGNATURE: base64.b64encode(private.sign(store.canonical_json(body))).decode()}


def signature_fault(record: Mapping[str, Any], keys: PublicKeys | None, *, is_sample: bool) -> str | None:
    """What keeps a signed record from counting, or nothing. Without ``keys`` only a SAMPLE record can count."""
    signer, key, signature = record.get("signed_by"), record.get("key"), record.get(SIGNATURE)
    if not isinstance(signer, str) or not isinstance(key, str) or not isinstance(signature, str):
        return "that nobody signed"
    if signer not in (GATE, record.get("approver")):
        return "signed by somebody else than who decided"
    if is_sample and keys is None:
        known = [sample_key(signer)]
    else:
        known = [other for other in (keys or {}).get(signer, ()) if other != sample_key(signer)]
    if key not in known:
        return "signed with a SAMPLE key" if key == sample_key(signer) else "signed with a key that is not known here"
    body = {name: value for name, value in record.items() if name != SIGNATURE}
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.removeprefix(_KIND), validate=True))
        public.verify(base64.b64decode(signature, validate=True), store.canonical_json(body))
    except (InvalidSignature, ValueError):
        return "whose signature is not of these words"
    return None


def _sample(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(
        hashlib.sha256(f"SAMPLE key of {name}: proves nothing".encode()).digest()
    )


def _text(key: Ed25519PublicKey) -> str:
    return _KIND + base64.b64encode(key.public_bytes_raw()).decode()


def _file(settings: Settings, name: str) -> Path:
    if not name or name != Path(name).name or name.startswith("."):
        raise _refusal("a name that cannot be a file's", "the name of an approver, or gate", "choose another name")
    return Path(settings.keys).expanduser() / f"{name}.key"


def _private(settings: Settings, signer: str) -> Ed25519PrivateKey:
    path = _file(settings, signer)
    if not path.is_file():
        raise _refusal(f"no private key of {signer} in {path.parent}", f"{path.name}", f"hrdd keys {signer}")
    if path.stat().st_mode & 0o077:
        raise _refusal(f"{path} is open to others", "a key that only its owner can read", f"chmod 600 {path}")
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise _refusal(f"{path} holds no Ed25519 key", "the key that hrdd keys made", "restore it from a backup")
    return private


def _refusal(found: str, expected: str, next_step: str) -> NotApproved:
    return NotApproved(
        "The decision could not be signed. Nothing was published.",
        found=found,
        expected=expected,
        rule="publish/keys.py; docs/decisions/013-who-signs-and-what-a-signature-proves.md",
        next_step=next_step,
    )
