"""The words below a figure, as its alt text."""

from __future__ import annotations

import re

import nbformat

from course_utils.runtime import CourseError

OPENING = "The figure shows"


def give_alt_texts(notebook: nbformat.NotebookNode, name: str) -> None:
    """Tell MyST-NB, in the metadata of each cell that drew, what its figures show: the first paragraph of prose that follows.

    Raises CourseError, naming lesson and cell, when that prose does not describe a figure.
    """
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not _figures(cell):
            continue
        following = next((c.source for c in notebook.cells[position + 1 :] if c.cell_type == "markdown"), "")
        alt = plain(following.strip().split("\n\n")[0])
        if not alt.startswith(OPENING):
            raise CourseError(
                f"{name}: cell {position + 1} draws a figure, but no '*{OPENING} …*' follows: it has no alt text"
            )
        cell.metadata["mystnb"] = {"image": {"alt": alt}}


def plain(markdown: str) -> str:
    """One paragraph of Markdown as one line of text: no emphasis, no code marks, links as their labels."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    text = re.sub(r"(?<!\w)[*_]{1,2}(?=\S)|(?<=\S)[*_]{1,2}(?!\w)|[`$]", "", text)
    return " ".join(text.split())


def _figures(cell: nbformat.NotebookNode) -> bool:
    return any(mime.startswith("image/") for output in cell.outputs for mime in output.get("data", {}))
