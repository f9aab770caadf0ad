"""A class made up to try the grading on: right, untouched, wrong and hostile submissions, and what each should get.

Wrong answers come from ``mistakes``, right ones from the assignment's own solutions. Nothing here knows how a task is
checked: a mistake should lose the points of its task and no others, whatever the checks look like.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from course_utils import runtime
from course_utils.classroom import folder as class_folder
from course_utils.classroom import mistakes
from course_utils.classroom.grading import Grade

BIG_OUTPUT = 50_000_000
BIG_ARRAY = 20_000_000_000
SCRIPTS = """
from IPython.display import HTML, Javascript, display
display(HTML("<script>alert(1)</script>"), Javascript("alert(2)"))
raise ValueError("<img src=x onerror=alert(3)>\\x1b[31m" + "x" * 10**7)
""".strip()


@dataclass
class Submission:
    """One made-up submission. files: name → text, below the student's folder. lost: graded cells that should get 0 points
    (None: all). says: pattern that a remark or reason must match. status: as ``Grade.status``."""

    student: str
    files: dict[str, str | bytes]
    lost: frozenset[str] | None = frozenset()
    says: str = ""
    status: str = "graded"

    def differs(self, grade: Grade) -> list[str]:
        """What is not as it should be; empty when all is."""
        automatic = {name for name in grade.tasks if name.startswith("check_")}
        lost = automatic if self.lost is None else self.lost
        found = {name for name in automatic if grade.tasks[name] != grade.most[name]}
        half = [name for name in found if grade.tasks[name] != 0]
        wrong = [] if found == lost else [f"lost {sorted(found)}, expected {sorted(lost)}"]
        wrong += [f"part of the points of {half}"] if half else []
        wrong += [] if grade.status == self.status else [f"status {grade.status}, expected {self.status}"]
        told = [grade.reason or "", *grade.notes]
        if self.says and not any(re.search(self.says, line) for line in told):
            wrong.append(f"no remark like {self.says!r} in {told}")
        return wrong


@dataclass
class Assignment:
    """What was handed out, and the same with the solutions in it."""

    name: str
    released: nbformat.NotebookNode
    solved: nbformat.NotebookNode = field(init=False)

    def __post_init__(self) -> None:
        source = nbformat.read(class_folder.sources() / self.name / f"{self.name}.ipynb", as_version=4)
        answers = {_id(cell): cell.source for cell in source.cells if _kind(cell, "solution")}
        self.solved = copy.deepcopy(self.released)
        for cell in self.solved.cells:
            if _kind(cell, "solution"):
                cell.source = answers[_id(cell)]

    @property
    def tasks(self) -> list[str]:
        """Ids of the solution cells that a program grades."""
        return [_id(cell) for cell in self.released.cells if _kind(cell, "solution") and cell.cell_type == "code"]

    def file(self, notebook: nbformat.NotebookNode) -> dict[str, str]:
        """A submission of one notebook under its right name."""
        return {f"{self.name}.ipynb": nbformat.v4.writes(notebook)}

    def with_answer(self, task: str, code: str) -> dict[str, str]:
        """The solved notebook with another answer to one task."""
        notebook = copy.deepcopy(self.solved)
        (cell,) = [cell for cell in notebook.cells if _id(cell) == task]
        cell.source = code
        return self.file(notebook)

    def with_cell(self, code: str) -> dict[str, str]:
        """The solved notebook with one more cell, after the first code cell."""
        notebook = copy.deepcopy(self.solved)
        place = 1 + next(number for number, cell in enumerate(notebook.cells) if cell.cell_type == "code")
        notebook.cells.insert(place, nbformat.v4.new_code_cell(code))
        return self.file(notebook)


def _id(cell: nbformat.NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def _kind(cell: nbformat.NotebookNode, kind: str) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get(kind))


def load(folder: Path, assignment: str) -> Assignment:
    """A released assignment of a class."""
    return Assignment(assignment, nbformat.read(class_folder.released(folder, assignment), as_version=4))


def honest(assignment: Assignment) -> Iterator[Submission]:
    """The reference solution, and the release handed in untouched."""
    yield Submission("reference", assignment.file(assignment.solved))
    yield Submission("untouched", assignment.file(assignment.released), lost=None)


def wrong(assignment: Assignment) -> Iterator[Submission]:
    """One submission for each registered mistake: all right but one task."""
    for number, mistake in enumerate(mistakes.of(assignment.name)):
        files = assignment.with_answer(mistake.task, mistake.code)
        yield Submission(f"wrong-{number:02}-{mistake.case}", files, frozenset({f"check_{mistake.task}"}))


def hostile(assignment: Assignment, folder: Path) -> Iterator[Submission]:
    """Submissions that harm a careless grader. folder: the class's, whose secrets one of them is after."""
    task = assignment.tasks[0]
    lost = frozenset({f"check_{task}"})

    def answer(body: str) -> dict[str, str]:
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        return assignment.with_answer(task, f"def {task}(*arguments, **options):\n{lines}\n")

    yield Submission(
        "endless-loop",
        answer("while True:\n    pass"),
        lost,
        "used more than .* s of processor time and was interrupted",
    )
    stubborn = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass"
    spent = "used more than .* s of processor time in all"
    yield Submission("loop-that-goes-on", answer(stubborn), None, spent, "stopped")
    big = f"import numpy\nreturn numpy.ones({BIG_ARRAY} // 8)"
    yield Submission("takes-20-gb", answer(big), lost, "MemoryError")
    yield Submission("sys-exit", answer("import sys\nsys.exit()"), lost, "SystemExit")
    yield Submission("kills-kernel", answer("import os\nos._exit(1)"), None, "kernel died", "stopped")
    fork = "import os, time\nfor _ in range(500):\n    if os.fork() == 0:\n        time.sleep(600)\n        os._exit(0)"
    yield Submission("fork-bomb", answer(fork), None, "processes|memory", "stopped")
    yield Submission("prints-50-mb", assignment.with_cell(f"print('x' * {BIG_OUTPUT})"), says="printed more than")
    erase = "import os, shutil\nshutil.rmtree(os.getcwd(), ignore_errors=True)\nshutil.rmtree(os.path.expanduser('~'), ignore_errors=True)"
    yield Submission("deletes-its-folder", assignment.with_cell(erase))
    points = "get_ipython().displayhook(99.0)\nreturn 'wrong'"
    yield Submission("claims-points", answer(points), lost)
    yield Submission("scripts", assignment.with_cell(SCRIPTS), says="failed: ValueError: <img")
    yield Submission(
        "reads-others",
        assignment.with_cell(_search(folder, f"{assignment.name}.ipynb")),
        says="failed: LookupError: nothing to be found",
    )
    yield from _misshapen(assignment, task, lost)


def _search(folder: Path, notebook: str) -> str:
    """Code that looks for the class on the whole machine, and ends in an error either way."""
    return f"""
import os
found = [path for path in ({str(folder)!r}, "../..", "/assignment/..") if os.path.isdir(os.path.join(path, "submitted"))]
for top, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(top, name) not in ("/proc", "/sys", "/usr", "/etc") and name != "site-packages"]
    found += [os.path.join(top, name) for name in files if name in ("gradebook.db", "secret.txt", {notebook!r})]
raise LookupError(f"found {{found[:5]}}" if found else "nothing to be found")
""".strip()


def _misshapen(assignment: Assignment, task: str, lost: frozenset[str]) -> Iterator[Submission]:
    """Submissions whose file is not what was handed out."""
    name = f"{assignment.name}.ipynb"
    fail = f"def {task}(*arguments, **options):\n    return None"
    text = assignment.file(assignment.solved)[name]
    wrong_answer = nbformat.reads(assignment.with_answer(task, fail)[name], as_version=4)

    deleted = copy.deepcopy(wrong_answer)
    deleted.cells = [cell for cell in deleted.cells if _id(cell) != f"check_{task}"]
    yield Submission("deletes-a-check", assignment.file(deleted), lost, "was deleted; it was put back")
    changed = copy.deepcopy(wrong_answer)
    for cell in changed.cells:
        if _id(cell) == f"check_{task}":
            cell.source = "print('all is well')"
    yield Submission("changes-a-check", assignment.file(changed), lost, "was changed; the one handed out was used")
    bare = copy.deepcopy(assignment.solved)
    for cell in bare.cells:
        cell.metadata = {}
    yield Submission("loses-metadata", assignment.file(bare))
    yield Submission("renamed", {f"{assignment.name} (1).ipynb": text}, says="the file was renamed")
    yield Submission("cut-off-json", {name: text[: len(text) // 2]}, None, "not valid JSON: line", "not run")
    yield Submission("not-a-notebook", {name: json.dumps({"cells": [1, 2]})}, None, "not a notebook", "not run")
    yield Submission("binary", {name: bytes(range(128, 256))}, None, "no UTF-8", "not run")
    yield Submission(
        "no-file", {"notes.txt": "see my e-mail"}, None, "no notebook to grade: found notes.txt", "not run"
    )
    half_pair = nbformat.v4.new_raw_cell("HALF")
    odd = copy.deepcopy(assignment.solved)
    odd.cells.append(half_pair)
    half = assignment.file(odd)[name].replace('"HALF"', '"\\ud800"')
    yield Submission("half-a-character", {name: half}, None, "UnicodeEncodeError", "not run")
    for cell in odd.cells:
        if _kind(cell, "solution"):
            cell.metadata["nbgrader"] = {"grade_id": [1, 2]}
    half_pair.source = "### BEGIN HIDDEN TESTS"
    odd.cells.append(
        nbformat.v4.new_markdown_cell("BEGIN SOLUTION ![lost](attachment:lost.png) <script>alert(4)</script>")
    )
    yield Submission("odd-metadata", assignment.file(odd))
    yield Submission("odd-date", {name: text, "timestamp.txt": "yesterday"}, says="timestamp.txt is no date and time")
    swollen = copy.deepcopy(assignment.solved)
    first = next(cell for cell in swollen.cells if cell.cell_type == "code")
    first.outputs = [nbformat.v4.new_output("stream", text="y" * BIG_OUTPUT)]
    yield Submission("saved-50-mb", assignment.file(swollen))


def hand_in(folder: Path, assignment: str, submission: Submission) -> None:
    """Put a made-up submission where a real one would lie."""
    target = folder / "submitted" / submission.student / assignment
    target.mkdir(parents=True, exist_ok=True)
    for name, content in submission.files.items():
        with runtime.atomically(target / name) as temporary:
            temporary.write_bytes(content if isinstance(content, bytes) else content.encode())


def judge(submissions: list[Submission], grades: list[Grade]) -> dict[str, list[str]]:
    """Student → what is not as it should be, for those where something is not."""
    found = {grade.student: grade for grade in grades}
    result: dict[str, list[str]] = {}
    for submission in submissions:
        grade = found.get(submission.student)
        if wrong := submission.differs(grade) if grade else ["not graded"]:
            result[submission.student] = wrong
    return result


def one_a_task(submissions: Iterator[Submission]) -> Iterator[Submission]:
    """The first wrong submission of each task."""
    seen: set[frozenset[str]] = set()
    for submission in submissions:
        if submission.lost not in seen:
            seen.add(submission.lost)
            yield submission


#: What a made-up batch can hold besides the reference and the untouched release.
KINDS: dict[str, Callable[[Assignment, Path], list[Submission]]] = {
    "sample": lambda assignment, folder: list(one_a_task(wrong(assignment))),
    "mistakes": lambda assignment, folder: list(wrong(assignment)),
    "hostile": lambda assignment, folder: list(hostile(assignment, folder)),
    "all": lambda assignment, folder: [*wrong(assignment), *hostile(assignment, folder)],
}


def batch(folder: Path, assignment: str, kinds: str, size: int = 0) -> list[Submission]:
    """Hand in a made-up batch for a released assignment. kinds: a key of ``KINDS``; size: at least so many, filled up with
    copies of the reference solution."""
    loaded = load(folder, assignment)
    result = [*honest(loaded), *KINDS[kinds](loaded, folder)]
    result += [Submission(f"student-{number:02}", result[0].files) for number in range(len(result), size)]
    for submission in result:
        hand_in(folder, assignment, submission)
    return result
