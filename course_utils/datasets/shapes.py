"""Geometry of point sets: alignment, mean shape, its variation, boxes, mirroring. Pure NumPy. Floor 2.

Points are ``(…, K, 2)`` as (x, y), y down, in whatever unit the caller uses; boxes are ``(…, 4)`` as
(left, top, right, bottom). Results are float64. Lesson 30_faces_landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from course_utils.rendering.face import MIRROR


@dataclass(frozen=True)
class Similarity:
    """Scale, rotation and shift, one or a batch: a point p goes to ``matrix`` ``(…, 2, 2)`` · p + ``translation`` ``(…, 2)``."""

    matrix: np.ndarray
    translation: np.ndarray

    def apply(self, points: ArrayLike) -> np.ndarray:
        """Points ``(…, K, 2)`` moved, float64."""
        points = _checked(points)
        return points @ np.swapaxes(self.matrix, -1, -2) + self.translation[..., None, :]

    def inverse(self) -> Similarity:
        """What leads back."""
        matrix = np.linalg.inv(self.matrix)
        return Similarity(matrix, -(matrix @ self.translation[..., None])[..., 0])

    @property
    def scale(self) -> np.ndarray:
        """Length after ÷ length before, ``(…)``."""
        return np.hypot(self.matrix[..., 0, 0], self.matrix[..., 1, 0])

    @property
    def degrees(self) -> np.ndarray:
        """Angle of the rotation, ``(…)``, positive = counter-clockwise as seen (y runs down)."""
        return -np.degrees(np.arctan2(self.matrix[..., 1, 0], self.matrix[..., 0, 0]))


def similarity(source: ArrayLike, target: ArrayLike) -> Similarity:
    """The similarity, without reflection, that brings ``source`` nearest to ``target`` in the sum of squared distances.

    Both ``(K, 2)`` or ``(N, K, 2)``; one of them may be a batch and the other not. Raises ValueError for other shapes,
    for numbers that are not finite and where all points of a source coincide. Source: S. Umeyama, "Least-squares
    estimation of transformation parameters between two point patterns", PAMI 1991; in the plane, with points as complex
    numbers, its rotation and scale are one quotient.
    """
    source, target = _checked(source), _checked(target)
    if source.shape[-2] != target.shape[-2]:
        raise ValueError(f"source {source.shape}, target {target.shape}: expected the same number of points")
    from_, to = source.mean(axis=-2), target.mean(axis=-2)
    u, v = _complex(source - from_[..., None, :]), _complex(target - to[..., None, :])
    spread = (np.abs(u) ** 2).sum(axis=-1)
    if not (spread > 0).all():
        raise ValueError("source: all points of a shape coincide, expected at least two different ones")
    turn = (np.conj(u) * v).sum(axis=-1) / spread
    matrix = np.stack([np.stack([turn.real, -turn.imag], -1), np.stack([turn.imag, turn.real], -1)], -2)
    return Similarity(matrix, to - (matrix @ from_[..., None])[..., 0])


def aligned(points: ArrayLike, target: ArrayLike) -> np.ndarray:
    """Each of the shapes ``(N, K, 2)`` brought onto ``target`` ``(K, 2)`` by its own similarity, float64."""
    return similarity(points, target).apply(points)


def mean_shape(points: ArrayLike) -> np.ndarray:
    """The mean of shapes ``(N, K, 2)`` with scale, rotation and place taken out: ``(K, 2)``, float64, without unit.

    Generalised Procrustes analysis: the shape that equals the mean, up to scale, of all shapes brought onto it. It is
    found exactly, as the first eigenvector of the shapes' complex products, and depends on no first guess.

    Canonical form: its bounding box is centred at 0 and has a diagonal of 1; it is turned so that the rotations which
    bring the shapes onto it have mean 0, that is as upright as the data are. Raises ValueError as :func:`similarity`.
    Sources: J. C. Gower, "Generalized Procrustes analysis", 1975; J. T. Kent, "The complex Bingham distribution and
    shape analysis", 1994 (the eigenvector).
    """
    shapes = _complex(_batch(points))
    shapes = shapes - shapes.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(shapes, axis=1, keepdims=True)
    if not (norms > 0).all():
        raise ValueError("points: all points of a shape coincide, expected at least two different ones")
    shapes = shapes / norms
    # bringing a shape u onto the mean m gives u (uᴴ m): the mean of that is m again, up to scale, for an eigenvector
    mean = np.linalg.eigh(shapes.T @ shapes.conj())[1][:, -1]
    turns = shapes.conj() @ mean
    turn = np.angle((turns / np.abs(turns)).sum())
    turn += np.angle(turns * np.exp(-1j * turn)).mean()  # angles are only averaged once they lie about 0
    mean = mean * np.exp(-1j * turn)
    shape = np.stack([mean.real, mean.imag], axis=-1)
    low, high = shape.min(axis=0), shape.max(axis=0)
    return (shape - (low + high) / 2) / np.hypot(*(high - low))


def modes(points: ArrayLike, mean: ArrayLike, count: int) -> tuple[np.ndarray, np.ndarray]:
    """How the shapes ``(N, K, 2)`` vary about their mean once brought onto ``mean`` ``(K, 2)``: principal components.

    Returns the first ``count`` modes ``(count, K, 2)``, each one standard deviation long in the unit of ``mean`` (add a
    multiple to it), and their shares of the variance ``(count,)``, falling; both float64. The sign of a mode is that of
    its largest number. Raises ValueError for fewer than two shapes and for a count above N or 2 K.
    """
    shapes = aligned(_batch(points), mean).reshape(len(np.asarray(points)), -1)
    if len(shapes) < 2 or not 1 <= count <= min(shapes.shape):
        raise ValueError(
            f"count {count} of {len(shapes)} shapes: expected two shapes or more, 1 to {min(shapes.shape)}"
        )
    _, sizes, directions = np.linalg.svd(shapes - shapes.mean(axis=0), full_matrices=False)
    total = (sizes**2).sum()
    if not total > 1e-24 * np.square(shapes).sum():  # rounding is no variation
        raise ValueError("points: found shapes that are all alike, expected some variation")
    directions, sizes = directions[:count], sizes[:count]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    scaled = directions * np.sign(largest) * (sizes / np.sqrt(len(shapes)))[:, None]
    return scaled.reshape(count, -1, 2), sizes**2 / total


def bounding_box(points: ArrayLike) -> np.ndarray:
    """The upright boxes ``(…, 4)`` as (left, top, right, bottom) that just hold points ``(…, K, 2)``, float64."""
    points = _checked(points)
    return np.concatenate([points.min(axis=-2), points.max(axis=-2)], axis=-1)


def into_box(shape: ArrayLike, box: ArrayLike) -> np.ndarray:
    """``shape`` ``(K, 2)`` put into boxes ``(…, 4)`` without rotation: ``(…, K, 2)``, float64, in the unit of the boxes.

    The centre of the shape's box comes to the centre of the box, at the scale that brings corners nearest to corners:
    (d · e) / (d · d), d and e the two boxes' (width, height). So the shape keeps its own ratio of width to height.
    Raises ValueError for a box without width or height. Source: ``align_shape_with_bounding_box`` of menpofit, which
    the public code of MDM starts from.
    """
    shape, box = _checked(shape), np.asarray(box, np.float64)
    own = bounding_box(shape)
    if shape.ndim != 2 or box.shape[-1:] != (4,):
        raise ValueError(f"shape {shape.shape}, box {box.shape}: expected (K, 2) and (…, 4)")
    extent, wanted = own[2:] - own[:2], box[..., 2:] - box[..., :2]
    if not ((extent > 0).all() and (wanted > 0).all() and np.isfinite(box).all()):
        raise ValueError("box: expected finite numbers with left < right and top < bottom, of the shape too")
    scale = (wanted @ extent) / (extent @ extent)
    middle = (box[..., :2] + box[..., 2:]) / 2
    return (shape - (own[:2] + own[2:]) / 2) * scale[..., None, None] + middle[..., None, :]


def mirrored(points: ArrayLike, width: float) -> np.ndarray:
    """Faces' points ``(…, 68, 2)`` in px of a picture ``width`` px wide, as of the mirrored picture; float64.

    x becomes ``width`` − 1 − x, and the rows change places: what was the right eye is the left one now.
    """
    points = _checked(points)
    if points.shape[-2] != len(MIRROR):
        raise ValueError(f"points {points.shape}: expected (…, {len(MIRROR)}, 2)")
    points = points[..., MIRROR, :]
    points[..., 0] = width - 1 - points[..., 0]
    return points


def _complex(points: np.ndarray) -> np.ndarray:
    return points[..., 0] + 1j * points[..., 1]


def _checked(points: ArrayLike) -> np.ndarray:
    points = np.asarray(points, np.float64)
    if points.ndim < 2 or points.shape[-1] != 2 or 0 in points.shape:
        raise ValueError(f"points {points.shape}: expected (…, K, 2)")
    if not np.isfinite(points).all():
        raise ValueError("points: expected finite numbers")
    return points


def _batch(points: ArrayLike) -> np.ndarray:
    points = _checked(points)
    if points.ndim != 3:
        raise ValueError(f"points {points.shape}: expected (N, K, 2)")
    return points
