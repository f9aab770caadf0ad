"""The teacher's guide: which task of which assignment tests what, read off the assignments themselves."""

from __future__ import annotations

import re

import nbformat

from course_utils.classroom import folder as class_folder
from course_utils.classroom import mistakes

GUIDE = "notebooks/assignments/README.md"
TASK = re.compile(r"^## Task (\d+) · (.+?) \((\d+) points[^)]*\)", re.MULTILINE)


def table() -> str:
    """Markdown: one row per assignment with its tasks, points, and the cases whose mistakes its grading is rehearsed on."""
    rows = [
        "| assignment | after lessons | tasks (points) | wrong answers it is rehearsed on, by case |",
        "|---|---|---|---|",
    ]
    for name in mistakes.ASSIGNMENTS:
        notebook = nbformat.read(class_folder.sources() / name / f"{name}.ipynb", as_version=4)
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        tasks = "<br>".join(f"{number}. {title} ({points})" for number, title, points in TASK.findall(text))
        needs = re.search(r"^\| \*\*Needs\*\* \| (.+?) \|$", text, re.MULTILINE)
        cases = ", ".join(f"`{case}`" for case in dict.fromkeys(mistake.case for mistake in mistakes.of(name)))
        rows.append(f"| [{name}](source/{name}/{name}.ipynb) | {needs[1] if needs else ''} | {tasks} | {cases} |")
    return "\n".join(rows)
