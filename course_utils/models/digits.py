"""The 2016 MNIST convnet of aymericdamien/TensorFlow-Examples, as asked about on Stack Overflow 39613377. Floor 2.

The defaults are the documented choices, the fatal one included: weights *and* biases drawn from N(0, 1).
Lessons 10_digits_convnet (built by hand) and 11_digits_frozen_filters.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import initializers, layers

#: Widths of the two networks: (filters of conv 1, of conv 2), units of the dense layer.
WIDTHS = {"documented": ((32, 64), 1024), "small": ((32, 16), 64)}


def unit_normal(seed: int | None = None) -> initializers.Initializer:
    """N(0, 1), the default of TensorFlow 1's ``random_normal``. (The default of Keras' ``RandomNormal`` is std 0.05.)"""
    return initializers.RandomNormal(mean=0.0, stddev=1.0, seed=seed)


def convnet(
    network: str = "documented",
    *,
    weight_init: str | initializers.Initializer | None = None,
    bias_init: str | initializers.Initializer | None = None,
    first_kernel_init: str | initializers.Initializer | None = None,
    train_first_layer: bool = True,
    dropout_rate: float = 0.25,
    classes: int = 10,
    input_shape: Sequence[int] = (28, 28, 1),
) -> keras.Sequential:
    """Conv 5×5 → pool → conv 5×5 → pool → dense → dropout → logits, with ReLU after each layer but the last.

    network: widths, ``documented`` (32, 64, 1024: 3 274 634 parameters) or ``small`` (32, 16, 64).
    weight_init, bias_init: initialisers of all kernels and all biases; None is the documented N(0, 1).
    first_kernel_init: initialiser of the first kernel alone; None follows ``weight_init``.
    train_first_layer: False freezes ``conv_1`` at its start values.
    dropout_rate: share of units *dropped*; the source keeps 0.75, which is a rate of 0.25.

    Maps images ``(N, 28, 28, 1)`` in [0, 1] to logits ``(N, classes)``. Raises KeyError for an unknown ``network``.
    """
    filters, units = WIDTHS[network]

    def fresh(given: str | initializers.Initializer | None) -> initializers.Initializer:
        # one object per layer: an unseeded Keras initialiser draws the same values at every call
        if given is None:
            return unit_normal()
        return given.clone() if isinstance(given, initializers.Initializer) else initializers.get(given)

    def choices(kernel: str | initializers.Initializer | None = weight_init) -> dict[str, initializers.Initializer]:
        return {"kernel_initializer": fresh(kernel), "bias_initializer": fresh(bias_init)}

    first = weight_init if first_kernel_init is None else first_kernel_init
    model = keras.Sequential(
        [
            keras.Input(tuple(input_shape)),
            layers.Conv2D(filters[0], 5, padding="same", activation="relu", name="conv_1", **choices(first)),
            layers.MaxPooling2D(2, padding="same", name="pool_1"),
            layers.Conv2D(filters[1], 5, padding="same", activation="relu", name="conv_2", **choices()),
            layers.MaxPooling2D(2, padding="same", name="pool_2"),
            layers.Flatten(name="flatten"),
            layers.Dense(units, activation="relu", name="dense", **choices()),
            layers.Dropout(dropout_rate, name="dropout"),
            layers.Dense(classes, name="logits", **choices()),
        ],
        name=f"digits_{network}",
    )
    model.get_layer("conv_1").trainable = train_first_layer
    return model


def compile_documented(model: keras.Model, learning_rate: float = 1e-3) -> keras.Model:
    """Compile with softmax cross-entropy on logits and the documented Adam (TensorFlow 1: epsilon 1e-8). Returns the model."""
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate, epsilon=1e-8),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model
