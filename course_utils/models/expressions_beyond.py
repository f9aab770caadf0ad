"""A VGG-like network for 48×48 faces, after Khaireddin & Chen (2021), each choice an argument. Floor 2.

Source: Y. Khaireddin, Z. Chen, "Facial Emotion Recognition: State of the Art Performance on FER2013", arXiv:2105.03588.
Lesson 51_beyond.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

#: Filters of the first block, doubled in each of the next three; units of FC 1 and FC 2.
WIDTHS = {"documented": (64, (4096, 4096)), "small": (8, (64,))}
BLOCKS = 4


def vgg(
    network: str = "documented",
    *,
    width: int | None = None,
    units: Sequence[int] | None = None,
    dropout_rate: float = 0.5,
    momentum: float = 0.9,
    classes: int = 7,
    input_shape: Sequence[int] = (48, 48, 1),
) -> keras.Sequential:
    """Four blocks of two (conv 3×3, batch norm, ReLU) and max pool 2×2, then FC layers, logits.

    network: ``documented`` (64, 128, 256, 512 filters; 4096, 4096 units: 40 378 439 parameters) or ``small`` (8 to 64; 64).
    width: filters of the first block, doubled in each of the next. units: of the FC layers, each behind a dropout of
    ``dropout_rate`` (share dropped). momentum: share of the old moving statistics that a step keeps.

    Kernels start as He et al. (2015) have it. Maps images ``(N, 48, 48, 1)`` in [0, 1] to logits ``(N, classes)``, in float32 under
    every dtype policy. Raises KeyError for an unknown ``network``, ValueError for a width below 1.
    """
    own_width, own_units = WIDTHS[network]
    width = own_width if width is None else width
    if width < 1:
        raise ValueError(f"width {width}: expected 1 or more filters")
    stack: list[layers.Layer] = [keras.Input(tuple(input_shape))]
    for block in range(1, BLOCKS + 1):
        for place in (1, 2):
            name = f"{block}_{place}"
            filters = width * 2 ** (block - 1)
            stack += [
                layers.Conv2D(
                    filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"conv_{name}"
                ),
                layers.BatchNormalization(momentum=momentum, name=f"bn_{name}"),
                layers.Activation("relu", name=f"relu_{name}"),
            ]
        stack.append(layers.MaxPooling2D(2, name=f"pool_{block}"))
    stack.append(layers.Flatten(name="flatten"))
    for n, count in enumerate(own_units if units is None else units, start=1):
        stack += [
            layers.Dropout(dropout_rate, name=f"dropout_{n}"),
            layers.Dense(count, activation="relu", kernel_initializer="he_normal", name=f"fc_{n}"),
        ]
    stack.append(layers.Dense(classes, dtype="float32", name="logits"))
    return keras.Sequential(stack, name=f"beyond_{network}")
