"""Faces with their 68 points, shapes and their modes, and curves of normalised errors: the faces part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patheffects import withStroke
from matplotlib.transforms import offset_copy
from numpy.typing import ArrayLike

from course_utils.metrics import area_under_curve, cumulative_error_curve, failure_rate
from course_utils.plotting import hands
from course_utils.plotting.hands import STYLES
from course_utils.plotting.style import COLOURS, NEUTRAL
from course_utils.plotting.style import axes as one_axes
from course_utils.rendering.face import GROUPS

Window = Literal["face"] | tuple[float, float, float, float] | None

#: The looks of the hands part, finer: eyes and lips are small.
TRUTH = {**hands.TRUTH, "linewidth": 1.1, "markersize": 2.6}
PREDICTED = {**hands.PREDICTED, "linewidth": 1.1, "marker": "x", "markersize": 4.0, "markeredgewidth": 1.3}
START = {"color": COLOURS[4], "linestyle": ":", "marker": "^", "linewidth": 1.3, "markersize": 3.2, "label": "start"}
PATH = {"color": COLOURS[6], "linestyle": "-", "linewidth": 0.7, "zorder": 1.8}
BOX = {"color": COLOURS[6], "linestyle": "-.", "linewidth": 1.4, "label": "detector's box"}
HALO = [withStroke(linewidth=2.4, foreground="white")]
#: Spread below the mean, mean, spread above it.
MODE_LOOKS = (
    {"color": COLOURS[1], "linestyle": (0, (3, 1)), "linewidth": 1.5},
    {"color": NEUTRAL, "linestyle": "-", "linewidth": 1.0},
    {"color": COLOURS[0], "linestyle": "-.", "linewidth": 1.5},
)


def landmarks(
    image: ArrayLike,
    points: ArrayLike | None = None,
    *,
    predicted: ArrayLike | None = None,
    numbers: bool = False,
    window: Window = None,
    ax: plt.Axes | None = None,
) -> plt.Axes:
    """A face with its true 68 points, joined part by part (solid, dots), and predicted ones (dashed, crosses) on top.

    image: ``(H, W)``, ``(H, W, 1)`` or ``(H, W, 3)``, uint8, or floats from 0 to 1. points, predicted: ``(68, 2)`` as
    (x, y) in px, in the order of 300-W; the centre of the first pixel is (0, 0). NaN points are left out. numbers: write
    each point's index, 0–67, beside it. window: ``"face"`` shows the surroundings of ``points`` (of ``predicted``, when
    there are no true ones), which a small face in a large photo needs; four numbers are (left, right, top, bottom) in px;
    None is the image and a narrow margin. The image is ``ax.images[0]``. Lesson 30_faces_landmarks. Raises ValueError for other shapes, values or windows.
    """
    shapes = [
        (_shape(shape, name), look)
        for shape, name, look in ((points, "points", TRUTH), (predicted, "predicted", PREDICTED))
        if shape is not None
    ]
    edge = 6.4 if numbers else 4.6
    ax = _face(image, shapes, window, [shape for shape, _ in shapes[:1]], ax, edge)
    if numbers and shapes:
        _write_numbers(shapes[0][0], ax)
    if len(shapes) == 2:
        _legend_below(ax, ncols=2)
    return ax


def start_shapes(
    image: ArrayLike,
    truth: ArrayLike,
    start: ArrayLike,
    *,
    box: Sequence[float] | None = None,
    window: Window = None,
    ax: plt.Axes | None = None,
) -> plt.Axes:
    """Where the search for a face's points begins: the detector's box, the start shape placed in it, and the truth.

    image, truth ``(68, 2)`` and start ``(68, 2)`` as in ``landmarks``. box: (left, top, right, bottom) in px, drawn as a
    dash-dotted rectangle. window: as in ``landmarks``, where ``"face"`` shows the surroundings of both shapes and the box.
    Lesson 30_faces_landmarks. Raises ValueError for other shapes, values or windows, and for a box of no size.
    """
    truth, start = _shape(truth, "truth"), _shape(start, "start")
    shapes = [(truth, TRUTH), (start, START)]
    outline = []
    if box is not None:
        left, top, right, bottom = _four(box, "box", "(left, top, right, bottom)")
        if not (left < right and top < bottom):
            raise ValueError(f"box {(left, top, right, bottom)}: expected left < right and top < bottom")
        outline = [np.array([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]])]
    ax = _face(image, shapes, window, [truth, start, *outline], ax)
    for corners in outline:
        ax.plot(*corners.T, path_effects=HALO, **BOX)
    _legend_below(ax, ncols=3)
    return ax


def face_sheet(
    images: ArrayLike,
    points: ArrayLike | None = None,
    *,
    columns: int = 8,
    titles: Sequence[object] = (),
    ax: plt.Axes | None = None,
) -> plt.Axes:
    """Many faces at once, as a grid of ``columns`` tiles in order, row by row.

    images: ``(N, H, W)``, ``(N, H, W, 1)`` or ``(N, H, W, 3)``, uint8, or floats from 0 to 1. points: ``(N, K, 2)`` as
    (x, y) in px of their own image, drawn as small dots; those outside it are left out. titles: one a tile, written above
    it. Tile k begins at pixel (k // columns · (H + gap), k % columns · (W + gap)) of ``ax.images[0]``; the gaps are
    transparent. Lesson 40_expressions_files. Raises ValueError for other shapes or values, no images or no columns.
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4) or not images.size or columns < 1:
        raise ValueError(
            f"images {images.shape} in {columns} columns: expected (N, H, W), (N, H, W, 1) or (N, H, W, 3), N > 0, "
            "and at least one column"
        )
    pictures = np.stack([_picture(image) for image in images])
    count, height, width, _ = pictures.shape
    if len(titles) not in (0, count):
        raise ValueError(f"{len(titles)} titles: expected one for each of {count} images")
    if points is not None:
        points = np.asarray(points, np.float64)
        if points.ndim != 3 or len(points) != count or points.shape[-1] != 2:
            raise ValueError(f"points {points.shape}: expected ({count}, K, 2), as many as images")
    columns = min(columns, count)
    rows = -(-count // columns)
    gap_x, gap_y = max(1, width // 14), max(1, height // 4 if len(titles) else height // 14)
    lefts, tops = np.arange(count) % columns * (width + gap_x), np.arange(count) // columns * (height + gap_y)

    ax = one_axes(ax, (1.1 * columns, (1.1 if not len(titles) else 1.35) * rows * height / width + 0.1))
    canvas = np.zeros((rows * (height + gap_y) - gap_y, columns * (width + gap_x) - gap_x, 4), np.uint8)
    for left, top, picture in zip(lefts, tops, pictures, strict=True):
        canvas[top : top + height, left : left + width, :3] = picture
        canvas[top : top + height, left : left + width, 3] = 255
    ax.imshow(canvas)
    if points is not None:
        inside = ((points >= -0.5) & (points <= (width - 0.5, height - 0.5))).all(axis=-1)
        placed = (points + np.stack([lefts, tops], axis=1)[:, None])[inside]
        ax.plot(*placed.T, linestyle="none", marker="o", markersize=2.0, markeredgewidth=0, color=COLOURS[5])
    for left, top, title in zip(lefts, tops, titles, strict=False):
        ax.annotate(
            str(title), (left + (width - 1) / 2, top - 0.5), (0, 2), textcoords="offset points", ha="center", fontsize=8
        )
    ax.set_axis_off()
    return ax


def shape_modes(
    mean: ArrayLike,
    modes: ArrayLike,
    *,
    shares: Sequence[float] = (),
    spread: float = 2.0,
    unit: str = "px",
    axes: Sequence[plt.Axes] | None = None,
) -> np.ndarray:
    """How faces differ: the mean shape (solid), and ``spread`` standard deviations of each mode below (dashed) and above it.

    mean: ``(68, 2)`` as (x, y) in ``unit``, y down. modes: ``(M, 68, 2)`` in ``unit``, each of the length of one standard
    deviation. shares: each mode's share of the variance, from 0 to 1, for the panels' titles. One panel a mode, all to one
    scale. axes: M axes to draw into. **Returns the M axes** in an object array ``(M,)``; the legend belongs to their
    figure. Source of the picture: T. F. Cootes, C. J. Taylor, D. H. Cooper and J. Graham, Active Shape Models,
    Computer Vision and Image Understanding 61 (1995). Lesson 30_faces_landmarks.
    Raises ValueError for other shapes or counts, or shares outside 0 to 1.
    """
    mean, modes = _shape(mean, "mean"), np.asarray(modes, np.float64)
    if modes.ndim != 3 or modes.shape[1:] != mean.shape or not len(modes):
        raise ValueError(f"modes {modes.shape}: expected (M, {len(mean)}, 2) with M > 0")
    count = len(modes)
    if len(shares) not in (0, count) or not all(0 <= share <= 1 for share in shares):
        raise ValueError(f"shares {list(shares)}: expected one from 0 to 1 for each of {count} modes")
    drawn = mean + np.array([-spread, 0.0, spread])[:, None, None] * modes[:, None]  # (M, 3, 68, 2)
    low, high = np.nanmin(drawn, axis=(0, 1, 2)), np.nanmax(drawn, axis=(0, 1, 2))
    margin = 0.05 * max((high - low).max(), 1e-9)
    width, height = high - low + 2 * margin
    if axes is None:
        size = (2.8 * count + 0.3, 1.1 + 2.5 * min(height / width, 2.0))
        axes = plt.subplots(1, count, figsize=size, sharex=True, sharey=True, squeeze=False)[1][0]
    panels = np.empty(count, dtype=object)
    if len(np.ravel(axes)) != count:
        raise ValueError(f"{len(np.ravel(axes))} axes: expected one for each of {count} modes")
    panels[:] = list(np.ravel(axes))

    names = (f"{-spread:+g} standard deviations".replace("-", "−"), "mean", f"{spread:+g} standard deviations")
    for i, panel in enumerate(panels):
        for place in (1, 0, 2):  # the mean lies below the other two
            panel.plot(*_segments(drawn[i, place]).T, label=names[place], **MODE_LOOKS[place])
        panel.set_aspect("equal")
        panel.set_xlim(low[0] - margin, high[0] + margin)
        panel.set_ylim(high[1] + margin, low[1] - margin)
        panel.set_title(f"mode {i + 1}" + (f": {100 * shares[i]:.0f} % of the variance" if len(shares) else ""))
        panel.set_xlabel(f"x in {unit}")
    panels[0].set_ylabel(f"y in {unit}")
    lines = [panels[0].lines[place] for place in (1, 0, 2)]
    panels[0].figure.legend(handles=lines, loc="outside lower center", ncols=3, handlelength=3)
    return panels


def cumulative_error_curves(
    curves: Mapping[str, ArrayLike],
    *,
    limit: float = 0.08,
    top: float | None = None,
    shade: bool = False,
    ax: plt.Axes | None = None,
) -> plt.Axes:
    """Per cent of faces whose normalised error is at most each value from 0 to ``top``, as exact steps, one a method.

    curves: method → errors ``(N,)``, as ``metrics.normalized_mean_error`` gives them; NaN has failed. The legend gives
    each method's area under its curve up to ``limit`` (a vertical line) and its share of failures. top: right end;
    default 2 · ``limit``. shade: fill that area, for a single method: its share of the rectangle left of the line is the
    AUC. Lesson 30_faces_landmarks. Raises ValueError as ``metrics.area_under_curve`` does, for a top below the limit
    and for shading several methods.
    """
    top = 2 * limit if top is None else top
    if not top >= limit:
        raise ValueError(f"top {top}: expected at least the limit {limit}")
    if shade and len(curves) != 1:
        raise ValueError(f"shade with {len(curves)} methods: expected one")
    ax = one_axes(ax, (6.4, 3.6))
    for (name, errors), colour, style in zip(curves.items(), cycle(COLOURS), cycle(STYLES), strict=False):
        errors = np.asarray(errors, np.float64)
        area, failed = area_under_curve(errors, limit), failure_rate(errors, limit)
        x = np.unique([0.0, limit, top, *errors[errors <= top]])  # all places where the curve steps
        y = 100 * cumulative_error_curve(errors, x)
        if shade:
            left = x <= limit
            ax.fill_between(x[left], y[left], step="post", color=colour, alpha=0.2, linewidth=0)
        label = f"{name}: AUC {100 * area:.1f} %, failures {100 * failed:.1f} %"
        ax.plot(x, y, drawstyle="steps-post", color=colour, linestyle=style, label=label)
    ax.axvline(limit, color=NEUTRAL, linewidth=1.2, label=f"limit {limit:g}", zorder=1.5)
    ax.set_xlim(0, top)
    ax.set_ylim(-2, 102)
    ax.set_xlabel("normalised mean error (distance / face size)")
    ax.set_ylabel("faces with at most\nthat error, in %")
    _legend_below(ax, y=-36, handlelength=3)
    return ax


def patch_sheet(patches: ArrayLike, *, columns: int = 17, ax: plt.Axes | None = None) -> plt.Axes:
    """The 68 patches of one face as a grid of ``columns`` tiles in order, row by row: what a network of patches sees.

    patches: ``(68, P, P)``, ``(68, P, P, 1)`` or ``(68, P, P, 3)``, uint8, or floats from 0 to 1 (rounding errors beyond
    are cut off). The index of the first point of each row stands at its left. Tiles lie in ``ax.images[0]`` as in
    ``face_sheet``; the gaps are transparent. Lesson 31_faces_mdm. Raises ValueError for other shapes or values, or no columns.
    """
    patches = np.asarray(patches)
    count = max(stop for _, stop, _ in GROUPS.values())
    shape = patches.shape
    if len(shape) not in (3, 4) or shape[0] != count or shape[1] != shape[2] or shape[3:] not in ((), (1,), (3,)):
        raise ValueError(f"patches {shape}: expected ({count}, P, P), ({count}, P, P, 1) or ({count}, P, P, 3)")
    if columns < 1:
        raise ValueError(f"{columns} columns: expected at least one")
    if np.issubdtype(patches.dtype, np.floating):  # interpolation in float32 may end a little beside 0 and 1
        near = (patches >= -1e-5) & (patches <= 1 + 1e-5)
        patches = np.where(near, np.clip(patches, 0, 1), patches)
    firsts = range(0, count, columns)
    ax = one_axes(ax, (0.55 * min(columns, count) + 0.3, 0.55 * len(firsts) + 0.1))
    face_sheet(patches, columns=columns, ax=ax)
    tops = np.linspace(0, ax.images[-1].get_array().shape[0] - shape[1], len(firsts))
    for first, top in zip(firsts, tops, strict=True):
        place = (-0.5, top + (shape[1] - 1) / 2)
        ax.annotate(str(first), place, (-3, 0), textcoords="offset points", ha="right", va="center", fontsize=8)
    return ax


def descent(
    image: ArrayLike, shapes: ArrayLike, truth: ArrayLike | None = None, *, ax: plt.Axes | None = None
) -> plt.Axes:
    """The path of a face's 68 points from the start shape (triangles) over each step (thin lines) to the last shape (dashed).

    image as in ``landmarks``. shapes: ``(T + 1, 68, 2)`` as (x, y) in px, the start first, T > 0. truth: ``(68, 2)``,
    drawn solid. NaN points are left out. Lesson 31_faces_mdm. Raises ValueError for other shapes or values.
    """
    shapes = np.asarray(shapes, np.float64)
    count = max(stop for _, stop, _ in GROUPS.values())
    if shapes.ndim != 3 or len(shapes) < 2 or shapes.shape[1:] != (count, 2):
        raise ValueError(f"shapes {shapes.shape}: expected (T + 1, {count}, 2) with T > 0, the start first")
    looks = [(shapes[-1], PREDICTED)] + ([] if truth is None else [(_shape(truth, "truth"), TRUTH)])
    ax = _face(image, looks[::-1], None, [], ax)  # the truth lies below, as in landmarks
    joined = ax.lines[-len(looks) :]
    rows = np.concatenate([shapes, np.full((1, count, 2), np.nan)]).swapaxes(0, 1)  # a gap after the path of each point
    steps = f"path, {len(shapes) - 1} step" + ("s" if len(shapes) > 2 else "")
    thin = [withStroke(linewidth=1.8, foreground="white")]
    path = ax.plot(*rows.reshape(-1, 2).T, label=steps, path_effects=thin, **PATH)
    start = ax.plot(*shapes[0].T, path_effects=HALO, **{**START, "linestyle": "none"})
    _legend_below(ax, ncols=4, handles=[*start, *path, *reversed(joined)], columnspacing=1.2)
    return ax


def _face(
    image: ArrayLike,
    shapes: list[tuple[np.ndarray, dict[str, Any]]],
    window: Window,
    around: list[np.ndarray],
    ax: plt.Axes | None,
    edge: float = 4.6,
) -> plt.Axes:
    """The image and the shapes, in a window; "face" is the surroundings of all points in ``around``."""
    picture = _picture(image)
    left, right, top, bottom = _window(window, picture.shape, around)
    ax = one_axes(ax, (edge, edge))
    ax.imshow(picture)
    for points, look in shapes:
        ax.plot(*_segments(points).T, path_effects=HALO, **look)
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.set_xlabel("x in px")
    ax.set_ylabel("y in px")
    ax.grid(False)
    return ax


def _picture(image: ArrayLike) -> np.ndarray:
    """uint8 ``(H, W, 3)`` of any image that the functions above take."""
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[-1] not in (1, 3) or not image.size:
        raise ValueError(f"image {image.shape}: expected (H, W), (H, W, 1) or (H, W, 3)")
    if image.dtype != np.uint8:
        if not np.issubdtype(image.dtype, np.floating) or not (image.min() >= 0 and image.max() <= 1):
            raise ValueError(
                f"image of {image.dtype} from {image.min():g} to {image.max():g}: expected uint8, or floats from 0 to 1"
            )
        image = np.rint(255 * image).astype(np.uint8)
    return np.broadcast_to(image, (*image.shape[:2], 3))


def _shape(points: ArrayLike, name: str) -> np.ndarray:
    points = np.asarray(points, np.float64)
    count = max(stop for _, stop, _ in GROUPS.values())
    if points.shape != (count, 2):
        raise ValueError(f"{name} {points.shape}: expected ({count}, 2)")
    return points


def _four(numbers: Sequence[float], name: str, meaning: str) -> tuple[float, ...]:
    values = np.asarray(numbers, np.float64) if not isinstance(numbers, str) else np.empty(0)
    if values.shape != (4,) or not np.isfinite(values).all():
        raise ValueError(f"{name} {numbers!r}: expected four numbers {meaning} in px")
    return tuple(values.tolist())


def _segments(points: np.ndarray) -> np.ndarray:
    """The points part by part, a closed part with its first point again, then a gap: rows for one line."""
    gap = np.full((1, 2), np.nan)
    parts = [
        part
        for first, stop, closed in GROUPS.values()
        for part in (points[first:stop], points[first : first + closed], gap)
    ]
    return np.concatenate(parts)


def _window(window: Window, size: tuple[int, ...], around: list[np.ndarray]) -> tuple[float, ...]:
    height, width = size[:2]
    frame = (-0.5, width - 0.5, -0.5, height - 0.5)
    if isinstance(window, str) and window == "face":
        points = np.concatenate([np.empty((0, 2)), *around])
        points = points[np.isfinite(points).all(axis=1)]
        if not len(points):
            return frame
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        margin = 0.12 * max(right - left, bottom - top, 8)
        return left - margin, right + margin, top - margin, bottom + margin
    if window is not None:
        left, right, top, bottom = _four(window, "window", "(left, right, top, bottom)")
        return left, right, top, bottom
    margin = 0.03 * max(height, width)  # so that a point on the edge is seen
    return frame[0] - margin, frame[1] + margin, frame[2] - margin, frame[3] + margin


def _write_numbers(points: np.ndarray, ax: plt.Axes) -> None:
    """Each index beside its point, pushed out of its part of the face, where the skin is free."""
    known = np.isfinite(points).all(axis=1)
    points = np.where(known[:, None], points, points[known].mean(axis=0) if known.any() else 0.0)
    nose = points[30]
    for name, (first, stop, closed) in GROUPS.items():
        part = points[first:stop]
        # the bridge is pushed away from the first eye, the nostrils down from the bridge, open parts away from the nose
        centre = {"nose bridge": points[36], "nostrils": points[27]}.get(name, part.mean(axis=0) if closed else nose)
        away = part - centre
        away = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
        if name == "inner lips":  # its corners lie on those of the outer lips
            away[[0, 4]] *= -1
        for i, (point, (right, down)) in enumerate(zip(part, away, strict=True), first):
            if known[i]:
                ax.annotate(
                    str(i),
                    point,
                    (7.5 * right, -7.5 * down),
                    textcoords="offset points",
                    ha="center",
                    va="center",
                    fontsize=6.5,
                    path_effects=HALO,
                    annotation_clip=True,
                )


def _legend_below(ax: plt.Axes, y: float = -32, **options: Any) -> None:
    below = offset_copy(ax.transAxes, ax.figure, y=y, units="points")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), bbox_transform=below, **options)
