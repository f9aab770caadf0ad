"""The page of results' table of lesson 51: the modern recipe beside published figures. Part 4."""

from __future__ import annotations

from course_utils import experiments, runtime
from course_utils.cli.pages.common import made_by, mean_and_range
from course_utils.experiments import expressions_beyond

#: What was published, in %: of PublicTest, of PrivateTest; None where that split was not reported.
PUBLISHED = {
    "Tang 2013, convnet with an L2-SVM head, the competition's winner": (None, 71.162),
    "Khaireddin & Chen 2021, one VGG-like network": (73.28, None),
    "Pramerdorfer & Kampel 2016, ensemble (their test set)": (None, 75.2),
    "the write-up, final": (68, None),
}
KEYS = ("public_accuracy", "private_accuracy", "private_clean", "private_ten_views", "private_snapshots_ten_views")


def table() -> str:
    """Markdown table: % right as published and as measured here, one row a recipe; recipes without a result say so."""
    result = experiments.load_result("expressions_beyond")
    lines = [
        "| network | passes | PublicTest | PrivateTest | … without leaked pictures | … ten views | … snapshots and ten views |",
        "|---" * 7 + "|",
    ]
    for name, split in PUBLISHED.items():
        public, private = (f"*{'≈ ' if value == 68 else ''}{value}*" if value else "–" for value in split)
        lines.append(f"| *{name}* | – | {public} | {private} | – | – | – |")
    for row in expressions_beyond.rows(runtime.FULL):
        runs = [one["measured"] for one in result["rows"] if one["row"] == row]
        if not runs:
            passes = expressions_beyond.ROWS[row].epochs
            lines.append(f"| {row} | {passes} | not yet measured | | | | |")
            continue
        numbers = [mean_and_range([100 * run[key] for run in runs], "{:.1f}") for key in KEYS]
        lines.append(f"| {row} | {runs[0]['epochs']:.0f} | {' | '.join(numbers)} |")
    about = "FER2013, % right; mean (smallest – largest) over seeds where there are several"
    return "\n".join([*lines, "", made_by(result, about)])
