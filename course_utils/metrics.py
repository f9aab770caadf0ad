"""Numbers that sum up predictions. Floor 0: pure NumPy, no model, no files.

First met in lesson 10_digits_convnet.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def accuracy(labels: ArrayLike, scores: ArrayLike) -> float:
    """Share of rows whose largest score stands at the true class.

    labels: integers ``(N,)``; scores: logits or probabilities ``(N, K)``. Returns a share from 0 to 1.
    Raises ValueError when the row counts differ or there are no rows.
    """
    return float(np.mean(is_correct(labels, scores)))


def is_correct(labels: ArrayLike, scores: ArrayLike) -> np.ndarray:
    """For each row, whether the largest score stands at the true class: booleans ``(N,)``."""
    labels, scores = np.asarray(labels), np.asarray(scores)
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or not len(labels):
        raise ValueError(f"labels {labels.shape} and scores {scores.shape}: expected (N,) and (N, K) with N > 0")
    return scores.argmax(axis=1) == labels


def wilson_interval(successes: float, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson score interval of a proportion; 95 % at the default z. Lesson 10_digits_convnet.

    Unlike ``p ± 2·sqrt(p(1-p)/n)`` it stays inside [0, 1] and does not shrink to nothing at p = 1.
    Source: E. B. Wilson, JASA 22 (1927), 209–212. Raises ValueError unless 0 ≤ successes ≤ trials, trials > 0.
    """
    if trials <= 0 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials: expected 0 <= successes <= trials, trials > 0")
    p = successes / trials
    centre = (p + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


def difference_interval(correct_a: ArrayLike, correct_b: ArrayLike, z: float = 1.959964) -> tuple[float, float]:
    """Interval of the difference of two accuracies measured on two separate sets of images (a minus b).

    correct_a ``(N,)`` and correct_b ``(M,)`` are booleans. Newcombe's method (hybrid of two Wilson intervals,
    Statistics in Medicine 17 (1998), 873–890, method 10). Lesson 10_digits_convnet.
    """
    a, b = np.asarray(correct_a), np.asarray(correct_b)
    p, q = a.mean(), b.mean()
    (low_a, high_a), (low_b, high_b) = wilson_interval(a.sum(), a.size, z), wilson_interval(b.sum(), b.size, z)
    low = p - q - np.hypot(p - low_a, high_b - q)
    high = p - q + np.hypot(high_a - p, q - low_b)
    return float(low), float(high)


def paired_difference_interval(correct_a: ArrayLike, correct_b: ArrayLike, z: float = 1.959964) -> tuple[float, float]:
    """Interval of the difference of two accuracies measured on the *same* images (a minus b).

    correct_a, correct_b: booleans ``(N,)``, image by image. Only images that one of the two gets right tell them apart.
    Adjusted Wald interval of D. G. Bonett and R. M. Price, J. Educational and Behavioral Statistics 37 (2012), 479–488.
    Lesson 11_digits_frozen_filters. Raises ValueError when the shapes differ.
    """
    a, b = np.asarray(correct_a, bool), np.asarray(correct_b, bool)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"shapes {a.shape} and {b.shape}: expected the same images, (N,) twice")
    only_a, only_b = ((a & ~b).sum() + 1) / (a.size + 2), ((b & ~a).sum() + 1) / (a.size + 2)
    half = z * np.sqrt((only_a + only_b - (only_a - only_b) ** 2) / (a.size + 2))
    return float(only_a - only_b - half), float(only_a - only_b + half)


def confusion(labels: ArrayLike, scores: ArrayLike) -> np.ndarray:
    """Counts ``(K, K)``: row = true class, column = class with the largest score.

    labels: integers ``(N,)`` from 0 to K − 1; scores: ``(N, K)``. Raises ValueError for other shapes or labels.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    is_correct(labels, scores)  # checks the shapes
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(f"labels from {labels.min()} to {labels.max()}: expected 0 to {scores.shape[1] - 1}")
    counts = np.zeros((scores.shape[1],) * 2, dtype=np.int64)
    np.add.at(counts, (labels, scores.argmax(axis=1)), 1)
    return counts


def rms(values: ArrayLike) -> float:
    """Root mean square of all entries; 0 for none."""
    values = np.asarray(values, dtype=np.float64)
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0


def joint_errors(truth: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    """Euclidean distance of each predicted point from the true one: ``(N, K)``, in the unit of the inputs.

    truth, predicted: ``(N, K, 2)`` in px or ``(N, K, 3)`` as (x, y, z) in mm. Not (u px, v px, depth mm): a length over
    mixed units means nothing, so ``Camera.to_mm`` comes first. A NaN coordinate makes that point's error NaN.
    Lesson 20_hands_depth_images. Raises ValueError for unequal or other shapes, no frames or no points.
    """
    truth, predicted = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
    if truth.shape != predicted.shape or truth.ndim != 3 or truth.shape[-1] not in (2, 3) or not truth.size:
        raise ValueError(
            f"truth {truth.shape} and predicted {predicted.shape}: expected (N, K, 2) or (N, K, 3) twice, N, K > 0"
        )
    return np.linalg.norm(predicted - truth, axis=-1)


def mean_joint_error(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Mean of ``joint_errors`` over all points of all frames: the one number that papers report.

    Same inputs, unit and errors. NaN as soon as one coordinate is NaN. Lesson 22_hands_zero_vector.
    """
    return float(joint_errors(truth, predicted).mean())


def per_joint_error(truth: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    """Mean of ``joint_errors`` over the frames, for each point: ``(K,)``.

    Same inputs, unit and errors. NaN for each point that is NaN in any frame. Lesson 20_hands_depth_images.
    """
    return joint_errors(truth, predicted).mean(axis=0)


def success_curve(errors: ArrayLike, thresholds: ArrayLike) -> np.ndarray:
    """Share of frames whose *worst* point lies within each threshold (≤): ``(T,)``, from 0 to 1.

    errors: ``(N, K)`` as ``joint_errors`` gives them; thresholds: ``(T,)`` in the same unit, in any order. A frame with a
    NaN has failed at every threshold. Source: J. Taylor, J. Shotton, T. Sharp and A. Fitzgibbon, The Vitruvian
    Manifold, CVPR 2012. Lesson 21_hands_joint_regressor. Raises ValueError for other shapes, no frames or no points.
    """
    errors, thresholds = np.asarray(errors, np.float64), np.asarray(thresholds, np.float64)
    if errors.ndim != 2 or not errors.size or thresholds.ndim != 1:
        raise ValueError(
            f"errors {errors.shape} and thresholds {thresholds.shape}: expected (N, K) with N, K > 0, and (T,)"
        )
    return np.mean(errors.max(axis=1) <= thresholds[:, None], axis=1)


#: Ways to measure a face's size, for ``face_size`` and ``normalized_mean_error``.
FACE_SIZES = ("outer eyes", "pupils", "box", "diagonal")


def face_size(points: ArrayLike, by: str = "outer eyes") -> np.ndarray:
    """The distance that errors on each face are divided by: ``(N,)``, in px.

    points: ``(N, K, 2)`` as (x, y) in px. by, one of ``FACE_SIZES``:

    - ``"outer eyes"``: between the outer corners of the eyes, points 36 and 45 of the 68 of 300-W. C. Sagonas,
      G. Tzimiropoulos, S. Zafeiriou and M. Pantic, 300 Faces in-the-Wild Challenge, ICCV Workshops 2013.
    - ``"pupils"``: between the means of the six points around each eye, 36–41 and 42–47. Shorter than the first, so the
      same error in px looks larger.
    - ``"box"``: √(width · height) of the smallest upright box around the points, for any K. A. Bulat and
      G. Tzimiropoulos, How far are we from solving the 2D & 3D face alignment problem?, ICCV 2017.
    - ``"diagonal"``: the diagonal of that box, for any K. S. Zafeiriou et al., The Menpo facial landmark localisation
      challenge, CVPR Workshops 2017.

    A face with a NaN where it is measured has size NaN. Lesson 30_faces_landmarks. Raises ValueError for an unknown
    ``by``, other shapes, no faces, a K other than 68 for the first two, and a face of size 0, naming its row.
    """
    points = np.asarray(points, np.float64)
    if by not in FACE_SIZES:
        raise ValueError(f"by {by!r}: expected one of {', '.join(map(repr, FACE_SIZES))}")
    if points.ndim != 3 or points.shape[-1] != 2 or not points.size:
        raise ValueError(f"points {points.shape}: expected (N, K, 2) with N, K > 0")
    if by in ("outer eyes", "pupils") and points.shape[1] != 68:
        raise ValueError(f"points {points.shape}: expected (N, 68, 2) to measure by {by!r}")
    if by == "outer eyes":
        size = np.linalg.norm(points[:, 45] - points[:, 36], axis=-1)
    elif by == "pupils":
        size = np.linalg.norm(points[:, 42:48].mean(axis=1) - points[:, 36:42].mean(axis=1), axis=-1)
    else:
        width, height = np.ptp(points, axis=1).T
        size = np.sqrt(width * height) if by == "box" else np.hypot(width, height)
    if (size == 0).any():
        raise ValueError(f"the face in row {np.flatnonzero(size == 0)[0]} has size 0 by {by!r}: expected more")
    return size


def normalized_mean_error(truth: ArrayLike, predicted: ArrayLike, by: str = "outer eyes") -> np.ndarray:
    """Mean distance of a face's points from the true ones, divided by the true ``face_size``: ``(N,)``, without a unit.

    truth, predicted: ``(N, K, 2)`` as (x, y) in px; K = 68 unless ``by`` is ``"box"`` or ``"diagonal"``. 0.08 by
    ``"outer eyes"`` is a mean error of 8 % of the distance between the outer corners of the eyes. A NaN coordinate makes
    that face's error NaN. Numbers of two papers compare only with the same ``by`` and the same points.
    Lesson 30_faces_landmarks. Raises ValueError as ``face_size`` does, and for unequal shapes.
    """
    size = face_size(truth, by)
    return joint_errors(truth, predicted).mean(axis=1) / size


def cumulative_error_curve(errors: ArrayLike, thresholds: ArrayLike) -> np.ndarray:
    """Share of faces whose error is at most each threshold (≤): ``(T,)``, from 0 to 1.

    errors: ``(N,)`` as ``normalized_mean_error`` gives them; thresholds: ``(T,)``, in any order. NaN is a failure at every
    threshold. Lesson 30_faces_landmarks. Raises ValueError for other shapes, no faces or a negative error.
    """
    return success_curve(_face_errors(errors)[:, None], thresholds)


def area_under_curve(errors: ArrayLike, limit: float = 0.08) -> float:
    """Area under the cumulative error curve from 0 to ``limit``, divided by ``limit``: a share from 0 to 1. "AUC".

    errors: ``(N,)``. Exact, with no grid of thresholds: the curve is a sum of steps, a face with error e adds the strip
    from e to ``limit``, so this is the mean of max(0, limit − e) / limit. Not the share of faces below the limit,
    which is at least as large: errors of limit / 2 throughout have area 0.5 and a share of 1. NaN adds no area.
    Lesson 30_faces_landmarks. Raises ValueError for other shapes, no faces, a negative error or a limit that is not
    above 0.
    """
    return float(np.mean(np.fmax(0.0, _limit(limit) - _face_errors(errors))) / limit)  # fmax(0, NaN) is 0


def failure_rate(errors: ArrayLike, limit: float = 0.08) -> float:
    """Share of faces with an error above ``limit``, or NaN: from 0 to 1.

    errors: ``(N,)``. Lesson 31_faces_mdm. Raises ValueError as ``area_under_curve`` does.
    """
    return float(np.mean(~(_face_errors(errors) <= _limit(limit))))


def _face_errors(errors: ArrayLike) -> np.ndarray:
    errors = np.asarray(errors, np.float64)
    if errors.ndim != 1 or not errors.size:
        raise ValueError(f"errors {errors.shape}: expected (N,) with N > 0, one a face")
    if (errors < 0).any():
        raise ValueError(f"the error in row {np.flatnonzero(errors < 0)[0]} is negative: expected distances")
    return errors


def _limit(limit: float) -> float:
    if not 0 < limit < np.inf:
        raise ValueError(f"limit {limit}: expected a number above 0")
    return limit
