"""A tiny assignment in nbgrader's format, for tests of the classroom that need no Keras: two tasks and an answer by hand."""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

NAME = "a1_digits"  # the classroom knows its assignments by name


def graded(kind: str, name: str, points: int | None = None) -> dict:
    """nbgrader's metadata of a cell; kind: solution, check, answer or locked."""
    told = {"schema_version": 3, "grade_id": name, "task": False}
    told |= {"grade": kind in ("check", "answer"), "solution": kind in ("solution", "answer")}
    told |= {"locked": kind in ("check", "locked")} | ({"points": points} if points else {})
    return {"nbgrader": told}


def code(source: str, name: str, kind: str | None = None, points: int | None = None) -> nbformat.NotebookNode:
    """A code cell."""
    return new_code_cell(source, id=name.replace("_", "-"), metadata=graded(kind, name, points) if kind else {})


def cells() -> list:
    """The source, with solutions and hidden checks."""
    hidden = "### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"
    double = "number = int(np.random.default_rng(teacher_seed(0)).integers(3, 99))\nassert double(number) == 2 * number, 'wrong elsewhere'"
    return [
        new_markdown_cell("# Toy", id="title"),
        code("import numpy as np\nfrom course_utils.classroom.tasks import task, teacher_seed", "setup"),
        code("patient = dict(card='none')", "locked_cell", "locked"),
        code("def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION", "double", "solution"),
        code(f'with task("Task 1"):\n    assert double(2) == 4\n{hidden.format(double)}', "check_double", "check", 2),
        code("def half(x):\n    ### BEGIN SOLUTION\n    return x / 2\n    ### END SOLUTION", "half", "solution"),
        code(
            f'with task("Task 2"):\n    assert half(2) == 1\n{hidden.format("assert half(5) == 2.5")}',
            "check_half",
            "check",
            3,
        ),
        new_markdown_cell("because 2 = 1 + 1", id="why", metadata=graded("answer", "why", 5)),
    ]


def write(folder) -> None:
    """Write it as ``folder/a1_digits/a1_digits.ipynb``, with a file that belongs to it."""
    target = folder / NAME
    target.mkdir(parents=True)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells(), metadata=kernel), target / f"{NAME}.ipynb")
    (target / "table.txt").write_text("7", encoding="utf-8")
