"""Triangles to pixels: which triangle of a mesh is seen at which pixel, and where on it. NumPy only.

All triangles are tested against the pixels of their bounding boxes at once; of the triangles that cover a pixel the
nearest wins. Small triangles and small images are what it is made for. Lesson 30_faces_landmarks.
"""

from __future__ import annotations

import numpy as np


def visible(
    places: np.ndarray, depth: np.ndarray, triangles: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is seen of a mesh in an image of ``side`` × ``side`` px.

    places: ``(V, 2)`` as (x, y) px, the centre of the first pixel being (0, 0); depth: ``(V,)`` float32, larger is
    nearer; triangles: ``(T, 3)`` corner numbers. Only triangles whose corners run clockwise as seen (y down) show.

    Returns the pixels that see something, ``(P,)`` as y · side + x, each once; the corners of the triangle each one
    sees, ``(3, P)``; and their weights, ``(3, P)`` float32, which are at least 0 and sum to 1.
    """
    x, y = np.ascontiguousarray(places.T, np.float32)
    x0, x1, x2 = (x.take(corner) for corner in triangles.T)
    y0, y1, y2 = (y.take(corner) for corner in triangles.T)
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    left = np.ceil(np.minimum(np.minimum(x0, x1), x2)).clip(0, side).astype(np.int32)
    right = np.floor(np.maximum(np.maximum(x0, x1), x2)).clip(-1, side - 1).astype(np.int32)
    top = np.ceil(np.minimum(np.minimum(y0, y1), y2)).clip(0, side).astype(np.int32)
    bottom = np.floor(np.maximum(np.maximum(y0, y1), y2)).clip(-1, side - 1).astype(np.int32)
    kept = np.flatnonzero((area > 1e-6) & (right >= left) & (bottom >= top))
    x0, y0, x1, y1, x2, y2, area = (values[kept] for values in (x0, y0, x1, y1, x2, y2, area))
    wide, high = (right - left + 1)[kept], (bottom - top + 1)[kept]
    left, top, pairs = left[kept], top[kept], wide * high

    which = np.repeat(np.arange(len(kept), dtype=np.int32), pairs)
    number = np.arange(len(which), dtype=np.int32) - np.repeat((np.cumsum(pairs) - pairs).astype(np.int32), pairs)
    wide = wide[which]
    down = ((number + 0.5) / wide).astype(np.int32)  # quicker than dividing integers, and the same
    y = top[which] + down
    x = left[which] + number - down * wide
    # Weights of corners 1 and 2 are linear in x and y.
    linear = np.stack([(y2 - y0) / area, (x0 - x2) / area, (y0 - y1) / area, (x1 - x0) / area, x0, y0])
    second_x, second_y, third_x, third_y, from_x, from_y = linear.take(which, axis=1)
    from_x, from_y = x.astype(np.float32) - from_x, y.astype(np.float32) - from_y
    second = second_x * from_x + second_y * from_y
    third = third_x * from_x + third_y * from_y
    inside = np.flatnonzero((second >= -1e-5) & (third >= -1e-5) & (second + third <= 1 + 1e-5))
    second, third, which = second[inside], third[inside], which[inside]
    pixel = y[inside] * side + x[inside]

    which = kept.take(which)
    weights = np.stack([1 - second - third, second, third]).clip(0, 1)
    near = sum(depth.take(triangles[:, i].take(which)) * weights[i] for i in range(3))
    low, span = (near.min(), np.ptp(near)) if len(near) else (0.0, 1.0)
    rank = ((near - low) * np.float32(65535 / max(span, 1e-6))).astype(np.uint16)
    order = np.argsort(rank, kind="stable")  # far to near: the last to write to a pixel, the nearest, stays
    last = np.full(side * side, -1, np.int32)
    last[pixel[order]] = order
    pixels = np.flatnonzero(last >= 0)
    chosen = last[pixels]
    return pixels, triangles.T.take(which.take(chosen), axis=1), weights.take(chosen, axis=1)
