"""The Atom feed of releases, ``releases/feed.atom``: that there is a release, which one, and what it supersedes.

It holds no figure. It follows from the releases in place, so publishing again writes the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from pipeline import store
from publish import diff
from publish import manifest as manifests

NAME = "feed.atom"
_ATOM = "http://www.w3.org/2005/Atom"


def feed(company: str, folders: Sequence[Path], *, is_sample: bool) -> bytes:
    """The feed of these release folders, the newest release first. Links are relative to the folder of releases."""
    records = [(store.read_json(folder / manifests.NAME), folder) for folder in folders]
    records.sort(key=lambda pair: (pair[0]["released_at"], pair[0]["quarter"], pair[0]["revision"]), reverse=True)
    root = ElementTree.Element("feed", {"xmlns": _ATOM})
    mark = "SAMPLE: " if is_sample else ""
    _add(root, "title", _text(f"{mark}{company}: human rights due diligence, releases"))
    _add(root, "id", _name("feed"))
    _add(root, "updated", records[0][0]["released_at"] if records else "1970-01-01T00:00:00+00:00")
    _add(_add(root, "author"), "name", _text(company))
    _add(root, "link", rel="self", href=NAME)
    for manifest, folder in records:
        entry = _add(root, "entry")
        _add(entry, "title", f"{mark}{manifest['release']}")
        _add(entry, "id", _name(manifest["manifest_digest"]))
        _add(entry, "updated", manifest["released_at"])
        _add(entry, "link", rel="alternate", type="text/html", href=f"{manifest['release']}/index.html")
        _add(entry, "summary", _summary(manifest["manifest_digest"], folder))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _summary(digest: str, folder: Path) -> str:
    said = f"Manifest digest {digest}."
    if not (folder / diff.NAME).exists():
        return said
    revision = store.read_json(folder / diff.NAME)
    weight = "a change is material" if revision["is_material"] else "no change is material"
    return f"Supersedes {revision['revises']} ({', '.join(revision['reason_codes'])}); {weight}. {said}"


def _name(digest: str) -> str:
    return f"urn:hrdd:{digest}"


def _text(words: str) -> str:
    """Words without the control characters that XML cannot hold."""
    return "".join(sign for sign in words if sign.isprintable())


def _add(parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, name, attributes)
    element.text = text
    return element
