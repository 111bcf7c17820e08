"""The people of the sample group, whom the HR and the training extracts speak of. All of them are made up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from random import Random

from pipeline.quarter import FiscalQuarter
from samples.extract import AS_OF, QUARTERS, day_between, pseudonym, seeded

PARENT = "E001"

# Workers of the parent company in the training population on the last day of FY2023.
CATEGORIES = {"REGULAR": 20_000, "FIXED_TERM": 600, "PART_TIME": 396, "TEMPORARY": 4, "DISPATCHED": 1_500}
JOINERS = (0, 700, 100, 50, 50)  # of these, by the first of the five quarter ends at which they are there
LEAVERS = (500, 150, 250, 300)  # others, by the last quarter end at which they are there; all are there at the first
PASSED_LEAVERS = (20, 60, 200, 275)  # of the leavers, those who passed the annual course before they left

LEAVE_WHOLE_WINDOW = 300
LEAVE_PART_OF_WINDOW = 240

PASSED = {"DISPATCHED": 900, "OTHER": 18_192}
PASSED_IN_APRIL = 666
FAILED_ONLY = 222

# Entity -> workers in the training population, of whom so many passed.
SUBSIDIARIES = {
    "E002": (200, 190),
    "E003": (1_000, 850),
    "E004": (400, 352),
    "E010": (500, 400),
    "E011": (150, 117),
    "E020": (250, 215),
    "E021": (200, 120),
    "E030": (450, 369),
    "E031": (100, 71),
    "E040": (250, 205),
    "E050": (100, 60),
}
PLACE = {
    "E001": ("JP", "ja"),
    "E002": ("JP", "ja"),
    "E003": ("JP", "ja"),
    "E004": ("JP", "ja"),
    "E010": ("GB", "en"),
    "E011": ("DE", "de"),
    "E020": ("AU", "en"),
    "E021": ("SG", "en"),
    "E030": ("US", "en"),
    "E031": ("BR", "pt"),
    "E040": ("CN", "zh"),
    "E050": ("JP", "ja"),
}
OFFICERS = {"E001": (40, 22), "E002": (9, 6), "E003": (30, 20), "E004": (21, 16), "E010": (6, 0), "E030": (5, 0)}
SECURITY = {"E001": 60, "E003": 8}
SECONDED = (("E004", "E001", 40), ("E001", "E002", 3))  # host, home, persons
NOT_STARTED, TERMINATED = 12, 8  # rows of the last snapshot that stand for nobody at work

INTERVIEWERS, HOTLINE_STAFF = 760, 12
# Interviewers in the order in which they attended, by the day on which they began to interview: the first were trained
# the year before, the next on that very day, others only after it, and the last never.
INTERVIEWING_SINCE = {
    date(2022, 4, 1): 640,
    date(2023, 2, 22): 30,
    date(2022, 10, 3): 32,
    date(2022, 7, 1): 58,
}
# Other roles of the parent's workers: how many hold it, and of these how many had its training in FY2023.
ROLES = {
    "NEW_MANAGER": (120, 108),
    "INTL_HIGH_RISK": (85, 61),
    "LEGAL_COMPLIANCE": (64, 58),
    "PROCUREMENT": (140, 119),
    "SECURITY": (25, 22),
}
NEW_MANAGERS_OF_ANOTHER_YEAR = 15  # still flagged as new: they are managers in post by now
SECURITY_TRAINED = 42  # of the contractors of the parent


@dataclass(slots=True)
class Worker:
    """One work relationship. ``first`` and ``last`` are the first and last quarter end at which it exists."""

    number: int
    entity: str
    category: str
    first: int
    last: int
    start: date
    person: int
    role: str = ""
    role_since: date | None = None
    host: bool = False
    status: str = "ACTIVE"
    end: date | None = None
    leave: tuple[date, date | None, str] | None = None
    outcome: str = "NONE"  # in FY2023's annual course: PASSED, APRIL, FAILED or NONE

    @property
    def grade(self) -> str:
        """Group of grades."""
        if self.category == "OFFICER":
            return "OFFICER"
        if self.role == "NEW_MANAGER":
            return "MANAGER"
        return ("STAFF", "STAFF", "STAFF", "MANAGER", "SENIOR")[self.number % 5]

    @property
    def worker_key(self) -> str:
        """Pseudonym of the work relationship."""
        return pseudonym("W", self.number)

    @property
    def person_key(self) -> str:
        """Pseudonym of the human being."""
        return pseudonym("P", self.person)

    @property
    def learner_id(self) -> str:
        """Number in the training system, which is not the one in HR."""
        return f"{(self.person * 7_919) % 10_000_000:08d}"

    def is_there(self, quarter: FiscalQuarter) -> bool:
        """Whether the work relationship exists on the quarter's last day."""
        if quarter < QUARTERS[0]:
            return self.first == 0 and self.start <= quarter.end
        return self.first <= QUARTERS.index(quarter) <= self.last

    def status_on(self, day: date) -> str:
        """State on one day."""
        if self.leave is not None and self.leave[0] <= day and (self.leave[1] is None or day <= self.leave[1]):
            return "LEAVE_PAID" if self.leave[2] == "CARE" else "LEAVE_UNPAID"
        return self.status


@cache
def workers() -> tuple[Worker, ...]:
    """Every work relationship of the sample group, in one fixed order."""
    people: list[Worker] = []
    _parent(people)
    _subsidiaries(people)
    _outside_training(people)
    return tuple(people)


def in_training() -> list[Worker]:
    """Those whose category belongs to the training population and who are at work."""
    return [worker for worker in workers() if worker.category in CATEGORIES and worker.status == "ACTIVE"]


def _hire(people: list[Worker], entity: str, category: str, first: int, last: int, start: date) -> Worker:
    worker = Worker(len(people) + 1, entity, category, first, last, start, len(people) + 1)
    people.append(worker)
    return worker


def _parent(people: list[Worker]) -> None:
    random = seeded("workforce of the parent")
    firsts = [index for index, joined in enumerate(JOINERS) for _ in range(joined)]
    for category, number in CATEGORIES.items():
        for _ in range(number):
            # Everyone who joined within the five quarters is a regular worker.
            first = firsts.pop() if category == "REGULAR" and firsts else 0
            _hire(people, PARENT, category, first, 4, _start(random, first))
    staying = list(people)
    for last, number in enumerate(LEAVERS):
        for index in range(number):
            worker = _hire(people, PARENT, "REGULAR", 0, last, _start(random, 0))
            left = QUARTERS[last + 1]
            worker.end = day_between(random, left.end - timedelta(days=14), left.end - timedelta(days=1))
            worker.outcome = "PASSED" if index < PASSED_LEAVERS[last] else "NONE"

    random.shuffle(staying)
    # Leave for the whole window: regular workers who were there before the year began.
    away = [w for w in staying if w.category == "REGULAR" and w.first == 0][:LEAVE_WHOLE_WINDOW]
    for index, worker in enumerate(away):
        began = day_between(random, date(2021, 1, 4), date(2022, 3, 31))
        until = None if index % 3 else day_between(random, date(2023, 3, 31), date(2023, 12, 28))
        worker.leave = (began, until, ("PARENTAL", "SICK", "CARE", "OTHER")[index % 4])
        worker.start = min(worker.start, date(2020, 10, 1))
    away_numbers = {worker.number for worker in away}
    here = [worker for worker in staying if worker.number not in away_numbers]
    dispatched = [worker for worker in here if worker.category == "DISPATCHED"]
    others = [worker for worker in here if worker.category != "DISPATCHED"]
    passed = dispatched[: PASSED["DISPATCHED"]] + others[: PASSED["OTHER"]]
    rest = others[PASSED["OTHER"] :] + dispatched[PASSED["DISPATCHED"] :]
    random.shuffle(rest)
    for worker in passed:
        worker.outcome = "PASSED"
    for worker in rest[:PASSED_IN_APRIL]:
        worker.outcome = "APRIL"
    for worker in rest[PASSED_IN_APRIL : PASSED_IN_APRIL + FAILED_ONLY]:
        worker.outcome = "FAILED"
    # Leave for a part of the window leaves the worker in the denominator.
    for index, worker in enumerate(w for w in rest[-900:] if w.first == 0 and w.category == "REGULAR"):
        if index == LEAVE_PART_OF_WINDOW:
            break
        if index % 2:
            worker.leave = (day_between(random, date(2022, 7, 4), date(2023, 2, 20)), None, "PARENTAL")
        else:
            began = day_between(random, date(2022, 1, 10), date(2022, 6, 1))
            worker.leave = (began, day_between(random, date(2022, 8, 1), date(2023, 1, 31)), "CARE")
        worker.start = min(worker.start, date(2020, 10, 1))

    regular = [worker for worker in passed if worker.category == "REGULAR" and worker.first == 0]
    begun = [day for day, number in INTERVIEWING_SINCE.items() for _ in range(number)]
    interviewers = sorted(regular[:INTERVIEWERS], key=lambda worker: worker.number)
    for worker, day in zip(interviewers, begun, strict=True):
        worker.role, worker.role_since = "INTERVIEWER", day
    waiting = regular[INTERVIEWERS:]
    for worker in waiting[:HOTLINE_STAFF]:
        worker.role, worker.role_since = "HOTLINE_STAFF", date(2020, 4, 1)
    waiting = waiting[HOTLINE_STAFF:]
    for role, (number, _) in ROLES.items():
        for worker in waiting[:number]:
            worker.role, worker.role_since = role, date(2022, 4, 1)
        waiting = waiting[number:]
    for worker in waiting[:NEW_MANAGERS_OF_ANOTHER_YEAR]:
        worker.role, worker.role_since = "NEW_MANAGER", date(2021, 4, 1)


def _subsidiaries(people: list[Worker]) -> None:
    random = seeded("workforce of the subsidiaries")
    kinds = ("REGULAR",) * 16 + ("FIXED_TERM",) * 2 + ("PART_TIME",) + ("DISPATCHED",)
    for entity, (number, passed) in SUBSIDIARIES.items():
        staff = []
        for index in range(number):
            first = 0 if index % 12 else (index // 12) % 5
            staff.append(_hire(people, entity, kinds[index % len(kinds)], first, 4, _start(random, first)))
        random.shuffle(staff)
        for worker in staff[:passed]:
            worker.outcome = "PASSED"
        for last in range(4):
            for _ in range(number // 60):
                worker = _hire(people, entity, "REGULAR", 0, last, _start(random, 0))
                worker.end = QUARTERS[last + 1].end - timedelta(days=10)


def _outside_training(people: list[Worker]) -> None:
    random = seeded("workforce outside of training")
    homes: dict[str, list[Worker]] = {}
    for worker in people:
        if worker.category == "REGULAR" and worker.first == 0 and worker.last == 4 and not worker.leave:
            homes.setdefault(worker.entity, []).append(worker)
    for entity, (number, new) in OFFICERS.items():
        for index in range(number):
            first = 1 if index < new else 0
            worker = _hire(people, entity, "OFFICER", first, 4, date(2022, 4, 1) if first else date(2019, 4, 1))
            if first:
                worker.role, worker.role_since = "NEW_OFFICER", date(2022, 4, 1)
    for entity, number in SECURITY.items():
        for _ in range(number):
            _hire(people, entity, "SECURITY_CONTRACTOR", 0, 4, _start(random, 0))
    for host, home, number in SECONDED:
        for worker in homes[home][-number:]:
            guest = _hire(people, host, "SECONDED_IN", 0, 4, date(2021, 4, 1))
            guest.person, guest.host = worker.person, True
    for _ in range(NOT_STARTED):
        _hire(people, PARENT, "REGULAR", 4, 4, date(2023, 4, 3)).status = "NOT_STARTED"
    for _ in range(TERMINATED):
        gone = _hire(people, PARENT, "REGULAR", 4, 4, date(2015, 4, 1))
        gone.status, gone.end = "TERMINATED", AS_OF - timedelta(days=16)


def _start(random: Random, first: int) -> date:
    if first == 0:
        return day_between(random, date(1990, 4, 1), date(2021, 12, 1))
    begun = QUARTERS[first].start
    return begun if first == 1 else day_between(random, begun, begun + timedelta(days=45))
