"""Local response normalisation against TensorFlow's own and a loop; ``backend_checks.py`` runs most on every backend."""

import keras
import numpy as np
import pytest
from test_layers import compiled, numbers, slopes, weighted_sum

from course_utils.layers import LocalResponseNormalization

#: radius, channels: a window of one, of some, and wider than there are channels.
WINDOWS = [(0, 3), (1, 5), (2, 8), (4, 1), (4, 16), (4, 64), (7, 4)]
#: bias, alpha, beta: TensorFlow's defaults, the two documented ones, and others that change much.
STRENGTHS = [(1.0, 1.0, 0.5), (1.0, 0.001 / 9, 0.75), (1.0, 0.01 / 9, 0.75), (2.0, 0.3, 1.5), (0.1, 5.0, 1.0)]
OFF = [(1.0, 0.0, 0.75), (3.0, 0.7, 0.0)]
all_windows = pytest.mark.parametrize(("radius", "channels"), WINDOWS)
all_strengths = pytest.mark.parametrize(("bias", "alpha", "beta"), STRENGTHS)


def example(*shape, seed=0, large=5.0):
    return np.random.default_rng(seed).normal(0, large, shape).astype("float32")


def by_hand(x, radius, bias, alpha, beta):
    """Channel by channel, in float64."""
    x = x.astype(float)
    found = np.empty_like(x)
    for c in range(x.shape[-1]):
        energy = np.zeros(x.shape[:-1])
        for j in range(max(0, c - radius), min(x.shape[-1], c + radius + 1)):
            energy += x[..., j] ** 2
        found[..., c] = x[..., c] / (bias + alpha * energy) ** beta
    return found


# ------------------------------------------------------------------------------------------------------- values


@all_windows
@all_strengths
def test_it_is_the_loop_over_channels(radius, channels, bias, alpha, beta):
    x = example(2, 3, 4, channels)
    found = numbers(LocalResponseNormalization(radius, bias=bias, alpha=alpha, beta=beta)(x))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_hand(x, radius, bias, alpha, beta), rtol=1e-5, atol=1e-7)


@all_windows
@all_strengths
def test_it_is_tensorflows_own(radius, channels, bias, alpha, beta):
    tf = pytest.importorskip("tensorflow")
    x = example(2, 3, 4, channels, seed=1)
    expected = tf.nn.local_response_normalization(x, radius, bias, alpha, beta).numpy()
    found = numbers(LocalResponseNormalization(radius, bias=bias, alpha=alpha, beta=beta)(x))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("bias", "alpha", "beta"), STRENGTHS[:4])
def test_its_gradient_is_tensorflows_own(bias, alpha, beta):
    tf = pytest.importorskip("tensorflow")
    x, weights = example(2, 3, 4, 16, seed=2), example(2, 3, 4, 16, seed=3)
    layer = LocalResponseNormalization(4, bias=bias, alpha=alpha, beta=beta)
    (found,) = slopes(lambda values: weighted_sum(weights, layer(values)), x)
    with tf.GradientTape() as tape:
        values = tf.constant(x)
        tape.watch(values)
        total = tf.reduce_sum(weights * tf.nn.local_response_normalization(values, 4, bias, alpha, beta))
    np.testing.assert_allclose(found, tape.gradient(total, values).numpy(), rtol=1e-4, atol=1e-4)


def test_by_hand_on_four_channels():
    """Energies of windows of radius 1 over (1, 2, 0, 3): 5, 5, 13, 9."""
    found = numbers(LocalResponseNormalization(1, bias=1, alpha=1, beta=1)(np.array([[1.0, 2, 0, 3]], "float32")))
    np.testing.assert_allclose(found, [[1 / 6, 2 / 6, 0, 3 / 10]], rtol=1e-6)


def test_the_defaults_are_the_documented_ones_and_alpha_is_not_divided_by_the_window():
    x = np.full((1, 1, 1, 64), 100.0, "float32")
    found = numbers(LocalResponseNormalization()(x)).ravel()
    assert found[32] == pytest.approx(100 / (1 + 0.001 / 9 * 9 * 100**2) ** 0.75, rel=1e-5)
    assert found[0] == pytest.approx(100 / (1 + 0.001 / 9 * 5 * 100**2) ** 0.75, rel=1e-5)  # at the edge 5 channels


@pytest.mark.parametrize(("bias", "alpha", "beta"), OFF)
def test_without_alpha_or_beta_each_value_stands_alone(bias, alpha, beta):
    x = example(2, 3, 4, 6)
    found = numbers(LocalResponseNormalization(2, bias=bias, alpha=alpha, beta=beta)(x))
    np.testing.assert_allclose(found, x / bias**beta, rtol=1e-6)


def test_places_do_not_mix_and_zero_stays_zero():
    x = example(2, 5, 5, 6)
    x[0, 2, 3] = 0
    layer = LocalResponseNormalization(2, alpha=1.0)
    whole = numbers(layer(x))
    assert not whole[0, 2, 3].any()
    np.testing.assert_allclose(numbers(layer(x[1:, 2:3, 4:5])), whole[1:, 2:3, 4:5], rtol=1e-6)


@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 6), (2, 3, 4, 6), (2, 2, 2, 2, 6)])
def test_any_number_of_axes(shape):
    x, layer = example(*shape), LocalResponseNormalization(2, alpha=0.5)
    np.testing.assert_allclose(numbers(layer(x)), by_hand(x, 2, 1.0, 0.5, 0.75), rtol=1e-5, atol=1e-7)
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *shape[1:])


def test_the_gradient_is_the_slope_of_the_loop():
    x, weights = example(1, 1, 2, 5), example(1, 1, 2, 5, seed=4)
    layer = LocalResponseNormalization(1, alpha=0.2)
    (found,) = slopes(lambda values: weighted_sum(weights, layer(values)), x)
    for place in np.ndindex(x.shape):
        up, down = x.astype(float), x.astype(float)
        up[place] += 1e-5
        down[place] -= 1e-5
        rise = (weights * (by_hand(up, 1, 1.0, 0.2, 0.75) - by_hand(down, 1, 1.0, 0.2, 0.75))).sum()
        assert found[place] == pytest.approx(rise / 2e-5, rel=1e-3, abs=1e-4)


def test_no_gradient_is_spoilt_where_all_is_zero():
    layer = LocalResponseNormalization(2)
    (found,) = slopes(lambda values: keras.ops.sum(layer(values)), np.zeros((1, 2, 2, 4), "float32"))
    np.testing.assert_array_equal(found, 1)


def test_compiled_it_gives_the_same():
    x, layer = example(2, 3, 4, 16), LocalResponseNormalization(4, alpha=0.1)
    np.testing.assert_allclose(numbers(compiled(layer)(keras.ops.convert_to_tensor(x))), numbers(layer(x)), rtol=1e-6)


def test_under_xla_it_gives_the_same():
    tf = pytest.importorskip("tensorflow")
    x, layer = example(2, 3, 4, 16), LocalResponseNormalization(4, alpha=0.1)
    layer.build(x.shape)
    found = tf.function(layer.call, jit_compile=True)(tf.constant(x))
    np.testing.assert_allclose(numbers(found), numbers(layer(x)), rtol=1e-5)


# ------------------------------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize(
    ("policy", "kind", "near"), [("mixed_float16", "float16", 2e-3), ("float64", "float64", 1e-12)]
)
def test_other_precisions(policy, kind, near):
    if keras.backend.backend() == "jax" and kind == "float64":
        pytest.skip("JAX has no float64 unless it is switched on")
    x = example(2, 3, 4, 16).astype(kind)
    layer = LocalResponseNormalization(4, alpha=0.1, dtype=policy)
    found = layer(keras.ops.convert_to_tensor(x))
    assert keras.backend.standardize_dtype(found.dtype) == kind
    np.testing.assert_allclose(numbers(found), by_hand(x, 4, 1.0, 0.1, 0.75), rtol=near, atol=near)


def test_half_precision_does_not_overflow_where_squares_would():
    x = np.full((1, 1, 1, 3), 300.0, "float16")  # 300² is beyond float16
    found = numbers(LocalResponseNormalization(1, alpha=0.01, dtype="mixed_float16")(x)).ravel()
    np.testing.assert_allclose(found, by_hand(x, 1, 1.0, 0.01, 0.75).ravel(), rtol=2e-3)


def test_a_network_in_mixed_precision_trains():
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1), dtype="float32"),
            layers.Conv2D(4, 3, dtype="mixed_float16"),
            LocalResponseNormalization(2, dtype="mixed_float16"),
            layers.Flatten(),
            layers.Dense(1, dtype="float32"),
        ]
    )
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(example(4, 6, 6, 1, large=1.0), np.ones((4, 1))))


# -------------------------------------------------------------------------------------------------- as a layer


def small_model(**given):
    chosen = {"radius": 2, "bias": 1.5, "alpha": 0.3, "beta": 0.6} | given
    return keras.Sequential([keras.Input((None, None, 5)), LocalResponseNormalization(name="lrn", **chosen)])


def test_a_saved_model_comes_back_with_its_numbers(tmp_path):
    model, x = small_model(), example(2, 4, 3, 5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    layer = again.get_layer("lrn")
    assert (layer.radius, layer.bias, layer.alpha, layer.beta) == (2, 1.5, 0.3, 0.6)
    np.testing.assert_array_equal(numbers(again(x)), numbers(model(x)))
    np.testing.assert_allclose(numbers(again(x)), by_hand(x, 2, 1.5, 0.3, 0.6), rtol=1e-5, atol=1e-7)


def test_its_config_makes_the_same_layer():
    layer = LocalResponseNormalization(np.int64(3), bias=2, alpha=0, beta=1, name="n")
    config = layer.get_config()
    assert LocalResponseNormalization.from_config(config).get_config() == config
    assert {name: config[name] for name in ("radius", "bias", "alpha", "beta", "name")} == {
        "radius": 3,
        "bias": 2.0,
        "alpha": 0.0,
        "beta": 1.0,
        "name": "n",
    }
    assert type(config["radius"]) is int


def test_it_has_no_weights_and_takes_any_size_of_picture():
    model = small_model()
    assert model.count_params() == 0
    assert numbers(model(example(1, 2, 7, 5))).shape == (1, 2, 7, 5)


WRONG = [{"radius": -1}, {"radius": 1.5}, {"radius": 2.0}, {"radius": True}, {"radius": None}, {"radius": "4"}]
WRONG += [{"bias": 0}, {"bias": -1.0}, {"alpha": -0.1}, {"beta": -1}, {"alpha": float("nan")}, {"bias": float("nan")}]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        LocalResponseNormalization(**wrong)


def test_an_unknown_number_of_channels_is_refused():
    with pytest.raises(ValueError, match="expected a known number of channels"):
        LocalResponseNormalization().build((None, 4, 4, None))
