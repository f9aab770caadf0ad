"""The page of results' table and figure of the ladder of experiments, Part 4."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt

from course_utils import experiments, plotting, runtime
from course_utils.cli.pages.common import made_by, mean_and_range
from course_utils.experiments import ladder, ladder_verdicts
from course_utils.experiments.claims.writing import written


def _results() -> tuple[dict[str, Any], dict[str, Any]]:
    return experiments.load_result("ladder", runtime.REDUCED), experiments.load_result("ladder")


def _cell(result: dict[str, Any], row: str, value: str, absent: str = "not yet measured") -> str:
    """A value of a row in per cent; ``absent`` where the row was not run, a dash where it has no such value."""
    if not any(r["row"] == row for r in result["rows"]):
        return absent
    try:
        return mean_and_range([100 * number for number in experiments.values(result, row, value)], "{:.1f}")
    except KeyError:
        return "–"


def table() -> str:
    """Markdown table of all rows: the reduced size, and FER2013 on both test splits, with leaked pictures and without."""
    reduced, full = _results()
    tuned = {row: "fold_smoothed" for row, recipe in ladder.RECIPES.items() if recipe.pictures == "folds"}
    lines = [
        "| row | rendered faces, small network | FER2013: PublicTest | PrivateTest at the end | PrivateTest without leaked pictures |",
        "|---" * 5 + "|",
    ]
    long = [row + ladder.LONG for row in ladder.RECIPES]
    measured = {r["row"] for r in full["rows"]}
    for row in [*ladder.RECIPES, *(row for row in long if row in measured)]:
        cells = [
            _cell(reduced, row, tuned.get(row, "public_smoothed"), "–"),
            _cell(full, row, tuned.get(row, "public_smoothed")),
            _cell(full, row, "private_last", ""),
            _cell(full, row, "private_clean", ""),
        ]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    first = full["rows"][0]["measured"]
    about = (
        f"Percent right, mean (smallest – largest) over seeds; of PublicTest (the fold, in the cross-validation) the mean of the "
        f"last quarter of a run; FER2013: {written('{:,}', first['steps'])} steps of {first['batch']} where a row says no other, documented network"
    )
    return "\n".join([*lines, "", made_by(full, about), "", made_by(reduced, "Rendered faces")])


def draw() -> plt.Figure:
    """All rows on rendered faces; the documented rows on FER2013 beside the documented bands."""
    reduced, full = _results()
    small, real = ladder_verdicts.by_row(reduced), ladder_verdicts.by_row(full)
    small |= {
        row: values for row, values in ladder_verdicts.by_row(reduced, "fold_smoothed").items() if row not in small
    }
    shown = [row for row in ladder.RECIPES if row in small]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 7.6), width_ratios=(1, 1))
    plotting.ladder({row: [100 * v for v in small[row]] for row in shown}, ax=left)
    left.get_legend().remove()
    left.set(xlabel="accuracy on held-out rendered faces (%)", title="Reduced size: small network, 16 passes")
    bands = {row: (100 * low, high and 100 * high) for row, (low, high) in ladder_verdicts.bands().items()}
    real |= {row: real[row + ladder.LONG] for row in shown if row + ladder.LONG in real}  # as the verdicts do
    rows = {row: [100 * v for v in real.get(row, [])] for row in shown if row in bands or row in real}
    plotting.ladder(rows, documented=bands, ax=right)
    handles, labels = right.get_legend_handles_labels()
    right.get_legend().remove()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    right.set(xlim=(45, 70), xlabel="accuracy on PublicTest (%)", title="FER2013, documented network")
    return figure


DRAWINGS = {"expressions_ladder.png": draw}
