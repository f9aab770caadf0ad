"""``course class grade``: every submission staged, run in its sandbox, graded by nbgrader, with a feedback page."""

from __future__ import annotations

import importlib
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat

from course_utils import runtime
from course_utils.classroom import folder as class_folder
from course_utils.classroom import safe, sandbox, staging
from course_utils.runtime import CourseError

STAGED = "staged"


@dataclass
class Grade:
    """One graded submission. status: ``graded``, ``stopped``, ``not run``, or ``failed`` (nbgrader could not grade it); reason: why.

    notes: what was put right or failed. tasks: id of a graded cell → its points, None while it waits for a hand grade.
    score: points so far; waiting: points that wait for a hand grade. seconds: wall time of its run; memory_gb: its peak.
    """

    student: str
    status: str
    reason: str | None
    notes: list[str]
    tasks: dict[str, float | None]
    most: dict[str, float]
    score: float
    max_score: float
    waiting: float
    late_seconds: float
    seconds: float
    memory_gb: float
    feedback: str = ""


def grade(
    folder: Path,
    assignment: str,
    *,
    students: Sequence[str] = (),
    workers: int = 2,
    settings: dict | None = None,
    tell: Callable[[Grade], None] = lambda _: None,
) -> list[Grade]:
    """Grade the submissions of an assignment, each on its own; returns one grade per student, by name.

    students: only these. workers: submissions that run at once; nbgrader then grades them one by one. settings: what wins
    over the class's nbgrader_config.py for ``IsolatedExecute`` (limits, isolation, settings). tell: called with each grade.
    Raises CourseError when nothing was released or handed in, when isolation is not to be had or somebody else is grading
    this class; nothing that a submission does stops the batch. What was graded before an interruption stays recorded.
    """
    released = class_folder.released(folder, assignment)
    chosen = {
        name: path for name, path in class_folder.submissions(folder, assignment) if name in students or not students
    }
    if missing := sorted(set(students) - set(chosen)):
        raise CourseError(
            f"{assignment}: nothing handed in by {', '.join(missing)}; expected {folder}/submitted/STUDENT/{assignment}/"
        )
    if not chosen:
        raise CourseError(
            f"{assignment}: nothing handed in; expected {folder}/submitted/STUDENT/{assignment}/{assignment}.ipynb"
        )
    overrides = {"CourseDirectory": {"submitted_directory": STAGED}, "IsolatedExecute": dict(settings or {})}
    with class_folder.only_one(folder):
        api = class_folder.interface(folder, **overrides)
        runner = preprocessors().IsolatedExecute(config=api.config)
        sandbox.choose(runner.isolation)
        locked = _enrol(api, folder, assignment, chosen)
        support = released.parent
        grades: list[Grade] = []
        stop = threading.Event()
        with ThreadPoolExecutor(workers) as pool:
            jobs = {}
            for name, path in chosen.items():
                staged = _stage(folder, assignment, name, path, released, locked)
                jobs[pool.submit(runner.execute, staged, support, stop)] = name
            try:
                for job in as_completed(jobs):
                    preprocessors().finished[assignment, jobs[job]] = job.result()
                    grades.append(_grade_one(folder, api, assignment, jobs[job]))
                    _record(folder, assignment, grades[-1])
                    tell(grades[-1])
            except BaseException:
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise
    return sorted(grades, key=lambda one: one.student)


def preprocessors():
    """The module of our steps in nbgrader's pipelines; it can be imported only where nbgrader is."""
    from course_utils.classroom import preprocessors as module

    return module


def _enrol(api, folder: Path, assignment: str, chosen: Iterable[str]) -> dict[str, str]:
    """Make the gradebook know the students; returns the locked cells as the gradebook has them: grade id → source."""
    names = class_folder.roster(folder)
    with api.gradebook as gradebook:
        for name in chosen:
            known = {key: value for key, value in names.get(name, {}).items() if value}
            gradebook.update_or_create_student(name, **known)
        cells = gradebook.find_notebook(assignment, assignment).source_cells
        return {cell.name: cell.source for cell in cells if cell.locked}


def _stage(
    folder: Path, assignment: str, student: str, submission: Path, released: Path, locked: dict[str, str]
) -> nbformat.NotebookNode:
    """Write what nbgrader is to grade; returns the notebook."""
    target = folder / STAGED / student / assignment
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    staged = staging.stage(submission, released, locked)
    stamp = submission / "timestamp.txt"
    if stamp.is_file() and not stamp.is_symlink():
        try:
            text = stamp.read_text(encoding="utf-8")[:100].strip()
            parse_utc = importlib.import_module("nbgrader.utils").parse_utc
            assert 2000 < parse_utc(text).year < 3000
            (target / "timestamp.txt").write_text(text, encoding="utf-8")
        except Exception:  # what a date parser raises on rubbish is anybody's guess
            staged.notes.append("timestamp.txt is no date and time; the submission counts as in time")
            staged.notebook.metadata[staging.KEY]["notes"] = staged.notes
    runtime.write_text_atomically(target / f"{assignment}.ipynb", nbformat.v4.writes(staged.notebook) + "\n")
    return staged.notebook


def _grade_one(folder: Path, api, assignment: str, student: str) -> Grade:
    """Have nbgrader grade one submission that was run; what nbgrader cannot grade is told, and waits for the teacher."""
    try:
        if not (folder / STAGED / student / assignment / "timestamp.txt").exists():
            with api.gradebook as gradebook:  # nbgrader would keep the date of an earlier submission
                gradebook.update_or_create_submission(assignment, student, timestamp=None)
        class_folder.must_succeed(api.autograde(assignment, student), "autograde")
        feedback = api.generate_feedback(assignment, student)
        one = look_up(folder, api, assignment, student)
        if not feedback["success"]:
            one.notes.append("nbgrader could not write the feedback page")
    except Exception as error:
        reason = safe.line(f"{type(error).__name__}: {error}")
        return Grade(student, "failed", reason, [], {}, {}, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    return one


def _record(folder: Path, assignment: str, one: Grade) -> None:
    """Put a grade into the record of the assignment, at once: an interruption loses nothing that is done."""
    told = class_folder.record(folder, assignment)
    grades = {old["student"]: old for old in told.get("grades", ())} | {one.student: asdict(one)}
    when = time.strftime("%Y-%m-%d %H:%M:%S%z")
    told = {"assignment": assignment, "graded": when, "grades": [grades[name] for name in sorted(grades)]}
    runtime.write_text_atomically(class_folder.record_path(folder, assignment), runtime.to_json(told))


def look_up(folder: Path, api, assignment: str, student: str) -> Grade:
    """A graded submission as the gradebook has it now, hand grades included."""
    path = folder / "autograded" / student / assignment / f"{assignment}.ipynb"
    told = nbformat.read(path, as_version=4).metadata.get(staging.KEY, {})
    with api.gradebook as gradebook:
        submission = gradebook.find_submission(assignment, student)
        rows = [row for notebook in submission.notebooks for row in notebook.grades]
        tasks = {
            row.name: None if row.auto_score is None and row.manual_score is None else float(row.score) for row in rows
        }
        most = {row.name: float(row.max_score) for row in rows}
        late = float(submission.total_seconds_late or 0)
        penalty = float(submission.late_submission_penalty or 0)
    reason = told.get("not_run") or told.get("stopped")
    feedback = folder / "feedback" / student / assignment / f"{assignment}.html"
    return Grade(
        student=student,
        status="not run" if told.get("not_run") else "stopped" if reason else "graded",
        reason=reason,
        notes=list(told.get("notes", ())),
        tasks=tasks,
        most=most,
        score=max(0.0, sum(value or 0.0 for value in tasks.values()) - penalty),
        max_score=sum(most.values()),
        waiting=sum(most[name] for name, value in tasks.items() if value is None),
        late_seconds=late,
        seconds=float(told.get("seconds", 0)),
        memory_gb=float(told.get("memory_gb", 0)),
        feedback=feedback.relative_to(folder).as_posix() if feedback.exists() else "",
    )
