"""The ladder of experiments: what a row changes, what it trains on, what its network is, and what its numbers mean."""

import dataclasses
import math
from functools import lru_cache
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from test_layers import numbers

from course_utils import experiments
from course_utils.datasets import expressions
from course_utils.datasets.common import Split
from course_utils.datasets.expressions import CLASSES
from course_utils.datasets.fer2013 import FERPLUS_CLASSES
from course_utils.experiments import ladder
from course_utils.experiments.ladder import LONG, RECIPES, SETTINGS, Budget, Recipe
from course_utils.models.expressions_variants import BatchNormByHand
from course_utils.probes import values_of
from course_utils.runtime import AXES, FULL, REDUCED, Run, Size

layers = keras.layers
SMOKE = Size(budget="smoke")
DISGUST = CLASSES.index("disgust")
SCHEDULED_L2 = "L2 ×100, then ×10, then ×2.5"
#: Rows that say "+ rotation, but …", by what is changed.
SINGLE = {
    "L2 ×100": {"l2"},
    "L2 ×10": {"l2"},
    "L2 ×2.5": {"l2"},
    SCHEDULED_L2: {"l2"},
    "no L2": {"l2"},
    "no BN on FC": {"dense_normalization"},
    "disgust ×10": {"disgust"},
    "less dropout again": {"keep"},
    "disgust ×10, less dropout, L2 ×10": {"disgust", "keep", "l2"},
    "FC of half the width": {"narrow"},
    "leaky ReLU": {"activation"},
    "noise": {"noise"},
    "fake watermarks": {"watermarks"},
    "brightness": {"brightness"},
    "zoom and crop": {"zoom", "shift"},
    "kernels 3×3": {"kernels"},
    "two 3×3 for each 5×5": {"kernels"},
    "BN by hand": {"by_hand"},
    "L2-SVM loss": {"loss"},
    "cosine rate from 0.001": {"schedule"},
    "Training and PublicTest": {"pictures"},
    "cross-validation": {"pictures"},
    "FER+ labels": {"labels"},
}
#: Row by row: the one before it, and what is changed.
CHAIN = {
    "LRN": ("plain", {"normalization"}),
    "dropout": ("plain", {"keep"}),
    "BN": ("plain", {"normalization"}),
    "BN with biases": ("BN", {"conv_bias"}),
    "BN without γ": ("BN", {"scale"}),
    "BN and dropout": ("BN", {"keep"}),
    "BN on FC too": ("BN and dropout", {"dense_normalization"}),
    "more dropout": ("BN on FC too", {"keep"}),
    "+ flip": ("more dropout", {"flip"}),
    "+ rotation": ("+ flip", {"rotation"}),
    "no BN on FC, L2 ×100": ("no BN on FC", {"l2"}),
    "no BN on FC, L2 ×10": ("no BN on FC", {"l2"}),
    **{row: ("+ rotation", change) for row, change in SINGLE.items()},
}


def run_of(size=SMOKE, seed=0):
    return Run(size, seed, keras.backend.backend(), "CPU")


# ------------------------------------------------------------------------------------------------------- recipes


@pytest.mark.parametrize("row", CHAIN)
def test_a_row_is_what_it_says_away_from_the_one_before(row):
    before, expected = CHAIN[row]
    one, other = (dataclasses.asdict(RECIPES[name]) for name in (row, before))
    assert {name for name in one if one[name] != other[name]} == expected


def test_the_chain_names_every_row_and_no_two_rows_are_alike():
    assert RECIPES.keys() == {"plain", *CHAIN}
    assert RECIPES["plain"] == Recipe()
    assert len(set(RECIPES.values())) == len(RECIPES)
    assert list(RECIPES)[:3] == ["plain", "LRN", "dropout"] and list(RECIPES)[9:11] == ["+ flip", "+ rotation"]
    assert not any(";" in row or row.endswith(LONG) for row in RECIPES), "the command line parts rows at semicolons"


def test_numbers_of_the_documented_rows():
    kept = {row: RECIPES[row].keep for row in ("plain", "dropout", "BN and dropout", "more dropout", "+ rotation")}
    assert kept == {"plain": 1, "dropout": 0.6, "BN and dropout": 0.5, "more dropout": 0.3, "+ rotation": 0.3}
    assert RECIPES["+ rotation"].rotation == 0.5
    assert RECIPES[SCHEDULED_L2].l2 == (100, 10, 2.5)
    factors = [RECIPES[row].l2 for row in ("L2 ×100", "L2 ×10", "L2 ×2.5", "no L2", "no BN on FC, L2 ×100", "plain")]
    assert factors == [100, 10, 2.5, 0, 100, 1]
    assert [RECIPES[row].normalization for row in ("plain", "LRN", "BN", "+ rotation")] == [
        "none",
        "lrn",
        "batch",
        "batch",
    ]
    assert {recipe.keep for recipe in RECIPES.values()} == set(SETTINGS["small"]["keep"])


@pytest.mark.parametrize("network", AXES["network"])
@pytest.mark.parametrize("budget", AXES["budget"])
@pytest.mark.parametrize("data", AXES["data"])
def test_ferplus_is_for_real_data_and_long_rows_for_the_full_budget(data, network, budget):
    found = ladder.rows(Size(data, network, budget))
    short = [row for row in found if not row.endswith(LONG)]
    assert short == [row for row in RECIPES if row != "FER+ labels" or data == "real"]
    assert found[: len(short)] == short
    assert found[len(short) :] == ([row + LONG for row in short] if budget == "full" else [])
    assert len(set(found)) == len(found)


def test_what_a_row_may_cost():
    assert ladder.budget(REDUCED, "plain") == Budget(336, 64, 42, 0.99)
    assert ladder.budget(FULL, "plain") == Budget(2688, 128, 224, 0.999)
    assert ladder.budget(FULL, "plain" + LONG) == Budget(6000, 256, 250, 0.999)
    assert 16 * (1400 // 64) == 336 and 12 * (28709 // 128) == 2688  # whole passes
    for size in (SMOKE, REDUCED, FULL):
        for row in ("plain", "plain" + LONG):
            spent = ladder.budget(size, row)
            assert spent.steps % spent.every == 0, "the last step has to be measured"
    assert ladder.budget(SMOKE, "plain").steps < 10


def test_the_result_of_every_size_has_a_file_of_its_own():
    assert experiments.get("ladder") is ladder
    for size in (SMOKE, REDUCED, FULL):
        assert experiments.result_path("ladder", size).name == f"expressions_ladder_{size.name}.json"


# ------------------------------------------------------------------------------------------------------ pictures


@lru_cache
def data():
    return ladder._loaded(SMOKE)


def test_the_data_are_those_of_the_size():
    assert [len(split) for split in (data().training, data().public_test, data().private_test)] == [140, 70, 70]
    assert data().origin.startswith("stand-in")
    assert ladder._loaded(SMOKE) is data(), "drawn again for every row"


@lru_cache
def pictures_of(row, seed=0):
    return ladder.pictures(RECIPES[row], run_of(seed=seed))


def as_set(split):
    """Pictures with their labels; in the stand-in's Training each occurs once."""
    return {(x.tobytes(), int(y)) for x, y in zip(split.x, split.y, strict=True)}


def assert_same_split(found, expected):
    np.testing.assert_array_equal(found.x, expected.x)
    np.testing.assert_array_equal(found.y, expected.y)


@pytest.mark.parametrize("row", ["plain", "Training and PublicTest", "cross-validation"])
def test_leaked_rows_are_those_that_equal_a_training_picture_pixel_by_pixel(row):
    found = pictures_of(row)
    assert found.leaked.keys() == found.tests.keys()
    for name, split in found.tests.items():
        same = (split.x[:, None] == found.train.x[None]).all(axis=(2, 3, 4)).any(axis=1)
        np.testing.assert_array_equal(found.leaked[name], same)
    assert 0 < found.leaked["private"].sum() < 20


def test_most_rows_train_on_training_and_are_measured_on_both_tests():
    found = pictures_of("plain")
    assert list(found.tests) == ["public", "private"] and found.ferplus == {}
    assert_same_split(found.train, data().training)
    assert_same_split(found.tests["public"], data().public_test)
    assert_same_split(found.tests["private"], data().private_test)


def test_training_and_public_are_joined_and_public_is_no_longer_a_test():
    found = pictures_of("Training and PublicTest")
    assert list(found.tests) == ["private"]
    assert_same_split(found.tests["private"], data().private_test)
    for part in ("x", "y"):
        both = [*getattr(data().training, part), *getattr(data().public_test, part)]
        np.testing.assert_array_equal(getattr(found.train, part), both)
    assert found.leaked["private"].sum() >= pictures_of("plain").leaked["private"].sum()


def test_five_folds_are_disjoint_and_together_training():
    every = as_set(data().training)
    assert len(every) == len(data().training) == 140
    seen = set()
    for seed in range(5):
        found = pictures_of("cross-validation", seed)
        assert list(found.tests) == ["fold", "private"]
        fold, train = as_set(found.tests["fold"]), as_set(found.train)
        assert len(fold) == len(found.tests["fold"]) == 28 and len(train) == len(found.train) == 112
        assert fold | train == every and not fold & seen
        assert_same_split(found.tests["private"], data().private_test)
        seen |= fold
    assert seen == every
    assert as_set(pictures_of("cross-validation", 7).tests["fold"]) == as_set(
        pictures_of("cross-validation", 2).tests["fold"]
    )


@pytest.fixture
def votes(monkeypatch):
    """Eight of ten votes for one column a row, in turn; as labels, None where that is no class of FER2013."""
    splits = (data().training, data().public_test, data().private_test)
    columns = [
        [i % len(FERPLUS_CLASSES) for i in range(shift, shift + len(split))] for shift, split in enumerate(splits)
    ]
    cast = [8 * np.eye(10, dtype=np.uint8)[of] for of in columns]
    kept = data()
    monkeypatch.setattr(ladder, "_loaded", lambda size: kept)
    monkeypatch.setattr(ladder.expressions, "load_ferplus", lambda: dict(zip(expressions.USAGES, cast, strict=True)))
    names = {"anger": "angry", "happiness": "happy", "sadness": "sad"}
    known = [names.get(name, name) for name in FERPLUS_CLASSES]
    return [[CLASSES.index(known[i]) if known[i] in CLASSES else None for i in of] for of in columns]


def test_with_ferplus_labels_rows_without_a_class_are_left_out_of_training(votes):
    found = ladder.pictures(RECIPES["FER+ labels"], run_of())
    own, public, private = votes
    assert None in own and len(found.train) == len(own) - own.count(None)
    assert found.train.y.tolist() == [label for label in own if label is not None]
    assert found.train.y.dtype == np.int32
    np.testing.assert_array_equal(
        found.train.x, data().training.x[[place for place, label in enumerate(own) if label is not None]]
    )
    assert_same_split(found.tests["private"], data().private_test)  # reported with FER2013's labels as well
    assert found.ferplus["public"].tolist() == [-1 if label is None else label for label in public]
    assert found.ferplus["private"].tolist() == [-1 if label is None else label for label in private]


# ------------------------------------------------------------------------------------------------------- network


def built(row, l2=1, size=SMOKE, seed=0):
    keras.utils.set_random_seed(seed)
    return ladder.build(RECIPES[row], run_of(size, seed), ladder.budget(size, row), l2)


@pytest.fixture(scope="module")
def rotation():
    return built("+ rotation", l2=10)


def named(model):
    """Layers by name, and the one that Keras numbers."""
    return {"rescaling" if isinstance(one, layers.Rescaling) else one.name: one for one in model.layers}


def test_a_network_takes_bytes_and_changes_them_in_training_only(rotation):
    x = data().training.x[:6]
    assert x.dtype == np.uint8 and rotation.input_shape == (None, 48, 48, 1)
    assert rotation.inputs[0].dtype == "uint8"
    own = named(rotation)
    assert list(own)[:4] == ["rescaling", "flip", "rotation", "conv_1"]
    found = rotation.predict(x, verbose=0)
    assert found.shape == (6, 7) and np.isfinite(found).all()
    plain = keras.Sequential([keras.Input((48, 48, 1)), *rotation.layers[3:]])
    np.testing.assert_allclose(found, numbers(plain((x / 255).astype("float32"), training=False)), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found, numbers(rotation(x, training=False)), rtol=1e-3, atol=1e-4)
    changed = own["rotation"](own["flip"]((x / 255).astype("float32"), training=True), training=True)
    assert np.abs(numbers(changed) - x / 255).max() > 0.1


def test_the_seed_of_the_run_decides_how_pictures_are_changed():
    x = np.repeat((data().training.x[:1] / 255).astype("float32"), 16, axis=0)
    found = []
    for seed in (0, 0, 1):
        own = named(built("+ rotation", seed=seed))
        found.append([numbers(own[name](x, training=True)) for name in ("flip", "rotation")])
    for first, same, other in zip(*found, strict=True):
        np.testing.assert_array_equal(first, same)
        assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("network", "row", "l2"),
    [
        ("small", "plain", 1),
        ("small", "plain", 2.5),
        ("small", "two 3×3 for each 5×5", 100),
        ("small", "no L2", 0),
        ("documented", "plain", 10),
    ],
)
def test_the_factor_reaches_the_decay_of_both_fc_kernels(network, row, l2):
    own = named(built(row, l2, Size(network=network, budget="smoke")))
    decays = [getattr(own[name].kernel_regularizer, "l2", None) for name in ("fc_1", "fc_2")]
    base = {"small": 2e-5, "documented": 0.002}[network]
    assert [None if one is None else float(one) for one in decays] == [pytest.approx(base * l2) if l2 else None] * 2
    assert own["logits"].kernel_regularizer is own["logits"].bias_regularizer is None
    assert all(one.kernel_regularizer is None for name, one in own.items() if name.startswith("conv"))


@pytest.mark.parametrize(
    ("network", "row", "rate"),
    [
        ("small", "plain", 0),
        ("small", "dropout", 0.1),
        ("small", "BN and dropout", 0.15),
        ("small", "+ rotation", 0.25),
        ("small", "kernels 3×3", 0.25),
        ("documented", "dropout", 0.4),
        ("documented", "+ rotation", 0.7),
    ],
)
def test_what_is_kept_is_not_dropped(network, row, rate):
    model = built(row, size=Size(network=network, budget="smoke"))
    rates = [one.rate for one in model.layers if isinstance(one, layers.Dropout)]
    assert rates == ([pytest.approx(rate)] * 3 if rate else [])


@pytest.mark.parametrize("row", ["noise", "brightness", "zoom and crop", "fake watermarks", "plain"])
def test_a_row_has_the_augmentation_that_it_names(row):
    kinds = (layers.RandomFlip, layers.RandomRotation, layers.RandomZoom, layers.RandomTranslation)
    found = [
        one.name
        for one in built(row).layers
        if isinstance(one, (*kinds, layers.RandomBrightness, layers.GaussianNoise))
    ]
    more = {"noise": ["noise"], "brightness": ["brightness"], "zoom and crop": ["zoom", "shift"], "fake watermarks": []}
    assert found == ([] if row == "plain" else ["flip", "rotation", *more[row]])


def count(row):
    return built(row).count_params()


def test_rows_that_change_the_network_change_what_they_name(rotation):
    """Small: 64 filters in all, 128 units in FC layers; a batch normalisation has four numbers a channel, a bias one."""
    plain, bn = count("plain"), count("BN")
    assert count("LRN") == count("dropout") == plain == 98_071
    assert bn == plain + 3 * 64
    assert count("BN with biases") == bn + 64 and count("BN without γ") == bn - 64
    assert rotation.count_params() == count("BN on FC too") == count("BN by hand") == bn + 3 * 128
    assert count("no BN on FC") == bn
    narrow = 25 * (16 + 16 * 16 + 16 * 32) + 4 * 64 + 1152 * 32 + 32 * 32 + 4 * 64 + 32 * 7 + 7
    assert count("FC of half the width") == narrow
    assert count("kernels 3×3") == rotation.count_params() - 16 * (16 + 16 * 16 + 16 * 32)
    by_hand = built("BN by hand")
    assert sum(isinstance(one, BatchNormByHand) for one in by_hand.layers) == 5
    assert {one.momentum for one in by_hand.layers if isinstance(one, BatchNormByHand)} == {0.9}
    assert not any(isinstance(one, layers.BatchNormalization) for one in by_hand.layers)
    leaky = [one.activation for one in built("leaky ReLU").layers if isinstance(one, layers.Activation)]
    assert leaky == [keras.activations.leaky_relu] * 5


def test_the_rate_falls_as_documented_or_as_a_cosine(rotation):
    adam = rotation.optimizer
    rate = [float(numbers(adam._learning_rate(step))) for step in (0, 112, 113, 225, 1122)]
    np.testing.assert_allclose(rate, 1e-3 * 0.99 ** np.array([0, 0, 1, 2, 10]), rtol=1e-5)  # 28709 / 256 = 112.1 steps
    assert (adam.epsilon, adam.use_ema, adam.ema_momentum) == (1e-8, True, 0.5)
    wide = built("plain", size=Size(network="documented", budget="smoke")).optimizer
    assert float(numbers(wide._learning_rate(0))) == pytest.approx(5e-4)
    cosine = built("cosine rate from 0.001").optimizer._learning_rate
    np.testing.assert_allclose([float(numbers(cosine(step))) for step in (0, 2, 4)], [1e-3, 5e-4, 0], atol=1e-9)


def test_the_loss_by_hand(rotation):
    logits, targets = np.array([[2.0, -0.5, 0.0]], "float32"), np.array([[1.0, 0.0, 0.0]], "float32")
    found = float(numbers(rotation.loss(targets, logits)))
    assert found == pytest.approx(math.log(math.exp(2) + math.exp(-0.5) + 1) - 2, rel=1e-5)
    svm = float(numbers(built("L2-SVM loss").loss(targets, logits)))
    assert svm == pytest.approx((0 + 0.5**2 + 1) / 3, rel=1e-5)  # max(0, 1 ∓ logit)²


# ---------------------------------------------------------------------------------------------------- a step


class Noting:
    """In place of a model: notes what it is asked to train on."""

    def train_on_batch(self, x, targets, **given):
        self.x, self.targets, self.given = x, targets, given
        return {"categorical_accuracy": 0.25}

    def reset_metrics(self):
        self.reset = True


def step(seed=0, **recipe):
    model, x = Noting(), data().training.x[:80]
    y = np.arange(80) % 7
    kept = x.copy()
    assert ladder._step(model, Recipe(**recipe), x, y, np.random.default_rng(seed)) == 0.25
    np.testing.assert_array_equal(x, kept, "the training pictures themselves have changed")
    assert model.reset and model.given["return_dict"] is True
    np.testing.assert_array_equal(model.targets.argmax(axis=1), y)
    assert model.targets.shape == (80, 7) and (model.targets.sum(axis=1) == 1).all()
    return model, x, y


def test_disgust_weighs_ten_times_as_much_where_that_is_asked_for():
    model, x, y = step(disgust=10.0)
    np.testing.assert_array_equal(model.given["sample_weight"], np.where(y == 1, 10, 1))
    assert CLASSES[1] == "disgust"
    np.testing.assert_array_equal(model.x, x)
    assert step()[0].given["sample_weight"] is None


@pytest.mark.parametrize(("share", "fewest", "most"), [(0.25, 8, 34), (1.0, 79, 80), (0.0, 0, 0)])
def test_watermarks_are_printed_on_their_share(share, fewest, most):
    model, x, _ = step(watermarks=share)
    spoilt = (model.x != x).any(axis=(1, 2, 3))
    assert fewest <= spoilt.sum() <= most
    assert model.x.dtype == np.uint8 and model.x.shape == x.shape
    assert (model.x[spoilt] != x[spoilt]).mean() < 0.5 if spoilt.any() else True
    if 0 < share < 1:
        np.testing.assert_array_equal(step(watermarks=share)[0].x, model.x)
        assert not np.array_equal(step(seed=1, watermarks=share)[0].x, model.x)


# ------------------------------------------------------------------------------------------------------ training


@pytest.fixture(scope="module")
def trained():
    """Three steps of the plain row, its weights noted after each."""
    keras.utils.set_random_seed(0)
    recipe, run, spent = RECIPES["plain"], run_of(), Budget(3, 32, 1, 0.75)
    after, watched, step = [], [], ladder._step
    with pytest.MonkeyPatch.context() as patch:

        def noted(model, *others):
            right = step(model, *others)
            after.append(values_of(model.trainable_variables))
            return right

        patch.setattr(ladder, "_step", noted)
        measured, model, logits, averaged = ladder.train(
            recipe, run, spent, pictures_of("plain"), lambda done, found: watched.append((done, dict(found)))
        )
    return SimpleNamespace(**{n: v for n, v in locals().items() if n not in ("patch", "noted", "step")})


def test_averages_are_those_of_keras_optimizer_and_the_weights_are_left_as_they_were(trained):
    for found, last in zip(values_of(trained.model.trainable_variables), trained.after[-1], strict=True):
        np.testing.assert_array_equal(found, last)
    expected = trained.after[0]
    for weights in trained.after[1:]:
        expected = [0.75 * average + 0.25 * new for average, new in zip(expected, weights, strict=True)]
    kept = values_of(trained.model.optimizer._model_variables_moving_average)
    for found, by_hand, last in zip(kept, expected, trained.after[-1], strict=True):
        np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-7)
        assert not np.array_equal(found, last)
    for name, split in pictures_of("plain").tests.items():
        with ladder.borrowed(trained.model.trainable_variables, expected):
            np.testing.assert_allclose(trained.averaged[name], numbers(trained.model(split.x)), rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(trained.logits[name][-1], numbers(trained.model(split.x)), rtol=1e-4, atol=1e-5)
        assert np.abs(trained.averaged[name] - trained.logits[name][-1]).max() > 1e-3


def test_what_is_measured_on_the_way_is_right(trained):
    found, public = trained.measured, pictures_of("plain").tests["public"]
    assert found.keys() == {f"{n}_{t}" for t in (1, 2, 3) for n in (*CURVES, "public", "public_loss")}
    assert {name: len(each) for name, each in trained.logits.items()} == {"public": 3, "private": 3}
    for t, logits in enumerate(trained.logits["public"], start=1):
        assert logits.shape == (70, 7)
        assert found[f"public_{t}"] == np.mean(logits.argmax(axis=1) == public.y)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        assert found[f"public_loss_{t}"] == pytest.approx(-np.log(shares[np.arange(70), public.y]).mean(), rel=1e-4)
    training = pictures_of("plain").train  # all of it is in the sample
    right = np.mean(numbers(trained.model(training.x)).argmax(axis=1) == training.y)
    assert found["train_3"] == pytest.approx(right, abs=0.01)
    assert len({found[f"train_loss_{t}"] for t in (1, 2, 3)}) == 3


def test_who_watches_is_told_after_each_measurement(trained):
    assert [done for done, _ in trained.watched] == [1, 2, 3]
    assert [len(found) for _, found in trained.watched] == [5, 10, 15]
    assert trained.watched[-1][1] == trained.measured


def test_a_run_with_another_coefficient_continues_where_it_was(trained):
    """With the same coefficient it even takes the same next step; Adam's moments and count are part of that."""
    old = trained.model
    keras.utils.set_random_seed(9)
    new = built("plain", l2=100, seed=9)
    assert not np.array_equal(new.get_weights()[0], old.get_weights()[0])
    assert ladder._continued(old, new) is new
    for found, expected in zip(new.get_weights(), old.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert int(numbers(new.optimizer.iterations)) == int(numbers(old.optimizer.iterations)) == 3
    assert len(new.optimizer.variables) == len(old.optimizer.variables) > 3 * len(old.trainable_variables)
    for found, expected in zip(new.optimizer.variables, old.optimizer.variables, strict=True):
        np.testing.assert_array_equal(numbers(found), numbers(expected))
    assert all(numbers(one).any() for one in new.optimizer._momentums[:3] + new.optimizer._velocities[:3])
    assert float(named(new)["fc_1"].kernel_regularizer.l2) == pytest.approx(100 * 2e-5)


def test_continued_with_the_same_coefficient_the_next_step_is_the_same():
    x, y = data().training.x[:32], data().training.y[:32]
    rng = np.random.default_rng(0)
    old = built("plain")
    for _ in range(2):
        ladder._step(old, RECIPES["plain"], x, y, rng)
    new = ladder._continued(old, built("plain", seed=1))
    for model in (old, new):
        ladder._step(model, RECIPES["plain"], x[::-1], y[::-1], rng)
    for found, expected in zip(new.get_weights(), old.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    # without the moments the first step of Adam is as long as the rate
    assert not np.allclose(new.get_weights()[0], built("plain").get_weights()[0], atol=1e-5)


@pytest.mark.parametrize(
    ("l2", "steps", "expected"),
    [
        ((100, 10, 2.5), 4, [100, 10, 2.5, 2.5]),
        ((100, 10, 2.5), 8, [100] * 3 + [10] * 2 + [2.5] * 3),
        ((100, 10), 6, [100] * 3 + [10] * 3),
        (10, 4, [10] * 4),
    ],
)  # fmt: skip
def test_coefficients_follow_each_other_the_first_for_about_half_of_the_run(monkeypatch, l2, steps, expected):
    """The step at which half of the run is reached is the first with the next coefficient."""
    stages, continued = [], []
    variables = SimpleNamespace(trainable_variables=[], optimizer=SimpleNamespace(finalize_variable_values=lambda _: 0))
    monkeypatch.setattr(ladder, "build", lambda recipe, run, spent, l2: SimpleNamespace(l2=l2, **vars(variables)))
    monkeypatch.setattr(ladder, "_continued", lambda old, new: continued.append((old.l2, new.l2)) or new)
    monkeypatch.setattr(ladder, "_step", lambda model, *others: stages.append(model.l2) or 0.5)
    monkeypatch.setattr(ladder, "_logits", lambda model, split: np.zeros((len(split), 7)))
    ladder.train(Recipe(l2=l2), run_of(), Budget(steps, 32, 2, 0.5), pictures_of("plain"))
    assert stages == expected
    assert len(continued) == (len(l2) - 1 if isinstance(l2, tuple) else 0)


# ---------------------------------------------------------------------------------------------- what is reported


def confident(classes, sure=10.0):
    """Logits whose largest is at the given classes."""
    return sure * np.eye(7, dtype="float32")[np.array(classes)]


def test_a_summary_by_hand():
    y = np.array([0, DISGUST, DISGUST, 3, 4, 5])
    right = np.array(
        [
            [0, 0, 0, 0, 0, 0],
            [1, 1, 1, 1, 1, 0],  # the best that is asked for
            [0, 0, 0, 0, 0, 1],
            [1, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 1, 0],
            [0, 0, 0, 0, 0, 0],
            [1, 1, 0, 0, 0, 0],  # the last quarter begins
            [1, 0, 1, 1, 0, 0],
        ]
    )
    logits = confident(np.where(right, y, (y + 1) % 7))
    averaged = confident([0, 2, 2, 3, 4, 5])
    leaked = np.array([True, False, False, False, False, True])
    found = ladder._summary("public", Split(np.zeros((6, 1)), y), logits, averaged, leaked, 1)
    expected = {
        "last": 3 / 6,
        "clean": 2 / 4,
        "smoothed": 5 / 12,
        "peak": 3 / 6,
        "best": 5 / 6,
        "best_clean": 4 / 4,
        "average": 4 / 6,
        "disgust": 1 / 2,
        "leaked_pictures": 2,
    }
    assert {name: found[f"public_{name}"] for name in expected} == pytest.approx(expected)
    assert found.keys() == {f"public_{name}" for name in SUMMARY}
    assert {type(value) for value in found.values()} == {float}
    leaked[0] = False
    other = ladder._summary("private", Split(np.zeros((6, 1)), y), logits, averaged, leaked, 7)
    assert other["private_clean"] == other["private_best_clean"] == pytest.approx(3 / 5)
    assert other["private_best"] == other["private_last"] == 0.5


def test_the_peak_is_the_best_batch_of_256_of_the_last_quarter():
    y = np.zeros(600, int)
    answers = np.ones((8, 600), int)
    answers[0] = 0  # all right, but too early
    answers[6, :128] = 0
    answers[7, 256:512] = 0
    answers[7, 512:] = 0  # not a whole batch
    logits, none = confident(answers), np.zeros(600, bool)
    found = ladder._summary("private", Split(np.zeros((600, 1)), y), logits, logits[0], none, 0)
    assert found["private_peak"] == 1
    assert found["private_smoothed"] == pytest.approx((128 + 344) / 1200)
    answers[7, 256:384] = 1
    found = ladder._summary("private", Split(np.zeros((600, 1)), y), confident(answers), logits[0], none, 0)
    assert found["private_peak"] == 0.5
    short = Split(np.zeros((100, 1)), y[:100])
    found = ladder._summary("private", short, confident(answers[:, :100]), logits[0, :100], none[:100], 0)
    assert found["private_peak"] == 1, "fewer than 256 are one batch"


def test_without_disgust_its_recall_is_0_and_not_a_division_by_0():
    logits = confident(np.zeros((2, 5), int))
    found = ladder._summary("fold", Split(np.zeros((5, 1)), np.zeros(5, int)), logits, logits[0], np.zeros(5, bool), 0)
    assert (found["fold_disgust"], found["fold_last"]) == (0.0, 1.0)


def test_ensembles_take_the_networks_that_they_say():
    """Three pictures of class 0, twelve measurements; "sure" outweighs any number of "hardly"."""
    sure, hardly = 8.0, 1.0
    first, second, third = [], [], []
    for place in range(12):
        # right and sure in 2 … 6; of the last five three hardly right, two surely wrong; what is before must not count
        first.append((0, sure) if 2 <= place <= 6 else (0, hardly) if place in (7, 9, 11) else (1, sure))
        second.append((1, hardly) if place % 2 == 0 else (0, sure))  # wrong in every second
        third.append((1, sure) if place <= 6 else (0, hardly))
    logits = np.stack([[confident(c, s) for c, s in each] for each in zip(first, second, third, strict=True)])
    split = Split(np.zeros((3, 1)), np.zeros(3, int))
    right = {}
    for one in range(3):
        alone = Split(split.x[:1], split.y[:1])
        found = ladder._summary("x", alone, logits[:, one : one + 1], logits[0, one : one + 1], np.zeros(1, bool), 0)
        right[one] = [found[f"x_{name}"] for name in ("mean_5", "vote_5", "mean_10", "mean_5_spaced")]
    assert right == {0: [0, 1, 1, 1], 1: [1, 1, 1, 0], 2: [1, 1, 0, 0]}
    found = ladder._summary("x", split, logits, logits[0], np.zeros(3, bool), 0)
    assert found["x_vote_5"] == 1 and found["x_mean_5"] == found["x_mean_10"] == pytest.approx(2 / 3)


def test_the_loss_of_logits_by_hand():
    split = Split(np.zeros((2, 1)), np.array([0, 6]))
    assert ladder._loss(split, np.zeros((2, 7), "float32")) == pytest.approx(math.log(7))
    assert ladder._loss(split, 1e4 * confident([0, 0], 1.0)) == pytest.approx(5000)  # nothing runs over
    assert ladder._right(split, confident([0, 0])) == 0.5


@pytest.fixture
def answers(monkeypatch):
    """Let ``measure`` believe in a training with the given share of right answers after each measurement."""

    def believe(shares):
        def train(recipe, run, spent, found):
            def of(split):
                return [
                    confident(np.where(np.arange(len(split)) < s * len(split), split.y, (split.y + 1) % 7))
                    for s in shares
                ]

            logits = {name: of(split) for name, split in found.tests.items()}
            model = SimpleNamespace(count_params=lambda: 12)
            return {"train_2": 0.5}, model, logits, {name: each[0] for name, each in logits.items()}

        monkeypatch.setattr(ladder, "train", train)

    return believe


def test_the_best_step_is_the_first_best_of_what_is_tuned_on(answers):
    answers([0.5, 1.0])
    found = ladder.measure("plain", run_of())
    assert (found["best_step"], found["public_best"], found["private_best"]) == (4, 1.0, 1.0)
    answers([1.0, 0.5])
    for row, tuned in (("plain", "public"), ("cross-validation", "fold")):
        found = ladder.measure(row, run_of())
        assert (found["best_step"], found[f"{tuned}_best"], found["private_best"]) == (2, 1.0, 1.0)
        assert found[f"{tuned}_last"] == found["private_last"] == 0.5
    answers([0.5, 0.5])
    assert ladder.measure("plain", run_of())["best_step"] == 2
    answers([1.0, 0.5])
    found = ladder.measure("Training and PublicTest", run_of())  # nothing to tune on: the last
    assert (found["best_step"], found["private_best"]) == (4, 0.5)


def test_with_ferplus_labels_each_test_is_measured_with_both(answers, votes):
    answers([0.5, 1.0])
    found = ladder.measure("FER+ labels", run_of())
    assert found["public_last"] == found["private_last"] == 1
    for name, labels, split in zip(
        ("public", "private"), votes[1:], (data().public_test, data().private_test), strict=True
    ):
        same = [label == own for label, own in zip(labels, split.y, strict=True) if label is not None]
        assert found[f"{name}_ferplus"] == pytest.approx(np.mean(same))
        assert 0 < found[f"{name}_ferplus"] < 1


# ---------------------------------------------------------------------------------------------------- whole rows

CURVES = ("train", "train_loss", "train_mode")
FIXED = {"steps", "batch", "every", "train_pictures", "parameters", "best_step"}
SUMMARY = {"last", "clean", "smoothed", "peak", "best", "best_clean", "average", "disgust", "leaked_pictures"}
SUMMARY |= {"mean_5", "vote_5", "mean_10", "mean_5_spaced"}
TESTS = {"cross-validation": ("fold", "private"), "Training and PublicTest": ("private",)}


@lru_cache
def measured(row, seed=0):
    return afresh(row, seed)


def afresh(row, seed=0):
    keras.utils.set_random_seed(seed)
    found = ladder.measure(row, run_of(seed=seed))
    keras.utils.clear_session()
    return found


def assert_whole(row, found):
    tests = TESTS.get(row, ("public", "private"))
    curves = {*CURVES, *(("public", "public_loss") if "public" in tests else ())}
    assert found.keys() == FIXED | {f"{n}_{t}" for n in curves for t in (2, 4)} | {
        f"{s}_{n}" for s in tests for n in SUMMARY
    }
    assert {type(value) for value in found.values()} <= {int, float}
    assert all(math.isfinite(value) for value in found.values())
    assert (found["steps"], found["batch"], found["every"]) == (4, 32, 2)
    assert found["train_pictures"] == {"cross-validation": 112, "Training and PublicTest": 210}.get(row, 140)
    assert found["parameters"] == built(row).count_params()
    shares = [n for n in found if n not in FIXED and "loss" not in n and not n.endswith("leaked_pictures")]
    assert all(0 <= found[name] <= 1 for name in shares)
    assert all(0.5 < found[name] < 20 for name in found if "loss" in name)
    assert found["best_step"] in (2, 4)
    if "public" in tests:
        assert found["public_last"] == found["public_4"]
        assert (
            found["public_best"] == max(found["public_2"], found["public_4"]) == found[f"public_{found['best_step']}"]
        )


@pytest.mark.parametrize("row", ["plain", "BN by hand", SCHEDULED_L2, "cross-validation"])
def test_a_row_gives_finite_plain_numbers_under_the_documented_names(row):
    assert_whole(row, measured(row))


def test_the_same_seed_gives_the_same_numbers():
    """In a row with dropout, flips and turns."""
    assert afresh("BN by hand") == pytest.approx(measured("BN by hand"), rel=1e-5)


@pytest.mark.deep
def test_another_seed_gives_other_numbers():
    losses = {measured("+ rotation", seed)["train_loss_4"] for seed in (0, 1)}
    assert len(losses) == 2


@pytest.mark.deep
def test_every_row_can_be_measured():
    found = {row: measured(row) for row in ladder.rows(SMOKE)}
    for row, numbers_of_row in found.items():
        assert_whole(row, numbers_of_row)
    losses = {row: each["train_loss_4"] for row, each in found.items()}
    assert losses["BN by hand"] == pytest.approx(losses["+ rotation"], rel=1e-3)  # the same, written by hand
    assert len({round(loss, 9) for row, loss in losses.items() if row != "BN by hand"}) == len(losses) - 1
