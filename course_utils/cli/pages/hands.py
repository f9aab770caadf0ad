"""The page of results' table and figures of Part 2, hands."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np

from course_utils import experiments, plotting
from course_utils.cli.pages.common import made_by, mean_and_range
from course_utils.rendering import hand

SIZED = "documented size, "
CURVES = {
    "as posted, background 0": ("mm, background 0, ReLU", plotting.BAD, "-"),
    "as posted, background 32001": ("mm, background 32001, ReLU", plotting.BAD, ":"),
    "everything scaled, ReLU kept": ("all scaled, ReLU", plotting.COLOURS[3], "--"),
    "everything scaled, linear, He": ("all scaled, He, linear", plotting.GOOD, "-."),
}


def table() -> str:
    """Markdown table: what was claimed about the hands regressor, beside what was measured."""
    result = experiments.load_result("hands")

    def found(row: str, value: str, form: str, over: str = "") -> str:
        numbers = np.array(experiments.values(result, row, value), float)  # None becomes NaN
        numbers = numbers / np.array(experiments.values(result, row, over), float) if over else numbers
        return mean_and_range(list(numbers), form)

    posted, linear = f"{SIZED}mm, background 0, ReLU", f"{SIZED}mm, background 0, linear"
    rows = [
        (
            "loss of the zero answer on the labels",
            "stays above 40 000 (question)",
            found(posted, "loss_zero", "{:,.0f}") + "; 52 879 on ICVL's own test labels",
        ),
        (
            "as posted, background 0: outputs exactly 0 after 21 steps",
            "output converges to (0, …, 0)",
            found(posted, "zeros_after_21", "{:.1%}"),
        ),
        ("… loss ÷ loss of zeros after 50 steps", "–", found(posted, "loss_end", "{:.3f}", "loss_zero")),
        (
            "as posted, background 32001: outputs exactly 0 after 21 steps",
            "–",
            found(f"{SIZED}mm, background 32001, ReLU", "zeros_after_21", "{:.1%}"),
        ),
        (
            "linear output, nothing else: loss ÷ loss of the mean label",
            "remove the ReLU (answer)",
            found(linear, "loss_end", "{:,.0f}", "loss_mean"),
        ),
        (
            "everything scaled, ReLU kept: outputs exactly 0",
            "–",
            found(f"{SIZED}all scaled, ReLU", "zeros_end", "{:.1%}"),
        ),
        (
            "everything scaled, linear, He start: loss ÷ loss of the mean label",
            "–",
            found(f"{SIZED}all scaled, He, linear", "loss_end", "{:.2f}", "loss_mean"),
        ),
        (
            "a small network on crops: mean joint error, rendered hands",
            "5.7 – 12.6 mm on real ICVL: *not comparable*",
            found("course regressor", "joint_error_mm", "{:.2f}") + " mm",
        ),
        (
            "… the mean pose moved to the hand, the same hands",
            "18.3 mm on real ICVL, moved to the true centroid",
            found("course regressor", "joint_error_mm_mean_pose_at_centroid", "{:.1f}") + " mm",
        ),
    ]
    lines = ["| quantity | published or claimed | measured: mean (smallest – largest) |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(
        [
            *lines,
            "",
            made_by(
                result,
                "Rendered hands, 240×320; the posted network has 157 336 832 weights and trains 50 steps of 50 frames at rate "
                "1e-4, the small one sees crops of 64×64 for 20 epochs of 6 000 frames",
            ),
        ]
    )


def draw_hands() -> plt.Figure:
    """Five rendered hands with their joints."""
    depth, joints = hand.render(5, seed=3)
    figure, axs = plt.subplots(1, 5, figsize=(11, 2.6))
    for ax, image, points in zip(axs, depth, joints, strict=True):
        plotting.depth_image(image, joints=points, window="hand", ax=ax)
        ax.set(xlabel="", ylabel="", xticks=[], yticks=[])
    return figure


def draw_collapse() -> plt.Figure:
    """Share of outputs that are exactly zero, by step, at the documented size; a band over the seeds."""
    result = experiments.load_result("hands")
    ax = plotting.axes(None, (7.5, 2.8))
    for label, (row, colour, style) in CURVES.items():
        measured = [r["measured"] for r in result["rows"] if r["row"] == SIZED + row]
        steps = sorted(int(key.removeprefix("zeros_after_")) for key in measured[0] if key.startswith("zeros_after_"))
        shares = 100 * np.array([[m[f"zeros_after_{step}"] for step in steps] for m in measured])
        ax.plot(steps, shares.mean(axis=0), color=colour, linestyle=style, label=label)
        ax.fill_between(steps, shares.min(axis=0), shares.max(axis=0), color=colour, alpha=0.15)
    ax.set(xlabel="training step (documented size, documented rate)", ylabel="outputs exactly zero, %", ylim=(-3, 103))
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    posted = [row for row, colour, _ in CURVES.values() if colour == plotting.BAD]
    least = min(min(experiments.values(result, SIZED + row, "zeros_after_21")) for row in posted)
    ax.set_title(
        f"As posted, after 21 steps {math.floor(1000 * least) / 10:.1f} % of the outputs or more are zero, on every seed"
    )
    return ax.figure


DRAWINGS = {"hands_rendered.png": draw_hands, "hands_collapse.png": draw_collapse}
