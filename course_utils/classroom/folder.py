"""A class's folder: where things lie in it, and nbgrader's interface opened on it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from course_utils import runtime
from course_utils.classroom.mistakes import ASSIGNMENTS
from course_utils.runtime import CourseError, DataError, SettingsError, nearest

CONFIG = '''"""nbgrader's settings for this class; names and meaning: nbgrader's documentation, "Configuration options"."""

from course_utils.classroom.settings import configure

c = get_config()
configure(c)

# c.CourseDirectory.course_id = "vision_2027"
# c.IsolatedExecute.cell_seconds = 60     # one cell, processor time
# c.IsolatedExecute.seconds = 300         # a whole submission, processor time
# c.IsolatedExecute.memory_gb = 4.0
# c.IsolatedExecute.settings = {"COURSE_SIZE": "reduced", "KERAS_BACKEND": "tensorflow"}
# c.LateSubmissionPlugin.penalty_method = "zero"   # a late submission gets 0; "none": no penalty
'''
ROSTER = "students.csv"


def sources() -> Path:
    """The course's own assignments."""
    return runtime.lessons_dir() / "assignments" / "source"


def find(text: str) -> str:
    """An assignment's name from its name or its short form (``a1``). Raises SettingsError, suggesting the nearest."""
    short = [name for name in ASSIGNMENTS if name.split("_")[0] == text]
    if short:
        return short[0]
    if text not in ASSIGNMENTS:
        raise SettingsError(nearest(text, ASSIGNMENTS, "assignment"))
    return text


def default() -> Path:
    """Where a class lies unless another folder is named: ``class/`` in the checkout, which git does not see."""
    return runtime.repo_root() / "class"


def prepare(folder: Path) -> None:
    """Make a class's folder with its settings; what is there stays."""
    if set(str(folder)) & set("*?[]"):
        raise CourseError(f"{folder}: nbgrader takes *, ? and [ for patterns; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # source and gradebook are the teacher's
    if not (folder / "nbgrader_config.py").exists():
        runtime.write_text_atomically(folder / "nbgrader_config.py", CONFIG)


def interface(folder: Path, **settings: dict):
    """nbgrader's API on a class's folder. settings: per class of nbgrader, what wins over the class's own file.

    Raises CourseError when nbgrader is not installed or the folder is not a class's.
    """
    if importlib.util.find_spec("nbgrader") is None:
        raise CourseError('nbgrader is not installed here; "make env" installs it, or: pip install -e ".[classroom]"')
    if not (folder / "nbgrader_config.py").is_file():
        raise CourseError(
            f"{folder}: no nbgrader_config.py here; 'course class release ASSIGNMENT' makes a class's folder"
        )
    from nbgrader.apps import NbGraderAPI
    from sqlalchemy.exc import SAWarning
    from traitlets.config import Config
    from traitlets.config.loader import PyFileConfigLoader

    warnings.filterwarnings("ignore", category=SAWarning)  # nbgrader's own sessions; nothing a teacher could mend
    try:
        config = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
    except Exception as error:
        raise CourseError(f"{folder / 'nbgrader_config.py'}: {type(error).__name__}: {error}") from error
    config.CourseDirectory.root = str(folder)
    config.merge(Config(settings))
    log = logging.getLogger("course_utils.nbgrader")
    log.propagate = False  # nbgrader's API keeps what is logged and gives it back with its result
    log.handlers = [logging.NullHandler()]
    log.setLevel(logging.INFO)
    runtime.find_programs_in(Path(sys.executable).parent)  # nbgrader calls alembic by its bare name
    return NbGraderAPI(config=config, log=log)


def must_succeed(result: dict, what: str) -> None:
    """Raise CourseError with nbgrader's reason when one of its steps did not succeed."""
    if not result["success"]:
        text = f"{result.get('log', '')}\n{result.get('error', '')}"
        reasons = [line for line in text.splitlines() if re.match(r"\s*[\w.]*(Error|Exception)\b", line)]
        told = [line for line in reasons if "NbGraderException" not in line] or reasons or text.split()
        raise CourseError(f"{what}: nbgrader says: {(told or ['no reason given'])[-1].strip()}")


def released(folder: Path, assignment: str) -> Path:
    """The notebook that was handed out. Raises CourseError when it was not."""
    path = folder / "release" / assignment / f"{assignment}.ipynb"
    if not path.is_file():
        raise CourseError(f"{path}: not there; first: course class release {assignment}")
    return path


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keep a second grader out of a class's folder. Raises CourseError when one is at work (not noticed on Windows)."""
    lock = folder / "grading" / ".lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except OSError as error:
            raise CourseError(f"{folder}: somebody is grading this class just now") from error
        yield


def submissions(folder: Path, assignment: str) -> Iterator[tuple[str, Path]]:
    """(student, folder) of everyone who handed something in for an assignment.

    Raises CourseError for a student's folder whose name nbgrader would take for a pattern or could not find again.
    """
    for path in sorted((folder / "submitted").glob("*")):
        if (path / assignment).is_dir() and not path.name.startswith("."):
            if not re.fullmatch(r"[^*?\[\]/\\\x00-\x1f\ud800-\udfff]+", path.name) or path.name != path.name.strip():
                raise CourseError(
                    f"{path.parent}: the folder {path.name!a} is no student's id; rename it without *?[] and blanks at its ends"
                )
            yield path.name, path / assignment


def roster(folder: Path) -> dict[str, dict[str, str]]:
    """The class's students by id, from ``students.csv`` (columns as nbgrader's: id, first_name, last_name, email, lms_user_id).

    Empty when there is no such file. Raises DataError for a file that is no CSV in UTF-8, and naming the row
    when one lacks an id or has one twice.
    """
    import csv

    path, result = folder / ROSTER, {}
    if not path.exists():
        return result
    known = ("id", "first_name", "last_name", "email", "lms_user_id")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            rows = list(table)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path}: found no CSV in UTF-8 ({error}); expected the columns {', '.join(known)}, saved as UTF-8"
        ) from error
    if "id" not in (table.fieldnames or ()):
        raise DataError(f"{path}: found the columns {table.fieldnames}, expected {', '.join(known)}")
    for number, row in enumerate(rows, start=2):
        student = (row["id"] or "").strip()
        if not student or student in result or "/" in student:
            reason = "is there twice" if student in result else "is no name of a folder"
            raise DataError(f"{path}: line {number}: the id {student!r} {reason}")
        result[student] = {name: (row.get(name) or "").strip() for name in known[1:]}
    return result


def record_path(folder: Path, assignment: str) -> Path:
    """Where the last grading of an assignment is recorded."""
    return folder / "grading" / f"{assignment}.json"


def record(folder: Path, assignment: str) -> dict:
    """The record of the last grading; empty when there was none."""
    path = record_path(folder, assignment)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
