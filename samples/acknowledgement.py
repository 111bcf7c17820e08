"""Two more courses of the sample year: the acknowledgement of the Code of Conduct, and biometrics and human rights."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from samples.extract import day_between, office_moment, seeded, truth
from samples.workforce import PARENT, Worker, in_training

SYSTEM = "SAMPLE LMS"
CODE, BIOMETRICS = "COC-101", "AIB-201"
# The version of the Code of Conduct in force begins on this day; who acknowledged the one before has to do it again.
NEW_CODE = date(2022, 10, 3)
ACKNOWLEDGED, ACKNOWLEDGED_BEFORE_ONLY = 0.82, 0.09
ASSIGNED, WAIVED, PASSED_BIOMETRICS, FAILED_BIOMETRICS, PASSED_IN_APRIL = 600, 20, 510, 15, 12


def courses() -> list[tuple[object, ...]]:
    """Rows of training.course."""
    title = "Acknowledgement of the Code of Conduct"
    first = date(2021, 4, 1)
    until = NEW_CODE - timedelta(days=1)
    return [
        (CODE, "2021-04", "CODE_OF_CONDUCT", title, "ja", None, 15, None, first, until, None),
        (CODE, "2022-10", "CODE_OF_CONDUCT", title, "ja", None, 15, None, NEW_CODE, None, None),
        (BIOMETRICS, "2021-04", "AI_BIOMETRICS", "Human rights issues in the biometrics business", "ja",
         "BIOMETRICS_AND_AI", 45, "80.00", first, None, None),
    ]  # fmt: skip


def assignments() -> list[tuple[object, ...]]:
    """Rows of training.assignment: the course on biometrics, for a part of the parent company."""
    assigned = date(2022, 6, 1)
    return [
        (worker.learner_id, BIOMETRICS, assigned, date(2022, 12, 31), "MANAGER",
         date(2022, 9, 1) if index < WAIVED else None, "EQUIVALENT" if index < WAIVED else None)
        for index, worker in enumerate(_assigned())
    ]  # fmt: skip


def completions() -> list[tuple[object, ...]]:
    """Rows of training.completion."""
    random = seeded("code of conduct")
    rows: list[tuple[object, ...]] = []

    def add(worker: Worker, course: str, revision: str, day: date, passed: bool = True) -> None:
        when = office_moment(random, day)
        status = "ELEARN-COMPLETE" if passed else "ELEARN-FAIL"
        number = f"CC{len(rows) + 1:07d}"
        rows.append(
            (SYSTEM, number, worker.learner_id, course, revision, when, status, truth(passed), None, "ELEARNING", when)
        )

    for worker in in_training():
        if worker.last < 4:
            continue
        drawn = random.random()
        if drawn < ACKNOWLEDGED:
            add(worker, CODE, "2022-10", _day(random, worker, NEW_CODE, date(2023, 3, 31)))
        elif drawn < ACKNOWLEDGED + ACKNOWLEDGED_BEFORE_ONLY and worker.start < date(2021, 4, 1):
            add(worker, CODE, "2021-04", day_between(random, date(2021, 4, 5), NEW_CODE - timedelta(days=1)))
    people = _assigned()[WAIVED:]
    for index, worker in enumerate(people):
        if index < PASSED_BIOMETRICS:
            add(worker, BIOMETRICS, "2021-04", day_between(random, date(2022, 6, 2), date(2023, 3, 30)))
        elif index < PASSED_BIOMETRICS + FAILED_BIOMETRICS:
            add(worker, BIOMETRICS, "2021-04", date(2022, 8, 2), passed=False)
        elif index < PASSED_BIOMETRICS + FAILED_BIOMETRICS + PASSED_IN_APRIL:
            add(worker, BIOMETRICS, "2021-04", date(2023, 4, 4))
    return rows


def _assigned() -> list[Worker]:
    here = [w for w in in_training() if w.entity == PARENT and w.last == 4 and w.first == 0 and not w.host]
    return here[: ASSIGNED * 20 : 20]


def _day(random: Random, worker: Worker, first: date, last: date) -> date:
    return day_between(random, max(first, worker.start), last)
