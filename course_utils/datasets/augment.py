"""Augmentation of face crops: flip, rotation, colour, noise; points always follow their picture. NumPy only. Floor 2.

Images are uint8 ``(N, H, W, 1 or 3)``, points ``(N, 68, 2)`` as (x, y) px, the centre of the first pixel being (0, 0).
Nothing given is changed; whatever is random comes from the generator given. The amounts are those of MDM's public code
(G. Trigeorgis et al., "Mnemonic Descent Method", CVPR 2016) where the functions do not say otherwise.
Lesson 30_faces_landmarks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from course_utils.datasets import shapes


def augment(
    images: np.ndarray,
    points: np.ndarray,
    rng: np.random.Generator,
    *,
    flip: float = 0.5,
    rotation: float = 10.0,
    colour: float = 1.0,
    noise: float = 0.1,
) -> tuple[np.ndarray, np.ndarray]:
    """A changed copy of each crop and of its points: uint8 and float32 as they came in.

    flip: share of the crops that are mirrored. rotation: standard deviation of the angle in degrees. colour: strength
    of :func:`colour`, 1 = its defaults. noise: standard deviation as a share of the range 0–255. 0 leaves a step out.
    Raises ValueError for wrong shapes and types.
    """
    images, points = _images(images).copy(), _points(points, images).copy()
    if flip:
        rows = rng.random(len(images)) < flip
        images[rows], points[rows] = _flip(images[rows], points[rows])
    if rotation:
        images, points = rotate(images, points, rng.normal(0, rotation, len(images)))
    if colour:
        images = _colour(images, rng, gain=0.25 * colour, brightness=32 / 255 * colour)
    if noise:
        images = _noise(images, rng, noise)
    return images, points


def flip(images: np.ndarray, points: np.ndarray, *, permute: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """All crops mirrored left to right, and their points: uint8 and float32.

    permute: whether the points change places too, so that row 36 stays the outer corner of the person's right eye.
    Without it (the mistake of case ``mdm-flip-without-permutation``) each point lies on the mirrored picture where it
    should, under another point's number. Raises ValueError for wrong shapes and types.
    """
    images, points = _images(images), _points(points, images)
    width = images.shape[2]
    if permute:
        turned = shapes.mirrored(points, width).astype(np.float32) if len(points) else points.copy()
    else:
        turned = points.copy()
        turned[..., 0] = width - 1 - turned[..., 0]
    return np.ascontiguousarray(images[:, :, ::-1]), turned


def rotate(images: np.ndarray, points: np.ndarray, degrees: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Each crop turned about its own centre by its angle ``(N,)``, positive = counter-clockwise as seen, and its points.

    Bilinear; what comes from outside the crop is its nearest edge pixel. Points are turned exactly, and may leave the
    crop. Returns uint8 and float32. Raises ValueError for wrong shapes and types.
    """
    images, points = _images(images), _points(points, images)
    angles = np.radians(np.asarray(degrees, np.float64))
    if angles.shape != (len(images),) or not np.isfinite(angles).all():
        raise ValueError(f"degrees {angles.shape}: expected ({len(images)},), finite")
    _, height, width, _ = images.shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    cos, sin = np.cos(angles), np.sin(angles)
    matrices = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)  # y runs down
    turned = ((points - middle) @ np.swapaxes(matrices, 1, 2) + middle).astype(np.float32)
    result = np.empty_like(images)
    across, down = np.arange(width) - middle[0], np.arange(height)[:, None] - middle[1]
    for i in range(len(images)):  # one at a time: a picture and its coordinates stay in the processor's cache
        x = cos[i] * across - sin[i] * down + middle[0]
        y = sin[i] * across + cos[i] * down + middle[1]
        result[i] = _bilinear(images[i], x.astype(np.float32), y.astype(np.float32))
    return result, turned


def _bilinear(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """One picture ``(H, W, C)`` read at ``x``, ``y`` ``(H, W)``; beyond its edge, at its edge."""
    height, width, channels = image.shape
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = np.minimum(x.astype(np.int32), max(width - 2, 0)), np.minimum(y.astype(np.int32), max(height - 2, 0))
    across, down = (x - left)[..., None], (y - top)[..., None]
    pixels = image.reshape(-1, channels)
    first = top * width + left
    right, below = min(1, width - 1), width * min(1, height - 1)
    corners = (pixels.take(first + more, axis=0).astype(np.float32) for more in (0, right, below, below + right))
    a, b, c, d = corners
    a += (b - a) * across
    c += (d - c) * across
    a += (c - a) * down
    return (a + np.float32(0.5)).astype(np.uint8)


def colour(
    images: np.ndarray, rng: np.random.Generator, *, gain: float = 0.25, brightness: float = 32 / 255
) -> np.ndarray:
    """Each channel of each crop times its own factor, and each crop lighter or darker as a whole; uint8.

    Factors are uniform from 1 − gain to 1 + gain, the shift is uniform from − to + ``brightness`` · 255. MDM's public
    code shifts brightness by as much, and changes contrast and saturation by factors from 0.5 to 1.5 and the hue by up
    to 0.2 of its circle; a factor for each channel stands for these three.
    """
    images = _images(images)
    factors = rng.uniform(1 - gain, 1 + gain, (len(images), 1, 1, images.shape[-1])).astype(np.float32)
    shifts = rng.uniform(-255 * brightness, 255 * brightness, (len(images), 1, 1, 1)).astype(np.float32)
    return _bytes(images * factors + shifts)


def noise(images: np.ndarray, rng: np.random.Generator, sigma: float = 0.1) -> np.ndarray:
    """Normal noise on each number, standard deviation ``sigma`` · 255, cut at 0 and 255; uint8."""
    images = _images(images)
    values = rng.standard_normal(images.shape, dtype=np.float32)
    values *= np.float32(255 * sigma)
    values += images
    return _bytes(values)


# the arguments of augment() bear the names of these functions
_flip, _colour, _noise = flip, colour, noise


def _bytes(values: np.ndarray) -> np.ndarray:
    np.rint(values, out=values)
    return np.clip(values, 0, 255, out=values).astype(np.uint8)


def _images(images: np.ndarray) -> np.ndarray:
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape[1:] or images.dtype != np.uint8:
        raise ValueError(f"images {images.dtype} {images.shape}: expected uint8 (N, H, W, 1 or 3)")
    return images


def _points(points: ArrayLike, images: np.ndarray) -> np.ndarray:
    points = np.asarray(points, np.float32)
    if points.ndim != 3 or points.shape[::2] != (len(images), 2):
        raise ValueError(f"points {points.shape}: expected ({len(images)}, 68, 2)")
    return points
