"""WatchedAdam notes the gradients it is given, and trains exactly as Adam does."""

import keras
import numpy as np
import pytest
from keras import layers

from course_utils import probes


def small_model(seed=3):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [keras.Input((5,)), layers.Dense(4, activation="tanh", name="a"), layers.Dense(2, name="b")]
    )


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(16, 5)).astype("float32"), rng.normal(size=(16, 2)).astype("float32")


def test_the_gradients_are_those_of_the_packaged_probe(batch):
    model, optimizer = small_model(), probes.WatchedAdam(1e-2, whole=True)
    model.compile(optimizer, "mean_squared_error")
    expected = probes.gradients(model, *batch)
    model.train_on_batch(*batch)
    assert list(optimizer.gradients()) == list(expected) == ["a/kernel", "a/bias", "b/kernel", "b/bias"]
    for name, gradient in optimizer.gradients().items():
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-4, atol=1e-7)
        rms = np.sqrt(np.mean(expected[name].astype(float) ** 2))
        np.testing.assert_allclose(optimizer.gradient_rms()[name], rms, rtol=1e-4)


def test_each_step_replaces_what_was_noted(batch):
    model, optimizer = small_model(), probes.WatchedAdam(1e-1)
    model.compile(optimizer, "mean_squared_error")
    model.train_on_batch(*batch)
    first = optimizer.gradient_rms()
    expected = probes.gradient_rms(model, *batch)
    model.train_on_batch(*batch)
    assert first != optimizer.gradient_rms()
    for name, value in optimizer.gradient_rms().items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4)


@pytest.mark.parametrize("whole", [False, True])
def test_it_trains_as_adam_does(batch, whole):
    weights = []
    for optimizer in (keras.optimizers.Adam(1e-2, epsilon=1e-8), probes.WatchedAdam(1e-2, epsilon=1e-8, whole=whole)):
        model = small_model()
        model.compile(optimizer, "mean_squared_error")
        for _ in range(5):
            model.train_on_batch(*batch)
        weights.append(model.get_weights())
    for adam, watched in zip(*weights, strict=True):
        np.testing.assert_allclose(adam, watched, rtol=1e-6, atol=1e-7)


def test_clipping_does_not_change_what_is_noted(batch):
    model, optimizer = small_model(), probes.WatchedAdam(1e-2, clipnorm=1e-6)
    model.compile(optimizer, "mean_squared_error")
    expected = probes.gradient_rms(model, *batch)
    model.train_on_batch(*batch)
    for name, value in optimizer.gradient_rms().items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4)


def test_a_frozen_layer_is_not_listed(batch):
    model, optimizer = small_model(), probes.WatchedAdam(1e-2)
    model.get_layer("a").trainable = False
    model.compile(optimizer, "mean_squared_error")
    model.train_on_batch(*batch)
    assert list(optimizer.gradient_rms()) == ["b/kernel", "b/bias"]


def test_nothing_seen_yet_and_nothing_kept_are_said_in_words(batch):
    optimizer = probes.WatchedAdam(1e-2)
    with pytest.raises(ValueError, match="compile a model with this optimiser and train a step"):
        optimizer.gradient_rms()
    model = small_model()
    model.compile(optimizer, "mean_squared_error")
    model.train_on_batch(*batch)
    with pytest.raises(ValueError, match="whole=True"):
        optimizer.gradients()


def test_it_can_be_made_again_from_its_config():
    config = probes.WatchedAdam(3e-3, epsilon=1e-8, whole=True).get_config()
    again = probes.WatchedAdam.from_config(config)
    assert again.whole
    assert again.epsilon == 1e-8
    np.testing.assert_allclose(float(again.learning_rate), 3e-3, rtol=1e-6)


def test_a_saved_model_comes_back_compiled_with_it(batch, tmp_path):
    model = small_model()
    model.compile(probes.WatchedAdam(1e-2), "mean_squared_error")
    model.train_on_batch(*batch)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", custom_objects={"WatchedAdam": probes.WatchedAdam})
    assert again.optimizer.gradient_rms() == model.optimizer.gradient_rms()
