"""``course class release``: an assignment with this class's hidden values, in a version that can be handed out."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat

from course_utils import runtime
from course_utils.classroom import folder as class_folder
from course_utils.runtime import CourseError

SEED = re.compile(r"\bteacher_seed\(\d+\)")
CARD = re.compile(r'\bcard="[^"]*"')
SECRET = "secret.txt"
#: Beside a class's source: a hash of it as it was drawn. A source that differs was changed by the teacher, and is kept.
DRAWN = ".drawn"


def release(
    folder: Path, assignment: str, secret: str | None = None, due: str | None = None, force: bool = False
) -> Path:
    """Write ``source/`` with hidden values drawn from the secret, and ``release/`` without solutions; returns the notebook to hand out.

    secret: any text; without one the class's own is used, drawn at the first release and kept in ``secret.txt``.
    A source that the teacher changed in the class's folder is released as it is, with values drawn from the secret.
    due: date and time, e.g. ``2027-01-31 23:59 Europe/Berlin``. force: release anew though students have handed in.
    Raises CourseError when nbgrader refuses, for a ``due`` that is no time, or when submissions exist that belong to other
    hidden values.
    """
    if due:
        _must_be_a_time(due)
    class_folder.prepare(folder)
    secret = secret or _class_secret(folder)
    target = folder / "source" / assignment
    path, mark = target / f"{assignment}.ipynb", target / DRAWN
    changed = path.exists() and mark.exists() and mark.read_text(encoding="utf-8") != _fingerprint(path)
    original = target if changed else class_folder.sources() / assignment
    notebook = _with_secret(original / path.name, f"{secret} {assignment}")
    text = nbformat.v4.writes(notebook) + "\n"
    handed_in = sum(1 for _ in class_folder.submissions(folder, assignment))
    if path.exists() and path.read_text(encoding="utf-8") != text and handed_in and not force:
        raise CourseError(
            f"{assignment}: {handed_in} students have handed in what was released with other hidden values; "
            "use the same secret, or --force and let them hand in again"
        )
    if not changed:
        files = class_folder.sources() / assignment
        shutil.copytree(files, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.ipynb", ".*"))
    runtime.write_text_atomically(path, text)
    if not changed:
        runtime.write_text_atomically(mark, _fingerprint(path))
    api = class_folder.interface(folder)
    with _kept(folder / "release" / assignment):
        class_folder.must_succeed(api.generate_assignment(assignment), f"{assignment}: release")
    if due:
        with api.gradebook as gradebook:
            gradebook.update_or_create_assignment(assignment, duedate=due)
    return class_folder.released(folder, assignment)


def _must_be_a_time(due: str) -> None:
    """nbgrader takes an unknown time zone for UTC, without a word."""
    from dateutil import tz
    from nbgrader.utils import parse_utc

    zone = due.split(" ")[2:]
    known = not zone or re.fullmatch(r"[+-]?\d+", zone[0]) or tz.gettz(zone[0])
    try:
        parse_utc(due)
    except (ValueError, OverflowError):
        known = False
    if not known:
        raise CourseError(
            f"--due {due!r}: expected a date, a time and a time zone, as in '2027-01-31 23:59 Europe/Berlin'"
        )


def _fingerprint(path: Path) -> str:
    """A hash of the hidden values' surroundings: what a teacher may have changed, not the values themselves."""
    text = CARD.sub("", SEED.sub("", path.read_text(encoding="utf-8").replace('\\"', '"')))
    return hashlib.sha256(text.encode()).hexdigest()


@contextlib.contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """Put a folder back as it was when the block fails; nbgrader removes a release that it cannot make anew."""
    with tempfile.TemporaryDirectory() as place:
        if folder.exists():
            shutil.copytree(folder, Path(place) / "kept")
        try:
            yield
        except BaseException:
            if (Path(place) / "kept").exists():
                shutil.copytree(Path(place) / "kept", folder, dirs_exist_ok=True)
            raise


def draw(secret: str, number: int) -> str:
    """The n-th draw from a secret, 64 hex digits; the secret cannot be found from it."""
    return hashlib.sha256(f"{secret} {number}".encode()).hexdigest()


def _with_secret(path: Path, secret: str) -> nbformat.NotebookNode:
    """The source with every ``teacher_seed(…)`` and patient's card drawn anew from the secret."""
    notebook = nbformat.read(path, as_version=4)
    numbers = itertools.count(1)
    card = draw(secret, 0)[:16]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = SEED.sub(lambda _: f"teacher_seed({int(draw(secret, next(numbers))[:8], 16)})", cell.source)
            cell.source = CARD.sub(f'card="{card}"', cell.source)
    return notebook


def _class_secret(folder: Path) -> str:
    path = folder / SECRET
    if not path.exists():
        runtime.write_text_atomically(path, secrets.token_hex(16) + "\n")
        path.chmod(0o600)
    return path.read_text(encoding="utf-8").strip()
