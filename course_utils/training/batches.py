"""The one place that decides in which order training examples come.

Why not ``model.fit(x, y, shuffle=True)``? On the TensorFlow backend, after ``keras.utils.set_random_seed``, Keras 3
walks through the *same* permutation in every epoch (the shuffle op restarts from the global seed each time its
data set is iterated); on JAX and PyTorch it does not. ``tests/test_training.py`` keeps watch over these facts.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

# fit() would warn, at every call with a generator, that its own shuffling does not apply. That is what we want.
warnings.filterwarnings("ignore", message="`shuffle=True` was passed, but will be ignored", module="keras")


def shuffled_batches(
    x: np.ndarray, y: np.ndarray, batch_size: int, *, seed: int, start: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Full batches of ``(x, y)`` without end, in a new order each pass; the same on every backend for the same seed.

    x ``(N, …)`` and y ``(N, …)`` have as many rows; a pass leaves out the ``N % batch_size`` rows that do not fill a
    batch (others each time). start: how many batches to skip, to go on where another run stopped.
    Made for ``model.fit(shuffled_batches(…), steps_per_epoch=…)``. Lesson 10_digits_convnet.

    Raises ValueError when row counts differ or the rows do not fill one batch.
    """
    if len(x) != len(y):
        raise ValueError(f"{len(x)} inputs and {len(y)} targets: expected as many of each")
    if not 0 < batch_size <= len(x):
        raise ValueError(f"a batch of {batch_size} from {len(x)} rows: expected 1 to {len(x)}")
    return _walk(x, y, batch_size, seed, start)


def _walk(x: np.ndarray, y: np.ndarray, batch_size: int, seed: int, start: int):
    a_pass = len(x) // batch_size
    number, skip = divmod(start, a_pass)
    while True:
        order = np.random.default_rng([seed, number]).permutation(len(x))
        for place in range(skip, a_pass):
            rows = order[place * batch_size : (place + 1) * batch_size]
            yield x[rows], y[rows]
        number, skip = number + 1, 0
