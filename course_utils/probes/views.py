"""Test-time augmentation: several views of the same picture, answered together. Lesson 48_expressions_evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from course_utils.probes.confidence import softmax


def mirrored(images: np.ndarray) -> np.ndarray:
    """Images ``(N, H, W, C)``, left and right exchanged."""
    return images[:, :, ::-1]


def shifted(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Images ``(N, H, W, C)`` moved by whole pixels; the border that comes free repeats the outermost pixels."""
    reach = max(abs(down), abs(right))
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    height, width = images.shape[1:3]
    return padded[:, reach - down : reach - down + height, reach - right : reach - right + width]


def ten_views(images: np.ndarray, pixels: int = 3) -> list[np.ndarray]:
    """The picture, moved by ``pixels`` in each of four directions, and the mirror images of these five."""
    steps = ((0, 0), (pixels, 0), (-pixels, 0), (0, pixels), (0, -pixels))
    moved = [shifted(images, *step) if any(step) else images for step in steps]
    return moved + [mirrored(one) for one in moved]


def probabilities_of_views(model: keras.Model, views: Sequence[np.ndarray], batch_size: int = 256) -> np.ndarray:
    """Probabilities ``(V, N, C)`` of V views of N pictures, from a model that answers with logits, in inference mode."""
    return np.stack([softmax(model.predict(one, batch_size=batch_size, verbose=0)) for one in views])
