"""A curve that redraws in place while ``fit`` runs."""

from __future__ import annotations

import time

import keras
import matplotlib.pyplot as plt

from course_utils import plotting


class LiveCurve(keras.callbacks.Callback):
    """Draw one logged value against the step while ``fit`` runs, redrawing the same picture in the notebook.

    name: key of ``logs`` to draw (``loss`` is Keras' running mean since the epoch began). level: a value to draw as a
    dashed line, as (label, height), such as the baseline. every: least seconds between two drawings; the last state is
    always drawn. ``steps`` and ``values`` keep what was drawn. Outside a notebook nothing is displayed.
    Lesson 00_start_here.
    """

    def __init__(self, name: str = "loss", *, level: tuple[str, float] | None = None, every: float = 1.0):
        super().__init__()
        self.name, self.level, self.every = name, level, every
        self.steps: list[int] = []
        self.values: list[float] = []
        self._step, self._last_drawn, self._handle = 0, 0.0, None

    def on_train_begin(self, logs=None):
        self._handle = None

    def on_train_batch_end(self, batch, logs=None):
        self._step += 1
        if logs and self.name in logs:
            self.steps.append(self._step)
            self.values.append(float(logs[self.name]))
            if time.monotonic() - self._last_drawn >= self.every:
                self._draw()

    def on_train_end(self, logs=None):
        self._draw()

    def _draw(self) -> None:
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is None:
            return
        self._last_drawn = time.monotonic()
        figure, ax = plt.subplots(figsize=(6, 2.6))
        plotting.curve(self.steps, self.values, ax=ax, label=self.name, level=self.level)
        title = (
            f"{self.name} so far, on average: {self.values[-1]:.3g} after {self._step} steps"
            if self.values
            else "no value logged yet"
        )
        ax.set(xlabel="training step", ylabel=f"{self.name} (running mean)", title=title)
        if self._handle is None:
            self._handle = display(figure, display_id=True)
        else:
            self._handle.update(figure)
        plt.close(figure)
