"""What README, the page of results and the teacher's guide take from lessons, assignments and results: tables and figures. ``make pages`` writes them again.

One module a part, with ``table()`` and ``DRAWINGS``. Everything is read from committed files or made within seconds.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
from PIL import Image

from course_utils import runtime
from course_utils.cli import lessons
from course_utils.cli.pages import (
    assignments,
    bench,
    beyond,
    claims,
    contract,
    digits,
    evaluation,
    expressions,
    faces,
    gpu,
    hands,
    ladder,
)
from course_utils.runtime import CourseError

FIGURES = "results/figures"
LARGEST = 100_000


def lesson_map() -> str:
    """Markdown table of all lessons: number, question and run times, as their headers give them."""
    rows = ["| lesson | question | run: reduced / full |", "|---|---|---|"]
    for name in lessons.names():
        header = _header(runtime.lessons_dir() / f"{name}.ipynb")
        times = re.search(r"the run takes (.+?) reduced, (.+?) full", header["Time"])
        if not times:
            raise CourseError(f"{name}: no run times in the header's Time: {header['Time']!r}")
        rows.append(f"| [{name}](notebooks/{name}.ipynb) | {header['Question']} | {times[1]} / {times[2]} |")
    return "\n".join(rows)


def _header(path: Path) -> dict[str, str]:
    first = nbformat.read(path, as_version=4).cells[0].source
    return dict(re.findall(r"^\| \*\*(.+?)\*\* \| (.+) \|$", first, re.MULTILINE))


RESULTS = "results/README.md"
BLOCKS = {"lessons": lesson_map, "claims-counts": claims.counts, "claims-telling": claims.telling}
RESULT_BLOCKS = {
    **{f"claims-{part}": partial(claims.table, part) for part in claims.HEADS},
    "contract": lambda: contract.cases_table(claims.records()),
    "lessons-by-backend": lambda: contract.lessons_table(claims.records()),
    "gpu": gpu.table,
    "files": contract.files_table,
    "bench": bench.table,
    "digits": digits.table,
    "hands": hands.table,
    "faces": faces.table,
    "plateau": faces.plateau,
    "photos": faces.photos,
    "batch-norm": expressions.batch_norm,
    "ladder": ladder.table,
    "splits": evaluation.splits,
    "rare-class": evaluation.rare,
    "beyond": beyond.table,
}
DRAWINGS = (
    digits.DRAWINGS
    | hands.DRAWINGS
    | faces.DRAWINGS
    | expressions.DRAWINGS
    | ladder.DRAWINGS
    | evaluation.DRAWINGS
    | bench.DRAWINGS
)


def save_figure(name: str) -> Path:
    """Draw one figure and write it under results/figures/; whole or not at all. Returns its path.

    It is committed, so one of more than ``LARGEST`` bytes, much small text say, gets a palette of 128 colours.
    """
    path = runtime.repo_root() / FIGURES / name
    figure = DRAWINGS[name]()
    with runtime.atomically(path) as temporary:
        figure.savefig(temporary, format="png", dpi=80, bbox_inches="tight", metadata={"Software": None})
        if temporary.stat().st_size > LARGEST:
            with Image.open(temporary) as image:
                few = image.convert("RGB").quantize(128, kmeans=3, dither=Image.Dither.NONE)
            few.save(temporary, format="png", optimize=True)
    plt.close(figure)
    return path


#: Page → its blocks.
PAGES = {"README.md": BLOCKS, RESULTS: RESULT_BLOCKS, assignments.GUIDE: {"assignments": assignments.table}}


def with_fresh_blocks(text: str, page: str = "README.md") -> str:
    """A page with the text between each pair of ``<!-- NAME -->`` and ``<!-- /NAME -->`` written anew."""
    for name, make in PAGES[page].items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise CourseError(f"{page}: the marks <!-- {name} --> … <!-- /{name} --> are missing")
        block = make()
        text = pattern.sub(lambda match, block=block: match[1] + block + "\n" + match[2], text)
    return text
