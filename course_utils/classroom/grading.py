"""``course class grade``: every submission staged, run in its sandbox, graded by nbgrader, with a feedback page."""

from __future__ import annotations

import multiprocessing
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat

from course_utils import runtime
from course_utils.classroom import folder as class_folder
from course_utils.classroom import sandbox, staging
from course_utils.runtime import CourseError

STAGED = "staged"


@dataclass
class Grade:
    """One graded submission. status: ``graded``, ``stopped`` or ``not run``; reason: why it was stopped or not run.

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

    students: only these. workers: submissions that run at once. settings: what wins over the class's nbgrader_config.py
    for ``IsolatedExecute`` (limits, isolation, settings). tell: called with each grade as it is done.
    Raises CourseError when nothing was released or handed in, or when isolation is not to be had; nothing else
    that a submission does stops the batch.
    """
    released = class_folder.released(folder, assignment)
    chosen = {
        name: path for name, path in class_folder.submissions(folder, assignment) if not students or name in students
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
    api = class_folder.interface(folder, **overrides)
    sandbox.choose(api.config.IsolatedExecute.get("isolation", "auto"))
    names = class_folder.roster(folder)
    with api.gradebook as gradebook:
        for name in chosen:
            gradebook.update_or_create_student(
                name, **{key: value for key, value in names.get(name, {}).items() if value}
            )
    for name, path in chosen.items():
        _stage(folder, assignment, name, path, released)
    context = multiprocessing.get_context("spawn")
    lock = context.Lock()
    grades = []
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(lock,)) as pool:
        jobs = {pool.submit(_grade_one, folder, assignment, name, overrides): name for name in chosen}
        for job in as_completed(jobs):
            grades.append(job.result())
            tell(grades[-1])
    grades.sort(key=lambda one: one.student)
    old = {one["student"]: one for one in class_folder.record(folder, assignment).get("grades", ())}
    merged = old | {one.student: asdict(one) for one in grades}
    when = time.strftime("%Y-%m-%d %H:%M:%S%z")
    told = {"assignment": assignment, "graded": when, "grades": [merged[name] for name in sorted(merged)]}
    runtime.write_text_atomically(class_folder.record_path(folder, assignment), runtime.to_json(told))
    return grades


def _stage(folder: Path, assignment: str, student: str, submission: Path, released: Path) -> None:
    target = folder / STAGED / student / assignment
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    staged = staging.stage(submission, released)
    runtime.write_text_atomically(target / f"{assignment}.ipynb", nbformat.v4.writes(staged.notebook) + "\n")
    stamp = submission / "timestamp.txt"
    if stamp.is_file() and not stamp.is_symlink() and stamp.stat().st_size < 100:
        shutil.copyfile(stamp, target / "timestamp.txt")


def _begin(lock) -> None:
    from course_utils.classroom import preprocessors

    preprocessors.gradebook_lock = lock


def _grade_one(folder: Path, assignment: str, student: str, overrides: dict) -> Grade:
    """Grade one staged submission, in a process of the pool."""
    from course_utils.classroom import preprocessors

    with preprocessors.gradebook_lock:
        api = class_folder.interface(folder, **overrides)
        class_folder.must_succeed(api.autograde(assignment, student), f"{assignment}, {student}")
        class_folder.must_succeed(api.generate_feedback(assignment, student), f"{assignment}, {student}: feedback")
        return look_up(folder, api, assignment, student)


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
