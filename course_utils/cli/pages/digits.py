"""The page of results' table and figures of Part 1, digits."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from course_utils import experiments, metrics, plotting, runtime
from course_utils.cli.pages.common import made_by, mean_and_range


def table() -> str:
    """Markdown table: what was published or claimed about the digits network, beside what was measured."""
    result = experiments.load_result("digits")

    def found(row: str, value: str, form: str) -> str:
        return mean_and_range(experiments.values(result, row, value), form)

    accuracy = ("accuracy_end", "{:.2%}")
    rows = [
        ("loss before training, N(0, 1)", "17 231 after 10 steps (logged)", found("normal", "loss_at_init", "{:,.0f}")),
        ("loss before training, Glorot", "2.39 (logged); ln 10 = 2.303", found("glorot", "loss_at_init", "{:.3f}")),
        (
            "rms gradient of the first kernel, N(0, 1)",
            "near 1e-5 (accepted answer)",
            found("normal", "rms_gradient_conv_1/kernel", "{:.0f}"),
        ),
        ("the same, Glorot", "–", found("glorot", "rms_gradient_conv_1/kernel", "{:.4f}")),
        (
            "change of the first kernel in 200 steps, in its std: N(0, 1)",
            "does not change (question)",
            found("normal", "first_kernel_change_in_std_early", "{:.3f}"),
        ),
        (
            "… in grey levels of the picture (of 255)",
            "does not change (question)",
            found("normal", "first_kernel_grey_levels_early", "{:.1f}"),
        ),
        (
            "… with the learning rate × 20, in grey levels",
            "starts to change (accepted answer)",
            found("normal, learning rate x20", "first_kernel_grey_levels_early", "{:.1f}"),
        ),
        ("… with Glorot, in grey levels", "–", found("glorot", "first_kernel_grey_levels_early", "{:.1f}")),
        (
            "filters that stay exactly 0 when started from 0 (of 32)",
            "does change (question)",
            found("normal, first kernel zeros", "kernels_exactly_zero_early", "{:.0f}"),
        ),
        ("accuracy, N(0, 1), 1 562 steps", "0.9727 on 256 images", found("normal", *accuracy)),
        (
            "accuracy, N(0, 1), first layer frozen",
            "is the layer needed? (question)",
            found("normal, first layer frozen", *accuracy),
        ),
        ("accuracy, Glorot, 1 562 steps", "0.9908 (2 000 steps)", found("glorot", *accuracy)),
        ("accuracy, Glorot, first layer frozen", "–", found("glorot, first layer frozen", *accuracy)),
    ]
    lines = ["| quantity | published or claimed | measured: mean (smallest – largest) |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, "", made_by(result, "Real MNIST, documented network, accuracy on 10 000 images")])


def draw_gradients() -> plt.Figure:
    """Rms gradient per kernel before training, real MNIST, mean over seeds."""
    result = experiments.load_result("digits")
    names = ("conv_1/kernel", "conv_2/kernel", "dense/kernel", "logits/kernel")
    series = {
        label: {name: float(np.mean(experiments.values(result, row, f"rms_gradient_{name}"))) for name in names}
        for label, row in (("N(0, 1), as in 2016", "normal"), ("Glorot", "glorot"))
    }
    ax = plotting.layer_bars(series, low=1e-6, colours=(plotting.BAD, plotting.GOOD))
    ax.axvline(1e-5, color="black", linestyle="--", linewidth=1.2)
    ax.text(1.2e-5, -0.48, "accepted answer: 1e-5", fontsize=8)
    ax.set(xlabel="rms gradient before the first step (real MNIST)")
    ax.set_title("'The gradient vanishes': it explodes")
    return ax.figure


def draw_accuracy() -> plt.Figure:
    """Accuracy after the documented 1 562 steps: start values and freezing, one point per seed."""
    result = experiments.load_result("digits")
    rows = ("normal", "normal, first layer frozen", "glorot", "glorot, first layer frozen")
    ax = plotting.axes(None, (6, 2.4))
    for place, row in enumerate(rows):
        numbers = experiments.values(result, row, "accuracy_end")
        colour = plotting.BAD if row.startswith("normal") else plotting.GOOD
        for number in numbers:
            low, high = metrics.wilson_interval(number * 10_000, 10_000)
            ax.plot([100 * low, 100 * high], [place, place], color=colour, linewidth=7, alpha=0.25)
            ax.plot(100 * number, place, "o", color=colour, markersize=5)
    ax.set_yticks(range(len(rows)), ["N(0, 1)", "N(0, 1), first layer frozen", "Glorot", "Glorot, first layer frozen"])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set(xlabel="accuracy on 10 000 images, % (a point per seed)")
    ax.set_title("The start costs two points, freezing the first layer none")
    return ax.figure


def draw_filters() -> plt.Figure:
    """The first layer before and after training, as the source drew it and as a difference. Trains for some seconds."""
    run = runtime.start(quiet=True)
    from course_utils import probes
    from course_utils.datasets import digits
    from course_utils.models.digits import compile_documented, convnet
    from course_utils.training import shuffled_batches

    data = digits.load(runtime.REDUCED)
    model = compile_documented(convnet("small"))
    before = probes.snapshot(model)["conv_1/kernel"]
    batches = shuffled_batches(data.train.x.astype("float32") / 255, data.train.y, 64, seed=run.seed)
    model.fit(batches, steps_per_epoch=200, verbose=0)
    after = probes.snapshot(model)["conv_1/kernel"]
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 2.4), gridspec_kw={"wspace": 0.06})
    plotting.kernel_grid(before, ax=left).set_title("before training")
    plotting.kernel_grid(after, ax=middle).set_title("after 200 steps: spot the difference")
    plotting.kernel_grid(after - before, ax=right, vmin=-0.2, vmax=0.2, cmap="RdBu").set_title(
        "the difference, on a fixed scale"
    )
    figure.colorbar(right.images[0], ax=right, label="change of a weight")
    return figure


DRAWINGS = {
    "digits_filters.png": draw_filters,
    "digits_gradients.png": draw_gradients,
    "digits_accuracy.png": draw_accuracy,
}
