"""The page of results' table and figure of Part 4, expressions."""

from __future__ import annotations

import matplotlib.pyplot as plt

from course_utils import experiments, plotting
from course_utils.cli.pages.common import made_by
from course_utils.experiments.claims.writing import written

LONG, HALF = "rate 0.001, keep 1", "rate 0.0005, keep 0.5"
#: Column of the table → key of the experiment's measured accuracies.
READINGS = {
    "training log": "train_mode",
    "momentum 0.9": "test_momentum_0.9",
    "momentum 0.99": "test_momentum_0.99",
    "momentum 0.999": "test_momentum_0.999",
    "weights averaged, decay 0.5": "test_average_0.5",
    "weights averaged, 0.99": "test_average_0.99",
    "updates dropped": "test_dropped",
}
#: Step → what the write-up logged there, by row: (training, test).
DOCUMENTED = {
    LONG: {1000: "> 0.60, ≈ 0.25", 2000: "> 0.60, ≈ 0.25", 4000: "> 0.80, ≈ 0.15 (at 3 600)"},
    HALF: {1000: "0.60 to 0.90, ≈ 0.15", 2000: "0.60 to 0.90, ≈ 0.15", 4000: "0.60 to 0.90, ≈ 0.15"},
}


def batch_norm() -> str:
    """Markdown table: one training run, tested with every set of statistics, beside what the write-up logged."""
    result = experiments.load_result("expressions_bn")
    lines = ["| step | " + " | ".join(READINGS) + " | *write-up: training, test* |", "|---" * (2 + len(READINGS)) + "|"]
    measured = {r["row"]: r["measured"] for r in result["rows"]}
    for row in (row for row in DOCUMENTED if row in measured):
        lines.append(f"| **{row}** |" + " |" * (1 + len(READINGS)))
        for step in (200, 450, 1000, 2000, 4000):
            cells = [experiments.ranges(result, row, f"{key}_{step}", "{:.2f}") for key in READINGS.values()]
            lines.append(f"| {written('{:,}', step)} | {' | '.join(cells)} | {DOCUMENTED[row].get(step, '–')} |")
    pictures = result["rows"][0]["measured"]["test_pictures"]
    size = " ".join(f"{axis} {value}," for axis, value in result["size"].items() if axis != "budget")
    about = f"FER2013 ({size} batches of 128); share right of {written('{:,}', pictures)} PublicTest pictures; averaged weights are tested with statistics of momentum 0.99"
    return "\n".join([*lines, "", made_by(result, about)])


def draw_batch_norm() -> plt.Figure:
    """Test accuracy against step for each set of statistics, of one training run."""
    result = experiments.load_result("expressions_bn")
    measured = next(r["measured"] for r in result["rows"] if r["row"] == LONG)
    steps = sorted(int(key.rsplit("_", 1)[1]) for key in measured if key.startswith("train_mode_"))
    names = ("training log", "momentum 0.9", "momentum 0.99", "momentum 0.999", "updates dropped")
    colours = (plotting.NEUTRAL, *plotting.COLOURS)
    figure, ax = plt.subplots(figsize=(7.0, 3.2))
    for name, marker, colour in zip(names, "ov^DX", colours, strict=False):
        line = "--" if name == "training log" else "-"
        plotting.curve(
            steps,
            [measured[f"{READINGS[name]}_{s}"] for s in steps],
            ax=ax,
            label=name,
            marker=marker,
            color=colour,
            linestyle=line,
        )
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    ax.set(xscale="log", ylim=(0, 1), xlabel="training step of 128 (FER2013)", ylabel="accuracy (share right)")
    last = {name: measured[f"{READINGS[name]}_{steps[-1]}"] for name in ("momentum 0.9", "updates dropped")}
    ax.set_title(
        f"Same weights, step {steps[-1]}: {last['momentum 0.9']:.2f} or {last['updates dropped']:.2f} on the test, as the statistics go"
    )
    return figure


DRAWINGS = {"expressions_batch_norm.png": draw_batch_norm}
