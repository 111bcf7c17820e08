"""What the board door asks of a candidate. Each check looks at one column of one frame (expectations/board_frames.py).

Where ``blanks_allowed``, a blank means that the question does not apply to that row; elsewhere it is a measure that
could not be taken, and an error. Importing this module imports Great Expectations.
"""

from __future__ import annotations

from typing import ClassVar

from great_expectations.expectations import ExpectColumnValuesToBeBetween, ExpectColumnValuesToBeInSet

MEND_THE_MODEL = "Find the model that makes the figure (`dbt docs`), mend it or its input, and build again."
PREPARE_AGAIN = "Delete nothing: run `hrdd prepare` again; a candidate is never edited by hand."


class ExpectTheBytesOfTheCandidate(ExpectColumnValuesToBeBetween):
    """Every file of the candidate has the checksum that candidate.json names; none is missing and none was added."""

    frame: ClassVar[str] = "files"
    column: str = "altered_file"
    next_step: ClassVar[str] = PREPARE_AGAIN


class ExpectEveryTableWithItsColumns(ExpectColumnValuesToBeBetween):
    """Every table that the board is promised is there as CSV and as Parquet, with all its columns."""

    frame: ClassVar[str] = "tables"
    column: str = "missing_columns"
    next_step: ClassVar[str] = PREPARE_AGAIN


class ExpectNoColumnBeyondThePublishedOnes(ExpectColumnValuesToBeBetween):
    """No table has a column that is not published: a case or person key would let a reader link a row to somebody."""

    frame: ClassVar[str] = "tables"
    column: str = "foreign_columns"
    next_step: ClassVar[str] = "Take the column out of the board model, or add it to the published ones with a reason."


class ExpectCsvAndParquetToBeEqual(ExpectColumnValuesToBeBetween):
    """The CSV and the Parquet file of a table hold the same cells in the same order."""

    frame: ClassVar[str] = "tables"
    column: str = "differing_cells"
    next_step: ClassVar[str] = PREPARE_AGAIN


class ExpectNoPlaceholderText(ExpectColumnValuesToBeBetween):
    """No cell holds a leftover of somebody's work or of a machine's arithmetic."""

    frame: ClassVar[str] = "tables"
    column: str = "placeholder_cells"
    next_step: ClassVar[str] = "Search the table for the words that thresholds.yml pins, and write the real text."


class ExpectEveryCoreMetricOnceInTheHeadline(ExpectColumnValuesToBeBetween):
    """The headline has each core metric exactly once and no other metric."""

    frame: ClassVar[str] = "core"
    column: str = "miscounted_in_headline"
    next_step: ClassVar[str] = MEND_THE_MODEL


class ExpectEveryCoreMetricOnceInTheCatalogue(ExpectColumnValuesToBeBetween):
    """The metric catalogue that is released defines each core metric, and any other that it shows, exactly once."""

    frame: ClassVar[str] = "core"
    column: str = "miscounted_in_catalogue"
    next_step: ClassVar[str] = "Compare the seed of the metric catalogue with the core metrics of thresholds.yml."


class ExpectNoNumeratorAboveItsDenominator(ExpectColumnValuesToBeBetween):
    """What a percentage counts is a part of what it is a share of."""

    frame: ClassVar[str] = "figures"
    column: str = "excess_of_numerator"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = MEND_THE_MODEL


class ExpectEveryPercentageFromZeroToHundred(ExpectColumnValuesToBeBetween):
    """A percentage is stored as percent and lies between nothing and all."""

    frame: ClassVar[str] = "figures"
    column: str = "percentage"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = MEND_THE_MODEL


class ExpectEveryPercentageToBeItsFraction(ExpectColumnValuesToBeBetween):
    """A percentage is a hundred times its numerator over its denominator, unrounded."""

    frame: ClassVar[str] = "figures"
    column: str = "fraction_gap"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = MEND_THE_MODEL


class ExpectNoDenominatorOfZero(ExpectColumnValuesToBeBetween):
    """A share of nothing is not measured; it has no denominator to print."""

    frame: ClassVar[str] = "figures"
    column: str = "denominator"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = MEND_THE_MODEL


class ExpectOnlyKnownValueStates(ExpectColumnValuesToBeInSet):
    """Every figure says how far it can be relied on, in one of the words of the glossary."""

    frame: ClassVar[str] = "figures"
    column: str = "value_state"
    next_step: ClassVar[str] = MEND_THE_MODEL


class ExpectEveryValueToFitItsState(ExpectColumnValuesToBeBetween):
    """What is not measured has no value, what is withheld has no number, and a measured zero is zero."""

    frame: ClassVar[str] = "figures"
    column: str = "state_conflict"
    next_step: ClassVar[str] = MEND_THE_MODEL


class ExpectEveryTargetStatusToFitItsTarget(ExpectColumnValuesToBeBetween):
    """MET and MISSED follow from the unrounded value and the target, and nothing else decides them."""

    frame: ClassVar[str] = "figures"
    column: str = "target_conflict"
    next_step: ClassVar[str] = MEND_THE_MODEL


class ExpectEveryTotalToBePrinted(ExpectColumnValuesToBeBetween):
    """A total is never withheld: protection is for cells finer than a published total."""

    frame: ClassVar[str] = "figures"
    column: str = "withheld_total"
    next_step: ClassVar[str] = "Look at the rule of withholding in publish/; it must leave totals alone."


class ExpectNoSmallCountOfPersons(ExpectColumnValuesToBeBetween):
    """No cell finer than a total prints a count of persons so small that somebody may be recognized in it."""

    frame: ClassVar[str] = "figures"
    column: str = "small_person_count"
    next_step: ClassVar[str] = "Look at the rule of withholding in publish/; release nothing by hand."


class ExpectNoAttackToSucceed(ExpectColumnValuesToBeBetween):
    """From all that was ever printed nobody can work out a count of a few people; what is not settled is a finding."""

    frame: ClassVar[str] = "attack"
    column: str = "broken_rule"
    next_step: ClassVar[str] = "Release nothing by hand: docs/disclosure.md says what each rule means."


class ExpectTheAttackOnTheseBytes(ExpectColumnValuesToBeBetween):
    """The attack read every file of the candidate, and exactly these bytes of it."""

    frame: ClassVar[str] = "attacked_files"
    column: str = "not_attacked"
    next_step: ClassVar[str] = PREPARE_AGAIN


class ExpectNoQuarterBeyondTheCandidates(ExpectColumnValuesToBeBetween):
    """Tables of a quarter hold that quarter alone; tables over time hold no later one."""

    frame: ClassVar[str] = "figures"
    column: str = "foreign_quarter"
    next_step: ClassVar[str] = MEND_THE_MODEL


class ExpectNoZeroClaimWhileCasesAreUncategorised(ExpectColumnValuesToBeBetween):
    """A zero for forced labour or trafficking is provisional as long as one case has no category yet."""

    frame: ClassVar[str] = "figures"
    column: str = "premature_zero"
    next_step: ClassVar[str] = "Have the open cases categorised, or publish the zero as PROVISIONAL_UNCATEGORISED."


class ExpectTheHeadlineToEqualItsTheme(ExpectColumnValuesToBeBetween):
    """A headline figure stands as a total in one theme table, and there it is the same."""

    frame: ClassVar[str] = "headline"
    column: str = "differs_from_theme"
    next_step: ClassVar[str] = MEND_THE_MODEL


class ExpectTheHeadlineToEqualTheTrend(ExpectColumnValuesToBeBetween):
    """The trend holds the candidate's quarter for every headline metric, with the same figure."""

    frame: ClassVar[str] = "headline"
    column: str = "differs_from_trend"
    next_step: ClassVar[str] = MEND_THE_MODEL


class ExpectHeadcountNearThePreviousQuarter(ExpectColumnValuesToBeBetween):
    """The number of workers does not jump from one quarter to the next; a jump is often a missing entity."""

    frame: ClassVar[str] = "headline"
    column: str = "headcount_ratio"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = "Compare the entities of the two quarters in the workforce table, and tell the approver."


class ExpectPublishedFiguresToStand(ExpectColumnValuesToBeBetween):
    """A figure that was published for a quarter is the same now; where it is not, the release corrects it openly."""

    frame: ClassVar[str] = "trend"
    column: str = "changed_since_release"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = (
        "Explain the change in the approval's reason: docs/runbooks/correct-a-published-figure.md."
    )


class ExpectNoPublishedCaseToVanish(ExpectColumnValuesToBeBetween):
    """The number of hotline cases of a quarter does not fall below what was published."""

    frame: ClassVar[str] = "trend"
    column: str = "cases_lost"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = (
        "Ask the hotline's keeper why cases are gone: merged, misdirected, or lost in an extract."
    )


class ExpectEveryBreakdownToSumToItsTotal(ExpectColumnValuesToBeBetween):
    """The parts of a breakdown, where none is withheld, add up to the published total."""

    frame: ClassVar[str] = "breakdowns"
    column: str = "gap_to_total"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = MEND_THE_MODEL


class ExpectFewUnknowns(ExpectColumnValuesToBeBetween):
    """What nobody knows is a part of its own, and a small one, where a sender must know nearly every record."""

    frame: ClassVar[str] = "breakdowns"
    column: str = "unknown_share"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = "Ask the sender for what is missing; the part UNKNOWN stays until it is known."


class ExpectTheYearToDateToAddUp(ExpectColumnValuesToBeBetween):
    """The year to date is the year to date of the quarter before, plus the quarter."""

    frame: ClassVar[str] = "years"
    column: str = "year_to_date_gap"
    blanks_allowed: ClassVar[bool] = True
    next_step: ClassVar[str] = "Look for cases received in an earlier quarter and known in this one, and say so."


CHECKS = (
    ExpectTheBytesOfTheCandidate,
    ExpectEveryTableWithItsColumns,
    ExpectNoColumnBeyondThePublishedOnes,
    ExpectCsvAndParquetToBeEqual,
    ExpectNoPlaceholderText,
    ExpectEveryCoreMetricOnceInTheHeadline,
    ExpectEveryCoreMetricOnceInTheCatalogue,
    ExpectNoNumeratorAboveItsDenominator,
    ExpectEveryPercentageFromZeroToHundred,
    ExpectEveryPercentageToBeItsFraction,
    ExpectNoDenominatorOfZero,
    ExpectOnlyKnownValueStates,
    ExpectEveryValueToFitItsState,
    ExpectEveryTargetStatusToFitItsTarget,
    ExpectEveryTotalToBePrinted,
    ExpectNoSmallCountOfPersons,
    ExpectNoAttackToSucceed,
    ExpectTheAttackOnTheseBytes,
    ExpectNoQuarterBeyondTheCandidates,
    ExpectNoZeroClaimWhileCasesAreUncategorised,
    ExpectTheHeadlineToEqualItsTheme,
    ExpectTheHeadlineToEqualTheTrend,
    ExpectHeadcountNearThePreviousQuarter,
    ExpectPublishedFiguresToStand,
    ExpectNoPublishedCaseToVanish,
    ExpectEveryBreakdownToSumToItsTotal,
    ExpectFewUnknowns,
    ExpectTheYearToDateToAddUp,
)
