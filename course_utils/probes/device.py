"""Does this device compute a training step right? One tiny seeded step, against the same step in NumPy float64."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

TOLERANCE = 5e-3  # lets reduced-precision matrix units pass (TF32 keeps 10 bits), not a wrong kernel


@dataclass(frozen=True)
class SelfTest:
    """Largest difference of the loss and of any weight after the step, relative to the largest reference value."""

    worst: float
    where: str

    @property
    def passed(self) -> bool:
        """Whether the device agrees with the reference; False also for NaN."""
        return bool(self.worst <= TOLERANCE)


def self_test() -> SelfTest:
    """Train conv 3×3×2 → ReLU → dense 2 for one SGD step (rate 0.1, squared error) and compare with NumPy.

    Leaves the random state of the run alone. Lesson 00_start_here; ``course check``.
    """
    rng = np.random.default_rng(20160921)
    x, y = rng.normal(size=(4, 5, 5, 1)), rng.normal(size=(4, 2))
    start = [rng.normal(size=s) * 0.5 for s in ((3, 3, 1, 2), (2,), (18, 2), (2,))]
    expected = reference_step(x, y, start)
    found = _device_step(x, y, start)
    names = ("loss", "conv kernel", "conv bias", "dense kernel", "dense bias")
    errors = [float(np.max(np.abs(f - e)) / np.max(np.abs(e))) for f, e in zip(found, expected, strict=True)]
    worst = int(np.argmax([np.inf if np.isnan(e) else e for e in errors]))
    return SelfTest(errors[worst], names[worst])


def _device_step(x: np.ndarray, y: np.ndarray, start: list[np.ndarray], rate: float = 0.1) -> list[np.ndarray]:
    model = keras.Sequential(
        [
            keras.Input((5, 5, 1)),
            # constant initialisers: nothing here may draw from the run's random state
            keras.layers.Conv2D(2, 3, activation="relu", kernel_initializer="zeros"),
            keras.layers.Flatten(),
            keras.layers.Dense(2, kernel_initializer="zeros"),
        ]
    )
    model.set_weights(start)
    model.compile(keras.optimizers.SGD(rate), "mean_squared_error")
    loss = model.train_on_batch(x.astype("float32"), y.astype("float32"))
    return [np.float64(loss), *(np.asarray(w, np.float64) for w in model.get_weights())]


def reference_step(x: np.ndarray, y: np.ndarray, start: list[np.ndarray], rate: float = 0.1) -> list[np.ndarray]:
    """The same step written out in NumPy float64: loss before the step, then the four weight arrays after it."""
    conv_kernel, conv_bias, dense_kernel, dense_bias = start
    patches = np.lib.stride_tricks.sliding_window_view(x[..., 0], (3, 3), axis=(1, 2))  # (N, 3, 3, 3, 3)
    before = np.einsum("nhwij,ijc->nhwc", patches, conv_kernel[:, :, 0]) + conv_bias
    features = np.maximum(before, 0).reshape(len(x), -1)
    error = features @ dense_kernel + dense_bias - y
    d_out = 2 * error / error.size
    d_before = (d_out @ dense_kernel.T).reshape(before.shape) * (before > 0)
    d_kernel = np.einsum("nhwij,nhwc->ijc", patches, d_before)[:, :, None]
    steps = [d_kernel, d_before.sum(axis=(0, 1, 2)), features.T @ d_out, d_out.sum(axis=0)]
    return [np.mean(error**2), *(w - rate * d for w, d in zip(start, steps, strict=True))]
