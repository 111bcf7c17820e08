"""Errors that a person can act on: what was found, what was expected, where the rule lives, what to do next."""

from __future__ import annotations


class HrddError(Exception):
    """A stop that a rule asked for; it is shown in four parts and never as a traceback.

    Parts name files, columns, counts and rules. A value of a restricted column never goes into one.
    ``exit_code`` is what the command line returns; docs/commands.md lists the codes and a test compares them.
    """

    exit_code = 1

    def __init__(self, headline: str, *, found: str, expected: str, rule: str, next_step: str) -> None:
        super().__init__(headline)
        self.headline = headline
        self.found = found
        self.expected = expected
        self.rule = rule
        self.next_step = next_step

    def parts(self) -> dict[str, str]:
        """The error as a flat record, for receipts and for task results."""
        return {
            "headline": self.headline,
            "found": self.found,
            "expected": self.expected,
            "rule": self.rule,
            "next": self.next_step,
        }

    def __str__(self) -> str:
        return (
            f"{self.headline}\n"
            f"  found     {self.found}\n"
            f"  expected  {self.expected}\n"
            f"  rule      {self.rule}\n"
            f"  next      {self.next_step}"
        )


class RefusedExtract(HrddError):
    """A file was refused whole: encoding, header, quote, manifest, an unknown extract or a wrong quarter."""

    exit_code = 3


class MissingExtracts(HrddError):
    """The quarter cannot be built yet: an extract that the core metrics need has not arrived or did not pass."""

    exit_code = 4


class GateFailed(HrddError):
    """A check failed, or did not run."""

    exit_code = 5


class NotApproved(HrddError):
    """There is no approval for these bytes, or the approver said no."""

    exit_code = 6


class NotVerified(HrddError):
    """A release does not prove itself: a byte, a file or a digest is not what its manifest says."""

    exit_code = 7


class BuildFailed(HrddError):
    """dbt stopped; the database file of this build is not used by anyone."""

    exit_code = 8


class BadSettings(HrddError):
    """A setting is missing, unknown or not of its type."""

    exit_code = 9


class SourceFailed(HrddError):
    """A source that extracts are pulled from gave nothing that could be taken."""

    exit_code = 10
