"""Gradients of weights against those of biases, layer by layer, over a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plotting.style import COLOURS

#: Part of a variable's name after the layer's → its look.
LOOKS = {
    "kernel": {"color": COLOURS[0], "linestyle": "-", "label": "weights"},
    "bias": {"color": COLOURS[1], "linestyle": "--", "label": "biases"},
}


def gradient_history(
    history: Sequence[Mapping[str, float]],
    layers: Sequence[str],
    *,
    steps: Sequence[float] | None = None,
    axes: Sequence[plt.Axes] | None = None,
) -> np.ndarray:
    """Root mean square of the gradients of weights (solid) and biases (dashed), one panel a layer, on logarithmic axes of one scale.

    history: for each step a mapping of ``layer/kernel`` and ``layer/bias`` to the rms, as ``probes.WatchedAdam.gradient_rms``
    gives it. A gradient of exactly 0 has no place on a logarithmic axis and leaves a gap. steps: the steps' numbers,
    default 1, 2, … axes: one for each layer; they keep their own limits, so make them with ``sharey=True``. **Returns the panels** in an object array. This is what TensorBoard's
    histograms of gradients show of a network, as numbers that can be compared. Lesson 33_faces_one_face.
    Raises ValueError for an empty history, layers it lacks, or other counts.
    """
    history, layers = list(history), list(layers)
    if not history or not layers:
        raise ValueError(f"{len(history)} steps of {len(layers)} layers: expected at least one of each")
    missing = [
        f"{name}/{part}" for name in layers for part in LOOKS if any(f"{name}/{part}" not in entry for entry in history)
    ]
    if missing:
        raise ValueError(f"history lacks {', '.join(missing)}; it has {', '.join(history[0])}")
    steps = np.arange(1, len(history) + 1) if steps is None else np.asarray(steps)
    if len(steps) != len(history):
        raise ValueError(f"{len(steps)} steps: expected one for each of {len(history)} entries of the history")
    if axes is None:
        axes = plt.subplots(1, len(layers), figsize=(2.3 * len(layers) + 0.9, 2.7), sharey=True, squeeze=False)[1][0]
    panels = np.empty(len(layers), dtype=object)
    if len(np.ravel(axes)) != len(layers):
        raise ValueError(f"{len(np.ravel(axes))} axes: expected one for each of {len(layers)} layers")
    panels[:] = list(np.ravel(axes))
    for panel, layer in zip(panels, layers, strict=True):
        for part, look in LOOKS.items():
            values = np.array([entry[f"{layer}/{part}"] for entry in history], np.float64)
            panel.plot(steps, np.where(values > 0, values, np.nan), linewidth=1.3, **look)
        panel.set_yscale("log")
        panel.set_title(layer)
        panel.set_xlabel("training step")
    panels[0].set_ylabel("gradient (rms)")
    panels[-1].legend(loc="best", fontsize=8)
    return panels
