"""The FER2013 convnet of a 2019 write-up, with each of its experiments' choices an argument. Floor 2.

The defaults are the first version: local response normalisation, biases, no dropout. Lesson 42_expressions_convnet builds it
by hand; lesson 43_expressions_batch_norm turns to batch normalisation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
from keras import initializers, layers, regularizers

from course_utils.layers import LocalResponseNormalization

#: Widths of the two networks: filters of conv 1, 2 and 3; units of FC 1 and FC 2.
WIDTHS = {"documented": ((64, 64, 128), (512, 512)), "small": ((16, 16, 32), (64, 64))}
#: Standard deviations of the truncated normals that kernels start from (cut at two of them, which leaves 0.88 of each), and
#: the documented network's number of inputs to one unit. A narrower layer starts wider, std · √(documented / own inputs),
#: so that signals are as large in the small network as in the documented one.
KERNEL_STD = {"conv_1": 0.05, "conv_2": 0.05, "conv_3": 0.05, "fc_1": 0.04, "fc_2": 0.01, "logits": 1 / 512}
FAN_IN = {"conv_1": 25, "conv_2": 1600, "conv_3": 1600, "fc_1": 4608, "fc_2": 512, "logits": 512}
#: alpha of the local response normalisation behind pool 1 and, ten times as strong, before pools 2 and 3.
LRN_ALPHA = (0.001 / 9, 0.01 / 9, 0.01 / 9)
NORMALIZATIONS = ("lrn", "batch", "none")

Initializer = str | initializers.Initializer


def convnet(
    network: str = "documented",
    *,
    normalization: str = "lrn",
    dense_normalization: bool = False,
    conv_bias: bool | None = None,
    scale: bool = True,
    momentum: float = 0.99,
    bn_epsilon: float = 1e-3,
    dropout_rate: float | Sequence[float] = 0.0,
    l2: float = 0.002,
    kernel_init: Initializer | None = None,
    activation: str = "relu",
    units: Sequence[int] | None = None,
    classes: int = 7,
    input_shape: Sequence[int] = (48, 48, 1),
) -> keras.Sequential:
    """Three times conv 5×5 and max pool 3×3 / 2, then FC, FC, logits; everything ``same``-padded.

    network: widths, ``documented`` (64, 64, 128; 512, 512) or ``small`` (16, 16, 32; 64, 64).
    normalization: ``lrn`` (after pool 1, before pools 2 and 3), ``batch`` (between each conv and its activation) or ``none``.
    dense_normalization: batch normalisation between FC 1, FC 2 and their activations too; those layers then have no bias.
    conv_bias: None gives biases where no batch normalisation follows; True keeps them in front of it, which is dead weight.
    scale, momentum, bn_epsilon: of every batch normalisation: whether it has γ, share of the old moving statistics that a
    step keeps, and what is added to the variance.
    dropout_rate: share of values *dropped* after pool 3, FC 1 and FC 2 (keep 0.6 is a rate of 0.4), one for all or three.
    l2: Keras' coefficient on the kernels of FC 1 and FC 2, ``l2 · Σw²``; TensorFlow 1's documented ``0.004 · ½Σw²`` is 0.002.
    kernel_init: of all kernels; None is the documented ``KERNEL_STD``. units: of FC 1 and FC 2; None is the network's.

    Maps images ``(N, 48, 48, 1)`` in [0, 1] to logits ``(N, classes)``. As documented, with biases and without batch
    normalisation: 2 935 111 parameters. Raises KeyError for an unknown ``network``, ValueError for another
    ``normalization`` and for a number of rates other than one or three.
    """
    if normalization not in NORMALIZATIONS:
        raise ValueError(f"normalization {normalization!r}: expected one of {', '.join(NORMALIZATIONS)}")
    rates = [dropout_rate] * 3 if isinstance(dropout_rate, int | float) else list(dropout_rate)
    if len(rates) != 3:
        raise ValueError(f"dropout_rate: found {len(rates)} rates, expected one, or three (after pool_3, fc_1, fc_2)")
    filters, own_units = WIDTHS[network]
    batch = normalization == "batch"

    def kernel(name: str, inputs: int) -> dict[str, object]:
        if kernel_init is None:
            std = KERNEL_STD[name] * math.sqrt(FAN_IN[name] / inputs)
            return {"kernel_initializer": initializers.TruncatedNormal(stddev=std)}
        chosen = kernel_init.clone() if isinstance(kernel_init, initializers.Initializer) else kernel_init
        return {"kernel_initializer": initializers.get(chosen)}

    def normalized(name: str) -> layers.Layer:
        return layers.BatchNormalization(momentum=momentum, epsilon=bn_epsilon, scale=scale, name=name)

    height, width, channels = input_shape
    stack: list[layers.Layer] = [keras.Input((height, width, channels))]
    for n, count in enumerate(filters, start=1):
        bias = not batch if conv_bias is None else conv_bias
        lrn = [LocalResponseNormalization(4, alpha=LRN_ALPHA[n - 1], name=f"lrn_{n}")] if normalization == "lrn" else []
        pool = layers.MaxPooling2D(3, strides=2, padding="same", name=f"pool_{n}")
        choices = kernel(f"conv_{n}", 25 * channels) | {"use_bias": bias}
        stack.append(layers.Conv2D(count, 5, padding="same", name=f"conv_{n}", **choices))
        stack += [normalized(f"bn_{n}")] if batch else []
        stack.append(layers.Activation(activation, name=f"relu_{n}"))
        stack += [pool, *lrn] if n == 1 else [*lrn, pool]
        height, width, channels = -(-height // 2), -(-width // 2), count
    inputs = height * width * channels
    stack.append(layers.Flatten(name="flatten"))
    stack += [layers.Dropout(rates[0], name="dropout_0")] if rates[0] else []
    for n, count in enumerate(units or own_units, start=1):
        decay = regularizers.L2(l2) if l2 else None
        choices = kernel(f"fc_{n}", inputs) | {"use_bias": not dense_normalization, "kernel_regularizer": decay}
        stack.append(layers.Dense(count, name=f"fc_{n}", **choices))
        stack += [normalized(f"bn_fc_{n}")] if dense_normalization else []
        stack.append(layers.Activation(activation, name=f"relu_fc_{n}"))
        stack += [layers.Dropout(rates[n], name=f"dropout_{n}")] if rates[n] else []
        inputs = count
    stack.append(layers.Dense(classes, name="logits", **kernel("logits", inputs)))
    return keras.Sequential(stack, name=f"expressions_{network}")


def compile_documented(model: keras.Model, learning_rate: float = 5e-4) -> keras.Model:
    """Compile with softmax cross-entropy on logits and the documented Adam (TensorFlow 1: epsilon 1e-8). Returns the model."""
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate, epsilon=1e-8),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model
