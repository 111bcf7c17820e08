"""What the extract door asks of one delivery. Each check looks at one number of its profile (expectations/profile.py).

Importing this module imports Great Expectations.
"""

from __future__ import annotations

from typing import ClassVar

from great_expectations.expectations import ExpectColumnValuesToBeBetween


class ExpectTheBytesThatWereLoaded(ExpectColumnValuesToBeBetween):
    """The Parquet file is the one whose digest stands in its load receipt."""

    column: str = "altered_files"
    next_step: ClassVar[str] = "Load the extract again from its landed bytes: delete its load receipt, run `hrdd load`."


class ExpectTheColumnsOfTheContract(ExpectColumnValuesToBeBetween):
    """The file has the contract's columns and no others, but for the four that loading adds."""

    column: str = "differing_columns"
    next_step: ClassVar[str] = "Compare the contract's columns with the file's; load again under the right contract."


class ExpectEveryLoadedRecordToBeThere(ExpectColumnValuesToBeBetween):
    """As many records stand in the file as its receipt says were loaded, and none was lost on the way."""

    column: str = "missing_records"
    next_step: ClassVar[str] = "Load the extract again from its landed bytes: delete its load receipt, run `hrdd load`."


class ExpectAPlausibleNumberOfRecords(ExpectColumnValuesToBeBetween):
    """An empty or a swollen extract is a fault of the sender far more often than a fact."""

    column: str = "records"
    next_step: ClassVar[str] = "Ask the sender whether the extract is whole; a new delivery is judged by itself."


class ExpectFewRecordsInQuarantine(ExpectColumnValuesToBeBetween):
    """A delivery of which many records broke the contract would give figures about the rest."""

    column: str = "quarantined_share"
    next_step: ClassVar[str] = "Read the reasons in the load receipt, have the sender mend them and deliver again."


class ExpectEveryKeyToComeOnce(ExpectColumnValuesToBeBetween):
    """No two records of one delivery have the same key: a person or a case would count twice."""

    column: str = "repeated_keys"
    next_step: ClassVar[str] = "Ask the sender for a delivery in which each key comes once."


class ExpectRequiredColumnsToBeFilled(ExpectColumnValuesToBeBetween):
    """A column that the contract requires is empty in no record."""

    column: str = "required_blanks"
    next_step: ClassVar[str] = "The profile names the columns; ask the sender to fill them and deliver again."


class ExpectOnlyKnownCodes(ExpectColumnValuesToBeBetween):
    """A coded column holds only codes of the contract: an unknown one would fall out of every count in silence."""

    column: str = "unknown_codes"
    next_step: ClassVar[str] = "Add the code to the contract if it is a real one, else have the sender correct it."


class ExpectNoRecordFromTheFuture(ExpectColumnValuesToBeBetween):
    """No record speaks of a day after the day on which the extract was known."""

    column: str = "days_ahead"
    next_step: ClassVar[str] = "Look for a wrong year, a wrong column or a wrong moment in the manifest."


class ExpectAFreshExtract(ExpectColumnValuesToBeBetween):
    """An extract is made soon after the day it speaks of, so that late changes are in it."""

    column: str = "age_days"
    next_step: ClassVar[str] = "Ask the sender for a newer extract of that day; one that names no day needs a manifest."


class ExpectAManifest(ExpectColumnValuesToBeBetween):
    """The sender says beside the file when it was made, for which day, and how many records it holds."""

    column: str = "manifests"
    next_step: ClassVar[str] = "Ask the sender for a manifest; without one the figures carry a warning."


CHECKS = (
    ExpectTheBytesThatWereLoaded,
    ExpectTheColumnsOfTheContract,
    ExpectEveryLoadedRecordToBeThere,
    ExpectAPlausibleNumberOfRecords,
    ExpectFewRecordsInQuarantine,
    ExpectEveryKeyToComeOnce,
    ExpectRequiredColumnsToBeFilled,
    ExpectOnlyKnownCodes,
    ExpectNoRecordFromTheFuture,
    ExpectAFreshExtract,
    ExpectAManifest,
)
