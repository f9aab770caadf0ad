"""The experiment that judges the documented network: its splits, its counts, and what it says of a shift that is there."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from course_utils import metrics, runtime
from course_utils.datasets import Split
from course_utils.experiments import evaluation_readings as readings
from course_utils.experiments import expressions_evaluation as evaluation
from course_utils.experiments import ladder
from course_utils.probes.confidence import reliability, softmax
from course_utils.probes.ensembles import by_mean
from course_utils.runtime import REDUCED

SMOKE = replace(REDUCED, budget="smoke")


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COURSE_SIZE", "reduced,budget=smoke")
    return replace(runtime.start(quiet=True), seed=3)


def small(seed=0):
    """Training, public, private: 60 + 20 + 20 pictures of one pixel value each, the last test row a copy of a training row."""
    rng = np.random.default_rng(seed)
    values = rng.permutation(250)[:100].astype(np.uint8)
    x = np.broadcast_to(values[:, None, None, None], (100, 2, 2, 1)).copy()
    x[99] = x[0]
    y = rng.integers(0, 7, 100).astype(np.int32)
    parts = [Split(x[a:b], y[a:b]) for a, b in ((0, 60), (60, 80), (80, 100))]
    seen = {one.tobytes() for one in parts[0].x}
    tests = {"public": parts[1], "private": parts[2]}
    leaked = {name: np.array([one.tobytes() in seen for one in split.x]) for name, split in tests.items()}
    return ladder.Pictures(parts[0], tests, leaked, {})


# ------------------------------------------------------------------------------------------------ the re-split


def test_a_resplit_deals_out_every_row_once_and_says_where_it_came_from():
    found = small()
    dealt, origin = evaluation._resplit(found, seed=1)
    before, after = ([p.train, p.tests["public"], p.tests["private"]] for p in (found, dealt))
    assert [len(one) for one in after] == [60, 20, 20]
    rows = [
        sorted((int(x[0, 0, 0]), int(y)) for part in parts for x, y in zip(part.x, part.y, strict=True))
        for parts in (before, after)
    ]
    assert rows[0] == rows[1]
    for name in ("public", "private"):
        for x, y, number in zip(dealt.tests[name].x, dealt.tests[name].y, origin[name], strict=True):
            own = before[number]
            assert ((own.x == x).all(axis=(1, 2, 3)) & (own.y == y)).any()


def test_a_resplit_differs_by_seed_and_only_by_seed():
    first, again, other = (evaluation._resplit(small(), seed)[0].train.x for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_resplit_marks_the_copies_anew():
    for seed in range(6):
        dealt, _ = evaluation._resplit(small(), seed)
        seen = {one.tobytes() for one in dealt.train.x}
        for name, split in dealt.tests.items():
            assert dealt.leaked[name].tolist() == [one.tobytes() in seen for one in split.x]


def test_accuracy_by_origin_is_a_weighted_share_of_the_whole():
    found = small()
    dealt, origin = evaluation._resplit(found, seed=4)
    rng = np.random.default_rng(0)
    logits = {name: [rng.normal(size=(20, 7))] for name in dealt.tests}
    measured = evaluation._by_origin(dealt, logits, origin)
    counted = sum(measured[f"pictures_from_{name}"] for name in ("training", "public", "private"))
    assert counted == 40
    right = sum(
        measured[f"pictures_from_{n}"] * measured[f"accuracy_from_{n}"] for n in ("training", "public", "private")
    )
    whole = np.mean([metrics.accuracy(split.y, logits[name][0]) for name, split in dealt.tests.items()])
    assert right / counted == pytest.approx(whole)


# ------------------------------------------------------------------------------------------------- judgement


class Answers:
    """A model that answers a picture by its first pixel's own row of logits, mirrored or not."""

    def __init__(self, seed=0):
        self.table = np.random.default_rng(seed).normal(0, 2, (256, 7))

    def predict(self, x, batch_size, verbose):
        return self.table[x[:, 0, 0, 0]]


@pytest.fixture
def judged():
    found, rng = small(), np.random.default_rng(5)
    logits = {name: rng.normal(0, 2, (6, 20, 7)) for name in found.tests}
    for name, split in found.tests.items():
        logits[name][-1] = Answers().predict(split.x, 1, 0)
    return found, logits, evaluation.judged(Answers(), logits, found, seed=0)


def test_confusion_agrees_with_scikit_learn_and_with_the_accuracy(judged):
    found, logits, measured = judged
    for name, split in found.tests.items():
        counts = [[measured[f"{name}_is_{i}_said_{j}"] for j in range(7)] for i in range(7)]
        expected = confusion_matrix(split.y, logits[name][-1].argmax(axis=1), labels=range(7))
        np.testing.assert_array_equal(counts, expected)
        assert np.trace(counts) / 20 == pytest.approx(measured[f"{name}_last"])


def test_the_readings_put_the_flat_numbers_together_again(judged):
    found, logits, measured = judged
    both = [confusion_matrix(s.y, logits[name][-1].argmax(axis=1), labels=range(7)) for name, s in found.tests.items()]
    np.testing.assert_array_equal(readings.confusion(measured), sum(both))
    np.testing.assert_array_equal(readings.confusion(measured, "private"), both[1])
    split = found.tests["private"]
    expected = reliability(split.y, softmax(logits["private"][-1]))
    for one, other in zip(readings.bins(measured, "private"), expected, strict=True):
        assert one[2:] == pytest.approx(other[2:])


def test_rows_are_gathered_in_the_order_of_their_seeds():
    rows = [{"row": r, "seed": s, "measured": {"n": s}} for r, s in (("b", 2), ("a", 1), ("b", 0))]
    assert readings.by_row({"rows": rows}) == {"b": [{"n": 0}, {"n": 2}], "a": [{"n": 1}]}


def test_the_interval_of_a_gain_holds_the_gain(judged):
    found, logits, measured = judged
    for name, split in found.tests.items():
        for kind in ("mean_3", "vote_3", "mean_5", "vote_5", "mirror", "ten_views"):
            gain = measured[f"{name}_{kind}"] - measured[f"{name}_last"]
            assert measured[f"{name}_{kind}_low"] <= gain <= measured[f"{name}_{kind}_high"]
        expected = (by_mean(softmax(logits[name][-3:])) == split.y).mean()
        assert measured[f"{name}_mean_3"] == expected


def test_views_of_pictures_that_look_the_same_gain_nothing(judged):
    """Pictures of one grey level are their own mirror images, and stay the same when moved."""
    _, _, measured = judged
    assert measured["public_mirror"] == measured["public_ten_views"] == measured["public_last"]


def test_early_stopping_is_chosen_on_public_alone(judged):
    found, logits, measured = judged
    curve = [metrics.accuracy(found.tests["public"].y, one) for one in logits["public"]]
    assert measured["stop_by_accuracy"] == np.argmax(curve) + 1
    assert measured["public_stopped_accuracy"] == max(curve)
    private = metrics.accuracy(found.tests["private"].y, logits["private"][int(np.argmax(curve))])
    assert measured["private_stopped_accuracy"] == private


def test_a_shift_of_the_logit_finds_more_of_the_class_and_calls_more_by_its_name():
    rng = np.random.default_rng(8)
    split, logits = Split(np.zeros((400, 1, 1, 1), np.uint8), rng.integers(0, 7, 400)), rng.normal(0, 2, (400, 7))
    none, some, always = (evaluation.shifted(split, logits, weight) for weight in (1.0, 10.0, 1e9))
    assert none["shifted"] == metrics.accuracy(split.y, logits)
    assert none["shifted_said"] == (logits.argmax(axis=1) == 1).sum()
    assert none["shifted_said"] < some["shifted_said"] < always["shifted_said"] == 400
    assert none["shifted_found"] < some["shifted_found"] < always["shifted_found"] == (split.y == 1).sum()
    assert always["shifted"] == (split.y == 1).mean()
    by_hand = logits.copy()
    by_hand[:, 1] += np.log(10)
    assert some["shifted"] == metrics.accuracy(split.y, by_hand)


def test_leaked_pictures_are_left_out_of_the_clean_score(judged):
    found, logits, measured = judged
    assert measured["private_leaked_pictures"] == found.leaked["private"].sum() == 1
    right = metrics.is_correct(found.tests["private"].y, logits["private"][-1])
    assert measured["private_clean"] == pytest.approx(right[:-1].mean())


def test_the_reliability_table_counts_every_picture(judged):
    _, _, measured = judged
    counts = {
        key: value for key, value in measured.items() if key.startswith("private_bin_") and key.endswith("_count")
    }
    assert sum(counts.values()) == 20


def test_a_batch_as_large_as_the_test_has_no_spread(judged):
    _, _, measured = judged
    assert measured["public_batch_low"] == pytest.approx(measured["public_last"])
    assert measured["public_batch_high"] == pytest.approx(measured["public_last"])


# ------------------------------------------------------------------------------------------ telling splits apart


class ReadsBrightness:
    """In place of a network: notes what it is trained on, and answers with the mean grey level."""

    def __init__(self):
        self.seen = set()

    def train_on_batch(self, x, y, return_dict):
        self.seen |= {one.tobytes() for one in x}
        return {"accuracy": 0.5}

    def predict(self, x, batch_size, verbose):
        assert not self.seen & {one.tobytes() for one in x}, "scored on pictures that it was trained on"
        bright = x.mean(axis=(1, 2, 3))
        return np.stack([np.zeros_like(bright), bright], axis=1)


def test_a_planted_shift_is_found_and_nothing_else(monkeypatch, run):
    """With the network replaced by the mean grey level; a picture that occurs in two splits is left out."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 200, (300, 4, 4, 1), dtype=np.uint8)
    x[250] = x[0]
    y = np.zeros(300, np.int32)
    data = SimpleNamespace(
        training=Split(x[:150], y[:150]),
        public_test=Split(x[150:225], y[150:225]),
        private_test=Split(x[225:], y[225:]),
    )
    monkeypatch.setattr(evaluation.expressions, "load", lambda size: data)
    monkeypatch.setattr(evaluation, "_teller", lambda *_: ReadsBrightness())
    same = evaluation._told_apart(evaluation.TELL, run)
    assert same["pictures"] == 298
    assert same["auc_low"] < 0.5 < same["auc_high"]
    brighter = evaluation._told_apart(evaluation.TELL + evaluation.BRIGHTER, run)
    assert brighter["auc_low"] > 0.6
    assert brighter["auc_low"] < brighter["auc"] < brighter["auc_high"]


def test_the_sides_are_what_they_are_said_to_be(monkeypatch, run):
    x = np.arange(60, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    splits = [Split(x[a:b], np.zeros(b - a, np.int32)) for a, b in ((0, 30), (30, 45), (45, 60))]
    data = SimpleNamespace(training=splits[0], public_test=splits[1], private_test=splits[2])
    monkeypatch.setattr(evaluation.expressions, "load", lambda size: data)
    for row, middle, more in (
        (evaluation.TELL, 30, 0),
        (evaluation.TELL + evaluation.BRIGHTER, 30, 20),
        (evaluation.TELL_TESTS, 45, 0),
    ):
        found, side = evaluation._to_tell(row, run)
        grey = found[:, 0, 0, 0].astype(int) - more * side
        assert len(grey) == len(set(grey))
        assert ((grey >= middle) == side).all()
        assert side.mean() == 0.5


def test_the_teller_has_the_momentum_it_is_given_and_two_answers(run):
    for momentum in (0.9, 0.99):
        model = evaluation._teller(replace(run, size=SMOKE), momentum, 10)
        norms = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
        assert len(norms) == 3
        assert {layer.momentum for layer in norms} == {momentum}
        assert model.output_shape == (None, 2)


def test_rows_and_budgets(run):
    names = evaluation.rows(SMOKE)
    assert len(names) == len(set(names)) == 11
    assert sum(row.startswith("tell ") for row in names) == 4
    for row in names:
        if row.startswith(evaluation.LADDER):
            assert row.removeprefix(evaluation.LADDER) in ladder.RECIPES
    assert evaluation._budget(runtime.FULL).steps == evaluation.PASSES * 224


@pytest.mark.deep
@pytest.mark.parametrize("row", ["documented split, disgust ×10", "random re-split", evaluation.TELL_TESTS])
def test_a_row_runs_from_one_end_to_the_other(run, row):
    measured = evaluation.measure(row, replace(run, size=SMOKE))
    assert measured
    assert all(isinstance(value, (int, float)) for value in measured.values())
