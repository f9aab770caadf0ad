"""The zero vector of Stack Overflow 49528692: at its documented size, over a table of conditions, and what learns instead.

Lessons 21_hands_joint_regressor and 22_hands_zero_vector. Its committed result is on rendered frames; where real ICVL
frames are there, ``course run hands --size full`` measures the same on them.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import keras
import numpy as np

from course_utils import metrics, probes
from course_utils.datasets import Dataset, hands
from course_utils.models.hands import documented_regressor, regressor
from course_utils.rendering.camera import ICVL
from course_utils.runtime import Run, Size
from course_utils.training.batches import shuffled_batches

TITLE = "The depth-image regressor that answers with zeros: documented size, a table of conditions, and a network that learns"
#: The size of the committed result: no ICVL frame could be had, so it is measured on rendered ones.
SIZE = Size("stand-in", "documented", "full")
SOURCES = (
    "course_utils.datasets.hands",
    "course_utils.datasets.icvl:valid",
    "course_utils.metrics:joint_errors",
    "course_utils.metrics:mean_joint_error",
    "course_utils.metrics:rms",
    "course_utils.metrics:success_curve",
    "course_utils.models.hands",
    "course_utils.probes.gradients",
    "course_utils.probes.outputs",
    "course_utils.probes.weights",
    "course_utils.rendering.camera",
    "course_utils.rendering.hand",
    "course_utils.training.batches",
)
BATCH = 50
DOCUMENTED_RATE = 1e-4
#: The small copy trains for a fifth of the documented 1 000 steps, with ten times the rate.
SMALL_RATE = 1e-3
SCALED_DEPTH = 500.0  # mm that become 1

HE = {"weight_init": "he_normal", "bias_init": 0.0}
#: Row at the documented size → (input, background, start values, output activation, targets).
DOCUMENTED = {
    f"documented size, {name}": condition
    for name, condition in {
        "mm, background 32001, ReLU": ("mm", 32001, "documented", "relu", "raw"),
        "mm, background 32001, linear": ("mm", 32001, "documented", "linear", "raw"),
        "mm, background 0, ReLU": ("mm", 0, "documented", "relu", "raw"),
        "mm, background 0, linear": ("mm", 0, "documented", "linear", "raw"),
        "all scaled, ReLU": ("scaled", 0, "documented", "relu", "standardised"),
        "all scaled, linear": ("scaled", 0, "documented", "linear", "standardised"),
        "all scaled, He, linear": ("scaled", 0, "He", "linear", "standardised"),
    }.items()
}
INPUTS, BACKGROUNDS, STARTS = ("mm", "scaled"), (32001, 0), ("documented", "He")
ACTIVATIONS = {"raw": ("relu", "linear", "softplus", "exponential"), "standardised": ("relu", "linear")}
#: The table on the 60×80 copy.
TABLE = {
    f"{inputs}, background {background}, {start} start, {targets} targets, {activation}": (
        inputs,
        background,
        start,
        activation,
        targets,
    )
    for targets, activations in ACTIVATIONS.items()
    for inputs, background, start, activation in itertools.product(INPUTS, BACKGROUNDS, STARTS, activations)
}
#: "Nothing seen" drawn as far away (500 mm, which becomes 1) instead of 0.
TABLE |= {
    f"scaled, background 500, {start} start, standardised targets, {activation}": (
        "scaled",
        500,
        start,
        activation,
        "standardised",
    )
    for start, activation in itertools.product(STARTS, ("relu", "linear"))
}
REGRESSOR = "course regressor"


def rows(size: Size) -> list[str]:
    """The documented size first where the network is the documented one; then the regressor and the table."""
    return [*(DOCUMENTED if size.network == "documented" else ()), REGRESSOR, *TABLE]


def measure(row: str, run: Run) -> dict[str, float | None]:
    """One training run: what the outputs are, where the loss stands, what the last layer's gradient is.

    Losses are mean squared errors on unseen frames in the units of the targets (px and mm mixed when raw), ``…_zero`` and
    ``…_mean`` those of the two constant answers. Shares are from 0 to 1, joint errors in mm. What is not finite becomes None in the file.
    """
    if row == REGRESSOR:
        return _measure_regressor(run)
    if row in DOCUMENTED:
        steps = run.size.by_budget(smoke=(1, 2), lesson=(1, 9, 20), full=(1, 5, 9, 13, 21, 50))
        data = _frames(run.size, 1, *run.size.by_budget(smoke=(50, 20), lesson=(300, 50), full=(1500, 100)))
        return _measure_condition(DOCUMENTED[row], data, "documented", DOCUMENTED_RATE, steps, run.seed)
    steps = run.size.by_budget(smoke=(2,), lesson=(200,), full=(200,))
    data = _frames(run.size, 4, *run.size.by_budget(smoke=(50, 20), lesson=(1200, 400), full=(1200, 400)))
    return _measure_condition(TABLE[row], data, "small", SMALL_RATE, steps, run.seed)


@lru_cache(maxsize=2)
def _frames(size: Size, every: int, train: int, test: int) -> Dataset:
    return hands.load(size, every=every, train=train, test=test)


def network_input(depth: np.ndarray, inputs: str, background: float) -> np.ndarray:
    """Depth ``(N, H, W, 1)`` in mm as float32: ``background`` mm where nothing was seen, then in mm or in units of 500 mm."""
    filled = np.where(hands.valid(depth), depth, background).astype("float32")
    return filled / SCALED_DEPTH if inputs == "scaled" else filled


def _measure_condition(
    condition: tuple, data: Dataset, network: str, rate: float, steps: tuple[int, ...], seed: int
) -> dict[str, float | None]:
    inputs, background, start, activation, targets = condition
    y_train, y_test = (split.y.reshape(len(split), -1).astype("float64") for split in (data.train, data.test))
    middle, spread = (y_train.mean(axis=0), y_train.std(axis=0)) if targets == "standardised" else (0.0, 1.0)
    t_train, t_test = (((y - middle) / spread).astype("float32") for y in (y_train, y_test))
    x_test = network_input(data.test.x, inputs, background)
    arguments = HE if start == "He" else {}
    model = documented_regressor(network, output_activation=activation, **arguments)
    # TensorFlow keeps the memory of a compiled step until the process ends: 2 GB for each of the documented networks
    eagerly = network == "documented" and keras.backend.backend() == "tensorflow"
    model.compile(keras.optimizers.Adam(rate), "mean_squared_error", run_eagerly=eagerly)
    measured = {
        "parameters": model.count_params(),
        "loss_zero": float(np.mean(t_test**2.0)),
        "loss_mean": float(np.mean((t_test - t_train.mean(axis=0)) ** 2.0)),
    }
    done = 0
    for stop in (0, *steps):
        if stop > done:
            # dealt anew for each fit, which draws some batches ahead and loses them when it ends
            dealt = shuffled_batches(data.train.x, t_train, min(BATCH, len(t_train)), seed=seed, start=done)
            fed = ((network_input(x, inputs, background), t) for x, t in dealt)
            model.fit(fed, steps_per_epoch=stop - done, verbose=0)
            done = stop
        outputs = model.predict(x_test, batch_size=BATCH, verbose=0).astype("float64")
        measured |= _outputs(outputs, t_test, stop)
    gradient = probes.gradient_rms(model, x_test[:BATCH], t_test[:BATCH])["joints/kernel"]
    joints = (outputs * spread + middle).reshape(-1, 16, 3)
    return measured | {
        "steps": done,
        "never_positive_share": float(np.mean((outputs <= 0).all(axis=0))),
        "dead_hidden_share": float(probes.dead_units(model, x_test, "dense").mean()),
        "gradient_last_kernel": gradient,
        "spread_over_frames": float(np.mean(outputs.std(axis=0))),
        "loss_end": measured[f"loss_after_{done}"],
        "zeros_end": measured[f"zeros_after_{done}"],
        "joint_error_mm": metrics.mean_joint_error(ICVL.to_mm(data.test.y), ICVL.to_mm(joints)),
    }


def _outputs(outputs: np.ndarray, targets: np.ndarray, step: int) -> dict[str, float]:
    with np.errstate(over="ignore", invalid="ignore"):
        loss = float(np.mean((outputs - targets) ** 2))
    return {
        f"loss_after_{step}": loss,
        f"zeros_after_{step}": float(np.mean(outputs == 0)),
        f"non_finite_after_{step}": float(np.mean(~np.isfinite(outputs))),
        f"mean_output_after_{step}": float(np.mean(outputs)),
    }


def _measure_regressor(run: Run) -> dict[str, float | None]:
    """Train the course's network on crops; joint errors in mm on unseen frames, beside what constant answers get."""
    every, side, filters, units = run.size.by_network(
        small=(4, 48, (8, 16, 32), 128), documented=(1, 64, (16, 32, 64), 256)
    )
    epochs = run.size.by_budget(smoke=1, lesson=20, full=20)
    data = hands.load(run.size, every=every)
    (crops, centres), (test_crops, test_centres) = (hands.crop(split.x, side=side) for split in (data.train, data.test))
    targets = hands.normalise(data.train.y, centres).reshape(len(crops), -1)
    middle, spread = targets.mean(axis=0), targets.std(axis=0)
    model = regressor(side, filters=filters, units=units)
    steps = max(1, len(crops) // 64)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, epochs * steps)
    model.compile(keras.optimizers.Adam(rate), "mean_squared_error")
    batches = shuffled_batches(crops, (targets - middle) / spread, min(64, len(crops)), seed=run.seed)
    model.fit(batches, steps_per_epoch=steps, epochs=epochs, verbose=0)
    outputs = model.predict(test_crops, batch_size=256, verbose=0) * spread + middle
    joints = hands.denormalise(outputs.reshape(-1, 16, 3), test_centres)
    truth, found, shown = ICVL.to_mm(data.test.y), ICVL.to_mm(joints), ICVL.to_mm(data.train.y)
    errors = metrics.joint_errors(truth, found)
    pose = (shown - centres[:, None]).mean(axis=0)
    constant = {
        "constant_pose": np.broadcast_to(shown.mean(axis=0), truth.shape),
        "all_joints_at_centroid": np.broadcast_to(test_centres[:, None], truth.shape),
        "mean_pose_at_centroid": pose + test_centres[:, None],
    }
    return {
        "parameters": model.count_params(),
        "frames_train": len(crops),
        "frames_test": len(truth),
        "steps": epochs * steps,
        "joint_error_mm": float(errors.mean()),
        "joint_error_px": float(metrics.joint_errors(data.test.y[..., :2], joints[..., :2]).mean()),
        **{f"joint_error_mm_{name}": metrics.mean_joint_error(truth, answer) for name, answer in constant.items()},
        **{f"success_{t}mm": float(metrics.success_curve(errors, np.array([float(t)]))[0]) for t in (10, 20, 30, 40)},
    }
