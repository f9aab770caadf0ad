"""What an overnight run on FER2013 consists of: the write-up's last rung, and a modern way beyond it.

``course run train --recipe documented|beyond`` trains one (``experiments.train``). Lesson 51_beyond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
from keras import layers

from course_utils.models.expressions import convnet
from course_utils.models.expressions_beyond import vgg
from course_utils.models.expressions_variants import augmentation
from course_utils.runtime import SettingsError, Size, nearest
from course_utils.training.schedules import Floored

HEADS = ("softmax", "svm")
#: What the small convnet needs to learn anything in a few hundred steps (as in ``experiments.ladder``).
SMALL = {"kernel_init": "glorot_uniform", "momentum": 0.9, "l2": 2e-5}


@dataclass(frozen=True)
class Recipe:
    """Everything that is chosen about a run, apart from its data and its seed.

    network: ``convnet`` (the documented one, batch norm everywhere) or ``vgg``. width: filters of the vgg's first block, units: of
    its FC layers; None is the size's own. batch: pictures a step. epochs: passes through Training. snapshots: networks kept at
    evenly spaced epochs, the last of them at the end; with the ``cosine`` schedule each ends a cycle, in which the rate falls to
    0 from its start. rate: learning rate at the start. decay: weight decay, the share of a weight (times the rate) taken off at
    each step. dropout: share dropped. flip … erasing: augmentation, see ``augmentation``; rotation in radians, erasing a
    probability. smoothing: of labels. head: ``softmax`` cross-entropy or ``svm``, Tang's squared hinge, one class against the rest.
    average: decay of the average of weights that training ends with, 0 for none. precision: dtype policy of Keras.
    """

    network: str = "convnet"
    width: int | None = None
    units: Sequence[int] | None = None
    batch: int = 128
    epochs: int = 120
    snapshots: int = 10
    optimizer: str = "adam"
    rate: float = 5e-4
    schedule: str = "documented"
    decay: float = 0.0
    dropout: float = 0.7
    flip: bool = True
    rotation: float = 0.5
    zoom: float = 0.0
    shift: float = 0.0
    erasing: float = 0.0
    smoothing: float = 0.0
    head: str = "softmax"
    average: float = 0.0
    precision: str = "float32"


DOCUMENTED = Recipe()
BEYOND = Recipe(
    network="vgg",
    epochs=300,
    snapshots=6,
    optimizer="sgd",
    rate=0.01,
    schedule="cosine",
    decay=1e-4,
    dropout=0.5,
    rotation=0.175,
    zoom=0.2,
    shift=0.1,
    erasing=0.3,
    smoothing=0.1,
)
RECIPES = {"documented": DOCUMENTED, "beyond": BEYOND}


def get(name: str) -> Recipe:
    """A recipe by name. Raises SettingsError for an unknown one, suggesting the nearest."""
    if name not in RECIPES:
        raise SettingsError(nearest(name, RECIPES, "recipe"))
    return RECIPES[name]


def narrow(recipe: Recipe, width: int) -> Recipe:
    """The vgg recipe for ``width`` filters in the first block and one FC layer: what a CPU can train.

    So small a network, and so few passes, want Adam and gentler changes. Tried on PublicTest of FER2013 with 16 filters: with the
    changes and the dropout of ``BEYOND`` 26 % after three passes of SGD at 0.02, 30 % after two of Adam; with these 40 % after two.
    Raises SettingsError for another network.
    """
    if recipe.network != "vgg":
        raise SettingsError(f"width {width}: the network {recipe.network!r} has no such choice; it goes with beyond")
    gentler = {"dropout": 0.2, "zoom": 0.1, "shift": 0.05, "erasing": 0.1}
    return replace(recipe, width=width, units=(16 * width,), optimizer="adam", rate=1e-3, **gentler)


def fitted(recipe: Recipe, size: Size) -> Recipe:
    """The recipe as a size can afford it: at ``full`` as it is; at ``lesson`` 16 passes of 64, at ``smoke`` 2 of 32.

    The small networks learn with Adam at 0.001, keep more of their units, as there are fewer to spare, and see gentler changes.
    """
    if size.network == "small":
        gentler = {"zoom": recipe.zoom / 2, "shift": recipe.shift / 2, "erasing": recipe.erasing / 3}
        recipe = replace(recipe, optimizer="adam", rate=1e-3, dropout=recipe.dropout / 3, **gentler)
    few = {"batch": 32, "epochs": 2, "snapshots": 2}
    return size.by_budget(
        smoke=replace(recipe, **few), lesson=replace(recipe, batch=64, epochs=16, snapshots=2), full=recipe
    )


def schedule(recipe: Recipe, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate of a run of ``epochs`` times ``steps``. Raises SettingsError for an unknown schedule."""
    if recipe.schedule == "documented":  # 1 % less after each 28 709 / 256 steps; the floor is ours
        decay = keras.optimizers.schedules.ExponentialDecay(recipe.rate, 28709 / 256, 0.99, staircase=True)
        return Floored(decay, 1e-6)
    if recipe.schedule == "cosine":
        cycle = recipe.epochs * steps // recipe.snapshots
        return keras.optimizers.schedules.CosineDecayRestarts(recipe.rate, cycle, t_mul=1.0)
    raise SettingsError(nearest(recipe.schedule, ("documented", "cosine"), "schedule"))


def changes(recipe: Recipe, seed: int) -> list[layers.Layer]:
    """The layers that change pictures in [0, 1] in training, in float32 under every dtype policy."""
    found = augmentation(
        flip=recipe.flip, rotation=recipe.rotation, zoom=recipe.zoom, shift=recipe.shift, seed=100 * seed
    )
    if recipe.erasing:
        found.append(
            layers.RandomErasing(
                (recipe.erasing, recipe.erasing),
                fill_value=0.0,
                value_range=(0, 1),
                seed=100 * seed + 9,
                name="erasing",
            )
        )
    return found


def build(recipe: Recipe, size: Size, seed: int, steps: int) -> keras.Sequential:
    """The compiled network of a recipe, from uint8 pictures ``(N, 48, 48, 1)`` to logits ``(N, 7)``; augmentation inside.

    steps: of one epoch, for the schedule. Labels are one-hot ``(N, 7)``. Ask it with ``predict``: a bare call augments.
    Raises SettingsError for an unknown network, head, schedule or optimizer.
    """
    if recipe.head not in HEADS:
        raise SettingsError(nearest(recipe.head, HEADS, "head"))
    before = keras.config.dtype_policy()
    try:
        inputs = [keras.Input((48, 48, 1), dtype="uint8"), layers.Rescaling(1 / 255), *changes(recipe, seed)]
        keras.config.set_dtype_policy(recipe.precision)
        if recipe.network == "convnet":
            choices = SMALL if size.network == "small" else {}
            body = convnet(
                size.network,
                normalization="batch",
                dense_normalization=True,
                dropout_rate=recipe.dropout,
                **choices,
            )
        elif recipe.network == "vgg":
            body = vgg(size.network, width=recipe.width, units=recipe.units, dropout_rate=recipe.dropout)
        else:
            raise SettingsError(nearest(recipe.network, ("convnet", "vgg"), "network"))
    finally:
        keras.config.set_dtype_policy(before)
    model = keras.Sequential([*inputs, *body.layers], name=f"expressions_{recipe.network}")
    rate = schedule(recipe, steps)
    average = {"use_ema": True, "ema_momentum": recipe.average} if recipe.average else {}
    if recipe.optimizer == "adam":
        optimizer = keras.optimizers.Adam(rate, epsilon=1e-8, weight_decay=recipe.decay or None, **average)
    elif recipe.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(
            rate, momentum=0.9, nesterov=True, weight_decay=recipe.decay or None, **average
        )
    else:
        raise SettingsError(nearest(recipe.optimizer, ("adam", "sgd"), "optimizer"))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.smoothing)
    if recipe.head == "svm":
        loss = keras.losses.SquaredHinge()
    model.compile(optimizer, loss, metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")])
    model.optimizer.build(model.trainable_variables)
    return model
