"""Depth images, skeletons and joint errors of the hands part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import offset_copy
from mpl_toolkits.mplot3d import Axes3D
from numpy.typing import ArrayLike

from course_utils.metrics import success_curve
from course_utils.plotting.style import COLOURS, axes
from course_utils.rendering.camera import ICVL
from course_utils.rendering.hand import BONES, INVALID, JOINTS

#: Near is bright, far is dark; where nothing was seen stands a pale tint that is brighter than any grey of the scale.
DEPTH_MAP = LinearSegmentedColormap.from_list("depth", ["0.80", "0.10"]).with_extremes(bad="#FFF4D9")
TRUTH = {"color": COLOURS[0], "linestyle": "-", "marker": "o", "markersize": 3.5, "label": "truth"}
PREDICTED = {"color": COLOURS[1], "linestyle": (0, (3, 1)), "marker": "X", "markersize": 5, "label": "predicted"}
HALO = [withStroke(linewidth=2.6, foreground="white")]
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))  # 5 styles and 7 colours: 35 methods look different


def depth_image(
    depth: ArrayLike,
    *,
    joints: ArrayLike | None = None,
    predicted: ArrayLike | None = None,
    window: Literal["hand"] | tuple[float, float, float, float] | None = None,
    ax: plt.Axes | None = None,
) -> plt.Axes:
    """A depth image in mm, near = bright, with true bones (solid, dots) and predicted ones (dashed, crosses) on top.

    depth: ``(H, W)`` or ``(H, W, 1)``, 320×240 or each k-th pixel of it; 32001 and 0 are "nothing seen".
    joints, predicted: ``(16, 3)`` or ``(16, 2)``, u and v in px of the *full* frame, as are the axes: pixel i of an image
    that keeps each k-th one stands at k·i. window: ``"hand"`` shows the surroundings of ``joints`` (of what was seen,
    when there are none), never of ``predicted``; four numbers are (left, right, top, bottom) in px.
    The grey scale spans the depths seen inside the window. The image is ``ax.images[0]``, for a colour bar in mm.
    Lesson 20_hands_depth_images. Raises ValueError for other shapes.
    """
    depth = np.asarray(depth)
    depth = depth[..., 0] if depth.ndim == 3 and depth.shape[-1] == 1 else depth
    step = _step(depth.shape)
    seen = np.isfinite(depth) & (depth > 0) & (depth < INVALID)
    given = [
        (_hand(points, (2, 3)), look)
        for points, look in ((joints, TRUTH), (predicted, PREDICTED))
        if points is not None
    ]
    height, width = depth.shape
    frame = (-step / 2, (width - 0.5) * step, -step / 2, (height - 0.5) * step)
    if window is None:  # the frame and a little more, so that a prediction in the corner (0, 0) is seen
        window = (frame[0] - 8, frame[1] + 8, frame[2] - 8, frame[3] + 8)
    elif isinstance(window, str):
        if window != "hand":
            raise ValueError(f"window {window!r}: expected 'hand', (left, right, top, bottom) or None")
        window = _surroundings(
            given[0][0] if joints is not None else step * np.argwhere(seen)[:, ::-1], joints is None, frame
        )
    left, right, top, bottom = window

    ax = axes(ax, (4.6, 3.6))
    u, v = step * np.arange(width), step * np.arange(height)
    inside = seen & ((u >= left) & (u <= right)) & ((v >= top) & (v <= bottom))[:, None]
    shown = depth[inside] if inside.any() else depth[seen]
    near, far = (shown.min(), shown.max()) if shown.size else (0, 1)
    ax.imshow(
        np.ma.array(depth, mask=~seen),
        cmap=DEPTH_MAP,
        vmin=near,
        vmax=max(far, near + 1),
        extent=(frame[0], frame[1], frame[3], frame[2]),
        interpolation="nearest",
    )
    for points, look in given:
        ax.plot(*_segments(points[:, :2]).T, path_effects=HALO, **{**look, "linewidth": 1.5})
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.set_xlabel("u in px")
    ax.set_ylabel("v in px")
    ax.grid(False)
    if len(given) == 2:
        below = offset_copy(ax.transAxes, ax.figure, y=-32, units="points")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), bbox_transform=below, ncols=2)
    return ax


def skeleton(joints_mm: ArrayLike, *, predicted: ArrayLike | None = None, ax: Axes3D | None = None) -> Axes3D:
    """The 16 joints ``(16, 3)`` as (x, y, z) in mm, and their bones, in space: x right, y down, z away from the camera.

    Drawn as the camera sees the hand, from a little above and to the right; one scale for all three axes. predicted:
    a second hand, dashed, with crosses. ax: 3-D axes (``projection="3d"``). Lesson 20_hands_depth_images.
    Raises ValueError for other shapes or flat axes.
    """
    given = [(_hand(joints_mm, (3,)), TRUTH)] + ([] if predicted is None else [(_hand(predicted, (3,)), PREDICTED)])
    if ax is None:
        ax = plt.subplots(figsize=(4.6, 4.6), subplot_kw={"projection": "3d"})[1]
    elif not isinstance(ax, Axes3D):
        raise ValueError('flat axes: expected axes made with projection="3d"')
    for points, look in given:
        x, y, z = _segments(points).T
        ax.plot(x, z, y, **look)
    every = np.concatenate([points for points, _ in given])
    low, high = np.nanmin(every, axis=0), np.nanmax(every, axis=0)
    spans = np.maximum(high - low, 0.5 * max((high - low).max(), 1.0)) * 1.15
    for set_limits, middle, half in zip(
        (ax.set_xlim, ax.set_zlim, ax.set_ylim), (low + high) / 2, spans / 2, strict=True
    ):
        set_limits(middle - half, middle + half)
    ax.invert_zaxis()
    for axis, count in ((ax.xaxis, 4), (ax.yaxis, 2), (ax.zaxis, 5)):
        axis.set_major_locator(MaxNLocator(count))
    ax.set_box_aspect(spans[[0, 2, 1]], zoom=0.85)
    ax.view_init(elev=15, azim=-65)
    ax.set_xlabel("x in mm", labelpad=7)
    ax.set_ylabel("z in mm", labelpad=7)
    ax.set_zlabel("y in mm")
    if len(given) == 2:
        ax.legend(loc="upper center", ncols=2)
    return ax


def success_curves(
    curves: Mapping[str, ArrayLike], *, limit: float = 80.0, unit: str = "mm", ax: plt.Axes | None = None
) -> plt.Axes:
    """Per cent of frames whose worst joint lies within each threshold from 0 to ``limit``: method → errors ``(N, K)``.

    See ``metrics.success_curve``, which raises ValueError for other shapes. Lesson 20_hands_depth_images.
    """
    ax = axes(ax, (7.0, 3.2))
    thresholds = np.linspace(0.0, limit, 401)
    for (name, errors), colour, style in zip(curves.items(), cycle(COLOURS), cycle(STYLES), strict=False):
        ax.plot(thresholds, 100 * success_curve(errors, thresholds), color=colour, linestyle=style, label=name)
    ax.set_xlim(0, limit)
    ax.set_ylim(-2, 102)
    ax.set_xlabel(f"threshold in {unit}")
    ax.set_ylabel("frames whose worst joint\nis within it, in %")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=3)
    return ax


def joint_bars(
    errors: Mapping[str, ArrayLike], names: Sequence[str], *, unit: str = "mm", ax: plt.Axes | None = None
) -> plt.Axes:
    """Mean error of each joint as bars, side by side for each series: series → ``(K,)``, as ``metrics.per_joint_error`` gives.

    names: the K joints, in order. Lesson 21_hands_joint_regressor. Raises ValueError when the counts differ.
    """
    series = {name: np.asarray(values, np.float64) for name, values in errors.items()}
    for name, values in series.items():
        if values.shape != (len(names),):
            raise ValueError(f"errors of {name!r} {values.shape}: expected one for each of {len(names)} names")
    ax = axes(ax, (8.5, 3.2))
    places, thickness = np.arange(len(names)), 0.8 / max(len(series), 1)
    for i, ((name, values), colour) in enumerate(zip(series.items(), cycle(COLOURS), strict=False)):
        ax.bar(places + (i - (len(series) - 1) / 2) * thickness, values, thickness * 0.92, color=colour, label=name)
    ax.set_xticks(places, names, rotation=40, ha="right", rotation_mode="anchor")
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.7, len(names) - 0.3)
    ax.grid(axis="x", visible=False)
    ax.set_ylabel(f"mean error in {unit}")
    if len(series) > 1:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def _step(shape: tuple[int, ...]) -> int:
    """k of an image that keeps each k-th pixel of the full frame in both directions."""
    for step in range(1, ICVL.height + 1):
        if shape == (-(-ICVL.height // step), -(-ICVL.width // step)):
            return step
    raise ValueError(f"depth {shape}: expected ({ICVL.height}, {ICVL.width}) or each k-th pixel of it")


def _hand(points: ArrayLike, sizes: tuple[int, ...]) -> np.ndarray:
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or len(points) != len(JOINTS) or points.shape[1] not in sizes:
        raise ValueError(f"joints {points.shape}: expected ({len(JOINTS)}, {' or '.join(map(str, sizes))})")
    return points


def _segments(points: np.ndarray) -> np.ndarray:
    """Both ends of each bone, then a gap: rows for one line that is drawn bone by bone."""
    gap = np.full(points.shape[1], np.nan)
    return np.array([row for parent, child in BONES for row in (points[parent], points[child], gap)])


def _surroundings(points: np.ndarray, seen: bool, frame: tuple[float, ...]) -> tuple[float, ...]:
    """The points' box and a margin, cut to the frame; the whole frame when there are none. Flesh surrounds joints."""
    points = points[np.isfinite(points).all(axis=1), :2]
    if not len(points):
        return frame
    margin = 10 if seen else 30
    (left, top), (right, bottom) = points.min(axis=0) - margin, points.max(axis=0) + margin
    return max(left, frame[0]), min(right, frame[1]), max(top, frame[2]), min(bottom, frame[3])
