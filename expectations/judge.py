"""The only place that runs Great Expectations: a frame and some checks go in, our own records come out.

Great Expectations' result objects carry values (observed values, exception texts), so none leaves this module: a
record names the check, the subject, a status and counts. Importing this module imports the engine (some seconds);
the doors do it when they are called.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

# Set before the engine is imported: it reads this once.
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import pandas as pd
from great_expectations.core import ExpectationSuite, ExpectationValidationResult
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.metadata_types import FailureSeverity

from expectations.bounds import Bound, Bounds

RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}  # counts, and no value of any row

LABELS_SHOWN = 5

Check = type[Any]  # a subclass of a core column expectation with a column and a next_step: extract_ and board_checks.py
Record = dict[str, Any]


def judge(frame: pd.DataFrame, checks: Sequence[Check], bounds: Bounds, subject: str, kind: str = "") -> list[Record]:
    """Ask every check about its column of the frame; one record a check, in the order of ``checks``.

    ``subject`` is what the records name; ``kind`` is what bounds of their own are looked up by (an extract's name).
    A check that raised, that saw no row or that saw a blank where none may be ends as ``error``, never as passed.
    """
    limits = [bounds.of(check.__name__, kind) for check in checks]
    results = _run(frame, checks, limits)
    return [
        _record(check, limit, subject, results.get(number), frame)
        for number, (check, limit) in enumerate(zip(checks, limits, strict=True))
    ]


def unanswered(checks: Sequence[Check], bounds: Bounds, subject: str, kind: str = "") -> list[Record]:
    """The records of checks that had nothing to look at, because what they judge could not be read."""
    limits = [bounds.of(check.__name__, kind) for check in checks]
    return [_record(check, limit, subject, None, pd.DataFrame()) for check, limit in zip(checks, limits, strict=True)]


def _run(
    frame: pd.DataFrame, checks: Sequence[Check], limits: Sequence[Bound]
) -> Mapping[int, ExpectationValidationResult]:
    try:
        suite = ExpectationSuite(
            name="suite",
            expectations=[
                check(
                    **limit.bound,
                    severity=FailureSeverity.CRITICAL if limit.loudness == "fail" else FailureSeverity.WARNING,
                    meta={"number": number},
                )
                for number, (check, limit) in enumerate(zip(checks, limits, strict=True))
            ],
        )
        batch = _batches().get_batch({"dataframe": frame})
        outcome = batch.validate(suite, result_format=RESULT_FORMAT)
        return {result.expectation_config.meta["number"]: result for result in outcome.results}
    except Exception:
        # What an engine's exception says may hold a value, so nothing of it is kept: no result is the finding.
        return {}


@cache
def _batches() -> Any:
    # Some of the engine's modules set a level of their own, so what they log is kept from every handler instead.
    engine = logging.getLogger("great_expectations")
    engine.propagate = False
    engine.addHandler(logging.NullHandler())
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas("doors").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole")


def _record(
    check: Check, limit: Bound, subject: str, result: ExpectationValidationResult | None, frame: pd.DataFrame
) -> Record:
    column = check.__fields__["column"].default
    blanks_allowed = getattr(check, "blanks_allowed", False)  # a blank is a measure that could not be taken
    status, found = "error", "the check did not run"
    if result is not None and not _raised(result.exception_info):
        seen, blank = result.result.get("element_count", 0), result.result.get("missing_count", 0)
        if not seen:
            found = "nothing to look at"
        elif blank and not blanks_allowed:
            found = f"{column}: not measured in {blank} of {seen}"
        else:
            status = "passed" if result.success else "failed"
            wrong = result.result["unexpected_count"]
            if len(frame) == 1:
                found = f"{column} = {_number(frame[column].iloc[0])}"
            else:
                found = f"{wrong} of {seen} rows{_where(frame, column, limit) if wrong else ''}"
    return {
        "check": check.__name__,
        "subject": subject,
        "loudness": limit.loudness,
        "status": status,
        "found": found,
        "expected": f"{column}: {limit.in_words}. {_sentence(check)}",
        "rule": f"{check.__module__.replace('.', '/')}.py and expectations/thresholds.yml, {check.__name__}",
        "next": check.next_step,
    }


def _where(frame: pd.DataFrame, column: str, limit: Bound) -> str:
    """What the rows that broke a limit are about. A frame's labels are names of files, tables and metrics."""
    kept = frame[column].isna()
    if "value_set" in limit.bound:
        kept |= frame[column].isin(limit.bound["value_set"])
    else:
        low, high = limit.bound.get("min_value", float("-inf")), limit.bound.get("max_value", float("inf"))
        low_kept = frame[column] > low if limit.bound.get("strict_min") else frame[column] >= low
        high_kept = frame[column] < high if limit.bound.get("strict_max") else frame[column] <= high
        kept |= low_kept & high_kept
    labels = sorted(set(frame.loc[~kept, "label"]))
    more = f" and {len(labels) - LABELS_SHOWN} more" if len(labels) > LABELS_SHOWN else ""
    return f" ({', '.join(labels[:LABELS_SHOWN])}{more})"


def _sentence(check: Check) -> str:
    return " ".join((check.__doc__ or "").split())


def _number(value: Any) -> str:
    """A measured number as text. Only numbers are ever shown: a text in a frame may be somebody's value."""
    if isinstance(value, str) or not hasattr(value, "__float__"):
        return "not a number"
    return f"{float(value):,.6g}"


def _raised(info: Any) -> bool:
    """Whether the engine reports an exception, in either of the two shapes it uses (one, or one per metric)."""
    if not isinstance(info, Mapping):
        return True
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(_raised(part) for part in info.values())
