"""``course class release``: an assignment with this class's hidden values, in a version that can be handed out."""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
import shutil
from pathlib import Path

import nbformat

from course_utils import runtime
from course_utils.classroom import folder as class_folder
from course_utils.runtime import CourseError

SEED = re.compile(r"\bteacher_seed\(\d+\)")
CARD = re.compile(r'\bcard="[^"]*"')
SECRET = "secret.txt"


def release(
    folder: Path, assignment: str, secret: str | None = None, due: str | None = None, force: bool = False
) -> Path:
    """Write ``source/`` with hidden values drawn from the secret, and ``release/`` without solutions; returns the notebook to hand out.

    secret: any text; without one the class's own is used, drawn at the first release and kept in ``secret.txt``.
    due: date and time, e.g. ``2027-01-31 23:59 Europe/Berlin``. force: release anew though students have handed in.
    Raises CourseError when nbgrader refuses, or when submissions exist that belong to other hidden values.
    """
    class_folder.prepare(folder)
    secret = secret or _class_secret(folder)
    target = folder / "source" / assignment
    notebook = _with_secret(class_folder.sources() / assignment / f"{assignment}.ipynb", f"{secret} {assignment}")
    path = target / f"{assignment}.ipynb"
    text = nbformat.v4.writes(notebook) + "\n"
    handed_in = sum(1 for _ in class_folder.submissions(folder, assignment))
    if path.exists() and path.read_text(encoding="utf-8") != text and handed_in and not force:
        raise CourseError(
            f"{assignment}: {handed_in} students have handed in what was released with other hidden values; "
            "use the same secret, or --force and let them hand in again"
        )
    shutil.copytree(
        class_folder.sources() / assignment, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.ipynb", ".*")
    )
    runtime.write_text_atomically(path, text)
    api = class_folder.interface(folder)
    class_folder.must_succeed(api.generate_assignment(assignment), f"{assignment}: release")
    if due:
        with api.gradebook as gradebook:
            gradebook.update_or_create_assignment(assignment, duedate=due)
    return class_folder.released(folder, assignment)


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
