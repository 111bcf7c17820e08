"""What an approver is asked: one candidate, where to open it, what warned, and what it changes. It holds no figure.

Airflow keeps the question and shows it to whoever may read its runs, so it names checks, counts and codes only; the
figures are behind the link, where only preparers and approvers get in. Nothing in it was written by a source.
"""

from __future__ import annotations

from typing import Any

from pipeline import store
from pipeline.calendar import due_on
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

BODY = """\
The candidate of **{quarter}** passed the board door and waits for your decision.

| | |
|---|---|
| Candidate | `{digest}` |
| Open it | [its pages](/releases/candidates/{quarter}/{digest}/), for preparers and approvers |
| Its files | `candidates/{quarter}/{digest}/files` in the data folder |
| Prepared by | `{prepared_by}` |
| Release due | {due} |

**Beside the last release.** {changes}

**Warnings of the board door.** {warnings}

**Deliveries.** {deliveries}

You decide on exactly these bytes. If another candidate has taken their place, your answer is refused.
Give a reason with a *Reject*: it is what the others have to go on. Nothing is published without an answer.
"""


def question(settings: Settings, quarter: FiscalQuarter) -> str:
    """The question about the quarter's current candidate, in Markdown."""
    from publish import candidate as candidates  # here, because every DAG file imports this module

    folder, candidate = candidates.current(settings, quarter)
    return BODY.format(
        quarter=quarter,
        digest=candidate["candidate_digest"],
        prepared_by=code(candidate["prepared_by"]),
        due=due_on(settings, quarter).isoformat(),
        changes=_changes(settings, quarter, candidate, folder / "files" / "revision.json"),
        warnings=_warnings(store.read_json(folder / "verdict.json")),
        deliveries=_deliveries(candidate["inputs"]),
    )


def code(text: str) -> str:
    """Words of a person as they may stand between backticks of Markdown."""
    return "".join(sign for sign in text if sign.isprintable() and sign not in "`|")


def _changes(settings: Settings, quarter: FiscalQuarter, candidate: dict[str, Any], path: Any) -> str:
    if path.exists():
        return _revision(store.read_json(path))
    from publish.released import releases

    earlier = [(other, folder) for other, _, folder in releases(settings) if other < quarter]
    if not earlier:
        return "This is the first release."
    last = store.read_json(earlier[-1][1] / "manifest.json")
    then, now = last["metric_versions"], candidate["metric_versions"]
    said = [
        (sorted(now.keys() - then.keys()), "new"),
        (sorted(then.keys() - now.keys()), "gone"),
        (sorted(name for name in now.keys() & then.keys() if now[name] != then[name]), "defined anew"),
    ]
    metrics = "; ".join(f"{word}: {', '.join(f'`{name}`' for name in names)}" for names, word in said if names)
    return (
        f"The first release of its quarter; the last release is {last['release']}. Metrics: {metrics or 'the same'}. "
        "The pages show each headline figure beside it."
    )


def _revision(revision: dict[str, Any]) -> str:
    figures = revision["figures"]
    because = "; ".join(
        f"{reason['code']} ({'by the records' if reason['derived'] else 'says the preparer'})"
        for reason in revision["reasons"]
    )
    return (
        f"It revises {revision['revises']}: {because}. Figures changed {figures['changed']}, added {figures['added']}, "
        f"removed {figures['removed']}; {len(revision['headline'])} of them in the headline. "
        f"{'**A change is material.**' if revision['is_material'] else 'No change is material.'} "
        "`tables/revision.csv` and the pages list each with its old and its new value."
    )


def _warnings(verdict: dict[str, Any]) -> str:
    warned = [check for check in verdict["checks"] if check["loudness"] == "warn" and check["status"] != "passed"]
    if not warned:
        return f"None; {verdict['checks_evaluated']} checks passed."
    lines = [f"* `{check['check']}`, {check['subject']}: {check['found']}. {check['next']}" for check in warned]
    return f"{len(warned)} of {verdict['checks_evaluated']} checks warn:\n\n" + "\n".join(lines)


def _deliveries(deliveries: list[dict[str, Any]]) -> str:
    late = _named([delivery for delivery in deliveries if delivery["is_late"]])
    bare = _named([delivery for delivery in deliveries if not delivery["has_manifest"]])
    return (
        f"{len(deliveries)} are behind it. After the standard cut-off: {late or 'none'}. "
        f"Without a manifest, so that a cut file could look whole: {bare or 'none'}."
    )


def _named(deliveries: list[dict[str, Any]]) -> str:
    return ", ".join(sorted({f"`{delivery['family']}/{delivery['extract']}`" for delivery in deliveries}))
