"""Moving averages beside a run, against hand recursions and Keras' own; ``backend_checks.py`` runs much of this on every backend."""

from functools import lru_cache

import keras
import numpy as np
import pytest
from test_layers import numbers

from course_utils.probes import MovingAverages, borrowed, statistics, values_of

layers = keras.layers
STEPS = 5


def network(momentum=0.99, optimizer=None, seed=3):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(3, 3, name="conv"),
            layers.BatchNormalization(momentum=momentum, name="bn_1"),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(4, name="dense"),
            layers.BatchNormalization(momentum=momentum, name="bn_2"),
            layers.Dense(2, name="out"),
        ]
    )
    model.compile(optimizer or keras.optimizers.Adam(1e-2), "mse")
    return model


def batches(count=STEPS):
    rng = np.random.default_rng(0)
    return [(rng.normal(1, 2, (8, 6, 6, 1)).astype("float32"), rng.normal(size=(8, 2))) for _ in range(count)]


def trained(model, note):
    for x, y in batches():
        model.train_on_batch(x, y)
        note()
    return model


# -------------------------------------------------------------------------------------------------- by hand


def test_the_recursion_by_hand():
    averages = MovingAverages([np.array([0.0, 1.0])], [0.5, 0.9])
    averages.update([np.array([4.0, 1.0])])
    np.testing.assert_allclose(averages[0.5][0], [2, 1])
    np.testing.assert_allclose(averages[0.9][0], [0.4, 1])
    averages.update([np.array([8.0, -1.0])])
    np.testing.assert_allclose(averages[0.5][0], [5, 0])
    np.testing.assert_allclose(averages[0.9][0], [0.9 * 0.4 + 0.8, 0.8], rtol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99, 0.999, 1.0])
def test_the_recursion_is_a_weighted_sum_of_all_that_was_seen(decay):
    rng = np.random.default_rng(1)
    start, seen = rng.normal(size=(2, 3)), rng.normal(size=(30, 2, 3))
    averages = MovingAverages([start], [decay])
    for values in seen:
        averages.update([values])
    weights = (1 - decay) * decay ** np.arange(29, -1, -1.0)
    expected = decay**30 * start + np.tensordot(weights, seen, 1)
    np.testing.assert_allclose(averages[decay][0], expected, rtol=1e-5, atol=1e-7)


def test_a_decay_of_0_is_the_last_and_of_1_the_start():
    averages = MovingAverages([np.ones(2), np.array(3.0)], [0, 1])
    for value in (5.0, 7.0):
        averages.update([np.full(2, value), np.array(value)])
    assert [a.tolist() for a in averages[0]] == [[7, 7], 7]
    assert [a.tolist() for a in averages[1]] == [[1, 1], 3]


def test_they_are_copies_in_and_out_kept_in_float64_and_given_as_float32():
    start = [np.zeros(1000, np.float32)]
    averages = MovingAverages(start, [0.999])
    start[0][:] = 9
    value = np.full(1000, 1e-6, np.float32)
    for _ in range(20):
        averages.update([value])
    found = averages[0.999][0]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, float(value[0]) * (1 - 0.999**20), rtol=1e-6)
    found[:] = 5
    assert averages[0.999][0].max() < 1e-6


def test_a_thousand_steps_too_small_for_float32_add_up():
    averages = MovingAverages([np.ones(1, np.float32)], [1 - 1e-8])
    for _ in range(1000):
        averages.update([np.full(1, 2, np.float32)])
    assert averages[1 - 1e-8][0][0] - 1 == pytest.approx(1e-5, rel=0.02)


@pytest.mark.parametrize("decay", [-0.1, 1.01, float("nan")])
def test_a_decay_outside_0_to_1_is_refused(decay):
    with pytest.raises(ValueError, match="expected 0 to 1"):
        MovingAverages([np.zeros(2)], [0.5, decay])


def test_other_arrays_and_unknown_decays_are_refused():
    averages = MovingAverages([np.zeros(2), np.zeros(3)], [0.5])
    with pytest.raises(ValueError, match=r"found an array of shape \(3,\), expected \(2,\)"):
        averages.update([np.zeros(3), np.zeros(2)])
    for wrong in ([np.zeros(2)], [np.zeros(2), np.zeros(3), np.zeros(1)]):
        with pytest.raises(ValueError, match="zip"):
            averages.update(wrong)
    with pytest.raises(KeyError):
        averages[0.9]


# --------------------------------------------------------------------------------------- batch normalisation


@lru_cache
def run_of(momentum):
    """Of one run: its weights before and after each step, and its statistics likewise."""
    model = network(momentum)
    weights, moving = [values_of(model.trainable_variables)], [values_of(statistics(model))]
    for x, y in batches():
        model.train_on_batch(x, y)
        weights.append(values_of(model.trainable_variables))
        moving.append(values_of(statistics(model)))
    return weights, moving


def averages_of(after, decay, since=0):
    """Of what a run noted after each step, begun with step ``since``."""
    averages = MovingAverages(after[since], [0.25, decay])
    for values in after[since + 1 :]:
        averages.update(values)
    return averages[decay]


@pytest.mark.parametrize("momentum", [0.5, 0.99])
def test_they_are_the_moving_statistics_of_a_model_with_this_momentum(momentum):
    """Kept beside a run with momentum 0, whose own statistics are those of its last batch."""
    found, (_, expected) = averages_of(run_of(0.0)[1], momentum), run_of(momentum)
    assert len(found) == 4
    for ours, theirs in zip(found, expected[-1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


def test_momentum_does_not_change_training():
    """Not by a bit: what training computes does not contain it."""
    start, none, half, nearly_one = run_of(0.99)[0][0], *(run_of(m)[0][-1] for m in (0.0, 0.5, 0.99))
    for a, b, c, before in zip(none, half, nearly_one, start, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(b, c)
        assert not np.array_equal(c, before), "nothing was trained"
    assert all(not np.array_equal(a, b) for a, b in zip(run_of(0.5)[1][-1], run_of(0.99)[1][-1], strict=True))


def test_statistics_are_mean_and_variance_in_the_order_of_the_layers():
    model = network()
    bn_1, bn_2 = (model.get_layer(name) for name in ("bn_1", "bn_2"))
    expected = [bn_1.moving_mean, bn_1.moving_variance, bn_2.moving_mean, bn_2.moving_variance]
    assert all(a is b for a, b in zip(statistics(model), expected, strict=True))
    assert [value.shape for value in values_of(statistics(model))] == [(3,), (3,), (4,), (4,)]
    assert [float(value.mean()) for value in values_of(statistics(model))] == [0, 1, 0, 1]
    bn_1.trainable = False
    assert len(statistics(model)) == 4
    assert statistics(keras.Sequential([keras.Input((2,)), layers.Dense(1)])) == []


# -------------------------------------------------------------------------------------- averages of weights


def keras_average(model):
    return values_of(model.optimizer._model_variables_moving_average)


def with_average(decay):
    return network(optimizer=keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=decay))


@lru_cache
def shadow(decay):
    """Keras' averages, and the weights, after each step of the same run."""
    model = with_average(decay)
    after = []
    trained(model, lambda: after.append((keras_average(model), values_of(model.trainable_variables))))
    return after


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_the_average_of_keras_optimizer_begins_with_the_weights_after_the_first_step(decay):
    """The one difference: TensorFlow 1's, and this one, begin with those before it. It fades as decay^steps."""
    weights, _ = run_of(0.99)
    theirs, raw = shadow(decay)[-1]
    for found, expected in zip(raw, weights[-1], strict=True):
        np.testing.assert_array_equal(found, expected)  # an average changes no training
    for found, expected in zip(averages_of(weights, decay, since=1), theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    ours = averages_of(weights, decay)
    for found, expected, before, first in zip(ours, theirs, *weights[:2], strict=True):
        np.testing.assert_allclose(found - expected, decay**STEPS * (before - first), rtol=1e-3, atol=2e-6)
    assert max(np.abs(a - b).max() for a, b in zip(theirs, ours, strict=True)) > 1e-4


def test_after_one_step_keras_average_is_the_weights_and_ours_is_mostly_the_start():
    theirs, raw = shadow(0.99)[0]
    weights = run_of(0.99)[0][:2]
    for average, weight, own, before in zip(theirs, raw, averages_of(weights, 0.99), weights[0], strict=True):
        np.testing.assert_allclose(average, weight, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(own, 0.99 * before + 0.01 * weight, rtol=1e-4, atol=1e-7)


def test_keras_fit_ends_by_putting_the_average_in_place_of_the_weights():
    """And batch normalisation's statistics stay those of the raw weights; ``train_on_batch`` leaves all as it is."""
    model = with_average(0.5)
    x, y = (np.concatenate(part) for part in zip(*batches(), strict=True))
    model.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    ends = values_of(model.trainable_variables)
    (average, _), (weights, moving) = shadow(0.5)[-1], run_of(0.99)
    for found, same, expected in zip(ends, keras_average(model), average, strict=True):
        np.testing.assert_array_equal(found, same)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert max(np.abs(a - b).max() for a, b in zip(ends, weights[-1], strict=True)) > 1e-3
    for found, raw in zip(values_of(statistics(model)), moving[-1], strict=True):
        np.testing.assert_allclose(found, raw, rtol=1e-5, atol=1e-6)


# ----------------------------------------------------------------------------------------------------- borrowed


def answers(model):
    return numbers(model(batches(1)[0][0], training=False))


def test_within_the_block_the_model_answers_with_other_values_and_afterwards_as_before():
    model = network()
    before, old = values_of(model.variables), answers(model)
    zeros = [np.zeros_like(value) for value in values_of(model.trainable_variables)]
    with borrowed(model.trainable_variables, zeros):
        assert not answers(model).any()
        with borrowed(statistics(model), [np.ones(3), np.ones(3), np.ones(4), np.ones(4)]):
            assert values_of(statistics(model))[0].tolist() == [1, 1, 1]
        assert values_of(statistics(model))[0].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(answers(model), old)
    for a, b in zip(values_of(model.variables), before, strict=True):
        np.testing.assert_array_equal(a, b)


def assert_untouched(model, before):
    for a, b in zip(values_of(model.trainable_variables), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_whatever_happens_in_the_block_the_values_come_back():
    model = network()
    before = values_of(model.trainable_variables)
    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error), borrowed(model.trainable_variables, [value + 1 for value in before]):
            assert values_of(model.trainable_variables)[0].mean() != before[0].mean()
            raise error
        assert_untouched(model, before)


def test_values_that_do_not_fit_change_nothing():
    model = network()
    before = values_of(model.trainable_variables)
    with (
        pytest.raises(ValueError, match="1 arrays for 10 variables: expected as many"),
        borrowed(model.trainable_variables, before[:1]),
    ):
        pytest.fail("the block ran")
    assert_untouched(model, before)
    wrong = [value + 1 for value in before[:-1]] + [np.zeros((7, 7))]
    with pytest.raises(Exception, match="shape"), borrowed(model.trainable_variables, wrong):
        pytest.fail("the block ran")
    assert_untouched(model, before)


def test_a_run_that_is_looked_at_goes_on_as_if_nobody_had():
    model = network()
    averages = MovingAverages(values_of(model.trainable_variables), [0.9])
    ones = [np.ones_like(value) for value in values_of(statistics(model))]

    def look():
        averages.update(values_of(model.trainable_variables))
        with borrowed(model.trainable_variables, averages[0.9]), borrowed(statistics(model), ones):
            model.predict_on_batch(batches(1)[0][0])

    trained(model, look)
    weights, moving = run_of(0.99)
    for a, b in zip(values_of(model.trainable_variables), weights[-1], strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(values_of(statistics(model)), moving[-1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_values_are_copies():
    model = network()
    kept = values_of(model.trainable_variables)
    first = kept[0].copy()
    model.get_layer("conv").kernel.assign(np.zeros_like(first))
    np.testing.assert_array_equal(kept[0], first)
    values_of(model.trainable_variables)[0][:] = 7
    assert not values_of(model.trainable_variables)[0].any()
