"""Rendered faces with the flaws of FER2013: the stand-in of ``datasets.expressions``. Floor 2.

Its difficulty was fixed once, before any experiment, by the documented network without normalisation or dropout alone:
it has to learn the training faces by heart (0.95 or more right) and to be 0.15 to 0.35 worse on the test faces.
"""

from __future__ import annotations

import numpy as np

from course_utils.datasets.fer2013 import PUBLISHED_CLASSES, SIDE, Rows
from course_utils.rendering import face, nuisance

#: Least and most strength of an expression (1: as the class is described); how far heads are turned; share of glasses
#: and of things in front of a face, all as factors for ``rendering.face.random_faces``.
STRENGTH, TURNED, EXTRAS = (0.7, 1.0), 0.5, 1.5
#: Edge of the square that a picture shows, in units of the longer side of the box of the 68 points; FER2013's are as tight.
EDGE = 1.15
#: Shares of pictures with a watermark, of drawings, of labels drawn anew (one in six of them comes out right by chance); of test
#: rows that repeat a training picture.
WATERMARKS, DRAWINGS, WRONG, REPEATED = 0.04, 0.02, 0.05, 0.08
#: One seed for each split: the split is part of the data set, not of a run.
SEEDS = (1, 1_000_001, 2_000_001)


def draw(counts: tuple[int, int, int]) -> Rows:
    """Training, PublicTest and PrivateTest with so many rows each, in the form of FER2013's file.

    Each split has the classes in the shares of its published namesake, in random order. Some labels are wrong, some
    pictures carry a watermark, some are drawings, and some rows of the two test splits repeat a training picture,
    as 8 % of the published ones do. The same counts give the same rows.
    """
    parts = [_split(count, number) for number, count in enumerate(counts)]
    images, labels = ([part[i] for part in parts] for i in (0, 1))
    for number in (1, 2):
        rng = np.random.default_rng([SEEDS[number], 8])
        repeated = np.flatnonzero(rng.random(counts[number]) < REPEATED)
        for row in repeated:
            same = np.flatnonzero(labels[0] == labels[number][row])
            if len(same):
                images[number][row] = images[0][rng.choice(same)]
    usage = np.repeat(np.arange(3, dtype=np.uint8), counts)
    return Rows(np.concatenate(images), np.concatenate(labels), usage)


def _split(count: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([SEEDS[number], 7])
    shares = np.array(PUBLISHED_CLASSES[number], float)
    shown = rng.permutation(_by_share(count, shares))
    strength = rng.uniform(*STRENGTH, count)
    faces = face.random_faces(
        count, seed=SEEDS[number], expression=shown, strength=strength, turned=TURNED, extras=EXTRAS
    )
    images = face.draw(faces, _windows(faces.points, rng), side=SIDE, colour=False)[..., 0]
    chance = rng.random((3, count))
    for row in np.flatnonzero(chance[0] < DRAWINGS):
        images[row] = nuisance.drawing(images[row], rng)
    for row in np.flatnonzero(chance[1] < WATERMARKS):
        images[row] = nuisance.watermark(images[row], rng)
    others = rng.choice(len(shares), size=count, p=shares / shares.sum())
    return images, np.where(chance[2] < WRONG, others, shown).astype(np.uint8)


def _windows(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Squares about the faces as a detector would cut them out, ``(N, 3)`` in mm: a little off, more or less tight."""
    low, high = points.min(axis=1), points.max(axis=1)
    edge = (high - low).max(axis=1) * EDGE * rng.normal(1, 0.04, len(points)).clip(0.9, 1.1)
    centre = (low + high) / 2 + edge[:, None] * rng.normal(0, 0.03, (len(points), 2)).clip(-0.08, 0.08)
    return np.concatenate([centre, edge[:, None]], axis=1)


def _by_share(count: int, shares: np.ndarray) -> np.ndarray:
    """``count`` class numbers in these shares, rounded so that the sum is right; each class at least once from 7 on."""
    wanted = shares / shares.sum() * count
    numbers = np.floor(wanted).astype(int)
    if count >= len(shares):
        numbers = np.maximum(numbers, 1)
    while numbers.sum() > count:
        numbers[numbers.argmax()] -= 1
    order = np.argsort(numbers - wanted, kind="stable")
    for place in range(count - numbers.sum()):
        numbers[order[place % len(order)]] += 1
    return np.repeat(np.arange(len(shares)), numbers)
