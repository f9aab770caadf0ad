"""``course class report``: tables that a learning platform imports, and an overview for the teacher."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from course_utils import runtime
from course_utils.classroom import folder as class_folder
from course_utils.classroom.grading import Grade, look_up
from course_utils.classroom.mistakes import ASSIGNMENTS
from course_utils.runtime import CourseError

#: How two platforms want a table of grades: the columns that tell who it is, and (Canvas) a second row with the maximum.
PLATFORMS = ("moodle", "canvas")


def report(
    folder: Path, assignments: Sequence[str] = (), platform: str = "moodle", preliminary: bool = False
) -> list[Path]:
    """Write ``report/grades.csv`` (one row a student) and ``report/<assignment>.csv`` (one row a submission); returns the files.

    assignments: default all that were graded. platform: whose columns ``grades.csv`` has. preliminary: write the points of
    submissions that wait for a hand grade too; otherwise their cell is empty. Points come from nbgrader's gradebook, so hand
    grades given in the meantime count. Raises CourseError when nothing was graded or the platform is unknown.
    """
    if platform not in PLATFORMS:
        raise CourseError(f"platform {platform!r}: expected {' or '.join(PLATFORMS)}")
    recorded = {name: class_folder.record(folder, name) for name in assignments or ASSIGNMENTS}
    missing = [name for name in assignments if not recorded[name]]
    recorded = {name: one for name, one in recorded.items() if one}
    if missing or not recorded:
        raise CourseError(
            f"{folder}: not graded yet: {', '.join(missing) or 'any assignment'}; first: course class grade ASSIGNMENT"
        )
    api = class_folder.interface(folder)
    names = class_folder.roster(folder)
    grades = {
        assignment: {one["student"]: _now(folder, api, assignment, one) for one in told["grades"]}
        for assignment, told in recorded.items()
    }
    files = [folder / "report" / "grades.csv"]
    students = sorted({*names, *(student for rows in grades.values() for student in rows)})
    runtime.write_text_atomically(files[0], _text(_wide(students, names, grades, platform, preliminary)))
    for assignment, rows in grades.items():
        files.append(folder / "report" / f"{assignment}.csv")
        runtime.write_text_atomically(files[-1], _text(_long(students, rows)))
    return files


def _now(folder: Path, api, assignment: str, recorded: dict) -> Grade:
    """A grade as the gradebook has it now; where it has none any more, as it was recorded."""
    try:
        return look_up(folder, api, assignment, recorded["student"])
    except Exception:  # nbgrader's MissingEntry, or its files are gone
        return Grade(**recorded)


def _text(rows: list[list[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([[_safe(value) for value in row] for row in rows])
    return out.getvalue()


def _safe(value: object) -> object:
    """A text that a spreadsheet would take for a formula is quoted; students choose file names and error texts."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _number(value: float) -> str:
    return f"{value:g}"


def _wide(
    students: list[str], names: dict, grades: dict[str, dict[str, Grade]], platform: str, preliminary: bool
) -> list[list]:
    """One row a student, one column an assignment."""
    most = {
        assignment: max((one.max_score for one in rows.values()), default=0.0) for assignment, rows in grades.items()
    }
    if platform == "canvas":
        table = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *grades]]
        table += [["    Points Possible", "", "", "", "", *map(_number, most.values())]]
    else:
        table = [["ID number", "First name", "Last name", "Email address", *grades]]
    for student in students:
        who = names.get(student, {})
        first, last = who.get("first_name", ""), who.get("last_name", "")
        if platform == "canvas":
            row = [f"{last}, {first}".strip(", ") or student, who.get("lms_user_id", ""), student, student, ""]
        else:
            row = [who.get("lms_user_id") or student, first, last, who.get("email", "")]
        for rows in grades.values():
            one = rows.get(student)
            final = one is not None and one.status != "failed" and (preliminary or not one.waiting)
            row.append(_number(one.score) if final else "" if one else _number(0))
        table.append(row)
    return table


def _long(students: list[str], rows: dict[str, Grade]) -> list[list]:
    """One row a student of one assignment: what happened, points per task, what waits, remarks, the feedback page."""
    tasks = list(dict.fromkeys(name for one in rows.values() for name in one.tasks))
    table = [
        [
            "student",
            "status",
            "score",
            "max_score",
            "waiting_for_hand_grade",
            "late_seconds",
            *tasks,
            "remarks",
            "feedback",
        ]
    ]
    for student in students:
        one = rows.get(student)
        if one is None:
            table.append([student, "nothing handed in", "0", *[""] * (len(tasks) + 5)])
            continue
        points = ["" if one.tasks.get(name) is None else _number(one.tasks[name]) for name in tasks]
        remarks = "; ".join(([one.reason] if one.reason else []) + one.notes)
        table.append(
            [
                student,
                one.status,
                _number(one.score),
                _number(one.max_score),
                _number(one.waiting),
                _number(one.late_seconds),
                *points,
                remarks,
                one.feedback,
            ]
        )
    return table
