"""Sample extracts of family training: courses, assignments, completions, sessions, attendances, learners.

The annual course of FY2023 is built so that each classic mistake gives a wrong completion rate of its own: re-takes,
leavers who passed, passes under the other title, failed attempts, passes in April, and passes whose date in UTC is
still 31 March while the local date is 1 April.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from samples import acknowledgement
from samples.extract import QUARTERS, Extract, columns, day_between, moment, office_moment, seeded, taken, truth
from samples.workforce import PARENT, PLACE, ROLES, SECURITY_TRAINED, Worker, in_training, workers

LMS = "SAMPLE LMS"
RETAKES = 333
UNDER_OTHER_TITLE = 444
APRIL_IN_UTC_MARCH = 111
QUARTER_WEIGHTS = (8, 27, 33, 32)  # when in the year people take the annual course
PASSED_IN_FY2022 = 0.88

OPENED = {2022: date(2021, 5, 10), 2023: date(2022, 5, 9)}
DUE = {2022: date(2022, 1, 31), 2023: date(2023, 1, 31)}
REVISION = {2022: "2021-04", 2023: "2022-04"}

INTERVIEWER_SESSIONS = {
    2022: {date(2021, 6, 9): 160, date(2021, 9, 8): 170, date(2021, 12, 8): 150, date(2022, 2, 9): 160},
    2023: {
        date(2022, 5, 25): 92,
        date(2022, 6, 22): 88,
        date(2022, 8, 24): 95,
        date(2022, 9, 21): 85,
        date(2022, 11, 9): 90,
        date(2022, 12, 7): 84,
        date(2023, 1, 25): 86,
        date(2023, 2, 22): 82,
    },
}
INTERVIEWERS_TWICE = 46  # the same persons again, in a later session of FY2023
OFFICERS_FIRST_SESSION = 40
OFFICERS_TWICE = 2

# planned, held, desk
HOTLINE_STAFF_SESSIONS = (
    (date(2021, 6, 16), date(2021, 6, 16), "SITE"),
    (date(2021, 9, 15), date(2021, 9, 15), "THIRD_PARTY"),
    (date(2021, 12, 15), date(2021, 12, 15), "BUSINESS_UNIT"),
    (date(2022, 3, 16), date(2022, 3, 16), "SITE"),
    (date(2022, 6, 15), date(2022, 6, 15), "SITE"),
    (date(2022, 8, 3), None, "SITE"),
    (date(2022, 9, 14), date(2022, 9, 14), "THIRD_PARTY"),
    (date(2022, 11, 16), date(2022, 11, 16), "BUSINESS_UNIT"),
    (date(2022, 12, 21), date(2023, 1, 18), "SITE"),  # counts in the quarter in which it was held
)

# Courses of roles: programme -> code, role that it is for, and whether it is held as a session.
ROLE_COURSES = {
    "NEW_MANAGER": ("NMG-201", "NEW_MANAGER", False),
    "HIGH_RISK_WORKSHOP": ("HRW-402", "INTL_HIGH_RISK", True),
    "LEGAL_COMPLIANCE": ("LGL-403", "LEGAL_COMPLIANCE", True),
    "PROCUREMENT": ("PRC-405", "PROCUREMENT", False),
    "SECURITY": ("SEC-404", "SECURITY", False),
}
SESSION_OF = {"HIGH_RISK_WORKSHOP": date(2022, 10, 19), "LEGAL_COMPLIANCE": date(2023, 1, 17)}
MANAGERS_REFRESHED = 0.7  # of the managers in post
LECTURE = date(2022, 12, 14)
LECTURE_LIVE, LECTURE_REPLAY, LECTURE_BOTH = 180, 95, 20  # who did both is among both numbers
# Further courses about a theme of human rights: code -> theme, minutes, how many of the parent's workers passed it.
THEMES = {"AIB-101": ("BIOMETRICS_AI", 30, 900), "DIV-101": ("DIVERSITY", 45, 1_400)}
THEME_RETAKES = 25

COURSE = columns(
    "course_code revision programme_code title language theme nominal_minutes pass_mark valid_from valid_to alias_of"
)
ASSIGNMENT = columns("learner_id course_code assigned_on due_on origin waived_on waiver_reason")
COMPLETION = columns(
    "source completion_id learner_id course_code revision completed_at status_code passed score mode recorded_at"
)
SESSION = columns("session_id programme_code course_code planned_on held_on status desk")
ATTENDANCE = columns("session_id sign_in_no learner_id signed_in signed_out")
LEARNER_XREF = columns("source learner_id worker_key person_key valid_from")


def extracts() -> list[Extract]:
    """The six extracts of family training."""
    sessions, attendances = _sessions()
    return [
        Extract("training", "course", LMS, taken(10), COURSE, _courses() + acknowledgement.courses()),
        Extract(
            "training", "assignment", LMS, taken(10, 2), ASSIGNMENT, _assignments() + acknowledgement.assignments()
        ),
        Extract("training", "completion", LMS, taken(11), COMPLETION, _completions() + acknowledgement.completions()),
        Extract("training", "session", LMS, taken(11, 2), SESSION, sessions),
        Extract("training", "attendance", LMS, taken(11, 3), ATTENDANCE, attendances),
        Extract("training", "learner_xref", LMS, taken(11, 4), LEARNER_XREF, _learners()),
    ]


def _courses() -> list[tuple[object, ...]]:
    human_rights = ("COMPANIES_AND_HUMAN_RIGHTS", 40, "80.00")
    first, second, none = date(2021, 4, 1), date(2022, 4, 1), None
    rows: list[tuple[object, ...]] = []
    for code, title, language, alias in (
        ("BHR-101", "Business and Human Rights", "ja", None),
        ("BHR-101E", "Business and Human Rights", "en", None),
        ("CHR-101", "Companies and Human Rights", "ja", "BHR-101"),
    ):
        rows += [
            (code, REVISION[2022], "BHR_ANNUAL", title, language, *human_rights, first, date(2022, 3, 31), alias),
            (code, REVISION[2023], "BHR_ANNUAL", title, language, *human_rights, second, none, alias),
        ]
    rows += [
        (
            "HLS-201",
            "2021-04",
            "HOTLINE_STAFF",
            "Case studies for hotline staff",
            "ja",
            None,
            90,
            None,
            first,
            None,
            None,
        ),
        ("INT-201", "2021-04", "INTERVIEWER", "Fair hiring interviews", "ja", None, 60, None, first, None, None),
        ("OFF-301", "2021-04", "NEW_OFFICER", "Harassment and human rights", "ja", None, 120, None, first, None, None),
        ("SEC-101", "2021-04", None, "Handling of visitors' badges", "ja", None, 15, None, first, None, None),
    ]
    for programme, code, title in (
        ("NEW_MANAGER", "NMG-201", "Labor management and harassment: new managers"),
        ("MANAGER_REFRESH", "MGR-202", "Labor management and harassment: managers in post"),
        ("DOWNSTREAM_LECTURE", "DVL-401", "Human rights risks in the downstream value chain"),
        ("HIGH_RISK_WORKSHOP", "HRW-402", "Operations in high-risk areas"),
        ("LEGAL_COMPLIANCE", "LGL-403", "Human rights for lawyers"),
        ("SECURITY", "SEC-404", "Human rights policy for security personnel"),
        ("PROCUREMENT", "PRC-405", "Sustainable procurement"),
    ):
        rows.append((code, "2022-04", programme, title, "ja", None, 60, None, second, None, None))
    for code, (theme, minutes, _) in THEMES.items():
        of_programme = "AI_BIOMETRICS" if theme == "BIOMETRICS_AI" else None
        title = f"SAMPLE {theme}"
        rows.append((code, "2022-04", of_programme, title, "ja", theme, minutes, "80.00", second, None, None))
    return rows


def _course_of(worker: Worker) -> str:
    return "BHR-101" if PLACE[worker.entity][1] == "ja" else "BHR-101E"


def _assignments() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for worker in in_training():
        if worker.last == 0:
            continue
        assigned = max(OPENED[2023], worker.start + timedelta(days=14))
        away = worker.leave is not None and worker.leave[0] < QUARTERS[1].start and worker.leave[1] is None
        rows.append(
            (
                worker.learner_id,
                _course_of(worker),
                assigned,
                max(DUE[2023], assigned + timedelta(days=30)),
                "PROFILE",
                assigned if away else None,
                "LEAVE" if away else None,
            )
        )
    return rows


def _completions() -> list[tuple[object, ...]]:
    random = seeded("completions")
    rows: list[tuple[object, ...]] = []

    def add(
        worker: Worker, when: str, year: int, *, course: str = "", passed: bool = True, mode: str = "ELEARNING"
    ) -> None:
        rows.append(
            (
                LMS,
                f"C{len(rows) + 1:07d}",
                worker.learner_id,
                course or _course_of(worker),
                REVISION[year],
                when,
                "ELEARN-COMPLETE" if passed else "ELEARN-FAIL",
                truth(passed),
                f"{random.randrange(80, 101) if passed else random.randrange(30, 79)}.00",
                mode,
                when,
            )
        )

    for worker in in_training():
        if worker.first == 0 and worker.leave is None and random.random() < PASSED_IN_FY2022:
            begin = max(OPENED[2022], worker.start)
            add(worker, office_moment(random, day_between(random, begin, date(2022, 3, 30))), 2022)

    by_outcome: dict[str, list[Worker]] = {"PASSED": [], "APRIL": [], "FAILED": []}
    for worker in in_training():
        if worker.outcome != "NONE":
            by_outcome[worker.outcome].append(worker)

    staying = [worker for worker in by_outcome["PASSED"] if worker.entity == PARENT and worker.last == 4]
    chosen = random.sample(staying, UNDER_OTHER_TITLE + RETAKES + 1)
    other_title = {worker.number for worker in chosen[:UNDER_OTHER_TITLE]}
    retakes = {worker.number for worker in chosen[UNDER_OTHER_TITLE:-1]}
    last_second = chosen[-1].number
    for worker in by_outcome["PASSED"]:
        course = "CHR-101" if worker.number in other_title else ""
        if worker.number == last_second:
            add(worker, moment(date(2023, 3, 31), 86_399), 2023)
            continue
        day = _pass_day(random, worker)
        add(worker, office_moment(random, day), 2023, course=course)
        if worker.number in retakes:
            add(worker, office_moment(random, day_between(random, day, date(2023, 3, 31))), 2023)
    for worker in by_outcome["FAILED"]:
        add(worker, office_moment(random, day_between(random, date(2022, 6, 1), date(2023, 3, 31))), 2023, passed=False)
    for index, worker in enumerate(by_outcome["APRIL"]):
        if index < APRIL_IN_UTC_MARCH:
            # From local midnight to a second before nine: in UTC all of it is still 31 March.
            add(worker, moment(date(2023, 4, 1), 32_399 * index // (APRIL_IN_UTC_MARCH - 1)), 2023)
        else:
            add(worker, office_moment(random, day_between(random, date(2023, 4, 2), date(2023, 4, 9))), 2023)
    random = seeded("completions of other courses")
    for worker, course, mode in _other_passes():
        add(worker, office_moment(random, _other_day(random, course)), 2023, course=course, mode=mode)
    return rows


def _other_day(random: Random, course: str) -> date:
    return day_between(random, LECTURE if course == "DVL-401" else date(2022, 6, 1), date(2023, 3, 30))


def lecture_audience() -> tuple[list[Worker], list[Worker]]:
    """Who was at the lecture live, and who watched its recording; some did both."""
    staff = [worker for worker in workers() if worker.entity in (PARENT, "E003") and worker.outcome == "PASSED"]
    staying = [worker for worker in staff if worker.first == 0 and worker.last == 4][::40]
    return staying[:LECTURE_LIVE], staying[LECTURE_LIVE - LECTURE_BOTH :][:LECTURE_REPLAY]


def trained_in_role(programme: str) -> list[Worker]:
    """Who holds the role of a programme and had its training in FY2023."""
    _, role, _ = ROLE_COURSES[programme]
    trained = [worker for worker in workers() if worker.role == role and worker.role_since == date(2022, 4, 1)]
    trained = trained[: ROLES[role][1]]
    if programme == "SECURITY":
        guards = [worker for worker in workers() if worker.category == "SECURITY_CONTRACTOR"]
        trained += [worker for worker in guards if worker.entity == PARENT][:SECURITY_TRAINED]
    return trained


def _other_passes() -> list[tuple[Worker, str, str]]:
    """Passes of courses other than the annual one: who, which course, how it was taken."""
    passes: list[tuple[Worker, str, str]] = []
    for programme, (code, _, is_session) in ROLE_COURSES.items():
        if not is_session:
            passes += [(worker, code, "ELEARNING") for worker in trained_in_role(programme)]
    in_post = [worker for worker in workers() if worker.grade == "MANAGER" and not worker.host and worker.last == 4]
    refreshed = [worker for worker in in_post if worker.role_since != date(2022, 4, 1) and worker.status == "ACTIVE"]
    passes += [(worker, "MGR-202", "ELEARNING") for worker in refreshed[: round(len(refreshed) * MANAGERS_REFRESHED)]]
    passes += [(worker, "DVL-401", "REPLAY") for worker in lecture_audience()[1]]
    for code, (_, _, number) in THEMES.items():
        takers = [worker for worker in in_training() if worker.entity == PARENT and worker.last == 4][::-9][:number]
        passes += [(worker, code, "ELEARNING") for worker in takers + takers[:THEME_RETAKES]]
    return passes


def _pass_day(random: Random, worker: Worker) -> date:
    """A day on which somebody took the annual course of FY2023: while at work, from its opening to the year's end."""
    number = random.choices((1, 2, 3, 4), QUARTER_WEIGHTS)[0]
    begin = max(OPENED[2023], worker.start + timedelta(days=10))
    end = date(2023, 3, 31)
    if worker.last < 4:
        assert worker.end is not None
        end = worker.end - timedelta(days=1)
    quarter = QUARTERS[number]
    first, last = max(begin, quarter.start), min(end, quarter.end)
    return day_between(random, first, last) if first <= last else day_between(random, begin, end)


def _sessions() -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    random = seeded("sessions")
    sessions: list[tuple[object, ...]] = []
    attendances: list[tuple[object, ...]] = []

    def hold(
        prefix: str, programme: str, course: str, planned: date, held: date | None, attendees: list[Worker]
    ) -> None:
        session = f"{prefix}-{planned:%Y%m%d}"
        desk = desks.get(planned) if programme == "HOTLINE_STAFF" else None
        sessions.append((session, programme, course, planned, held, "HELD" if held else "CANCELLED", desk))
        if held is not None:
            begin = 36_000
            for number, worker in enumerate(attendees, start=1):
                signed_in = moment(held, begin - random.randrange(900))
                attendances.append((session, number, worker.learner_id, signed_in, moment(held, begin + 5_400)))

    desks = {planned: desk for planned, _, desk in HOTLINE_STAFF_SESSIONS}
    staff = [worker for worker in workers() if worker.role == "HOTLINE_STAFF"]
    for index, (planned, held, _) in enumerate(HOTLINE_STAFF_SESSIONS):
        hold("HLS", "HOTLINE_STAFF", "HLS-201", planned, held, staff[: 9 + index % 4])

    interviewers = [worker for worker in workers() if worker.role == "INTERVIEWER"]
    for year, numbers in INTERVIEWER_SESSIONS.items():
        waiting = list(interviewers)
        been: list[Worker] = []
        for index, (day, number) in enumerate(numbers.items()):
            here, waiting = waiting[:number], waiting[number:]
            last = index == len(numbers) - 1
            again = been[:INTERVIEWERS_TWICE] if year == 2023 and last else []
            hold("INT", "INTERVIEWER", "INT-201", day, day, here + again)
            been += here

    officers = [worker for worker in workers() if worker.category == "OFFICER"]
    new = [worker for worker in officers if worker.role == "NEW_OFFICER"]
    earlier = [worker for worker in officers if not worker.role and PLACE[worker.entity][0] == "JP"]
    first, second = new[:OFFICERS_FIRST_SESSION], new[OFFICERS_FIRST_SESSION:]
    hold("OFF", "NEW_OFFICER", "OFF-301", date(2021, 5, 19), date(2021, 5, 19), earlier)
    hold("OFF", "NEW_OFFICER", "OFF-301", date(2022, 5, 18), date(2022, 5, 18), first)
    hold("OFF", "NEW_OFFICER", "OFF-301", date(2022, 11, 16), date(2022, 11, 16), second + first[:OFFICERS_TWICE])
    hold("DVL", "DOWNSTREAM_LECTURE", "DVL-401", LECTURE, LECTURE, lecture_audience()[0])
    for programme, day in SESSION_OF.items():
        course = ROLE_COURSES[programme][0]
        hold(course[:3], programme, course, day, day, trained_in_role(programme))
    return sessions, attendances


def _learners() -> list[tuple[object, ...]]:
    """One row a person: the home work relationship, never the host's."""
    return [
        (LMS, worker.learner_id, worker.worker_key, worker.person_key, max(worker.start, date(2018, 4, 1)))
        for worker in workers()
        if not worker.host and worker.status == "ACTIVE"
    ]
