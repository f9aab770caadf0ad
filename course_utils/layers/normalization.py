"""Normalisation across channels, as networks of 2012–2016 used it. First met in lesson 42_expressions_convnet."""

from __future__ import annotations

from numbers import Integral

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("course_utils")
class LocalResponseNormalization(keras.layers.Layer):
    """Divide each value by a power of the energy of its neighbour channels at the same place.

    ``y[c] = x[c] / (bias + alpha · Σ x[j]²) ** beta``, the sum over the channels j from c − radius to c + radius that exist.
    The window counts ``2 · radius + 1`` channels and, as in TensorFlow, ``alpha`` is *not* divided by their number.

    radius: channels on each side, 0 or more; bias: above 0, so that a place where all is 0 stays 0; alpha, beta: 0 or more.
    Defaults: those of the FER2013 net after its first pool. Input ``(…, C)``, any number of axes; output the same shape.
    Worked out in float32 at least, whatever the layer's policy: squares in float16 overflow from 256 on. A value that is
    not finite spoils all channels at its place. Raises ValueError for other numbers.

    Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012,
    section 3.3; ``tf.nn.local_response_normalization``, with which it is compared in the tests.
    """

    def __init__(self, radius: int = 4, *, bias: float = 1.0, alpha: float = 0.001 / 9, beta: float = 0.75, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(radius, Integral) or isinstance(radius, bool) or radius < 0:
            raise ValueError(f"radius {radius!r}: expected a whole number of channels from 0")
        if not bias > 0 or not alpha >= 0 or not beta >= 0:
            raise ValueError(f"bias {bias!r}, alpha {alpha!r}, beta {beta!r}: expected above 0, and 0 or more")
        self.radius, self.bias, self.alpha, self.beta = int(radius), float(bias), float(alpha), float(beta)

    def build(self, input_shape) -> None:
        if input_shape[-1] is None:
            raise ValueError(
                f"input of shape {tuple(input_shape)}: expected a known number of channels on the last axis"
            )
        channel = np.arange(input_shape[-1])
        #: (C, C), 1 where two channels are neighbours: the sum over a window is one matrix product.
        self._window = (np.abs(channel[:, None] - channel) <= self.radius).astype("float32")
        super().build(input_shape)

    def call(self, inputs):
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        energy = ops.matmul(ops.square(x), ops.cast(self._window, x.dtype))
        divided = ops.exp(-self.beta * ops.log(self.bias + self.alpha * energy))  # several times faster than a power
        return ops.cast(x * divided, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        own = {"radius": self.radius, "bias": self.bias, "alpha": self.alpha, "beta": self.beta}
        return super().get_config() | own
