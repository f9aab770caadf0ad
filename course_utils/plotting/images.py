"""Pictures: rows of images and grids of kernels."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plotting.style import axes


def image_row(images: np.ndarray, titles: Sequence[object] = (), *, ax: plt.Axes | None = None) -> plt.Axes:
    """Grey images ``(N, H, W)`` or ``(N, H, W, 1)`` side by side on one common scale, each with its title below."""
    images = np.asarray(images).reshape(*np.shape(images)[:3])
    count, height, width = images.shape
    ax = axes(ax, (1.0 * count, 1.3))
    gap = max(1, width // 14)
    canvas = np.full((height, count * (width + gap) - gap), np.nan)
    for i, image in enumerate(images):
        canvas[:, i * (width + gap) : i * (width + gap) + width] = image
    ax.imshow(canvas, vmin=images.min(), vmax=images.max(), interpolation="nearest")
    ax.set_xticks([i * (width + gap) + width / 2 for i in range(len(titles))], [str(t) for t in titles])
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    return ax


def stretch(kernels: np.ndarray) -> np.ndarray:
    """Map all values to 0–255 by one global minimum and maximum, as the picture of the source did.

    kernels: any shape. Returns floats of the same shape (not rounded, so that small changes stay measurable);
    NaN everywhere when all values are equal, which is what 0/0 gives. Lesson 11_digits_frozen_filters.
    Source: kukuruza's ``put_kernels_on_grid``.
    """
    kernels = np.asarray(kernels, np.float64)
    low, high = kernels.min(), kernels.max()
    if low == high:
        return np.full(kernels.shape, np.nan)
    return (kernels - low) / (high - low) * 255


def kernel_grid(
    kernels: np.ndarray,
    *,
    columns: int = 8,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: str = "gray",
    ax: plt.Axes | None = None,
) -> plt.Axes:
    """First-layer kernels ``(H, W, 1, K)`` as a grid of ``columns`` tiles, in order, row by row.

    vmin, vmax: values drawn as the two ends of the colour map; None takes the smallest and largest value, which is
    the stretch of the source. The image is ``ax.images[0]``, for a colour bar.
    Raises ValueError for more than one input channel.
    """
    height, width, channels, count = np.shape(kernels)
    if channels != 1:
        raise ValueError(f"kernels {np.shape(kernels)}: expected one input channel")
    rows = -(-count // columns)
    ax = axes(ax, (0.45 * columns, 0.45 * rows + 0.3))
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for k in range(count):
        top, left = k // columns * (height + 1), k % columns * (width + 1)
        canvas[top : top + height, left : left + width] = kernels[:, :, 0, k]
    ax.imshow(canvas, cmap=cmap, vmin=vmin, vmax=vmax, interpolation="nearest")
    ax.set_axis_off()
    return ax
