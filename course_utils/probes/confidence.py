"""Does a model know what it knows? Confidence against accuracy, and one number that mends it. NumPy only.

First met in lesson 48_expressions_evaluation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Bin(NamedTuple):
    """Pictures whose confidence lies between two bounds: how many, how sure on average, and what share is right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def softmax(logits: ArrayLike, temperature: float = 1.0) -> np.ndarray:
    """Probabilities of logits ``(…, C)`` divided by a temperature, computed in float64.

    Raises ValueError unless the temperature is positive and every logit finite.
    """
    logits = np.asarray(logits, np.float64)
    if not temperature > 0:
        raise ValueError(f"temperature {temperature}: expected a positive number")
    if not np.isfinite(logits).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(logits))} logits are not finite: expected finite ones")
    logits = logits / temperature
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def reliability(labels: ArrayLike, probabilities: ArrayLike, bins: int = 10) -> list[Bin]:
    """Confidence (the largest probability) in ``bins`` intervals of one width from 0 to 1; empty ones are left out.

    labels: ``(N,)`` integers; probabilities: ``(N, C)``, rows that sum to 1. Raises ValueError for anything else.
    """
    labels, probabilities = _checked(labels, probabilities)
    if bins < 1:
        raise ValueError(f"{bins} bins: expected at least 1")
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    own = np.minimum((confidence * bins).astype(int), bins - 1)
    found = []
    for number in np.unique(own):
        here = own == number
        found.append(
            Bin(
                number / bins,
                (number + 1) / bins,
                int(here.sum()),
                float(confidence[here].mean()),
                float(right[here].mean()),
            )
        )
    return found


def calibration_error(labels: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error: |confidence - accuracy| of each bin, weighted by its pictures. 0 is perfect.

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017 (15 bins there).
    """
    table = reliability(labels, probabilities, bins)
    return sum(one.count * abs(one.confidence - one.accuracy) for one in table) / sum(one.count for one in table)


def cross_entropy(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean of ``-log p`` of the true class, in nats; inf where a true class has probability 0."""
    labels, probabilities = _checked(labels, probabilities)
    with np.errstate(divide="ignore"):
        return float(-np.log(probabilities[np.arange(len(labels)), labels]).mean())


def best_temperature(labels: ArrayLike, logits: ArrayLike, low: float = 0.05, high: float = 20.0) -> float:
    """The temperature between ``low`` and ``high`` that makes the cross-entropy of these pictures smallest.

    labels ``(N,)``, logits ``(N, C)``. The loss has one minimum in the inverse temperature, and its slope there is known:
    it is bisected. Fit it on pictures that you tune on, use it on others. Source: as :func:`calibration_error`.
    """
    logits = np.asarray(logits, np.float64)
    labels, _ = _checked(labels, softmax(logits))
    own = logits[np.arange(len(labels)), labels]
    first, last = 1 / high, 1 / low
    for _ in range(60):
        middle = (first + last) / 2
        slope = ((softmax(logits, 1 / middle) * logits).sum(axis=1) - own).mean()
        first, last = (middle, last) if slope < 0 else (first, middle)
    return float(2 / (first + last))


def _checked(labels: ArrayLike, probabilities: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, np.float64)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        raise ValueError(f"labels {labels.shape} and values {probabilities.shape}: expected (N,) and (N, C), N > 0")
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise ValueError(
            f"labels {labels.dtype} from {labels.min()} to {labels.max()}: expected integers below {probabilities.shape[1]}"
        )
    if not np.allclose(probabilities.sum(axis=1), 1, atol=1e-4):
        worst = np.abs(probabilities.sum(axis=1) - 1).argmax()
        raise ValueError(
            f"row {worst} sums to {probabilities[worst].sum():.4g}: expected probabilities, which sum to 1"
        )
    return labels, probabilities
