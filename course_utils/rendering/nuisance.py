"""What spoils pictures collected from the web: watermarks, drawings instead of photographs. Floor 1.

All functions take one grey picture, uint8 ``(H, W)`` of 10×4 px or more, and a generator, and return a new one of the
same kind. NumPy only. First met in lesson 40_expressions_files.
"""

from __future__ import annotations

import numpy as np

#: Strokes of a watermark's letters on a 5×3 grid; no writing, only what writing looks like at this size.
_LETTERS = np.array(
    [[[0, 1, 0], [1, 0, 1], [1, 1, 1], [1, 0, 1], [1, 0, 1]],
     [[1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 1, 1]],
     [[1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 1]],
     [[0, 1, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 1]],
     [[1, 1, 1], [0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]]],
    np.float32,
)  # fmt: skip


def watermark(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A line of letters across the picture, lighter or darker than what is under it, as picture agencies print them."""
    height, width = picture.shape
    letters = _LETTERS[rng.integers(len(_LETTERS), size=width // 4)]
    line = np.concatenate([np.pad(letter, ((0, 0), (0, 1))) for letter in letters], axis=1)
    zoom = int(rng.integers(1, 3))
    line = np.kron(line, np.ones((zoom, zoom), np.float32))[:, :width]
    mask = np.zeros((height, width), np.float32)
    top = int(rng.integers(0, height - len(line) + 1))
    slope = rng.uniform(-0.3, 0.3)
    rows = top + np.arange(len(line))[:, None] + np.round(slope * (np.arange(width) - width / 2)).astype(int)
    inside = (rows >= 0) & (rows < height)
    columns = np.broadcast_to(np.arange(width), rows.shape)
    mask[rows[inside], columns[inside]] = np.pad(line, ((0, 0), (0, width - line.shape[1])))[inside]
    tone = rng.choice([0.0, 255.0], p=[0.25, 0.75])
    return _bytes(picture + rng.uniform(0.35, 0.8) * mask * (tone - picture.astype(np.float32)))


def drawing(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture as a cartoon: a few flat tones, dark lines where the tone changes."""
    levels = int(rng.integers(3, 5))
    grey = picture.astype(np.float32)
    smooth = sum(np.roll(grey, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)) / 9
    low, high = np.percentile(smooth, [5, 95])
    tone = ((smooth - low) / max(high - low, 1)).clip(0, 0.999)
    flat = 60 + 190 * np.floor(tone * levels) / (levels - 1)
    slope = np.abs(np.diff(smooth, axis=0, append=smooth[-1:])) + np.abs(np.diff(smooth, axis=1, append=smooth[:, -1:]))
    return _bytes(np.where(slope > np.quantile(slope, 0.9), 20, flat))


def _bytes(picture: np.ndarray) -> np.ndarray:
    return np.round(picture).clip(0, 255).astype(np.uint8)
