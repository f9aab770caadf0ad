"""The FER2013 convnet: sizes and start worked out by hand, what each argument changes, and that it comes back from a file."""

import keras
import numpy as np
import pytest
from test_layers import numbers

from course_utils import probes
from course_utils.layers import LocalResponseNormalization
from course_utils.models.expressions import FAN_IN, KERNEL_STD, LRN_ALPHA, WIDTHS, compile_documented, convnet

layers = keras.layers
#: Kernel and bias of each layer, written out.
DOCUMENTED = {
    "conv_1": 5 * 5 * 1 * 64 + 64,
    "conv_2": 5 * 5 * 64 * 64 + 64,
    "conv_3": 5 * 5 * 64 * 128 + 128,
    "fc_1": 6 * 6 * 128 * 512 + 512,
    "fc_2": 512 * 512 + 512,
    "logits": 512 * 7 + 7,
}
SMALL = {
    "conv_1": 5 * 5 * 1 * 16 + 16,
    "conv_2": 5 * 5 * 16 * 16 + 16,
    "conv_3": 5 * 5 * 16 * 32 + 32,
    "fc_1": 6 * 6 * 32 * 64 + 64,
    "fc_2": 64 * 64 + 64,
    "logits": 64 * 7 + 7,
}
#: Units that a batch normalisation stands behind.
CONV_UNITS, FC_UNITS = 64 + 64 + 128, 512 + 512
#: Outputs of the documented network, as the write-up lists them.
SHAPES = {
    "conv_1": (48, 48, 64),
    "pool_1": (24, 24, 64),
    "conv_2": (24, 24, 64),
    "pool_2": (12, 12, 64),
    "conv_3": (12, 12, 128),
    "pool_3": (6, 6, 128),
    "flatten": (4608,),
    "fc_1": (512,),
    "fc_2": (512,),
    "logits": (7,),
}


def names(model):
    return [layer.name for layer in model.layers]


def counted(model):
    return {layer.name: layer.count_params() for layer in model.layers if layer.count_params()}


def kinds(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def pictures(count=4, shape=(48, 48, 1), seed=0):
    return np.random.default_rng(seed).random((count, *shape), "float32")


@pytest.fixture(scope="module")
def documented():
    keras.utils.set_random_seed(0)
    return convnet()


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(1)
    return convnet("small")


# ---------------------------------------------------------------------------------------------- sizes and order


def test_the_documented_network_has_the_documented_parameters(documented):
    assert counted(documented) == DOCUMENTED
    assert documented.count_params() == sum(DOCUMENTED.values()) == 2_935_111


@pytest.mark.parametrize(
    ("given", "more", "more_trained"),
    [
        # in place of one bias a unit: γ, β and two moving statistics
        ({"normalization": "batch"}, 3 * CONV_UNITS, CONV_UNITS),
        ({"normalization": "batch", "scale": False}, 2 * CONV_UNITS, 0),
        ({"normalization": "batch", "conv_bias": True}, 4 * CONV_UNITS, 2 * CONV_UNITS),
        ({"normalization": "batch", "dense_normalization": True}, *(n * (CONV_UNITS + FC_UNITS) for n in (3, 1))),
        ({"normalization": "batch", "dense_normalization": True, "scale": False}, 2 * (CONV_UNITS + FC_UNITS), 0),
        ({"normalization": "none"}, 0, 0),
        ({"normalization": "none", "conv_bias": False}, -CONV_UNITS, -CONV_UNITS),
        ({"normalization": "lrn", "dense_normalization": True}, 3 * FC_UNITS, FC_UNITS),
        ({"units": (256, 512)}, *(2 * [-4608 * 256 - 256 - 256 * 512]),),
        ({"classes": 8}, 513, 513),
    ],
    ids=str,
)  # fmt: skip
def test_parameters_of_the_other_versions_by_hand(given, more, more_trained):
    model = convnet(**given)
    assert model.count_params() == 2_935_111 + more
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == 2_935_111 + more_trained


def test_the_small_network_by_hand(small):
    assert counted(small) == SMALL
    assert small.count_params() == sum(SMALL.values()) == 98_071
    assert set(WIDTHS) == {"documented", "small"}


def test_outputs_have_the_documented_shapes(documented):
    assert {name: documented.get_layer(name).output.shape[1:] for name in SHAPES} == SHAPES
    assert documented.input_shape == (None, 48, 48, 1)
    assert numbers(documented(pictures(2))).shape == (2, 7)
    for name in ("conv_1", "conv_2", "conv_3", "pool_1", "pool_2", "pool_3"):
        layer = documented.get_layer(name)
        window = layer.kernel_size if name.startswith("conv") else layer.pool_size
        assert (window, layer.strides, layer.padding) == (
            ((5, 5), (1, 1), "same") if name.startswith("conv") else ((3, 3), (2, 2), "same")
        )


TAIL = ["flatten", "fc_1", "relu_fc_1", "fc_2", "relu_fc_2", "logits"]
ORDERS = {
    "lrn": "conv_1 relu_1 pool_1 lrn_1 conv_2 relu_2 lrn_2 pool_2 conv_3 relu_3 lrn_3 pool_3",
    "batch": "conv_1 bn_1 relu_1 pool_1 conv_2 bn_2 relu_2 pool_2 conv_3 bn_3 relu_3 pool_3",
    "none": "conv_1 relu_1 pool_1 conv_2 relu_2 pool_2 conv_3 relu_3 pool_3",
}


@pytest.mark.parametrize("normalization", ORDERS)
def test_layers_stand_in_the_documented_order(normalization):
    model = convnet("small", normalization=normalization)
    assert names(model) == ORDERS[normalization].split() + TAIL
    assert not any(layer.activation is not keras.activations.linear for layer in kinds(model, layers.Dense))
    assert not any(layer.activation is not keras.activations.linear for layer in kinds(model, layers.Conv2D))


def test_dropout_stands_after_pool_3_fc_1_and_fc_2_and_normalisation_before_each_activation():
    model = convnet("small", normalization="batch", dense_normalization=True, dropout_rate=(0.1, 0.2, 0.3))
    tail = "flatten dropout_0 fc_1 bn_fc_1 relu_fc_1 dropout_1 fc_2 bn_fc_2 relu_fc_2 dropout_2 logits"
    assert names(model) == ORDERS["batch"].split() + tail.split()
    assert [layer.rate for layer in kinds(model, layers.Dropout)] == [0.1, 0.2, 0.3]


def test_local_response_normalisation_has_the_documented_numbers(documented):
    found = [(layer.radius, layer.bias, layer.beta) for layer in kinds(documented, LocalResponseNormalization)]
    assert found == [(4, 1.0, 0.75)] * 3
    alphas = [layer.alpha for layer in kinds(documented, LocalResponseNormalization)]
    assert alphas == [0.001 / 9, 0.01 / 9, 0.01 / 9] == list(LRN_ALPHA)


# -------------------------------------------------------------------------------------------------------- start


def beyond_two(size):
    """How many draws of Keras' truncated normal may lie beyond two deviations.

    None, but on PyTorch, where Keras 3.15 keeps the first good one of four draws: all four are bad 4 times in a million
    (0.0455⁴). Twice as many and four more are bounds that chance does not reach.
    """
    return 0 if keras.backend.backend() != "torch" else 2 * 0.0455**4 * size + 4


def test_kernels_start_as_documented_truncated_normals_and_biases_at_zero(documented):
    expected = {"conv_1": 0.05, "conv_2": 0.05, "conv_3": 0.05, "fc_1": 0.04, "fc_2": 0.01, "logits": 1 / 512}
    assert expected == KERNEL_STD
    for name, std in expected.items():
        kernel, bias = documented.get_layer(name).get_weights()
        assert not bias.any()
        assert (np.abs(kernel) > 2 * std * (1 + 1e-6)).sum() <= beyond_two(kernel.size)
        few = 3 / np.sqrt(kernel.size)  # of a kurtosis below the normal's: 3 is more than four standard errors
        assert kernel.std() == pytest.approx(0.8796 * std, rel=few), name
        assert abs(kernel.mean()) < 4 * std / np.sqrt(kernel.size), name


def test_the_documented_numbers_of_inputs_are_those_of_the_documented_network(documented):
    assert {name: int(np.prod(documented.get_layer(name).kernel.shape[:-1])) for name in FAN_IN} == FAN_IN


@pytest.mark.parametrize("given", [{"network": "small"}, {"units": (64, 256)}, {"input_shape": (24, 32, 1)}], ids=str)
def test_a_narrower_layer_starts_wider_so_that_its_outputs_are_as_large(given):
    """The variance of an output is inputs · std² · mean square of the inputs: inputs · std² has to be the documented one."""
    keras.utils.set_random_seed(2)
    model = convnet(**given)
    for name, std in KERNEL_STD.items():
        kernel = model.get_layer(name).get_weights()[0]
        inputs = np.prod(kernel.shape[:-1])
        few = 3 / np.sqrt(kernel.size)
        assert kernel.std() * np.sqrt(inputs) == pytest.approx(0.8796 * std * np.sqrt(FAN_IN[name]), rel=few), name


def test_signals_are_as_large_in_the_small_network_as_in_the_documented_one():
    x, large = pictures(4), {"documented": [], "small": []}
    watched = ["conv_1", "conv_2", "conv_3", "fc_1", "fc_2", "logits"]
    for network, seeds in (("documented", 4), ("small", 12)):
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            found = probes.activations(convnet(network, normalization="none"), x, watched)
            large[network].append([np.mean(np.square(found[name])) for name in watched])
    ratio = np.sqrt(np.mean(large["small"], axis=0) / np.mean(large["documented"], axis=0))
    np.testing.assert_allclose(ratio, 1, atol=0.25)  # one network of these sizes is off by up to 0.25 of the mean


def test_layers_do_not_share_their_draws():
    tiny = {"input_shape": (8, 8, 1), "units": (32, 32)}
    for init in (None, "glorot_uniform", keras.initializers.HeNormal()):
        first, second = (
            convnet("small", kernel_init=init, **tiny).get_layer(name).get_weights()[0] for name in ("fc_1", "fc_2")
        )
        assert first.shape == second.shape == (32, 32)
        assert np.abs(first / first.std() - second / second.std()).max() > 0.5
        model = convnet("small", kernel_init=init, **tiny)
        first, second = (model.get_layer(name).get_weights()[0] for name in ("fc_1", "fc_2"))
        assert np.abs(first / first.std() - second / second.std()).max() > 0.5


def test_the_seed_of_the_run_decides_the_start():
    starts = []
    for seed in (3, 3, 4):
        keras.utils.set_random_seed(seed)
        starts.append(convnet("small").get_weights()[0])
    np.testing.assert_array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])


# ---------------------------------------------------------------------------------------------------- arguments


def test_another_kernel_init_is_that_of_all_kernels():
    for init in ("zeros", keras.initializers.Constant(0.25)):
        model = convnet("small", kernel_init=init)
        value = 0 if init == "zeros" else 0.25
        assert all((w == value).all() for w in model.get_weights() if w.ndim > 1)


def test_batch_normalisation_has_the_numbers_asked_for():
    given = {"momentum": 0.9, "bn_epsilon": 1e-5, "scale": False}
    found = kinds(convnet("small", normalization="batch", dense_normalization=True, **given), layers.BatchNormalization)
    assert len(found) == 5
    assert {(layer.momentum, layer.epsilon, layer.scale, layer.center) for layer in found} == {(0.9, 1e-5, False, True)}
    plain = kinds(convnet("small", normalization="batch"), layers.BatchNormalization)
    assert {(layer.momentum, layer.epsilon, layer.scale) for layer in plain} == {(0.99, 1e-3, True)}


@pytest.mark.parametrize(
    ("given", "conv", "dense"),
    [
        ({"normalization": "lrn"}, True, True),
        ({"normalization": "none"}, True, True),
        ({"normalization": "batch"}, False, True),
        ({"normalization": "batch", "conv_bias": True}, True, True),
        ({"normalization": "lrn", "conv_bias": False}, False, True),
        ({"normalization": "batch", "dense_normalization": True}, False, False),
        ({"normalization": "lrn", "dense_normalization": True, "conv_bias": True}, True, False),
    ],
    ids=str,
)
def test_a_layer_has_a_bias_where_no_batch_normalisation_follows(given, conv, dense):
    model = convnet("small", **given)
    assert {layer.use_bias for layer in kinds(model, layers.Conv2D)} == {conv}
    assert [model.get_layer(name).use_bias for name in ("fc_1", "fc_2", "logits")] == [dense, dense, True]


def test_a_bias_in_front_of_batch_normalisation_is_dead_weight():
    keras.utils.set_random_seed(0)
    model = compile_documented(convnet("small", normalization="batch", conv_bias=True))
    found = probes.gradient_rms(model, pictures(16), np.arange(16) % 7, training=True)
    for n in (1, 2, 3):
        assert found[f"conv_{n}/bias"] < 1e-4 * found[f"bn_{n}/beta"]
    plain = compile_documented(convnet("small", normalization="none"))
    found = probes.gradient_rms(plain, pictures(16), np.arange(16) % 7)
    assert all(found[f"conv_{n}/bias"] > found[f"conv_{n}/kernel"] / 10 for n in (1, 2, 3))


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(0.0, {}), (0, {}), (0.4, {0: 0.4, 1: 0.4, 2: 0.4}), ([0.5, 0, 0.25], {0: 0.5, 2: 0.25}), (np.full(3, 0.3), None)],
    ids=str,
)
def test_rates_are_shares_that_are_dropped(rate, expected):
    found = {int(layer.name[-1]): layer.rate for layer in kinds(convnet("small", dropout_rate=rate), layers.Dropout)}
    assert found == ({0: 0.3, 1: 0.3, 2: 0.3} if expected is None else expected)


def test_a_rate_of_0_4_keeps_0_6():
    model = convnet("small", dropout_rate=0.4)
    for place in range(3):
        assert probes.dropped_share(model, pictures(16), f"dropout_{place}") == pytest.approx(0.4, abs=0.08)


@pytest.mark.parametrize("l2", [0.002, 0.1])
def test_l2_is_on_the_kernels_of_fc_1_and_fc_2_and_counts_each_square_once(l2):
    model = convnet("small", l2=l2)
    squares = sum(np.square(model.get_layer(name).get_weights()[0].astype(float)).sum() for name in ("fc_1", "fc_2"))
    model(pictures(1))
    assert sum(float(numbers(loss)) for loss in model.losses) == pytest.approx(l2 * squares, rel=1e-4)


def test_tensorflows_documented_coefficient_is_the_default(small):
    """TensorFlow 1: 0.004 · ½Σw²."""
    halves = sum(np.square(small.get_layer(name).get_weights()[0].astype(float)).sum() / 2 for name in ("fc_1", "fc_2"))
    assert sum(float(numbers(loss)) for loss in small.losses) == pytest.approx(0.004 * halves, rel=1e-4)
    assert convnet("small", l2=0).losses == []


def test_the_activation_is_the_one_asked_for_everywhere_but_at_the_end(small):
    found = kinds(convnet("small", activation="tanh"), layers.Activation)
    assert [layer.activation for layer in found] == [keras.activations.tanh] * 5
    assert [layer.activation for layer in kinds(small, layers.Activation)] == [keras.activations.relu] * 5
    assert names(small)[-1] == "logits"


def test_sizes_of_pictures_units_and_classes():
    model = convnet("small", input_shape=(40, 30, 3), units=(10, 20), classes=5)
    assert model.input_shape == (None, 40, 30, 3)
    assert model.get_layer("pool_3").output.shape == (None, 5, 4, 32)
    assert [model.get_layer(name).kernel.shape for name in ("conv_1", "fc_1", "fc_2", "logits")] == [
        (5, 5, 3, 16),
        (640, 10),
        (10, 20),
        (20, 5),
    ]
    assert numbers(model(pictures(2, (40, 30, 3)))).shape == (2, 5)


def test_the_same_weights_with_and_without_normalisation_differ(small):
    plain = convnet("small", normalization="none")
    plain.set_weights(small.get_weights())
    x = pictures(2)
    assert np.abs(numbers(plain(x)) - numbers(small(x))).max() > 1e-7


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ({"network": "large"}, KeyError, "large"),
        ({"normalization": "bn"}, ValueError, "normalization 'bn': expected one of lrn, batch, none"),
        ({"dropout_rate": (0.1, 0.2)}, ValueError, "found 2 rates, expected one, or three"),
        ({"dropout_rate": [0.1] * 4}, ValueError, "found 4 rates"),
        ({"kernel_init": "nothing"}, ValueError, "nothing"),
        ({"activation": "nothing"}, ValueError, "nothing"),
    ],
    ids=str,
)
def test_other_choices_are_refused(wrong, error, said):
    with pytest.raises(error, match=said):
        convnet(**{"network": "small"} | wrong)


# ------------------------------------------------------------------------------------------ training, and files


def test_documented_training(small):
    assert compile_documented(small) is small
    assert small.optimizer.epsilon == 1e-8
    assert float(numbers(small.optimizer.learning_rate)) == pytest.approx(5e-4)
    compile_documented(small, 0.01)
    assert float(numbers(small.optimizer.learning_rate)) == pytest.approx(0.01)


def test_the_loss_is_cross_entropy_of_logits_and_l2(small):
    x, y = pictures(5), np.array([0, 1, 2, 6, 3])
    logits = numbers(small(x)).astype(float)
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log(share[np.arange(5), y]).mean() + sum(float(numbers(loss)) for loss in small.losses)
    found = compile_documented(small).evaluate(x, y, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(expected, rel=1e-4)
    assert found["accuracy"] == pytest.approx((logits.argmax(axis=1) == y).mean())


@pytest.mark.parametrize(
    "given",
    [
        {"normalization": "lrn"},
        {"normalization": "batch", "dense_normalization": True, "scale": False, "dropout_rate": (0.1, 0.2, 0.3)},
        {"normalization": "none", "kernel_init": "he_normal", "activation": "leaky_relu"},
    ],
    ids=str,
)
def test_every_version_trains_and_comes_back_from_a_file_with_the_same_answers(given, tmp_path):
    model = compile_documented(convnet("small", input_shape=(24, 24, 1), **given), 1e-3)
    x, y = pictures(14, (24, 24, 1)), np.arange(14) % 7
    before = [np.array(w) for w in model.get_weights()]
    for _ in range(2):
        model.train_on_batch(x, y)
    after = model.get_weights()
    assert all(np.isfinite(w).all() for w in after)
    assert not any(np.array_equal(*pair) for pair in zip(before, after, strict=True))
    path = tmp_path / "model.keras"
    model.save(path)
    again = keras.saving.load_model(path)
    assert names(again) == names(model)
    np.testing.assert_array_equal(numbers(again(x)), numbers(model(x)))
    assert again.optimizer.epsilon == 1e-8
