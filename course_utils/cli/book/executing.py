"""Copies of the lessons, executed as tests; those whose code, package, results and versions are the same are kept."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import nbformat

from course_utils import runtime
from course_utils.runtime import CourseError

MARK = "book"  #: in the metadata of an executed copy: its fingerprint, and when it was executed
SETTINGS = {"COURSE_SIZE": "reduced", "COURSE_SEED": "0"}
SECONDS_A_CELL = 600


def execute(names: Sequence[str], folder: Path) -> None:
    """Bring ``folder/NAME.ipynb`` up to date for each lesson; the lessons themselves are not touched.

    Raises CourseError when a lesson fails: the book shows only what passed.
    """
    waiting = []
    for name in names:
        original, copy = runtime.lessons_dir() / f"{name}.ipynb", folder / f"{name}.ipynb"
        mark = fingerprint(original)
        if not _passed(copy, mark):
            notebook = nbformat.read(original, as_version=4)
            notebook.metadata[MARK] = {"fingerprint": mark, "date": f"{runtime.build_time():%Y-%m-%d}"}
            runtime.write_text_atomically(copy, nbformat.writes(notebook))
            waiting.append(str(copy))
    if not waiting:
        return
    print(f"executing {len(waiting)} of {len(names)} lessons, {len(names) - len(waiting)} are as they were", flush=True)
    command = [sys.executable, "-m", "pytest", "--nbmake", "--overwrite", f"--nbmake-timeout={SECONDS_A_CELL}"]
    ended = subprocess.run(
        [*command, "-n", str(min(2, len(waiting))), *waiting],
        cwd=runtime.repo_root(),
        env=runtime.environment(folder, **SETTINGS),
    )
    if ended.returncode:
        raise CourseError("a lesson failed, see above; the book is made of lessons that pass. Those that did are kept")


def fingerprint(lesson: Path) -> str:
    """A hash of what a lesson's outputs come from: its code cells, the package, the committed results, and versions."""
    digest = hashlib.sha256(runtime.to_json(SETTINGS | runtime.versions()).encode())
    for cell in code_cells(lesson):
        digest.update(cell.source.encode() + b"\0")
    for path in _what_lessons_read():
        digest.update(path.as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    """The code cells of a notebook, in order."""
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def _what_lessons_read() -> Iterator[Path]:
    package = runtime.repo_root() / "course_utils"
    for path in sorted(package.rglob("*.py")):
        if path.relative_to(package).parts[0] not in ("classroom", "cli"):
            yield path
    yield from sorted(runtime.results_dir().glob("*.json"))


def _passed(copy: Path, mark: str) -> bool:
    """Whether a copy was executed to its end, without an error, from exactly these sources."""
    if not copy.is_file() or nbformat.read(copy, as_version=4).metadata.get(MARK, {}).get("fingerprint") != mark:
        return False
    return all(cell.execution_count and not _errors(cell.outputs) for cell in code_cells(copy))


def _errors(outputs: Iterable[nbformat.NotebookNode]) -> bool:
    return any(output.output_type == "error" for output in outputs)
