"""The documented network on FER2013, judged: class weights, re-split, adversarial validation, ensembles, calibration.

Three kinds of rows. ``documented split``, the same with ``disgust ×10``, and ``random re-split`` train the documented network
with batch norm, half of each dropout's units and flips for six passes, on a cosine rate that ends at 0. ``12 passes: …`` are
rows of the ladder, trained as there (a rate that stays up, so the snapshots differ). ``tell … from …`` train the network to tell two
splits apart, in halves: moving averages of momentum 0.9, no dropout. "20 levels brighter" is the control, a shift that is there;
with the documented momentum of 0.99 the same control fails, as the moving statistics lag over so few steps.
Lessons 47_expressions_imbalance_and_nan and 48_expressions_evaluation.
"""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
from sklearn.metrics import roc_auc_score

from course_utils import metrics
from course_utils.datasets import Split, expressions
from course_utils.datasets.expressions import CLASSES
from course_utils.experiments import ladder
from course_utils.models.expressions import convnet
from course_utils.models.expressions_variants import augmentation
from course_utils.probes.confidence import best_temperature, calibration_error, cross_entropy, reliability, softmax
from course_utils.probes.ensembles import by_mean, by_vote
from course_utils.probes.views import probabilities_of_views, ten_views
from course_utils.runtime import Run, Size
from course_utils.training.batches import shuffled_batches

TITLE = "The documented network on FER2013, judged: weights, splits, ensembles, views, calibration"
SOURCES = (
    "course_utils.experiments.ladder",
    *ladder.SOURCES,
    "course_utils.probes.confidence",
    "course_utils.probes.views",
    "course_utils.metrics:paired_difference_interval",
)
RECIPE = replace(ladder.KEEP_HALF, flip=True, schedule="cosine")
PASSES = 6
LADDER = "12 passes: "
TELL = "tell Training from both tests"
TELL_TESTS = "tell PublicTest from PrivateTest"
BRIGHTER = ", 20 levels brighter"
LAGGING = ", momentum 0.99"
#: A random batch as the write-up draws it for one point of its curve, and how many are drawn.
BATCH, DRAWS = 256, 1000


def rows(size: Size) -> list[str]:
    """In order of value; the ladder's rows last but one, as they take twice as long."""
    return [
        "documented split",
        "documented split, disgust ×10",
        "random re-split",
        TELL,
        TELL_TESTS,
        TELL + BRIGHTER,
        TELL + BRIGHTER + LAGGING,
        *(LADDER + name for name in ("plain", "more dropout", "+ flip", "+ rotation")),
    ]


def measure(row: str, run: Run) -> dict[str, float]:
    """Of a row that tells splits apart: ``auc``, ``auc_low``, ``auc_high`` (95 %, bootstrap), ``pictures``;
    ``auc_half_H`` of each half, and ``train_mode_half_H``, the share of the last training batch that was right in its step.

    Of the others, for S in public, private: what :func:`judged` measures. Of the re-split also
    ``accuracy_from_training``, ``…_public``, ``…_private``: of test pictures by the split that they were published in, with how
    many there were (``pictures_from_…``) and ``clean_from_…``: without those that have a copy in the training part.
    """
    if row.startswith("tell "):
        return _told_apart(row, run)
    if row.startswith(LADDER):
        recipe = ladder.RECIPES[row.removeprefix(LADDER)]
        spent = ladder.budget(run.size, row)
        found, origin = ladder.pictures(recipe, run), None
    else:
        recipe = replace(RECIPE, disgust=10.0) if "disgust" in row else RECIPE
        spent = _budget(run.size)
        found, origin = ladder.pictures(recipe, run), None
        if row == "random re-split":
            found, origin = _resplit(found, run.seed)
    measured, model, logits, _ = ladder.train(recipe, run, spent, found)
    measured |= {"steps": spent.steps, "batch": spent.batch, "every": spent.every, "train_pictures": len(found.train)}
    measured |= judged(model, {name: np.stack(values) for name, values in logits.items()}, found, run.seed)
    if origin is not None:
        measured |= _by_origin(found, logits, origin)
    return measured


def judged(model: keras.Model, logits: dict[str, np.ndarray], found: ladder.Pictures, seed: int) -> dict[str, float]:
    """Everything that a trained model and its snapshots ``logits`` (measurements, N, 7) say about public and private pictures.

    For S in public, private: ``S_last``; ``S_clean`` without pictures that were trained on; ``S_batch_low``, ``_high``: where 95 %
    of random batches of 256 lie. ``S_G`` with ``S_G_low``, ``S_G_high``, the 95 % interval of the gain over the last snapshot, for
    G in mean_3, vote_3, mean_5, vote_5 (last snapshots), mirror (with the mirror image), ten_views. ``S_ties_5``: share of
    pictures whose vote is tied. ``S_calibration_error``, ``S_loss``, and both ``_cooled`` with the ``temperature`` fitted on
    public. ``S_bin_K_count`` (``_confidence``, ``_accuracy``): the reliability table, K counting bins with
    pictures. ``S_is_I_said_J``: confusion. ``evaluation_readings`` puts both together again.
    ``S_shifted``, ``S_shifted_found``, ``S_shifted_said``: what :func:`shifted` measures.
    ``S_stopped_accuracy``, ``S_stopped_loss``: at the measurement where public's accuracy is highest, or its loss lowest.
    """
    measured: dict[str, float] = {}
    public = found.tests["public"]
    temperature = best_temperature(public.y, logits["public"][-1])
    curve = [metrics.accuracy(public.y, each) for each in logits["public"]]
    losses = [cross_entropy(public.y, softmax(each)) for each in logits["public"]]
    measured |= {"temperature": temperature}
    measured |= {"stop_by_accuracy": int(np.argmax(curve)) + 1, "stop_by_loss": int(np.argmin(losses)) + 1}
    rng = np.random.default_rng([seed, 48])
    for name, split in found.tests.items():
        snapshots = softmax(logits[name])
        own = _of_split(split, snapshots, probabilities_of_views(model, ten_views(split.x)))
        last = logits[name][-1]
        right = metrics.is_correct(split.y, last)
        drawn = [right[rng.choice(len(right), min(BATCH, len(right)), replace=False)].mean() for _ in range(DRAWS)]
        own |= {
            "clean": right[~found.leaked[name]].mean(),
            "leaked_pictures": found.leaked[name].sum(),
            "batch_low": np.quantile(drawn, 0.025),
            "batch_high": np.quantile(drawn, 0.975),
            "calibration_error_cooled": calibration_error(split.y, softmax(last, temperature)),
            "loss_cooled": cross_entropy(split.y, softmax(last, temperature)),
            "stopped_accuracy": metrics.accuracy(split.y, logits[name][int(np.argmax(curve))]),
            "stopped_loss": metrics.accuracy(split.y, logits[name][int(np.argmin(losses))]),
            **shifted(split, last),
        }
        measured |= {f"{name}_{key}": float(value) for key, value in own.items()}
    return measured


def shifted(split: Split, logits: np.ndarray, weight: float = 10.0) -> dict[str, float]:
    """What adding log ``weight`` to the logit of disgust does, after training: ``shifted``, accuracy; ``shifted_found`` and
    ``shifted_said``, how many pictures of disgust are found, and how many answers say disgust. logits ``(N, 7)``.
    """
    disgust = CLASSES.index("disgust")
    answers = (logits + np.log(weight) * np.eye(len(CLASSES))[disgust]).argmax(axis=1)
    said = answers == disgust
    return {
        "shifted": (answers == split.y).mean(),
        "shifted_found": (said & (split.y == disgust)).sum(),
        "shifted_said": said.sum(),
    }


def _budget(size: Size) -> ladder.Budget:
    return size.by_budget(
        smoke=ladder.Budget(4, 32, 2, 0.5),
        lesson=ladder.Budget(336, 64, 42, 0.99),
        full=ladder.Budget(PASSES * 224, 128, 224, 0.999),
    )


def _of_split(split: Split, snapshots: np.ndarray, views: np.ndarray) -> dict[str, float]:
    labels, last = split.y, snapshots[-1]
    right = last.argmax(axis=1) == labels
    found = {
        "last": right.mean(),
        "calibration_error": calibration_error(labels, last),
        "loss": cross_entropy(labels, last),
    }
    together = {
        "mean_3": by_mean(snapshots[-3:]),
        "vote_3": by_vote(snapshots[-3:]),
        "mean_5": by_mean(snapshots[-5:]),
        "vote_5": by_vote(snapshots[-5:]),
        "mirror": by_mean(views[[0, len(views) // 2]]),
        "ten_views": by_mean(views),
    }
    for name, answers in together.items():
        low, high = metrics.paired_difference_interval(answers == labels, right)
        found |= {name: (answers == labels).mean(), f"{name}_low": low, f"{name}_high": high}
    votes = (snapshots[-5:].argmax(axis=-1)[..., None] == np.arange(len(CLASSES))).sum(axis=0)
    found["ties_5"] = ((votes == votes.max(axis=1, keepdims=True)).sum(axis=1) > 1).mean()
    for number, one in enumerate(reliability(labels, last)):
        found |= {f"bin_{number}_{key}": getattr(one, key) for key in ("count", "confidence", "accuracy")}
    counts = metrics.confusion(labels, last)
    return found | {f"is_{i}_said_{j}": counts[i, j] for i in range(len(CLASSES)) for j in range(len(CLASSES))}


def _resplit(found: ladder.Pictures, seed: int) -> tuple[ladder.Pictures, dict[str, np.ndarray]]:
    """All rows shuffled and dealt out anew in parts of the same sizes; and the split that each test row came from."""
    parts = (found.train, *found.tests.values())
    x, y = np.concatenate([one.x for one in parts]), np.concatenate([one.y for one in parts])
    origin = np.repeat(np.arange(len(parts)), [len(one) for one in parts])
    order = np.random.default_rng([seed, 48]).permutation(len(y))
    train, *tests = np.split(order, np.cumsum([len(one) for one in parts])[:-1])
    seen = {one.tobytes() for one in x[train]}
    named = dict(zip(found.tests, tests, strict=True))
    return ladder.Pictures(
        Split(x[train], y[train]),
        {name: Split(x[own], y[own]) for name, own in named.items()},
        {name: np.array([one.tobytes() in seen for one in x[own]]) for name, own in named.items()},
        {},
    ), {name: origin[own] for name, own in named.items()}


def _by_origin(found: ladder.Pictures, logits: dict, origin: dict[str, np.ndarray]) -> dict[str, float]:
    right = np.concatenate([metrics.is_correct(split.y, logits[name][-1]) for name, split in found.tests.items()])
    came, leaked = (np.concatenate([part[name] for name in found.tests]) for part in (origin, found.leaked))
    measured = {}
    for number, name in enumerate(("training", "public", "private")):
        here = came == number
        measured |= {f"pictures_from_{name}": here.sum(), f"accuracy_from_{name}": right[here].mean()}
        measured |= {f"clean_from_{name}": right[here & ~leaked].mean()}
    return {key: float(value) for key, value in measured.items()}


def _told_apart(row: str, run: Run) -> dict[str, float]:
    """Train on one half of the pictures, score the other, and the other way round; copies of a picture are left out."""
    x, y = _to_tell(row, run)
    fold = np.random.default_rng([run.seed, 50]).permutation(len(y)) % 2
    batch = run.size.by_budget(smoke=32, lesson=64, full=128)
    scores = np.zeros(len(y))
    measured: dict[str, float] = {"pictures": len(y)}
    for number in range(2):
        train = Split(x[fold != number], y[fold != number])
        steps = run.size.by_budget(smoke=4, lesson=PASSES, full=PASSES) * max(1, len(train) // batch)
        model = _teller(run, 0.99 if row.endswith(LAGGING) else 0.9, steps)
        batches = shuffled_batches(train.x, train.y, min(batch, len(train)), seed=run.seed)
        seen = [model.train_on_batch(*next(batches), return_dict=True)["accuracy"] for _ in range(steps)]
        logits = model.predict(x[fold == number], batch_size=256, verbose=0)
        scores[fold == number] = logits[:, 1] - logits[:, 0]
        measured[f"auc_half_{number}"] = float(roc_auc_score(y[fold == number], scores[fold == number]))
        measured[f"train_mode_half_{number}"] = float(seen[-1])
        keras.utils.clear_session()
    rng, drawn = np.random.default_rng([run.seed, 51]), []
    for _ in range(500):
        own = rng.integers(0, len(y), len(y))
        drawn.append(np.mean([roc_auc_score(y[own][fold[own] == n], scores[own][fold[own] == n]) for n in range(2)]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    halves = (measured["auc_half_0"] + measured["auc_half_1"]) / 2
    return measured | {"auc": halves, "auc_low": float(low), "auc_high": float(high)}


def _to_tell(row: str, run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and the side that each is from, as many of both; those that occur more than once are left out."""
    data = expressions.load(run.size)
    tests = np.concatenate([data.public_test.x, data.private_test.x])
    first, second = (data.training.x, tests) if row.startswith(TELL) else (data.public_test.x, data.private_test.x)
    rng = np.random.default_rng([run.seed, 49])
    pictures, place, counts = np.unique(
        np.concatenate([first, second]).reshape(len(first) + len(second), -1),
        axis=0,
        return_index=True,
        return_counts=True,
    )
    pictures, place = pictures[counts == 1].reshape(-1, *first.shape[1:]), place[counts == 1]
    groups = [rng.permutation(np.flatnonzero(own)) for own in (place < len(first), place >= len(first))]
    many = min(len(one) for one in groups)
    y = np.repeat(np.arange(2, dtype=np.int32), many)
    x = pictures[np.concatenate([one[:many] for one in groups])].astype(np.int32)
    if BRIGHTER in row:
        x[y == 1] += 20
    return np.clip(x, 0, 255).astype(np.uint8), y


def _teller(run: Run, momentum: float, steps: int) -> keras.Sequential:
    """The network of the other rows without dropout; by default its moving statistics are there after 100 steps, not 1 000."""
    own = ladder.SETTINGS[run.size.network]
    body = convnet(
        run.size.network, normalization="batch", momentum=momentum, l2=own["l2"], kernel_init=own["init"], classes=2
    )
    changes = augmentation(flip=True, seed=100 * run.seed)
    model = keras.Sequential(
        [keras.Input((48, 48, 1), dtype="uint8"), keras.layers.Rescaling(1 / 255), *changes, *body.layers]
    )
    rate = keras.optimizers.schedules.CosineDecay(1e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate, epsilon=1e-8), loss, metrics=["accuracy"])
    return model
