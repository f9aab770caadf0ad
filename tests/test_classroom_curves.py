"""The curves that assignment 4 shows are those that the course measured: typed numbers do not drift from the result."""

import ast
import json
from pathlib import Path

import nbformat
import pytest

from course_utils.classroom.folder import sources

RESULT = Path(__file__).parents[1] / "results" / "expressions_ladder_full.json"
ROW, SEED, STEPS = "+ rotation", 0, range(224, 2689, 224)


@pytest.fixture(scope="module")
def typed():
    """Name → list of numbers, as typed in the cell that draws the curves."""
    notebook = nbformat.read(sources() / "a4_expressions" / "a4_expressions.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.id == "draw-curves"]
    given = [node for node in ast.parse(cell.source).body if isinstance(node, ast.Assign)]
    return {node.targets[0].id: ast.literal_eval(node.value) for node in given if isinstance(node.value, ast.List)}


@pytest.mark.parametrize(("name", "measure"), [("LOG", "train_mode"), ("PUBLIC", "public")])
def test_the_typed_curves_are_the_measured_ones(typed, name, measure):
    rows = json.loads(RESULT.read_text(encoding="utf-8"))["rows"]
    (measured,) = [row["measured"] for row in rows if (row["row"], row["seed"]) == (ROW, SEED)]
    assert typed[name] == [round(measured[f"{measure}_{step}"], 3) for step in STEPS]
