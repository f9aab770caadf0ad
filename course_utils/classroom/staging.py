"""What a student handed in, brought into the form that was handed out: right name, all graded cells there, no outputs.

The student's files are only read. A file that is no notebook at all is replaced by the untouched release, so that it has
a grade (0), a reason and a feedback page like every other.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from course_utils.classroom import safe

MOST_BYTES = 100_000_000
#: Key of a notebook's metadata under which the course keeps what it noticed.
KEY = "why_wont_it_learn"


@dataclass
class Staged:
    """A notebook to grade. notes: what was put right, for student and teacher; not_run: why nothing of it can be run, or None."""

    notebook: nbformat.NotebookNode
    notes: list[str] = field(default_factory=list)
    not_run: str | None = None


class _Unusable(Exception):
    """Why a submission cannot be run; one line."""


def stage(submission: Path, released: Path, locked: dict[str, str] | None = None) -> Staged:
    """Read one submission; raises nothing that a file of a student's causes.

    submission: the student's folder. released: the notebook that was handed out. locked: grade id → the source to run for
    cells that students may not change, with hidden checks; default: as handed out.
    """
    template = nbformat.read(released, as_version=4)
    try:
        path, notes = _find(submission, released.name, template)
        notebook = _read(path)
        notebook.cells, repaired = _repair(notebook.cells, template.cells)
        staged = Staged(notebook, notes + repaired)
    except _Unusable as reason:
        staged = Staged(copy.deepcopy(template), [], safe.line(reason, 400))
    except Exception as error:  # a shape that nobody thought of costs this submission, not the batch
        staged = Staged(copy.deepcopy(template), [], safe.line(f"it cannot be read: {type(error).__name__}: {error}"))
    for cell in staged.notebook.cells:
        if told := _name(cell):
            cell.source = (locked or {}).get(told, cell.source)
    for cell in staged.notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    staged.notebook.metadata = nbformat.from_dict(
        {**template.metadata, KEY: {"notes": staged.notes, "not_run": staged.not_run}}
    )
    staged.notebook.nbformat_minor = max(5, staged.notebook.nbformat_minor)
    return staged


def _find(submission: Path, name: str, template: nbformat.NotebookNode) -> tuple[Path, list[str]]:
    """The notebook in a folder: the one of the right name, else the only one that is this assignment."""
    entries = sorted(path for path in submission.iterdir() if not path.name.startswith("."))
    for path in (submission, *entries):
        if path.is_symlink():
            raise _Unusable(f"{path.name} is a link to another place; expected the notebook itself")
    files = [path for path in entries if path.is_file()]
    if submission / name in files:
        return submission / name, []
    notebooks = [path for path in files if path.suffix.lower() == ".ipynb"]
    ours = [path for path in notebooks if _is_this_assignment(path, template)] if len(notebooks) > 1 else notebooks
    if len(ours) == 1:
        return ours[0], [f"the file was renamed: found {ours[0].name}, expected {name}"]
    found = ", ".join(path.name + "/" * path.is_dir() for path in entries[:5]) or "an empty folder"
    raise _Unusable(f"no notebook to grade: found {found}, expected {name}")


def _is_this_assignment(path: Path, template: nbformat.NotebookNode) -> bool:
    try:
        theirs = set(map(_name, _read(path).cells))
    except _Unusable:
        return False
    return bool(theirs & set(_graded(template.cells)))


def _read(path: Path) -> nbformat.NotebookNode:
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise _Unusable(f"{path.name} has {size / 1e6:.0f} MB, more than the {MOST_BYTES / 1e6:.0f} MB that are read")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _Unusable(f"{path.name}: byte {error.start} is no UTF-8 text; expected a notebook") from error
    except json.JSONDecodeError as error:
        raise _Unusable(
            f"{path.name} is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    except (RecursionError, ValueError) as error:
        raise _Unusable(f"{path.name} is nested too deeply, or has too long a number, to be a notebook") from error
    try:
        for cell in content.get("cells", ()):
            cell.update({"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {})
        notebook = nbformat.reads(json.dumps(content), as_version=4)
        if notebook.nbformat_minor < 5:
            notebook.nbformat_minor = 5
            for number, cell in enumerate(notebook.cells):
                cell.setdefault("id", f"cell-{number}")
        nbformat.validate(notebook)
        nbformat.v4.writes(notebook).encode()  # half a surrogate pair is valid JSON that no file can hold
    except Exception as error:  # nbformat raises whatever a misshapen file leads it to
        reason = " ".join(str(error).split())[:150]
        raise _Unusable(f"{path.name} is JSON, but not a notebook ({type(error).__name__}: {reason})") from error
    return notebook


def _graded(cells: list) -> dict[str, nbformat.NotebookNode]:
    """Cells that nbgrader knows, by their grade id, in order."""
    return {
        cell.metadata.nbgrader.grade_id: cell for cell in cells if cell.metadata.get("nbgrader", {}).get("grade_id")
    }


def _repair(cells: list, template: list) -> tuple[list, list[str]]:
    """The student's cells with nbgrader's metadata as handed out, and every graded or locked cell that was deleted put back."""
    notes, known, result, seen = [], _graded(template), [], set()
    by_id = {cell.id: name for name, cell in known.items()}
    for cell in cells:
        told = _name(cell)
        cell.metadata.pop("nbgrader", None)
        name = told if told in known else by_id.get(cell.id)
        if name in seen:
            notes.append(f"cell {name!r} was there twice; the first one counts")
        elif name is not None:
            seen.add(name)
            ours = known[name]
            if ours.metadata.nbgrader.locked and (cell.source, cell.cell_type) != (ours.source, ours.cell_type):
                notes.append(f"cell {name!r} was changed; the one handed out was used")
                cell = copy.deepcopy(ours)
            elif cell.cell_type != ours.cell_type:
                notes.append(f"cell {name!r} was a {cell.cell_type} cell; it was made a {ours.cell_type} cell again")
                cell = nbformat.from_dict({**ours, "source": cell.source})
            cell.metadata["nbgrader"] = copy.deepcopy(ours.metadata.nbgrader)
        result.append(cell)
    before: set[str] = set()  # ids and grade ids of what stands above the cell in question
    for ours in template:
        name = _name(ours)
        if name is not None and name not in seen:
            above = [place for place, cell in enumerate(result) if {cell.id, _name(cell)} & before]
            result.insert(1 + max(above, default=-1), copy.deepcopy(ours))
            notes.append(f"cell {name!r} was deleted; it was put back as handed out")
        before |= {ours.id, name} - {None}
    ids = set()
    for number, cell in enumerate(result):
        if cell.id in ids:
            cell.id = f"again-{number}"
        ids.add(cell.id)
    return result, notes


def _name(cell: nbformat.NotebookNode) -> str | None:
    """nbgrader's id of a cell; None where it has none, or something that is no id."""
    told = cell.metadata.get("nbgrader")
    name = told.get("grade_id") if isinstance(told, dict) else None
    return name if isinstance(name, str) else None
