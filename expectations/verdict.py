"""From checks to verdict: what was asked, what was answered, whether it may go on, and what to tell a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from expectations.bounds import Bounds
from pipeline.errors import GateFailed

CHECK_FIELDS = ("check", "subject", "loudness", "status", "found", "expected", "rule", "next")


def verdict(bounds: Bounds, checks: Sequence[Mapping[str, str]], files: Mapping[str, str]) -> dict[str, Any]:
    """The record of docs/layout.md. It passes only if every expected check was evaluated and none that stops failed.

    ``checks_expected`` comes from thresholds.yml, not from the checks at hand: a check that was taken away, renamed
    or not run makes the two numbers differ. ``rules_digest`` says by which rules.
    """
    evaluated = sum(check["status"] != "error" for check in checks)
    stopped = any(
        check["status"] == "error" or (check["status"] == "failed" and check["loudness"] == "fail") for check in checks
    )
    return {
        "door": bounds.door,
        "passed": evaluated == len(checks) == bounds.checks_expected and not stopped,
        "checks_expected": bounds.checks_expected,
        "checks_evaluated": evaluated,
        "checks": [{field: check[field] for field in CHECK_FIELDS} for check in checks],
        "files": dict(sorted(files.items())),
        "rules_digest": bounds.digest,
    }


def warnings(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """The checks of a verdict that failed without stopping anything."""
    return [check for check in record["checks"] if check["status"] == "failed" and check["loudness"] == "warn"]


def refusal(record: Mapping[str, Any], subject: str, *, next_step: str) -> GateFailed | None:
    """The error that says why a verdict did not pass, in four parts; nothing if it passed."""
    if record["passed"]:
        return None
    stopping = [
        check
        for check in record["checks"]
        if check["status"] == "error" or (check["status"] == "failed" and check["loudness"] == "fail")
    ]
    found = [f"{check['check']}: {check['found']}" for check in stopping]
    expected = [f"{check['check']}: {check['expected']}" for check in stopping]
    rules = sorted({check["rule"] for check in stopping})
    if record["checks_evaluated"] != record["checks_expected"] or len(record["checks"]) != record["checks_expected"]:
        found.append(f"{record['checks_evaluated']} checks evaluated")
        expected.append(f"{record['checks_expected']} checks evaluated: a check that did not run is a failure")
        rules.append(f"expectations/thresholds.yml, {record['door']}, checks_expected")
    return GateFailed(
        f"The {record['door']} door stopped {subject}: {len(stopping)} of {record['checks_expected']} checks "
        "did not pass.",
        found="; ".join(found),
        expected="; ".join(expected),
        rule="; ".join(rules),
        next_step=" ".join(dict.fromkeys([*(check["next"] for check in stopping), next_step])),
    )
