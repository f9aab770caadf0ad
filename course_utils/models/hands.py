"""The depth-image regressor of Stack Overflow 49528692 (2018), and one that learns. Floor 2.

The defaults of :func:`documented_regressor` are the documented choices, the fatal ones included.
Lessons 21_hands_joint_regressor (built by hand) and 22_hands_zero_vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import initializers, layers

#: Input (height, width) and units of the dense layer: 157 336 832 parameters, or 2 470 400.
SIZES = {"documented": ((240, 320), 1024), "small": ((60, 80), 256)}
OUTPUTS = 48  # 16 joints × (u px, v px, depth mm)


def truncated_normal() -> initializers.Initializer:
    """TensorFlow 1's ``truncated_normal(stddev=0.1)``: N(0, 0.1) without what lies beyond two standard deviations."""
    return initializers.TruncatedNormal(stddev=0.1)


def documented_regressor(
    network: str = "documented",
    *,
    output_activation: str | None = "relu",
    weight_init: str | initializers.Initializer | None = None,
    bias_init: float = 0.1,
    input_shape: Sequence[int] | None = None,
) -> keras.Sequential:
    """Conv 5×5×8 → pool → dense 1024 → dense 48, with ReLU after each layer, the output included.

    network: ``documented`` (240×320, 157 336 832 parameters) or ``small`` (60×80 and 256 units: 2 470 400).
    output_activation: of the last layer; None is linear. weight_init: of all kernels; None is the documented truncated
    normal of 0.1. bias_init: value all biases start from. input_shape: (height, width), default that of ``network``.

    Maps depth images ``(N, H, W, 1)`` to ``(N, 48)``: u px, v px, depth mm of 16 joints, joint by joint.
    Raises KeyError for an unknown ``network``. Lesson 21_hands_joint_regressor. Source: Stack Overflow 49528692 (2018).
    """
    (height, width), units = SIZES[network]
    height, width = input_shape or (height, width)

    def choices() -> dict[str, initializers.Initializer]:
        # one object per layer: an unseeded Keras initialiser draws the same values at every call
        kernel = truncated_normal() if weight_init is None else initializers.get(weight_init)
        kernel = kernel.clone() if isinstance(weight_init, initializers.Initializer) else kernel
        return {"kernel_initializer": kernel, "bias_initializer": initializers.Constant(bias_init)}

    return keras.Sequential(
        [
            keras.Input((height, width, 1), name="depth"),
            layers.Conv2D(8, 5, padding="same", activation="relu", name="conv", **choices()),
            layers.MaxPooling2D(2, padding="same", name="pool"),
            layers.Flatten(name="flatten"),
            layers.Dense(units, activation="relu", name="dense", **choices()),
            layers.Dense(OUTPUTS, activation=output_activation, name="joints", **choices()),
        ],
        name=f"hands_{network}",
    )


def regressor(side: int = 48, *, filters: Sequence[int] = (8, 16, 32), units: int = 128) -> keras.Sequential:
    """A small network on hand crops: (conv 3×3 → ReLU → pool) per entry of ``filters``, dense, dense 48. He, linear output.

    Maps crops ``(N, side, side, 1)`` in [−1, 1] to ``(N, 48)``: joints relative to the hand's centre, standardised one by
    one (mean 0, standard deviation 1 over the training hands). Lesson 21_hands_joint_regressor.
    """
    model = keras.Sequential([keras.Input((side, side, 1), name="crop")], name="hands_regressor")
    for i, count in enumerate(filters, 1):
        model.add(
            layers.Conv2D(count, 3, padding="same", activation="relu", kernel_initializer="he_normal", name=f"conv_{i}")
        )
        model.add(layers.MaxPooling2D(2, name=f"pool_{i}"))
    model.add(layers.Flatten(name="flatten"))
    model.add(layers.Dense(units, activation="relu", kernel_initializer="he_normal", name="dense"))
    model.add(layers.Dense(OUTPUTS, name="joints"))
    return model
