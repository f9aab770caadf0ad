"""``course class``: hand out assignments, grade what comes back, report; thin over nbgrader."""

from __future__ import annotations

import collections
import time
from pathlib import Path

import typer

from course_utils.classroom import folder as class_folder
from course_utils.classroom import grading, rehearsal, releasing, reporting
from course_utils.runtime import BACKENDS, CourseError, nearest

app = typer.Typer(help="For teachers: release assignments, grade submissions, report.", no_args_is_help=True)
FOLDER = typer.Option(None, "--folder", help="The class's folder; default: class/ in the checkout.")
ASSIGNMENT = typer.Argument(metavar="ASSIGNMENT", help="Name or short form: a1_digits or a1.")


def _folder(asked: Path | None) -> Path:
    return (asked or class_folder.default()).resolve()


def _backend(name: str | None) -> dict[str, str] | None:
    """The environment of submissions on another backend; None for the class's own."""
    if name is None:
        return None
    if name not in BACKENDS:
        raise CourseError(nearest(name, BACKENDS, "backend"))
    return {"COURSE_SIZE": "reduced", "KERAS_BACKEND": name}


@app.command()
def release(
    assignment: str = ASSIGNMENT,
    folder: Path = FOLDER,
    secret: str = typer.Option(
        None, help="Any text; draws the hidden values and a5's faults. Default: the class's own, kept in secret.txt."
    ),
    due: str = typer.Option(
        None, help="Until when, e.g. '2027-01-31 23:59 Europe/Berlin'; late submissions are marked."
    ),
    force: bool = typer.Option(False, "--force", help="Release anew though students have handed in."),
) -> None:
    """Write the version to hand out, without solutions and hidden checks: release/ASSIGNMENT/ in the class's folder."""
    path = releasing.release(_folder(folder), class_folder.find(assignment), secret, due, force)
    print(f"hand out: {path}")
    print(f"students' work goes to: {_folder(folder)}/submitted/STUDENT/{path.parent.name}/{path.name}")


@app.command()
def grade(
    assignment: str = ASSIGNMENT,
    folder: Path = FOLDER,
    student: list[str] = typer.Option([], help="Only this student; may be given several times."),
    workers: int = typer.Option(
        2, min=1, help="Submissions that run at once; each wants a core and up to --memory-gb."
    ),
    cell_seconds: int = typer.Option(None, min=1, help="Processor seconds one cell may use (default 60)."),
    seconds: int = typer.Option(None, min=1, help="Processor seconds a submission may use in all (default 300)."),
    memory_gb: float = typer.Option(None, min=0.5, help="Memory of a submission (default 4)."),
    isolation: str = typer.Option(None, help="auto (bubblewrap, or an error), bubblewrap, or process."),
    backend: str = typer.Option(None, help="Keras backend of the submissions: tensorflow, jax or torch."),
) -> None:
    """Run every submission in a sandbox of its own, have nbgrader grade it, write feedback pages. One bad file costs only itself."""
    limits = {"cell_seconds": cell_seconds, "seconds": seconds, "memory_gb": memory_gb, "isolation": isolation}
    limits["settings"] = _backend(backend)
    begin = time.monotonic()
    grades = grading.grade(
        _folder(folder),
        class_folder.find(assignment),
        students=student,
        workers=workers,
        settings={name: value for name, value in limits.items() if value is not None},
        tell=_tell,
    )
    counts = collections.Counter(one.status for one in grades)
    waiting = sum(bool(one.waiting) for one in grades)
    print(
        f"{len(grades)} submissions in {time.monotonic() - begin:.0f} s: "
        + ", ".join(f"{count} {status}" for status, count in counts.most_common())
        + f"; {waiting} wait for a hand grade (nbgrader's formgrader in JupyterLab)"
    )


def _tell(one: grading.Grade) -> None:
    line = f"{one.student:20} {one.score:5g} of {one.max_score:g}"
    line += f", {one.waiting:g} by hand" if one.waiting else ""
    line += f"  {one.status}: {one.reason}" if one.reason else ""
    print(line, flush=True)
    for note in one.notes:
        print(f"{'':20} · {note}", flush=True)


@app.command()
def report(
    assignment: list[str] = typer.Argument(None, metavar="[ASSIGNMENT]…", help="Default: all that were graded."),
    folder: Path = FOLDER,
    lms: str = typer.Option("moodle", help="Whose columns grades.csv has: moodle or canvas."),
    preliminary: bool = typer.Option(
        False, "--preliminary", help="Points of submissions that wait for a hand grade, too."
    ),
) -> None:
    """Write report/grades.csv for a learning platform and a table per assignment; feedback pages lie in feedback/."""
    chosen = [class_folder.find(name) for name in assignment or ()]
    for path in reporting.report(_folder(folder), chosen, lms, preliminary):
        print(path)


@app.command()
def rehearse(
    assignment: str = ASSIGNMENT,
    folder: Path = typer.Option(..., "--folder", help="A new folder for the made-up class."),
    kinds: str = typer.Option("all", help="mistakes (one wrong answer each), sample (one a task), hostile, or all."),
    size: int = typer.Option(30, help="At least so many submissions; filled up with right ones."),
    secret: str = typer.Option(None, help="Any text; draws the hidden values."),
    workers: int = typer.Option(2, min=1, help="Submissions that run at once."),
    cell_seconds: int = typer.Option(60, min=1, help="Processor seconds one cell may use."),
    seconds: int = typer.Option(300, min=1, help="Processor seconds a submission may use in all."),
    memory_gb: float = typer.Option(4.0, min=0.5, help="Memory of a submission."),
    backend: str = typer.Option(None, help="Keras backend of the submissions."),
) -> None:
    """Try the grading on a made-up class of right, wrong and hostile submissions; exit code 1 when one is not graded as it should be."""
    if kinds not in rehearsal.KINDS:
        raise CourseError(f"--kinds {kinds}: expected {', '.join(rehearsal.KINDS)}")
    folder, name = folder.resolve(), class_folder.find(assignment)
    if (folder / "submitted").exists():
        raise CourseError(f"{folder}: a class is there already; name a new folder")
    releasing.release(folder, name, secret)
    submissions = rehearsal.batch(folder, name, kinds, size)
    limits = {"cell_seconds": cell_seconds, "seconds": seconds, "memory_gb": memory_gb}
    limits |= {"settings": settings} if (settings := _backend(backend)) else {}
    begin = time.monotonic()
    grades = grading.grade(folder, name, workers=workers, settings=limits, tell=_tell)
    wrong = rehearsal.judge(submissions, grades)
    print(f"{len(grades)} submissions in {time.monotonic() - begin:.0f} s, {workers} at once, limits {limits}")
    for student, reasons in wrong.items():
        print(f"NOT AS EXPECTED {student}: {'; '.join(reasons)}")
    if wrong:
        raise typer.Exit(1)
    print("each graded as it should be")
