"""Supervised descent: a few linear steps from the start shape towards the face, each solved in closed form. NumPy only.

The older relative of the Mnemonic Descent Method. There is no optimiser, no learning rate and no initial weight in it: what it
cannot learn is not in the data as they were handed over. So it serves as a probe of labels, and as a baseline.

Source: X. Xiong, F. De la Torre, "Supervised Descent Method and its Applications to Face Alignment", CVPR 2013; that paper reads
SIFT features, this module grey values. Lesson 30_faces_landmarks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: Which grey values are read round a point: offsets in px, across and down, for crops of 112 px.
REACH, SPACING = 8, 4
STEPS, PENALTY = 4, 1.0

Reader = Callable[[np.ndarray, np.ndarray], np.ndarray]


def read_patches(images: np.ndarray, shapes: np.ndarray, *, reach: int = REACH, spacing: int = SPACING) -> np.ndarray:
    """Grey values round each point: a square grid ``spacing`` px apart, from −``reach`` to ``reach`` px, nearest pixels.

    images: ``(N, H, W)`` or ``(N, H, W, 1)``, any numbers; shapes: ``(N, K, 2)`` as (x, y) px. Beyond the edge the edge
    is read. Returns float32 ``(N, K · G)``, G grid places a point, for each face with mean 0 and standard deviation 1, so
    that a brighter photo is no other face. Raises ValueError for other shapes.
    """
    images, shapes = np.asarray(images), np.asarray(shapes)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim != 3 or shapes.ndim != 3 or shapes.shape[::2] != (len(images), 2):
        raise ValueError(f"images {images.shape}, shapes {shapes.shape}: expected (N, H, W) grey and (N, K, 2)")
    line = np.arange(-reach, reach + 1, spacing)
    right, down = (offsets.ravel() for offsets in np.meshgrid(line, line))
    x = np.rint(shapes[..., :1] + right).astype(np.intp).clip(0, images.shape[2] - 1)
    y = np.rint(shapes[..., 1:] + down).astype(np.intp).clip(0, images.shape[1] - 1)
    values = images[np.arange(len(images))[:, None, None], y, x].reshape(len(images), -1).astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    return values / np.maximum(values.std(axis=1, keepdims=True), np.float32(1e-6))


@dataclass(frozen=True)
class Linear:
    """outputs = (inputs − ``mean``) · ``weights`` + ``offset``."""

    mean: np.ndarray
    weights: np.ndarray
    offset: np.ndarray

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs ``(N, M)`` for inputs ``(N, F)``."""
        return (inputs - self.mean) @ self.weights + self.offset


def ridge(inputs: np.ndarray, targets: np.ndarray, penalty: float) -> Linear:
    """Least squares with the squared weights added, ``penalty`` times the number of rows: inputs ``(N, F)``, targets ``(N, M)``.

    Solved through the smaller of the two matrices, F × F or N × N, in float64; the same weights as float32.
    Source: A. E. Hoerl, R. W. Kennard, "Ridge Regression", Technometrics 12 (1970). Raises ValueError for other shapes or a
    penalty that is not above 0.
    """
    inputs, targets = np.asarray(inputs), np.asarray(targets)
    if inputs.ndim != 2 or targets.ndim != 2 or len(inputs) != len(targets) or not penalty > 0:
        raise ValueError(
            f"inputs {inputs.shape}, targets {targets.shape}, penalty {penalty}: expected (N, F), (N, M), > 0"
        )
    mean, offset = inputs.mean(axis=0), targets.mean(axis=0)
    a, b = (inputs - mean).astype(np.float64), (targets - offset).astype(np.float64)
    count, features = a.shape
    if features <= count:
        weights = np.linalg.solve(a.T @ a + penalty * count * np.eye(features), a.T @ b)
    else:
        weights = a.T @ np.linalg.solve(a @ a.T + penalty * count * np.eye(count), b)
    return Linear(mean, weights.astype(np.float32), offset)


@dataclass(frozen=True)
class Descent:
    """What :func:`fit_descent` returns: the start shape ``(K, 2)`` and one linear map a step."""

    start: np.ndarray
    steps: tuple[Linear, ...]
    read: Reader

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The shape before the first step and after each, ``(steps + 1, N, K, 2)`` float32, for images ``(N, H, W)``."""
        shapes = [np.broadcast_to(self.start, (len(images), *self.start.shape)).astype(np.float32)]
        for step in self.steps:
            shapes.append(shapes[-1] + step(self.read(images, shapes[-1])).reshape(shapes[-1].shape))
        return np.stack(shapes)


def fit_descent(
    images: np.ndarray,
    points: np.ndarray,
    start: np.ndarray,
    *,
    steps: int = STEPS,
    penalty: float = PENALTY,
    read: Reader = read_patches,
) -> Descent:
    """Fit ``steps`` linear steps, each on what the ones before have left over.

    images: ``(N, H, W)`` grey crops of 112 px; points: ``(N, K, 2)``, the truth; start: ``(K, 2)``, where every face begins.
    read: what is read of an image at a shape. Raises ValueError as its parts do.
    """
    points = np.asarray(points, np.float32)
    shapes = np.broadcast_to(start, points.shape).astype(np.float32)
    fitted = []
    for _ in range(steps):
        seen = read(images, shapes)
        fitted.append(ridge(seen, (points - shapes).reshape(len(points), -1), penalty))
        shapes = shapes + fitted[-1](seen).reshape(shapes.shape)
    return Descent(np.asarray(start, np.float32), tuple(fitted), read)
