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
    next_step: ClassVar[str] = (
        "Read the reasons in the load receipt, have the sender mend them and deliver again. "
        "The share is of the records in, or of the threshold's least_records if they are fewer."
    )


class ExpectNoRecordInQuarantine(ExpectColumnValuesToBeBetween):
    """No record of a delivery broke the contract: whoever signs a figure should hear of each that did."""

    column: str = "quarantined"
    next_step: ClassVar[str] = "Read the reasons in the load receipt and tell the sender; the other records count."


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


class ExpectFewUnknownStatuses(ExpectColumnValuesToBeBetween):
    """Nearly every record has a status that its contract lists: a figure that looks at it leaves the others out."""

    column: str = "unknown_status_share"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = (
        "Ask the sender what the words mean; put them into the contract's list or its valueAliases, and send again."
    )


class ExpectEveryStatusToBeKnown(ExpectColumnValuesToBeBetween):
    """A record has a status that its contract lists: whoever signs a figure should hear of each that has not."""

    column: str = "unknown_statuses"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = (
        "The check names the columns; ask the sender what the words mean. The other records count."
    )


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


class ExpectOnlyKnownEntriesInTheManifest(ExpectColumnValuesToBeBetween):
    """A misspelled entry of a manifest promises nothing, and nobody would see that the promise is not held to."""

    column: str = "unknown_entries"
    next_step: ClassVar[str] = "Compare the manifest's entries with ingest/README.md; ask the sender to mend them."


class ExpectContentUpToItsDay(ExpectColumnValuesToBeBetween):
    """The newest record of an extract is not much older than the day that the extract speaks of."""

    column: str = "stale_days"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = "Ask the sender whether the extract was made from old data, or whether nothing happened."


class ExpectTheUsualVolume(ExpectColumnValuesToBeBetween):
    """A delivery holds about as many records as the one before it: half a list looks like a whole one."""

    column: str = "volume_ratio"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = (
        "Compare it with the delivery before; ask the sender what was added or left out, and why."
    )


class ExpectNoRowToVanish(ExpectColumnValuesToBeBetween):
    """A key that was delivered is in every later delivery that speaks of all keys, or a tombstone says why not."""

    column: str = "vanished_rows"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = "Ask the sender why the records are gone; `hrdd status` shows how many, by delivery."


class ExpectFewUnknownReferences(ExpectColumnValuesToBeBetween):
    """Nearly every record that refers to another extract is found there; otherwise the two are not of one time."""

    column: str = "unknown_reference_share"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = (
        "Ask for the extract that is referred to, as of the same day; both are then judged again."
    )


class ExpectEveryReferenceToBeKnown(ExpectColumnValuesToBeBetween):
    """A record that refers to another extract is found there: one that is not may fall out of a figure in silence."""

    column: str = "unknown_references"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = "The check names the columns; ask the sender for what they refer to."


CHECKS = (
    ExpectTheBytesThatWereLoaded,
    ExpectTheColumnsOfTheContract,
    ExpectEveryLoadedRecordToBeThere,
    ExpectAPlausibleNumberOfRecords,
    ExpectFewRecordsInQuarantine,
    ExpectNoRecordInQuarantine,
    ExpectEveryKeyToComeOnce,
    ExpectRequiredColumnsToBeFilled,
    ExpectOnlyKnownCodes,
    ExpectFewUnknownStatuses,
    ExpectEveryStatusToBeKnown,
    ExpectNoRecordFromTheFuture,
    ExpectAFreshExtract,
    ExpectAManifest,
    ExpectOnlyKnownEntriesInTheManifest,
    ExpectContentUpToItsDay,
    ExpectTheUsualVolume,
    ExpectNoRowToVanish,
    ExpectFewUnknownReferences,
    ExpectEveryReferenceToBeKnown,
)
