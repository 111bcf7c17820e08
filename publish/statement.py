"""Provenance as an in-toto statement: these files, made by this code from these extracts (SLSA provenance v1).

It says nothing that the manifest does not say: it says it in the words that other tools read, and ``verify`` holds it
to the manifest. It is not signed by itself; the approval signs the digest of the figures, and the manifest names both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:hrdd:board-release:v1"


def statement(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The statement of a release, from its manifest (all of it but what publish adds last)."""
    code = manifest["code"]
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": name, "digest": {"sha256": digest}}
            for name, digest in sorted(manifest["files"].items())
            if name != "provenance.json"
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "quarter": manifest["quarter"],
                    "cutoffAt": manifest["cutoff_at"],
                    "settings": manifest["settings"],
                },
                "internalParameters": {"preparedBy": manifest["prepared_by"], "revises": manifest["revises"]},
                "resolvedDependencies": [
                    {"name": "source", "digest": {"sha256": code["source_digest"], "gitCommit": code["commit"]}},
                    {"name": "requirements.lock", "digest": {"sha256": code["lock_digest"]}},
                    *(
                        {
                            "name": f"{delivery['family']}/{delivery['extract']}",
                            "digest": {"sha256": delivery["extract_id"]},
                            "annotations": {"asOfDate": delivery["as_of_date"], "knownAt": delivery["known_at"]},
                        }
                        for delivery in manifest["inputs"]
                    ),
                ],
            },
            "runDetails": {
                "builder": {"id": BUILD_TYPE},
                "metadata": {"invocationId": f"{manifest['release']} {manifest['build_id']}"},
            },
        },
    }
