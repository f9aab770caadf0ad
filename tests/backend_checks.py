"""Probes, model and batches against values worked out by hand, on whichever backend ``KERAS_BACKEND`` names.

``test_backends.py`` runs this file once for each backend in a process of its own: Keras reads its backend only once.
"""

import random
import warnings

import keras
import numpy as np
import pytest
from test_averages import (  # noqa: F401 (averages beside a run: collected here, so that they run on every backend)
    test_a_run_that_is_looked_at_goes_on_as_if_nobody_had,
    test_keras_fit_ends_by_putting_the_average_in_place_of_the_weights,
    test_momentum_does_not_change_training,
    test_the_average_of_keras_optimizer_begins_with_the_weights_after_the_first_step,
    test_they_are_the_moving_statistics_of_a_model_with_this_momentum,
    test_values_are_copies,
    test_values_that_do_not_fit_change_nothing,
    test_whatever_happens_in_the_block_the_values_come_back,
    test_within_the_block_the_model_answers_with_other_values_and_afterwards_as_before,
)
from test_expressions_model import (  # noqa: F401 (likewise)
    beyond_two,
    documented,
    small,
    test_kernels_start_as_documented_truncated_normals_and_biases_at_zero,
    test_l2_is_on_the_kernels_of_fc_1_and_fc_2_and_counts_each_square_once,
    test_outputs_have_the_documented_shapes,
    test_the_loss_is_cross_entropy_of_logits_and_l2,
)
from test_fields import (  # noqa: F401 (likewise)
    seen_by,
    test_a_tap_of_zero_is_not_seen_and_a_dead_unit_sees_nothing,
    test_it_changes_nothing_and_drops_nothing,
    test_several_channels_add_their_squares,
    test_the_arithmetic_is_what_the_gradient_sees_in_every_layer,
    test_the_influence_by_hand,
    test_units_of_the_last_pool_see_their_field_and_nothing_else,
)
from test_layers import (  # noqa: F401 (the patch samplers, likewise)
    test_a_convolution_behind_the_patches_trains,
    test_a_half_is_rounded_up_and_never_to_even,
    test_a_model_takes_any_number_of_faces_compiled_or_not,
    test_a_point_that_is_not_finite_gives_nan_and_leaves_the_others_alone,
    test_a_saved_model_comes_back_with_its_choices,
    test_at_a_whole_number_the_slope_is_that_to_the_right,
    test_bilinear_by_hand,
    test_half_precision_keeps_the_positions,
    test_other_numbers_are_cast_to_float32,
    test_patches_equal_the_reference,
    test_the_gradient_to_the_images_is_what_each_pixel_adds,
    test_the_gradient_to_the_points_is_the_slope_of_the_reference,
    test_the_window_by_hand,
    test_zero_is_zero_even_beside_a_pixel_that_is_not_a_number,
)
from test_lrn import (  # noqa: F401 (likewise)
    test_a_network_in_mixed_precision_trains,
    test_any_number_of_axes,
    test_by_hand_on_four_channels,
    test_compiled_it_gives_the_same,
    test_half_precision_does_not_overflow_where_squares_would,
    test_it_is_the_loop_over_channels,
    test_no_gradient_is_spoilt_where_all_is_zero,
    test_the_gradient_is_the_slope_of_the_loop,
)
from test_resume import (  # noqa: F401 (exact resume, likewise)
    killed,
    test_a_resumed_run_ends_with_the_same_bits,
    test_a_run_killed_after_its_last_epoch_ends_the_same,
    test_layers_that_changed_places_are_refused_where_keras_says_nothing,
    test_python_s_and_numpy_s_generators_come_back,
    test_weights_come_back_moving_statistics_too,
    whole,
)
from test_watching import (  # noqa: F401 (likewise)
    batch,
    test_a_frozen_layer_is_not_listed,
    test_clipping_does_not_change_what_is_noted,
    test_each_step_replaces_what_was_noted,
    test_it_trains_as_adam_does,
    test_the_gradients_are_those_of_the_packaged_probe,
)

from course_utils import probes, runtime
from course_utils.models import digits as digits_models
from course_utils.models import hands as hands_models
from course_utils.models import hands_heatmaps as heat
from course_utils.probes.device import reference_step, self_test
from course_utils.training import ExactBackup, orders_dealt_by_fit, shuffled_batches

X = np.array([[1.0, 2.0], [3.0, -1.0]], dtype="float32")
Y = np.array([[1.0], [0.0]], dtype="float32")


def tiny(activation=None, dropout=0.0):
    """y = w·x + b with w = (0.5, -1), b = 0.25, squared error."""
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(1, activation=activation, name="out"),
            keras.layers.Dropout(dropout, name="drop"),
        ]
    )
    model.get_layer("out").set_weights([np.array([[0.5], [-1.0]]), np.array([0.25])])
    model.compile("sgd", "mean_squared_error")
    return model


# by hand: predictions 0.5 - 2 + 0.25 = -1.25 and 1.5 + 1 + 0.25 = 2.75; errors -2.25 and 2.75
PREDICTIONS = np.array([[-1.25], [2.75]])
LOSS = (2.25**2 + 2.75**2) / 2
KERNEL_GRADIENT = np.array([[-2.25 * 1 + 2.75 * 3], [-2.25 * 2 + 2.75 * -1]])  # 2/N · Σ error · x, N = 2
BIAS_GRADIENT = np.array([-2.25 + 2.75])


def test_loss_by_hand():
    assert probes.loss(tiny(), X, Y) == pytest.approx(LOSS, rel=1e-5)


def test_loss_weighs_an_uneven_last_batch_rightly():
    x, y = np.concatenate([X, X[:1]]), np.concatenate([Y, Y[:1]])
    expected = (2 * 2.25**2 + 2.75**2) / 3
    assert probes.loss(tiny(), x, y, batch_size=2) == pytest.approx(expected, rel=1e-5)


def test_gradients_by_hand():
    found = probes.gradients(tiny(), X, Y)
    assert type(found["out/kernel"]) is np.ndarray
    np.testing.assert_allclose(found["out/kernel"], KERNEL_GRADIENT, rtol=1e-5)
    np.testing.assert_allclose(found["out/bias"], BIAS_GRADIENT, rtol=1e-5)


def test_gradient_rms_by_hand():
    found = probes.gradient_rms(tiny(), X, Y)
    assert found["out/kernel"] == pytest.approx(np.sqrt(np.mean(KERNEL_GRADIENT**2)), rel=1e-5)


@pytest.mark.parametrize(
    "probe",
    [
        lambda model: probes.gradients(model, X, Y, training=True),
        lambda model: probes.loss(model, X, Y, training=True),
        lambda model: probes.train_inference_gap(model, X, Y),
        lambda model: probes.activations(model, X, training=True),
        lambda model: probes.dropped_share(model, X, "drop"),
    ],
)
def test_measuring_changes_nothing(probe):
    """Neither weights, nor batch norm's moving statistics, nor the state that dropout draws from."""
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((2,)), layers.BatchNormalization(), layers.Dropout(0.5, seed=1, name="drop"), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    states = model.variables
    assert any("seed" in variable.path for variable in states)
    before = [np.array(keras.ops.convert_to_numpy(v)) for v in states]
    probe(model)
    for variable, value in zip(states, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value, err_msg=variable.path)


def test_variables_that_would_share_a_name_keep_their_full_path():
    part = lambda name: keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="d")], name=name)  # noqa: E731
    model = keras.Sequential([keras.Input((2,)), part("a"), part("b")])
    model.compile("sgd", "mse")
    assert len(probes.snapshot(model)) == len(probes.gradients(model, X, np.zeros((2, 2)))) == 4


def test_a_summed_loss_is_refused():
    model = tiny()
    model.compile("sgd", keras.losses.MeanSquaredError(reduction="sum"))
    with pytest.raises(ValueError, match="expected a mean per example"):
        probes.loss(model, X, Y)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="no rows"):
        probes.loss(tiny(), X[:0], Y[:0])


def test_a_dead_relu_has_zero_gradient():
    model = tiny(activation="relu")
    model.get_layer("out").set_weights([np.zeros((2, 1)), np.array([-1.0])])
    assert not probes.gradients(model, X, Y)["out/kernel"].any()


def test_a_frozen_layer_has_no_gradient_entry():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="a"), keras.layers.Dense(1, name="b")])
    model.get_layer("a").trainable = False
    model.compile("sgd", "mse")
    assert set(probes.gradients(model, X, Y)) == {"b/kernel", "b/bias"}


@pytest.mark.parametrize("probe", [probes.loss, probes.gradients])
def test_a_model_without_a_loss_is_refused(probe):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="compile it first"):
        probe(model, X, Y)


def test_activations_by_hand_and_in_batches():
    found = probes.activations(tiny(), X, ["out"], batch_size=1)["out"]
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found, PREDICTIONS, rtol=1e-5)
    assert list(probes.activations(tiny(), X)) == ["out", "drop"]


def test_activations_of_an_unknown_layer_are_refused():
    with pytest.raises(ValueError, match="No such layer"):
        probes.activations(tiny(), X, ["nothing"])


def test_dead_units_by_hand():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation="relu", name="relu")])
    model.get_layer("relu").set_weights([np.array([[1.0, -1, 0], [0, 0, 0]]), np.array([0.0, 2, -1])])
    # unit 0: x0 > 0 alive; unit 1: 2 - x0 = 1 on the first row, alive; unit 2: always -1, dead
    assert probes.dead_units(model, X, "relu").tolist() == [False, False, True]


def test_dropped_share_is_the_rate():
    x = np.ones((400, 2), dtype="float32")
    for rate in (0.25, 0.75):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(rate, seed=3, name="drop")])
        assert probes.dropped_share(model, x, "drop") == pytest.approx(rate, abs=0.06)


def test_dropped_share_ignores_values_that_were_zero_before():
    x = np.zeros((4, 2), dtype="float32")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5, name="drop")])
    with pytest.raises(ValueError, match="only zeros"):
        probes.dropped_share(model, x, "drop")


def test_train_inference_gap_sees_dropout_and_nothing_else():
    plain = probes.train_inference_gap(tiny(), X, Y)
    assert plain["gap"] == pytest.approx(0.0, abs=1e-6)
    assert plain["inference"] == pytest.approx(LOSS, rel=1e-5)
    assert probes.train_inference_gap(tiny(dropout=0.9), X, Y)["training"] != pytest.approx(LOSS, rel=1e-3)


def test_snapshot_is_a_copy_and_changes_are_measured_in_std():
    model = tiny()
    before = probes.snapshot(model)
    model.get_layer("out").set_weights([np.array([[0.5], [-1.0]]) + 0.3, np.array([0.25])])
    after = probes.snapshot(model)
    assert before["out/kernel"][0, 0] == pytest.approx(0.5)
    assert probes.relative_change(before, after)["out/kernel"] == pytest.approx(0.3 / 0.75, rel=1e-5)
    assert probes.update_ratio(before, after)["out/kernel"] == pytest.approx(0.3 / np.sqrt(0.625), rel=1e-5)


def test_a_constant_start_that_moves_changes_without_bound():
    before, after = {"w": np.zeros(3)}, {"w": np.ones(3)}
    assert probes.relative_change(before, after)["w"] == float("inf")
    assert probes.relative_change(before, before)["w"] == 0.0
    with pytest.raises(ValueError, match=r"shape \(3,\) before, \(2,\) after"):
        probes.relative_change(before, {"w": np.ones(2)})


def test_constant_baselines_by_hand():
    labels = probes.constant_baselines(np.array([0, 0, 0, 1]))
    assert labels["accuracy"] == 0.75
    assert labels["cross_entropy"] == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert probes.constant_baselines(np.array([[1.0], [3.0]])) == {"zero": 5.0, "mean": 1.0}
    with pytest.raises(ValueError, match="no rows"):
        probes.constant_baselines(np.array([]))


def test_device_self_test_passes_here_and_can_fail(monkeypatch):
    result = self_test()
    assert result.passed
    assert result.worst < 1e-4
    wrong = lambda x, y, start, rate=0.1: [value * 1.05 for value in reference_step(x, y, start, rate)]  # noqa: E731
    monkeypatch.setattr("course_utils.probes.device.reference_step", wrong)
    assert not self_test().passed


def test_device_self_test_leaves_the_random_state_alone():
    keras.utils.set_random_seed(5)
    expected = keras.ops.convert_to_numpy(keras.random.normal((3,))).tolist(), random.random()
    keras.utils.set_random_seed(5)
    self_test()
    assert (keras.ops.convert_to_numpy(keras.random.normal((3,))).tolist(), random.random()) == expected


# ----------------------------------------------------------------------------------------------------- model


def test_documented_network_has_the_documented_parameters():
    model = digits_models.convnet()
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.count_params()}
    assert counts == {"conv_1": 832, "conv_2": 51_264, "dense": 3_212_288, "logits": 10_250}
    assert model.count_params() == 3_274_634
    assert model.get_layer("dropout").rate == 0.25


def test_documented_start_is_unit_normal_everywhere():
    weights = probes.snapshot(digits_models.convnet("small"))
    for name, values in weights.items():
        few = 4 / np.sqrt(values.size)
        assert abs(values.mean()) < few, name
        assert abs(values.std() - 1) < few, name


def test_layers_do_not_share_their_draws():
    weights = probes.snapshot(digits_models.convnet("small", weight_init="glorot_uniform"))
    assert not np.array_equal(weights["conv_1/bias"][:10], weights["logits/bias"])


def test_arguments_change_what_they_name_and_nothing_else():
    healthy = {"weight_init": "glorot_uniform", "bias_init": "zeros"}
    weights = probes.snapshot(digits_models.convnet("small", first_kernel_init="zeros", **healthy))
    assert not weights["conv_1/kernel"].any()
    assert weights["conv_2/kernel"].any()
    assert not weights["dense/bias"].any()
    frozen = digits_models.convnet("small", train_first_layer=False)
    assert len(frozen.trainable_variables) == len(frozen.weights) - 2


def test_documented_adam_has_the_documented_epsilon():
    model = digits_models.compile_documented(digits_models.convnet("small"), 2e-2)
    assert model.optimizer.epsilon == 1e-8
    assert float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)) == pytest.approx(2e-2)


# ------------------------------------------------------------------------------------------- order of examples


ROWS = np.arange(8, dtype="float32")[:, None]


def test_how_fit_shuffles_after_seeding():
    """The fact behind ``shuffled_batches``. When this fails, Keras has changed: see training/batches.py and lesson 00."""
    keras.utils.set_random_seed(0)
    orders = orders_dealt_by_fit(shuffle=True)
    assert all(sorted(order) == list(range(8)) for order in orders)
    distinct = len({tuple(order) for order in orders})
    assert distinct == (1 if keras.backend.backend() == "tensorflow" else 3)


def test_shuffled_batches_are_new_each_pass_and_reach_fit_in_order():
    feed = shuffled_batches(ROWS, 0 * ROWS, 1, seed=4)
    orders = orders_dealt_by_fit(feed, steps_per_epoch=8)
    again = shuffled_batches(ROWS, 0 * ROWS, 1, seed=4)
    assert [i for order in orders for i in order] == [int(next(again)[0][0, 0]) for _ in range(24)]
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3


# ----------------------------------------------------------------------------------------------------- hands


def test_the_documented_hands_network_by_hand():
    model = hands_models.documented_regressor("small")
    sizes = [5 * 5 * 8 + 8, 30 * 40 * 8 * 256 + 256, 256 * 48 + 48]
    assert model.count_params() == sum(sizes) == 2_470_400
    assert [model.get_layer(name).count_params() for name in ("conv", "dense", "joints")] == sizes
    (height, width), units = hands_models.SIZES["documented"]
    assert 5 * 5 * 8 + 8 + (height // 2) * (width // 2) * 8 * units + units + units * 48 + 48 == 157_336_832


def test_the_documented_start_is_a_cut_off_normal_and_biases_of_a_tenth():
    model = hands_models.documented_regressor("small")
    kernel, bias = model.get_layer("dense").get_weights()
    assert (np.abs(kernel) > 0.2 + 1e-6).sum() <= beyond_two(kernel.size)
    assert kernel.std() == pytest.approx(0.088, abs=0.002)  # 0.1, less what is cut off
    assert (bias == np.float32(0.1)).all()
    other = model.get_layer("joints").get_weights()[0]
    assert not np.allclose(kernel[: len(other)].ravel()[:100], other.ravel()[:100]), "two layers drew the same weights"


@pytest.mark.parametrize(("activation", "low"), [("relu", 0.0), (None, -np.inf), ("softplus", 0.0)])
def test_the_output_activation_is_the_one_asked_for(activation, low):
    model = hands_models.documented_regressor(
        "small", output_activation=activation, weight_init="he_normal", bias_init=0.0
    )
    x = np.random.default_rng(0).normal(size=(6, 60, 80, 1)).astype("float32")
    answers = keras.ops.convert_to_numpy(model(x))
    assert answers.shape == (6, 48)
    assert answers.min() >= low
    if activation != "softplus":
        assert (answers <= 0).any(), "this input has to reach below zero"
    assert all((model.get_layer(name).get_weights()[1] == 0).all() for name in ("conv", "dense", "joints"))


def test_the_input_of_the_hands_network_may_have_another_shape():
    model = hands_models.documented_regressor("small", input_shape=(12, 16))
    assert model.input_shape == (None, 12, 16, 1)
    assert model.get_layer("dense").get_weights()[0].shape == (6 * 8 * 8, 256)
    with pytest.raises(KeyError):
        hands_models.documented_regressor("large")


def test_the_regressor_by_hand():
    model = hands_models.regressor(48)
    sizes = [3 * 3 * 8 + 8, 9 * 8 * 16 + 16, 9 * 16 * 32 + 32, 6 * 6 * 32 * 128 + 128, 128 * 48 + 48]
    assert model.count_params() == sum(sizes)
    assert keras.ops.convert_to_numpy(model(np.zeros((2, 48, 48, 1), "float32"))).shape == (2, 48)
    assert hands_models.regressor(64, filters=(4, 4), units=10).get_layer("dense").get_weights()[0].shape == (
        16 * 16 * 4,
        10,
    )


def test_a_dead_output_gets_no_gradient_and_stays():
    """The mechanism of the zero vector: below zero for every input, a ReLU output never moves again."""
    model = tiny("relu")
    model.get_layer("out").set_weights([np.array([[-1.0], [-1.0]]), np.array([-9.0])])
    model.compile("sgd", "mean_squared_error")
    before = [np.array(w) for w in model.get_weights()]
    assert probes.gradient_rms(model, X, Y) == {"out/kernel": 0.0, "out/bias": 0.0}
    for _ in range(3):
        model.train_on_batch(X, Y)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert probes.dead_units(model, X, "out").all()


# ------------------------------------------------------------------------------------------------- heat-maps

MAPS = np.zeros((1, 4, 6, 2), "float32")
MAPS[0, 1, 2, 0] = 2.0
MAPS[0, 3, 5, 1] = 9.0


def test_a_gaussian_map_is_1_at_its_point_and_falls_off_by_hand():
    maps = heat.gaussian_maps(np.array([[[2.0, 1.0], [4.5, 3.0]]]), 4, 6)
    assert maps.shape == (1, 4, 6, 2)
    assert maps.dtype == np.float32
    assert maps[0, 1, 2, 0] == 1
    assert maps[0, 1, 3, 0] == pytest.approx(np.exp(-0.5))
    assert maps[0, 3, 4, 0] == pytest.approx(np.exp(-(4 + 4) / 2))
    assert maps[0, 3, 4, 1] == maps[0, 3, 5, 1] == pytest.approx(np.exp(-0.125))
    assert heat.gaussian_maps(np.array([[[2.0, 1.0]]]), 4, 6, sigma=2)[0, 1, 3, 0] == pytest.approx(np.exp(-0.125))
    with pytest.raises(ValueError, match=r"\(N, K, 2\)"):
        heat.gaussian_maps(np.zeros((3, 3)), 4, 6)
    with pytest.raises(ValueError, match="sigma 0: expected above 0"):
        heat.gaussian_maps(np.zeros((1, 1, 2)), 4, 6, sigma=0)


def test_losses_of_maps_by_hand():
    target, predicted = np.zeros((1, 2, 2, 1), "float32"), np.zeros((1, 2, 2, 1), "float32")
    target[0, 0, 0, 0], predicted[0, 0, 0, 0], predicted[0, 1, 1, 0] = 1.0, 0.5, 1.0
    found = keras.ops.convert_to_numpy(heat.weighted_squares(3)(target, predicted))
    np.testing.assert_allclose(found, [(4 * 0.25 + 1) / 4])
    shares = np.exp([0.5, 0.0, 0.0, 1.0]) / np.exp([0.5, 0.0, 0.0, 1.0]).sum()
    found = keras.ops.convert_to_numpy(heat.map_cross_entropy(2 * target, predicted))  # any height of the target
    np.testing.assert_allclose(found, [-np.log(shares[0])], rtol=1e-5)
    np.testing.assert_allclose(
        np.exp(keras.ops.convert_to_numpy(heat.log_shares(predicted))).sum(axis=(1, 2)), 1, rtol=1e-5
    )


def test_a_map_is_read_by_its_brightest_pixel_and_by_its_mean_place():
    np.testing.assert_array_equal(heat.brightest_pixel(MAPS), [[[2, 1], [5, 3]]])
    share = np.exp(MAPS[0]) / np.exp(MAPS[0]).sum(axis=(0, 1))
    v, u = np.mgrid[:4, :6]
    expected = [[(share[..., k] * u).sum(), (share[..., k] * v).sum()] for k in range(2)]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(heat.soft_argmax(MAPS))[0], expected, rtol=1e-5)


def test_the_heatmap_network_answers_in_the_size_of_its_input_and_trains_with_either_loss():
    x, target = (
        np.random.default_rng(0).normal(size=(2, 12, 16, 1)),
        heat.gaussian_maps(np.full((2, 16, 2), 5.0), 12, 16),
    )
    for loss in ("mean_squared_error", heat.weighted_squares(10), heat.map_cross_entropy):
        model = heat.heatmap_net(12, 16)
        model.compile("adam", loss)
        before = model.get_layer("head").get_weights()[0]
        assert np.isfinite(float(model.train_on_batch(x, target)))
        assert not np.array_equal(before, model.get_layer("head").get_weights()[0])
        assert keras.ops.convert_to_numpy(model(x)).shape == (2, 12, 16, 16)
    with pytest.raises(ValueError, match="62×80: expected multiples of 4"):
        heat.heatmap_net(62, 80)
    black = heat.heatmap_net(12, 16, head_init="zeros")
    assert not keras.ops.convert_to_numpy(black(x)).any(), "a head of zeros has to begin at black"
    half = heat.heatmap_net(12, 16, head_init="zeros", activation="sigmoid")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(half(x)), 0.5)


def test_a_map_without_a_dot_asks_nothing_instead_of_spoiling_the_loss():
    target = heat.gaussian_maps(np.array([[[-500.0, 5.0], [3.0, 3.0]]]), 12, 16)  # the first lies far outside
    found = keras.ops.convert_to_numpy(heat.map_cross_entropy(target, np.zeros_like(target)))
    np.testing.assert_allclose(found, [np.log(12 * 16) / 2], rtol=1e-5)


# ------------------------------------------------------------ what differs, as the registry's ``elsewhere`` says it


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("behind", [(), (keras.layers.Reshape((7,)),)])
def test_only_tensorflow_finds_hidden_logits_and_only_right_behind_a_softmax(eagerly, behind):
    """fer-softmax-twice."""
    x, y = np.random.default_rng(0).normal(size=(21, 12)).astype("float32"), np.tile(np.eye(7, dtype="float32"), (3, 1))
    wide = keras.initializers.RandomNormal(stddev=1.0, seed=1)
    start = [keras.Input((12,)), keras.layers.Dense(7, kernel_initializer=wide), keras.layers.Softmax()]
    model, loss = keras.Sequential([*start, *behind]), keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss, run_eagerly=eagerly)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = model.fit(x, y, batch_size=len(x), verbose=0).history["loss"][0]
    p = keras.ops.convert_to_numpy(model(x))
    once, twice = -np.log((p * y).sum(axis=1)).mean(), float(loss(y, p))
    assert once > twice + 1
    mended = keras.backend.backend() == "tensorflow" and not behind
    assert found == pytest.approx(once if mended else twice, rel=1e-4)


def test_where_a_probability_becomes_zero():
    """fer-log-zero."""
    gaps = np.arange(70, 115, 0.25, dtype="float32")
    logits = np.zeros((len(gaps), 7), "float32")
    logits[:, 0] = -gaps
    p = keras.ops.convert_to_numpy(keras.ops.softmax(keras.ops.convert_to_tensor(logits)))[:, 0]
    assert gaps[p == 0][0] == (102.5 if keras.backend.backend() == "torch" else 85.75)


def test_an_optimizer_meets_a_second_model():
    """fer-notebook-redefine."""
    adam, x, y = keras.optimizers.Adam(), np.ones((4, 12), "float32"), np.ones((4, 7), "float32")
    first, second = (keras.Sequential([keras.Input((12,)), keras.layers.Dense(7)]) for _ in range(2))
    for model in (first, second):
        model.compile(adam, "mse", run_eagerly=True)
    first.train_on_batch(x, y)
    if keras.backend.backend() == "jax":
        second.train_on_batch(x, y)
        assert int(adam.iterations) == 2
    else:
        with pytest.raises(ValueError, match="Unknown variable"):
            second.train_on_batch(x, y)


def test_the_largest_seed_of_the_course_is_one_for_keras():
    """Of a seed up to a hundred others are made."""
    largest = runtime.LARGEST_SEEDS[keras.backend.backend()]
    keras.layers.RandomFlip("horizontal", seed=100 * largest + 99)(np.zeros((1, 4, 4, 1), "float32"), training=True)


def test_gradients_of_outputs_by_hand():
    """h = 2x, r = max(h, 0), p = 3r; mean of (p - y)² over two examples, the first with h below 0."""
    model = keras.Sequential([keras.Input((1,)), *(keras.layers.Dense(1, use_bias=False, name=n) for n in ("h", "p"))])
    model.layers[0].activation = keras.activations.relu
    model.layers[0].set_weights([np.full((1, 1), 2.0)])
    model.layers[1].set_weights([np.full((1, 1), 3.0)])
    model.compile("sgd", "mse")
    found = probes.output_gradients(model, np.array([[-1.0], [1.0]], "float32"), np.array([[1.0], [1.0]], "float32"))
    np.testing.assert_allclose(found["p"], [[-1.0], [5.0]])  # 2 (p - y) / 2
    np.testing.assert_allclose(found["h"], [[-3.0], [15.0]])  # of the output, behind its own ReLU
    assert [v.shape for v in found.values()] == [(2, 1), (2, 1)] and list(found) == ["h", "p"]


def test_gradients_of_outputs_ask_for_a_built_sequential_and_a_loss():
    x, grown = keras.Input((2,)), keras.Sequential(name="grown")
    zeros = np.zeros((1, 2), "float32")
    grown.add(keras.layers.Dense(2, name="a"))
    with pytest.raises(ValueError, match="'grown' has no loss"):
        probes.output_gradients(grown, zeros, zeros)
    with pytest.raises(ValueError, match="'grown' is a Sequential, built: False"):
        probes.output_gradients(grown, zeros, zeros, "mse")
    grown.build((None, 2))
    grown.add(keras.layers.Dense(2, name="b"))
    grown.build((None, 2))
    assert list(probes.output_gradients(grown, zeros.astype("uint8"), zeros, "mse")) == ["a", "b"]
    grown.compile("sgd", keras.losses.MeanSquaredError(reduction="sum"))
    with pytest.raises(ValueError, match="reduction 'sum'; expected a mean per example"):
        probes.output_gradients(grown, zeros, zeros)
    with pytest.raises(ValueError, match="'scaled' is a Functional, built: True; expected a built Sequential"):
        probes.output_gradients(keras.Model(x, keras.layers.Dense(2)(x / 255), name="scaled"), zeros, zeros, "mse")


def with_dropout(seed):
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    dropout = keras.layers.Dropout(0.5, seed=seed)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16), dropout, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model, dropout


@pytest.mark.parametrize("seed", [None, 3])
def test_on_pytorch_dropout_without_a_seed_draws_from_pytorch(seed):
    model, dropout = with_dropout(seed)
    x = np.ones((4, 8), "float32")
    states = []
    for _ in range(2):
        model.train_on_batch(x, np.zeros(4))
        states.append(np.array(keras.ops.convert_to_numpy(dropout.seed_generator.state)))
    unmoved = seed is None and keras.backend.backend() == "torch"
    assert np.array_equal(*states) == unmoved


@pytest.mark.parametrize("dealt", ["arrays", "batches"])
@pytest.mark.parametrize("seed", [None, 3])
def test_a_run_with_dropout_goes_on_to_the_last_bit(seed, dealt, tmp_path):
    x = np.random.default_rng(0).normal(size=(16, 8)).astype("float32")

    def go_on(model, done, until, backup):
        if dealt == "batches":
            plan = {"x": shuffled_batches(x, x[:, 0], 4, seed=1, start=4 * done), "steps_per_epoch": 4}
        else:
            plan = {"x": x, "y": x[:, 0], "batch_size": 4, "shuffle": False}
        model.fit(epochs=until, initial_epoch=done, callbacks=[backup], verbose=0, **plan)

    weights = []
    for stop in (4, 2):
        model, _ = with_dropout(seed)
        go_on(model, 0, stop, ExactBackup(tmp_path / f"{stop}.npz"))
        if stop == 2:
            model, _ = with_dropout(seed)
            keras.utils.set_random_seed(5)
            backup = ExactBackup(tmp_path / "2.npz")
            assert backup.restore(model) == 2
            go_on(model, 2, 4, backup)
        weights.append(np.concatenate([keras.ops.convert_to_numpy(v).ravel() for v in model.weights]))
    np.testing.assert_array_equal(*weights)
