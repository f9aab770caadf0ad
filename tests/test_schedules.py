"""A floor under a learning rate."""

import keras
import numpy as np
import pytest

from course_utils.training import Floored

schedules = keras.optimizers.schedules


def documented():
    return schedules.ExponentialDecay(5e-4, 28709 / 256, 0.99, staircase=True)


def rate(schedule, step):
    return float(keras.ops.convert_to_numpy(schedule(step)))


@pytest.mark.parametrize("step", [0, 111, 113, 5000, 50_000])
def test_above_the_floor_nothing_changes(step):
    assert rate(Floored(documented(), 1e-9), step) == rate(documented(), step)


@pytest.mark.parametrize("step", [70_000, 244_799, 10**7])
def test_below_the_floor_it_is_the_floor(step):
    assert rate(documented(), step) < 1e-6
    assert rate(Floored(documented(), 1e-6), step) == pytest.approx(1e-6)


def test_a_constant_rate_may_have_a_floor_too():
    assert rate(Floored(1e-3, 1e-2), 5) == pytest.approx(1e-2)
    assert rate(Floored(1e-1, 1e-2), 5) == pytest.approx(1e-1)


@pytest.mark.parametrize("floor", [0.0, -1e-3, float("inf"), float("nan")])
def test_a_floor_that_is_not_a_positive_number_is_refused(floor):
    with pytest.raises(ValueError, match="positive number"):
        Floored(documented(), floor)


@pytest.mark.parametrize("schedule", [documented(), 1e-3, schedules.CosineDecay(1e-3, 100)])
def test_it_is_saved_and_loaded_with_its_model(schedule, tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(Floored(schedule, 1e-4)), "mse")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras").optimizer
    kept = loaded._learning_rate if isinstance(loaded._learning_rate, Floored) else None
    assert kept is not None
    for step in (0, 99, 10**6):
        assert rate(kept, step) == rate(Floored(schedule, 1e-4), step)


def test_an_optimizer_steps_by_it():
    """SGD on a loss of gradient 1: each step is as long as the rate."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(Floored(schedules.ExponentialDecay(0.5, 1, 0.1), 0.01)), lambda y, p: p)
    seen = []
    for _ in range(4):
        before = float(model.get_weights()[0][0, 0])
        model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
        seen.append(before - float(model.get_weights()[0][0, 0]))
    np.testing.assert_allclose(seen, [0.5, 0.05, 0.01, 0.01], rtol=1e-4)
