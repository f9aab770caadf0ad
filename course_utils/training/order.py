"""In which order does ``fit`` show the rows of an array?"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


class _RunningLoss(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.means = []

    def on_train_batch_end(self, batch, logs=None):
        self.means.append(float(logs["loss"]))


def orders_dealt_by_fit(*feed: Any, rows: int = 8, epochs: int = 3, **fit: Any) -> list[list[int]]:
    """Row numbers in the order in which ``fit`` shows them, one list per epoch, on any backend. Lesson 00_start_here.

    It trains a model that changes nothing, one row at a time, on data in which row *i* has the loss *i*, and reads the
    rows off the running mean of the loss: means 6, 5, 5.67 are sums 6, 10, 17, so the rows came as 6, 4, 7.

    feed: what to give ``fit`` in place of ``rows`` numbered rows; it must hold the same rows, one a batch.
    fit: further arguments of ``fit``.
    """
    x = np.arange(rows, dtype="float32")[:, None]
    echo = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    echo.compile(keras.optimizers.SGD(0.0), "mean_absolute_error")
    tape = _RunningLoss()
    if not feed:
        feed, fit = (x, 0 * x), {"batch_size": 1, **fit}
    echo.fit(*feed, epochs=epochs, verbose=0, callbacks=[tape], **fit)
    sums = np.reshape(tape.means, (epochs, rows)) * np.arange(1, rows + 1)
    return np.diff(sums, prepend=0).round().astype(int).tolist()
