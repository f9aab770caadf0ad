"""Several answers to the same pictures made one: by mean, or by vote with a rule for ties. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def by_mean(probabilities: ArrayLike) -> np.ndarray:
    """Probabilities ``(M, N, C)`` of M members → class numbers ``(N,)``: the class whose mean probability is largest."""
    return _three(probabilities).mean(axis=0).argmax(axis=1)


def by_vote(probabilities: ArrayLike) -> np.ndarray:
    """Probabilities ``(M, N, C)`` of M members → class numbers ``(N,)``: the class that most members put first.

    Among classes with as many votes the one with the larger mean probability wins. Raises ValueError for another shape.
    """
    probabilities = _three(probabilities)
    classes = probabilities.shape[-1]
    votes = (probabilities.argmax(axis=-1)[..., None] == np.arange(classes)).sum(axis=0)
    most = votes == votes.max(axis=1, keepdims=True)
    return np.where(most, probabilities.mean(axis=0), -1.0).argmax(axis=1)


def _three(probabilities: ArrayLike) -> np.ndarray:
    probabilities = np.asarray(probabilities, np.float64)
    if probabilities.ndim != 3 or 0 in probabilities.shape:
        raise ValueError(f"probabilities {probabilities.shape}: expected (members, pictures, classes)")
    return probabilities
