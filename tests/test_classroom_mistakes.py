"""Every registered mistake loses its own task and no other, for two secrets: the assignments' cells, run in this process.

``test_classroom_grading`` sends one mistake a task through nbgrader and the sandbox; this runs all of them, fast.
"""

import linecache
import re
import time

import nbformat
import pytest

from course_utils.classroom import mistakes
from course_utils.classroom.folder import sources

SLOW_SECONDS = 1.5  # a check that trains is run for its own task's mistakes only


class Notebook:
    """An assignment's source in this process: cells run in one namespace, as a kernel does."""

    def __init__(self, assignment: str, seed: int) -> None:
        path = sources() / assignment / f"{assignment}.ipynb"
        self.cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        self.seed, self.count, self.space = seed, 0, {"__name__": "__main__"}

    def named(self, kind: str) -> dict[str, str]:
        """grade id → source of the cells with nbgrader's mark ``kind``."""
        told = [(cell.metadata.get("nbgrader", {}), cell.source) for cell in self.cells]
        return {marks["grade_id"]: source for marks, source in told if marks.get(kind)}

    def run(self, source: str) -> None:
        """Run one cell's source; its text can be looked up, as in a notebook."""
        self.count += 1
        file = f"<{id(self)} cell {self.count}>"
        source = re.sub(r"teacher_seed\(\d+\)", f"teacher_seed({self.seed})", source)
        source = re.sub(r'card="[^"]*"', f'card="{self.seed:032x}"', source)
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), self.space)

    def passes(self, source: str) -> bool:
        """Whether a check passes."""
        try:
            self.run(source)
        except Exception:
            return False
        return True


FULL, AGAIN = 20270131, 5  # two teachers' seeds; with the second one, tasks whose check trains are left out


@pytest.fixture(params=[FULL, AGAIN])
def seed(request):
    return request.param


@pytest.mark.deep
@pytest.mark.parametrize("assignment", mistakes.ASSIGNMENTS)
def test_every_mistake_loses_exactly_its_task(assignment, seed, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = Notebook(assignment, seed)
    checks, solutions = notebook.named("grade"), notebook.named("solution")
    seconds = {}
    for cell in notebook.cells:
        begin = time.monotonic()
        notebook.run(cell.source)  # the reference solution: a failure here is one of the assignment
        seconds[cell.source] = time.monotonic() - begin
    quick = {name for name, source in checks.items() if seconds[source] < SLOW_SECONDS}
    wrong = {}
    for number, mistake in enumerate(mistakes.of(assignment)):
        own = f"check_{mistake.task}"
        if seed == AGAIN and own not in quick:
            continue
        notebook.run(mistake.code)
        lost = {name for name in sorted(quick | {own}) if not notebook.passes(checks[name])}
        notebook.run(solutions[mistake.task])
        if lost != {own}:
            wrong[f"{number} {mistake.case}: {mistake.what}"] = lost
    assert wrong == {}
    assert all(notebook.passes(checks[name]) for name in quick), "the reference is itself again"
