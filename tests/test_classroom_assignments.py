"""The form of the assignments: what nbgrader needs, what a student sees first, and that a release gives nothing away."""

import ast
import json
import re

import nbformat
import pytest

from course_utils.classroom import mistakes
from course_utils.classroom.folder import sources
from course_utils.cli import clean_notebook

ASSIGNMENTS = mistakes.ASSIGNMENTS


@pytest.fixture(params=ASSIGNMENTS)
def assignment(request):
    return request.param


@pytest.fixture
def notebook(assignment):
    return nbformat.read(sources() / assignment / f"{assignment}.ipynb", as_version=4)


def told(cell, key):
    return cell.metadata.get("nbgrader", {}).get(key)


def cells(notebook, kind, *, code=True):
    """Cells with nbgrader's mark ``kind``, in code or by hand."""
    return [cell for cell in notebook.cells if told(cell, kind) and (cell.cell_type == "code") == code]


def visible(source):
    return re.sub(r"### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS", "", source, flags=re.DOTALL)


def test_every_assignment_is_there_and_no_other():
    assert sorted(path.name for path in sources().iterdir() if not path.name.startswith(".")) == sorted(ASSIGNMENTS)


def test_it_is_stripped_valid_and_has_stable_ids(assignment, notebook):
    text = (sources() / assignment / f"{assignment}.ipynb").read_text(encoding="utf-8")
    assert clean_notebook.clean(text) == text
    nbformat.validate(notebook)
    names = [told(cell, "grade_id") for cell in notebook.cells if told(cell, "grade_id")]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9-]+", cell.id) for cell in notebook.cells)


def test_the_title_says_what_a_student_wants_to_know(assignment, notebook):
    title = notebook.cells[0].source
    assert title.startswith(f"# Assignment {assignment[1]} · ")
    for field in ("Question", "You will be able to", "Needs", "Time", "Points"):
        assert re.search(rf"^\| \*\*{field}\*\* \| .+ \|$", title, re.MULTILINE), field
    assert re.search(r"(60|75) ?(–|to) ?90 min", title)
    assert notebook.cells[-1].source.startswith("## Before you hand in")


def test_it_starts_like_a_lesson_and_stays_readable(notebook):
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert first.source.startswith("from course_utils import runtime\n\nrun = runtime.start()\n")
    assert 20 <= len(notebook.cells) <= 44
    assert all(visible(cell.source).count("\n") < 32 for cell in notebook.cells if cell.cell_type == "code")


def test_points_tasks_and_the_one_answer_by_hand(notebook):
    by_program, by_hand = cells(notebook, "grade"), cells(notebook, "grade", code=False)
    assert 5 <= len(by_program) + len(by_hand) <= 8
    assert sum(told(cell, "points") for cell in by_program) == 20
    assert [told(cell, "points") for cell in by_hand] == [5]
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    titles = re.findall(r"^## Task (\d+) · .+ \((\d+) points", text, re.MULTILINE)
    assert [int(number) for number, _ in titles] == list(range(1, len(titles) + 1))
    graded = [cell for cell in notebook.cells if told(cell, "grade")]
    assert [int(points) for _, points in titles] == [told(cell, "points") for cell in graded]


def test_every_task_has_its_check_with_hidden_values(notebook):
    solutions, checks = cells(notebook, "solution"), cells(notebook, "grade")
    assert [told(cell, "grade_id") for cell in checks] == [f"check_{told(cell, 'grade_id')}" for cell in solutions]
    for cell in checks:
        assert told(cell, "locked")
        assert cell.source.count("### BEGIN HIDDEN TESTS") == cell.source.count("### END HIDDEN TESTS") == 1
        assert 'with task("Task ' in visible(cell.source), cell.source[:60]
        assert "teacher_seed(" not in visible(cell.source)
    assert any("teacher_seed(0)" in cell.source for cell in checks)
    tests = [told(cell, "grade_id") for cell in solutions if told(cell, "grade_id").startswith("test_")]
    assert len(tests) == 1, "exactly one task is to write a test"


def test_a_solution_cell_defines_one_function_named_as_the_cell_whose_docstring_stays(notebook):
    for cell in cells(notebook, "solution"):
        before, _, rest = cell.source.partition("### BEGIN SOLUTION")
        _, _, after = rest.partition("### END SOLUTION")
        (function,) = ast.parse(cell.source).body
        assert function.name == told(cell, "grade_id")
        assert ast.get_docstring(function)
        assert after.strip() == ""
        stub = ast.parse(before + "raise NotImplementedError()").body[0]
        assert len(stub.body) == 2, "only the docstring stands outside the solution"


def test_hints_unfold_and_figures_are_told_in_words(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert text.count("<details>") == text.count("</details>") >= len(cells(notebook, "solution"))
    told_in_words = [
        number for number, cell in enumerate(notebook.cells) if cell.source.startswith("*The figure shows")
    ]
    assert told_in_words
    for number in told_in_words:
        assert notebook.cells[number - 1].cell_type == "code"
    assert sum(".suptitle(" in cell.source or "set_title(" in cell.source for cell in notebook.cells) <= len(
        told_in_words
    )


def test_the_rubric_stands_where_the_student_reads_it(notebook):
    (answer,) = cells(notebook, "grade", code=False)
    place = notebook.cells.index(answer)
    asked = "\n".join(cell.source for cell in notebook.cells[place - 5 : place] if cell.cell_type == "markdown")
    assert re.search(r"rubric|how it is graded|points for|\\| points", asked, re.IGNORECASE)
    assert len(answer.source) > 200, "the model answer"


def test_no_link_leads_out_of_what_is_handed_out(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not re.findall(r"\]\((?!https?://|#)([^)]+)\)", cell.source), cell.id


def test_every_task_that_a_program_grades_has_a_mistake(assignment, notebook):
    tasks = {told(cell, "grade_id") for cell in cells(notebook, "solution")}
    assert {mistake.task for mistake in mistakes.of(assignment)} == tasks


def test_mistakes_stand_in_the_registry_and_not_in_the_notebook(assignment, notebook):
    text = json.dumps([cell.source for cell in notebook.cells])
    for mistake in mistakes.of(assignment):
        assert json.dumps(mistake.code)[1:-1] not in text
        assert any(
            isinstance(node, ast.FunctionDef) and node.name == mistake.task for node in ast.parse(mistake.code).body
        )
