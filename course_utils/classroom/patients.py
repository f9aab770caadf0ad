"""Blind diagnosis: training set-ups with one hidden fault each, and the instruments to examine them. Floor 6.

A healthy set-up (a small dense network on 14×14 digits, Adam, 200 steps of 32) has six parts (``PARTS``). A *patient* is that
set-up with one part replaced by a registered fault (``CAUSES``). Which fault, the card decides: ``patient("A", card=…)``.
``course class release`` writes a card drawn from the teacher's secret where the source has ``card="demo"``.

Assignment a5_blind_diagnosis. It is blind for whoever calls, prints and completes names, not for a reader of this file.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops

from course_utils import cases, runtime
from course_utils.datasets import digits
from course_utils.runtime import REDUCED, CourseError, SettingsError, nearest

STEPS, BATCH, EVERY = 200, 32, 10
WIDTHS = (128, 128, 128, 128)
CLASSES = 10
CURVES = ("step", "training_loss", "training_accuracy", "validation_loss", "validation_accuracy")


# ------------------------------------------------------------------------------------- parts, and what can be wrong


@dataclass(frozen=True)
class _Setup:
    """A training set-up; the defaults are healthy."""

    initializer: Any = "glorot_uniform"
    inputs: Callable = lambda images: images / 255
    pairing: Callable = np.arange
    learning_rate: Any = 1e-3
    dropout: float = 0.1
    order: Callable = lambda labels, seed: np.random.default_rng(seed).permutation(len(labels))


#: The parts of a set-up that can be replaced, and what each is.
PARTS = {
    "initializer": "start values of all kernels: a Keras initialiser or its name",
    "inputs": "function: grey levels 0–255, uint8 (N, 14, 14, 1) → what the network gets, the same shape",
    "pairing": "function: number of images N → for each image, which row of the list of labels is its own, int (N,)",
    "learning_rate": "learning rate of Adam: a number, or a function of the step (0, 1, 2, …)",
    "dropout": "share of the hidden units that is dropped in training, 0 ≤ share < 1",
    "order": "function: labels (N,), seed of this pass → the order of one pass through the rows, int (N,)",
}


@dataclass(frozen=True)
class Cause:
    """One fault. case: the registered case that it is an instance of. part, value: what is put in place of which part.

    what: the fault in words, for the list of suspects. symptom: for a test that lets it pass ("whose …").
    """

    case: str
    part: str
    value: Any
    what: str
    symptom: str

    def __post_init__(self) -> None:
        cases.get(self.case)


#: Every fault that a patient of this assignment can have.
CAUSES = {
    "unit_normal_start": Cause(
        "digits-unit-normal-init", "initializer", keras.initializers.RandomNormal(stddev=1.0),
        "kernels start from N(0, 1)", "whose signals grow from layer to layer",
    ),
    "tiny_start": Cause(
        "mdm-tiny-init", "initializer", keras.initializers.RandomNormal(stddev=0.01),
        "kernels start from N(0, 0.01²)", "whose signals fade from layer to layer",
    ),
    "raw_inputs": Cause(
        "hands-raw-millimetres", "inputs", lambda images: np.where(images == 0, 32001.0, images),
        "inputs are raw grey levels, with 32001 where nothing is seen", "whose inputs are large",
    ),
    "divided_twice": Cause(
        "mdm-images-divided-twice", "inputs", lambda images: images / 255 / 255,
        "inputs are divided by 255 twice", "whose inputs are small",
    ),
    "labels_in_another_order": Cause(
        "mdm-misaligned-labels", "pairing", lambda n: np.array(sorted(range(n), key=str)),
        "images are listed by number, labels as text (0, 1, 10, 100, …)", "whose labels say nothing about its inputs",
    ),
    "rate_decayed": Cause(
        "fer-lr-decayed-to-nothing", "learning_rate", lambda step: 1e-3 * 0.8**step,
        "the learning rate falls by a fifth at every step, without a floor", "whose steps become too small",
    ),
    "keep_share_as_rate": Cause(
        "digits-keep-prob-as-rate", "dropout", 0.9,
        "the share of units to keep, 0.9, is passed as the share to drop", "who drops too much",
    ),
    "sorted_rows": Cause(
        "fer-pipeline-starvation", "order", lambda labels, seed: np.argsort(labels, kind="stable"),
        "rows sorted by class, and no shuffling", "whose batches are all alike within",
    ),
}  # fmt: skip


# --------------------------------------------------------------------------------------------------- a patient


class Thinning(keras.layers.Layer):
    """Sets a share of its inputs to 0 in training, and enlarges the others to make up for it."""

    def __init__(self, share: float, seed: int, **names) -> None:
        super().__init__(**names)
        self._share, self._seeds = share, keras.random.SeedGenerator(seed)

    def call(self, x, training=None):
        return keras.random.dropout(x, self._share, seed=self._seeds) if training else x

    def get_config(self):  # Keras' own would print the share
        return {"name": self.name}


def _cross_entropy(labels, outputs):
    # by hand, so that nothing looks behind the outputs (as Keras' own does on TensorFlow, for a softmax)
    chosen = ops.one_hot(ops.cast(labels, "int32"), CLASSES) * ops.log_softmax(ops.cast(outputs, "float32"))
    return -ops.mean(ops.sum(chosen, axis=-1))


@functools.cache
def _data() -> tuple[np.ndarray, ...]:
    """Stand-in digits as uint8 (N, 14, 14, 1) with labels: training 797, validation 300, test 700 rows."""

    def small(x):
        return x.reshape(-1, 14, 2, 14, 2, 1).mean(axis=(2, 4)).round().astype(np.uint8)

    data = digits.load(REDUCED)
    x, y = small(data.test.x), data.test.y
    return small(data.train.x), data.train.y, x[:300], y[:300], x[300:], y[300:]


def _seed(*words: object) -> int:
    return int(hashlib.sha256("/".join(map(str, words)).encode()).hexdigest()[:8], 16) >> 1


def _answers(model: keras.Model, inputs: np.ndarray, *, training: bool = False) -> np.ndarray:
    return ops.convert_to_numpy(model(inputs, training=training))


@functools.lru_cache(maxsize=4)
def _engine(dropout: float) -> keras.Model:
    """A network to train with, built once for every patient with this dropout: tracing a step takes longer than 200 steps."""
    model = Patient(_Setup(dropout=dropout), 0).network()
    model.optimizer.build(model.trainable_variables)
    return model


def _copy_state(source: keras.Model, target: keras.Model) -> None:
    """Weights and states of random layers from one network to another, whose optimizer forgets what it has done."""
    for given, taken in zip(source.variables, target.variables, strict=True):
        taken.assign(ops.convert_to_numpy(given.value))
    for variable in target.optimizer.variables:
        variable.assign(np.zeros(variable.shape))


def _rates(rate: Any) -> np.ndarray:
    return np.array([rate(step) if callable(rate) else rate for step in range(STEPS)], float)


def _check_value(part: str, value: Any) -> None:
    """Raise SettingsError when a part cannot have this value, saying what it has to be."""
    images, labels = _data()[:2]
    n = len(images)

    def rows(found: Any) -> bool:
        found = np.asarray(found)
        return found.shape == (n,) and np.issubdtype(found.dtype, np.integer) and 0 <= found.min() <= found.max() < n

    def same_shape(found: Any) -> bool:
        found = np.asarray(found, np.float32)
        return found.shape == (n, 14, 14, 1) and bool(np.isfinite(found).all())

    checks = {
        "initializer": lambda: isinstance(keras.initializers.get(value), keras.initializers.Initializer),
        "inputs": lambda: same_shape(value(images)),
        "pairing": lambda: rows(value(n)),
        "learning_rate": lambda: bool(np.all((_rates(value) > 0) & np.isfinite(_rates(value)))),
        "dropout": lambda: 0 <= float(value) < 1,
        "order": lambda: rows(value(labels, 0)),
    }
    try:
        fits, reason = checks[part](), ""
    except Exception as error:  # whatever a value of the wrong kind runs into
        fits, reason = False, f" ({type(error).__name__}: {error})"
    if not fits:
        raise SettingsError(f"{part}={value!r} does not fit{reason}; expected: {PARTS[part]}")


class Patient:
    """A training set-up to examine. All measurements are the same each time; no two patients share their draws."""

    __slots__ = ("__run", "__seed", "__setup", "card", "letter")

    def __init__(self, setup: _Setup, seed: int, letter: str = "", card: str = "") -> None:
        self.__setup, self.__seed, self.__run = setup, seed, None
        self.letter, self.card = letter, card

    def __repr__(self) -> str:
        return f"<patient {self.letter}>" if self.letter else "<a patient>"

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """What training step ``step`` (from 0) gets: inputs float32 (32, 14, 14, 1) and labels int32 (32,)."""
        images, labels = _data()[:2]
        labels = labels[self.__setup.pairing(len(images))]
        number, place = divmod(int(step), len(images) // BATCH)
        order = np.asarray(self.__setup.order(labels, _seed(self.__seed, "pass", number)))
        rows = order[place * BATCH : (place + 1) * BATCH]
        return self.__inputs(images[rows]), labels[rows]

    def network(self) -> keras.Model:
        """The network before its first step, compiled, built anew at each call with the same start values."""
        rng = np.random.default_rng(_seed(self.__seed, "start"))

        stack = [keras.Input((14, 14, 1)), keras.layers.Flatten(name="flatten")]
        for i, units in enumerate(WIDTHS, start=1):
            stack.append(keras.layers.Dense(units, activation="relu", name=f"hidden_{i}"))
            stack.append(Thinning(self.__setup.dropout, int(rng.integers(2**31)), name=f"drop_{i}"))
        model = keras.Sequential([*stack, keras.layers.Dense(CLASSES, name="output")], name="digits_dense")
        start = keras.initializers.get(self.__setup.initializer)
        for kernel in (variable for variable in model.trainable_variables if variable.name == "kernel"):
            settings = start.get_config()  # drawn here, so that no layer tells how
            if "seed" in settings:
                settings["seed"] = int(rng.integers(2**31))
            kernel.assign(type(start).from_config(settings)(kernel.shape, dtype="float32"))
        model.compile(
            keras.optimizers.Adam(float(self.learning_rates()[0])),
            _cross_entropy,
            jit_compile=keras.backend.backend() == "jax",  # on TensorFlow compiling by XLA takes longer than 200 steps
        )
        return model

    def learning_rates(self) -> np.ndarray:
        """The learning rate of each of the 200 steps."""
        return _rates(self.__setup.learning_rate)

    def loss_value(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        """The loss of this set-up: mean cross-entropy of labels (N,) and outputs (N, 10), a softmax included, in nats."""
        return float(
            ops.convert_to_numpy(_cross_entropy(ops.convert_to_tensor(labels), ops.convert_to_tensor(outputs)))
        )

    def curves(self) -> dict[str, np.ndarray]:
        """Training, once: ``step`` (every 10th) with ``training_loss`` and ``training_accuracy`` of that step's batch, before
        the step and in training mode; ``validation_loss`` and ``validation_accuracy`` of 300 other digits, rightly labelled.
        """
        return {name: values.copy() for name, values in self.__trained()[1].items()}

    def trained(self) -> keras.Model:
        """The network after 200 steps."""
        return self.__trained()[0]

    def accuracy(self) -> float:
        """Share of 700 test digits that the trained network answers right."""
        images, labels = _data()[4:]
        return float(np.mean(_answers(self.trained(), self.__inputs(images)).argmax(axis=-1) == labels))

    def healthy(self) -> Patient:
        """Another patient, without a fault, drawn with another seed."""
        return Patient(_Setup(), _seed(self.__seed, "healthy"))

    def repaired(self, **one_part: Any) -> Patient:
        """This patient with one part replaced, to be trained anew: ``repaired(dropout=0.2)``. See ``PARTS`` for the parts.

        Raises SettingsError for an unknown part, for none or several, and for a value that the part cannot have.
        """
        if len(one_part) != 1:
            raise SettingsError(f"repaired() replaces exactly one part; found {len(one_part)}: {', '.join(one_part)}")
        (part, value), *_ = one_part.items()
        if part not in PARTS:
            raise SettingsError(nearest(part, PARTS, "part"))
        _check_value(part, value)
        return Patient(replace(self.__setup, **one_part), self.__seed, self.letter, self.card)

    def __inputs(self, images: np.ndarray) -> np.ndarray:
        return np.asarray(self.__setup.inputs(images), np.float32)

    def __trained(self) -> tuple[keras.Model, dict[str, np.ndarray]]:
        if self.__run is None:
            finished, model, rows = self.network(), _engine(float(self.__setup.dropout)), []
            _copy_state(finished, model)
            images, labels = _data()[2:4]
            unseen = self.__inputs(images)
            for step, rate in enumerate([*self.learning_rates(), None]):
                if step % EVERY == 0:
                    answers = _answers(model, unseen)
                    right = np.mean(answers.argmax(axis=-1) == labels)
                    rows.append([step, np.nan, np.nan, self.loss_value(labels, answers), right])
                    inputs, seen = self.batch(step)
                    outputs = _answers(model, inputs, training=True)
                    rows[-1][1:3] = self.loss_value(seen, outputs), np.mean(outputs.argmax(axis=-1) == seen)
                if rate is not None:
                    model.optimizer.learning_rate.assign(rate)
                    model.train_on_batch(*self.batch(step))
            _copy_state(model, finished)
            self.__run = finished, dict(zip(CURVES, np.array(rows).T, strict=True))
        return self.__run


def patient(letter: str, card: str, *, seed: int | None = None) -> Patient:
    """Patient "A" or "B" of a card; the two never have the same fault. seed: another one with the same fault (hidden tests).

    Raises SettingsError for another letter and for a card that is not a text.
    """
    cause = CAUSES[_cause(letter, card)]
    setup = replace(_Setup(), **{cause.part: cause.value})
    return Patient(setup, _seed(card, letter, "" if seed is None else seed), letter, card)


def _cause(letter: str, card: str) -> str:
    if letter not in ("A", "B"):
        raise SettingsError(nearest(str(letter), ("A", "B"), "patient"))
    if not isinstance(card, str) or not card:
        raise SettingsError(f"card={card!r}: expected the text that stands in this assignment")
    first, second = divmod(_seed("faults", card), len(CAUSES))
    first %= len(CAUSES) - 1
    return list(CAUSES)[second if letter == "A" else (second + 1 + first) % len(CAUSES)]


# ---------------------------------------------------------------------------------------- for the hidden tests

DEMO = "demo"


def true_cause(letter: str, card: str) -> str:
    """Name of the fault, for the card "demo"; for any other only while grading. Raises CourseError otherwise."""
    if card != DEMO and not runtime.grading():
        raise CourseError("the cause is told when the assignment is graded")
    return _cause(letter, card)


def with_fault(name: str | None, seed: int) -> Patient:
    """A patient with the named fault of ``CAUSES``, or with none (None). Raises SettingsError for an unknown name."""
    if name is not None and name not in CAUSES:
        raise SettingsError(nearest(name, CAUSES, "fault"))
    parts = {} if name is None else {CAUSES[name].part: CAUSES[name].value}
    return Patient(replace(_Setup(), **parts), _seed("textbook", name, seed))
