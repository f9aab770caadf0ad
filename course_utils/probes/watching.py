"""What each gradient was at the last training step, noted while the optimiser uses it: no second backward pass."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from course_utils.probes.weights import names_of


class WatchedAdam(keras.optimizers.Adam):
    """Adam that remembers the gradients it was last given, before any clipping; it trains exactly as Adam does.

    whole: keep every gradient itself (as much memory as the weights), not only its root mean square. The other arguments
    are those of ``keras.optimizers.Adam``. Works on every backend, inside compiled steps. Lesson 32_faces_plateau.

    Noted are the gradients as they are handed over: before unscaling (``loss_scale_factor``), and with gradient accumulation those
    of each batch. Squares are taken in float32: a root mean square below about 1e-19 is not exact, or 0. A compiled model
    saved with it is loaded with ``custom_objects={"WatchedAdam": WatchedAdam}`` or ``compile=False``.
    """

    def __init__(self, *args, whole: bool = False, **kwargs):
        super().__init__(*args, **kwargs)
        self.whole = bool(whole)

    def build(self, variables):
        """Make room for what is noted, besides Adam's own moments."""
        if not self.built:
            self._names = names_of(variables)
            self._rms = self.add_variable((len(variables),), initializer="zeros", name="gradient_rms")
            shapes = [v.shape for v in variables] if self.whole else []
            self._gradients = [self.add_variable(shape, initializer="zeros", name="gradient") for shape in shapes]
        super().build(variables)

    def apply(self, grads, trainable_variables=None):
        """Note the gradients, then update the weights as Adam does. A variable without a gradient counts as 0."""
        if not self.built:
            self.build(trainable_variables)
        grads = list(grads)
        self._rms.assign(ops.stack([0.0 if g is None else ops.sqrt(ops.mean(ops.square(g))) for g in grads]))
        for variable, gradient in zip(self._gradients, grads, strict=False):
            variable.assign(ops.zeros_like(variable) if gradient is None else gradient)
        return super().apply(grads, trainable_variables)

    def gradient_rms(self) -> dict[str, float]:
        """Root mean square of each variable's gradient at the last step, by ``layer/name``; 0 before the first.

        Raises ValueError when no model has been compiled and trained with this optimiser yet.
        """
        self._must_be_built()
        return dict(zip(self._names, ops.convert_to_numpy(self._rms).tolist(), strict=True))

    def gradients(self) -> dict[str, np.ndarray]:
        """Each variable's gradient at the last step, by ``layer/name``: float32, of the variable's shape; zeros before the first.

        Raises ValueError when no model has been compiled with this optimiser, and without ``whole=True``.
        """
        self._must_be_built()
        if not self.whole:
            raise ValueError("gradients were not kept: expected WatchedAdam(..., whole=True)")
        return {name: np.array(ops.convert_to_numpy(v)) for name, v in zip(self._names, self._gradients, strict=True)}

    def get_config(self):
        """What ``from_config`` makes the same optimiser from."""
        return {**super().get_config(), "whole": self.whole}

    def _must_be_built(self) -> None:
        if not self.built:
            raise ValueError("no gradient seen yet: compile a model with this optimiser and train a step")
