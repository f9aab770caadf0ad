"""Batch normalisation by hand against Keras', stacked networks counted by hand, and what each augmentation does to pictures."""

import keras
import numpy as np
import pytest
from test_layers import numbers

from course_utils.models.expressions import KERNEL_STD, convnet
from course_utils.models.expressions_variants import BatchNormByHand, augmentation, stacked, with_batch_norm_by_hand
from course_utils.probes import receptive_fields

layers = keras.layers
SHAPES = [(32, 5), (8, 6, 7, 3)]
both_shapes = pytest.mark.parametrize("shape", SHAPES, ids=["2-D", "4-D"])


def values(shape, seed=0):
    """Channels of different means and spreads."""
    rng = np.random.default_rng(seed)
    channels = np.arange(1, shape[-1] + 1)
    return (rng.normal(size=shape) * channels + 2 * channels - 3).astype("float32")


# ------------------------------------------------------------------------------------ batch normalisation by hand


def pair(shape, **given):
    """Keras' layer and the one by hand, both with the same γ and β, neither of them 1 and 0."""
    made = layers.BatchNormalization(**given), BatchNormByHand(**given)
    gamma, beta = np.random.default_rng(9).normal(1, 0.5, (2, shape[-1]))
    for layer in made:
        layer.build(shape)
        layer.gamma.assign(gamma)
        layer.beta.assign(beta)
    return made


def moving(layer):
    return numbers(layer.moving_mean), numbers(layer.moving_variance)


@both_shapes
@pytest.mark.parametrize("given", [{}, {"momentum": 0.5, "epsilon": 0.1}], ids=str)
def test_by_hand_it_is_keras_batch_normalisation_in_training_and_in_inference(shape, given):
    keras_own, by_hand = pair(shape, **given)
    for step in range(4):
        x = values(shape, step)
        np.testing.assert_allclose(
            numbers(by_hand(x, training=True)), numbers(keras_own(x, training=True)), rtol=1e-4, atol=1e-5
        )
    for found, expected, start in zip(moving(by_hand), moving(keras_own), (0, 1), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert np.abs(found - start).max() > 0.05, "the moving statistics did not move"
    x = values(shape, 7)
    before = moving(by_hand)
    found = numbers(by_hand(x, training=False))
    np.testing.assert_allclose(found, numbers(keras_own(x, training=False)), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(moving(by_hand), before)
    np.testing.assert_array_equal(numbers(by_hand(x)), found)  # a layer called alone is not in training
    assert np.abs(found - numbers(by_hand(x, training=True))).max() > 0.1


def test_by_hand_by_hand():
    layer = BatchNormByHand(momentum=0.9, epsilon=0.0)
    x = np.array([[1.0, -2.0], [3.0, 4.0]], "float32")  # means 2 and 1, variances 1 and 9
    np.testing.assert_allclose(numbers(layer(x, training=True)), [[-1, -1], [1, 1]], rtol=1e-6)
    np.testing.assert_allclose(moving(layer), [[0.2, 0.1], [0.9 + 0.1, 0.9 + 0.9]], rtol=1e-6)
    layer.gamma.assign([2, 3])
    layer.beta.assign([10, 20])
    expected = [10 + 2 * (1 - 0.2), 20 + 3 * (-2 - 0.1) / np.sqrt(1.8)]
    np.testing.assert_allclose(numbers(layer(x, training=False))[0], expected, rtol=1e-5)


def network(by_hand):
    keras.utils.set_random_seed(5)
    stack = [
        layers.Conv2D(3, 3, use_bias=False, name="conv"),
        layers.BatchNormalization(momentum=0.8, name="bn_1"),
        layers.ReLU(name="relu"),
        layers.Flatten(name="flatten"),
        layers.Dense(4, use_bias=False, name="dense"),
        layers.BatchNormalization(epsilon=0.01, name="bn_2"),
        layers.Dense(2, name="out"),
    ]
    model = keras.Sequential([keras.Input((6, 6, 1)), *(with_batch_norm_by_hand(stack) if by_hand else stack)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    return model


def test_trained_with_either_a_network_becomes_the_same():
    rng = np.random.default_rng(0)
    batches = [(rng.normal(1, 2, (8, 6, 6, 1)).astype("float32"), rng.normal(size=(8, 2))) for _ in range(3)]
    ended = []
    for by_hand in (False, True):
        model = network(by_hand)
        start = [np.array(one) for one in model.get_weights()]
        losses = [float(model.train_on_batch(x, y)) for x, y in batches]
        ended.append((model, losses, start))
    (keras_own, expected, start), (by_hand, found, start_by_hand) = ended
    assert [type(layer) for layer in by_hand.layers].count(BatchNormByHand) == 2
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert [w.name for w in by_hand.weights] == [w.name for w in keras_own.weights]
    assert len(by_hand.trainable_weights) == len(keras_own.trainable_weights) == 8
    pairs = zip(by_hand.get_weights(), keras_own.get_weights(), start, start_by_hand, strict=True)
    for weights, same, before, before_by_hand in pairs:
        np.testing.assert_array_equal(before, before_by_hand)
        np.testing.assert_allclose(weights, same, rtol=1e-3, atol=1e-5)
        assert np.abs(weights - before).max() > 1e-3, "nothing was trained"
    np.testing.assert_allclose(
        by_hand.predict_on_batch(batches[0][0]), keras_own.predict_on_batch(batches[0][0]), rtol=1e-3, atol=1e-4
    )


def test_only_batch_norms_are_replaced_and_names_settings_and_order_are_kept():
    stack = [
        layers.Conv2D(2, 3, name="conv"),
        layers.BatchNormalization(momentum=0.7, epsilon=0.02, name="bn_a"),
        layers.LayerNormalization(name="ln"),
        layers.BatchNormalization(name="bn_b"),
        layers.Dropout(0.5, name="dropout"),
    ]
    kept = list(stack)
    found = with_batch_norm_by_hand(stack)
    assert stack == kept, "the list that was given has changed"
    assert [layer.name for layer in found] == ["conv", "bn_a", "ln", "bn_b", "dropout"]
    assert [one is other for one, other in zip(found, stack, strict=True)] == [True, False, True, False, True]
    assert [type(found[place]) for place in (1, 3)] == [BatchNormByHand] * 2
    assert [(found[place].momentum, found[place].epsilon) for place in (1, 3)] == [(0.7, 0.02), (0.99, 0.001)]
    assert with_batch_norm_by_hand([]) == []


def test_by_hand_the_whole_network_answers_as_with_keras_own():
    keras.utils.set_random_seed(3)
    model = convnet(
        "small", normalization="batch", dense_normalization=True, momentum=0.9, kernel_init="glorot_uniform"
    )
    by_hand = keras.Sequential([keras.Input((48, 48, 1)), *with_batch_norm_by_hand(model.layers)])
    assert sum(isinstance(layer, BatchNormByHand) for layer in by_hand.layers) == 5
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in by_hand.layers)
    assert {layer.momentum for layer in by_hand.layers if isinstance(layer, BatchNormByHand)} == {0.9}
    assert by_hand.count_params() == model.count_params()
    x = np.random.default_rng(0).random((4, 48, 48, 1), "float32")
    for training in (True, False):
        found, expected = (numbers(one(x, training=training)) for one in (by_hand, model))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
        assert np.abs(found).max() > 1e-2


# ---------------------------------------------------------------------------------------------- stacked networks

#: Kernels; four numbers a channel in each batch normalisation; of the last layer a bias.
CONV = {
    ("documented", (5,)): 25 * (1 * 64 + 64 * 64 + 64 * 128) + 4 * (64 + 64 + 128),
    ("documented", (3,)): 9 * (1 * 64 + 64 * 64 + 64 * 128) + 4 * (64 + 64 + 128),
    ("documented", (3, 3)): 9 * (1 * 64 + 64 * 64 + 64 * 64 + 64 * 64 + 64 * 128 + 128 * 128) + 8 * (64 + 64 + 128),
    ("small", (5,)): 25 * (1 * 16 + 16 * 16 + 16 * 32) + 4 * (16 + 16 + 32),
    ("small", (3,)): 9 * (1 * 16 + 16 * 16 + 16 * 32) + 4 * (16 + 16 + 32),
    ("small", (3, 3)): 9 * (1 * 16 + 16 * 16 + 16 * 16 + 16 * 16 + 16 * 32 + 32 * 32) + 8 * (16 + 16 + 32),
}
DENSE = {
    "documented": 6 * 6 * 128 * 512 + 512 * 512 + 4 * (512 + 512) + 512 * 7 + 7,
    "small": 6 * 6 * 32 * 64 + 64 * 64 + 4 * (64 + 64) + 64 * 7 + 7,
}
#: In one block after the other; each ends with its pool.
NAMES = {
    (5,): ["conv_{0} bn_{0} relu_{0} pool_{0}"] * 3,
    (3,): ["conv_{0} bn_{0} relu_{0} pool_{0}"] * 3,
    (3, 3): ["conv_{0}_1 bn_{0}_1 relu_{0}_1 conv_{0}_2 bn_{0}_2 relu_{0}_2 pool_{0}"] * 3,
}
TAIL = "flatten dropout_0 fc_1 bn_fc_1 relu_fc_1 dropout_1 fc_2 bn_fc_2 relu_fc_2 dropout_2 logits"


@pytest.fixture(scope="module")
def stacks():
    """Each network with each of the kernels in all three blocks."""
    keras.utils.set_random_seed(0)
    return {
        (network, edges): stacked(network, kernels=(edges,) * 3)
        for network in ("documented", "small")
        for edges in ((5,), (3,), (3, 3))
    }


@pytest.mark.parametrize("edges", NAMES, ids=str)
@pytest.mark.parametrize("network", DENSE)
def test_parameters_of_stacked_networks_by_hand(stacks, network, edges):
    model = stacks[network, edges]
    assert model.count_params() == CONV[network, edges] + DENSE[network]
    assert model.input_shape == (None, 48, 48, 1) and model.output_shape == (None, 7)


@pytest.mark.parametrize("network", DENSE)
def test_of_5_by_5_it_is_the_convnet_with_batch_normalisation_everywhere(stacks, network):
    model = stacks[network, (5,)]
    other = convnet(network, normalization="batch", dense_normalization=True, dropout_rate=0.4)
    assert model.count_params() == other.count_params()
    assert [layer.name for layer in model.layers] == [layer.name for layer in other.layers]
    assert [w.shape for w in model.weights] == [w.shape for w in other.weights]


def test_with_the_weights_of_that_convnet_it_answers_alike():
    model, plain = stacked("small"), convnet("small", normalization="batch", dense_normalization=True)
    model.set_weights(plain.get_weights())
    expected = numbers(plain(x := np.random.default_rng(0).random((2, 48, 48, 1), "float32")))
    assert expected.any()
    np.testing.assert_allclose(numbers(model(x)), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("edges", NAMES, ids=str)
def test_blocks_are_named_after_their_number_and_place(stacks, edges):
    expected = " ".join(block.format(n) for n, block in enumerate(NAMES[edges], start=1)).split() + TAIL.split()
    assert [layer.name for layer in stacks["small", edges].layers] == expected


def test_two_of_3_by_3_see_as_far_as_one_of_5_by_5_and_one_of_3_by_3_less_far(stacks):
    five, three, two = (
        {field.layer: (field.side, field.stride) for field in receptive_fields(stacks["small", edges])}
        for edges in NAMES
    )
    assert {name: two[name] for name in ("pool_1", "pool_2", "pool_3")} == {
        n: five[n] for n in ("pool_1", "pool_2", "pool_3")
    }
    for n in (1, 2, 3):
        assert two[f"conv_{n}_2"] == five[f"conv_{n}"]
        assert three[f"conv_{n}"][0] < five[f"conv_{n}"][0]
    assert five["pool_3"] == (43, 8)


def test_blocks_may_have_kernels_of_their_own():
    model = stacked("small", kernels=((7,), (3, 5), (1,)), classes=3)
    shapes = {layer.name: layer.kernel.shape for layer in model.layers if isinstance(layer, layers.Conv2D)}
    assert shapes == {
        "conv_1": (7, 7, 1, 16),
        "conv_2_1": (3, 3, 16, 16),
        "conv_2_2": (5, 5, 16, 16),
        "conv_3": (1, 1, 16, 32),
    }
    assert model.get_layer("pool_3").output.shape == (None, 6, 6, 32)
    assert model.output_shape == (None, 3)


def test_settings_of_a_stacked_network_reach_their_layers():
    model = stacked("small", dropout_rate=0.25, l2=0.03, kernel_init="ones", momentum=0.7)
    own = {kind: [one for one in model.layers if isinstance(one, kind)] for kind in (layers.Dropout, layers.Dense)}
    assert [one.rate for one in own[layers.Dropout]] == [0.25] * 3
    decays = [one.kernel_regularizer for one in own[layers.Dense]]
    assert [float(one.l2) for one in decays[:2]] == pytest.approx([0.03] * 2) and decays[2] is None
    assert {one.momentum for one in model.layers if isinstance(one, layers.BatchNormalization)} == {0.7}
    kernels = [one.kernel for one in model.layers if hasattr(one, "kernel")]
    assert len(kernels) == 6 and all((numbers(one) == 1).all() for one in kernels)
    assert not any(one.use_bias for one in model.layers if isinstance(one, layers.Conv2D))
    assert stacked("small", l2=0).losses == []
    assert len(model.losses) == 2


def test_a_smaller_kernel_starts_wider(stacks):
    """As many inputs fewer as the variance is larger: 5 / 3 in the spread for 25 / 9 in the number."""
    for edges, spread in (((5,), 1), ((3,), 5 / 3), ((3, 3), 5 / 3)):
        model = stacks["documented", edges]
        for layer in model.layers:
            if isinstance(layer, layers.Conv2D):
                kernel = numbers(layer.kernel)
                std = KERNEL_STD[layer.name[:6]] * spread
                assert kernel.std() == pytest.approx(0.8796 * std, rel=3 / np.sqrt(kernel.size)), layer.name
        for name in ("fc_1", "fc_2", "logits"):
            kernel = numbers(model.get_layer(name).kernel)
            assert kernel.std() == pytest.approx(0.8796 * KERNEL_STD[name], rel=3 / np.sqrt(kernel.size)), name


@pytest.mark.parametrize("blocks", [0, 1, 2, 4])
def test_other_than_three_blocks_are_refused(blocks):
    with pytest.raises(ValueError, match=r"zip\(\)"):
        stacked("small", kernels=((5,),) * blocks)


def test_an_unknown_network_is_refused():
    with pytest.raises(KeyError, match="large"):
        stacked("large")


# ------------------------------------------------------------------------------------------------- augmentation

#: One option a layer, in the order in which they stand.
OPTIONS = {"flip": True, "rotation": 0.5, "zoom": 0.2, "shift": 0.1, "brightness": 0.2, "noise": 0.05}
KINDS = {
    "flip": layers.RandomFlip,
    "rotation": layers.RandomRotation,
    "zoom": layers.RandomZoom,
    "shift": layers.RandomTranslation,
    "brightness": layers.RandomBrightness,
    "noise": layers.GaussianNoise,
}
each_option = pytest.mark.parametrize("option", OPTIONS)
COPIES = 64
V, U = np.mgrid[:48, :48] - 23.5


def picture():
    """Tones between 0.2 and 0.8, unlike its mirror image."""
    return (0.5 + 0.15 * np.sin(0.3 * U + 1) + 0.15 * np.cos(0.2 * V + 0.1 * U)).astype("float32")


def copies(one):
    return np.repeat(one.astype("float32")[None, ..., None], COPIES, axis=0)


def changed(one, *, seed=0, training=True, **given):
    """Copies of one picture ``(48, 48)``, as a batch goes through the layers."""
    x = copies(one)
    for layer in augmentation(seed=seed, **given):
        x = layer(x, training=training)
    found = numbers(x)
    assert found.shape == (COPIES, 48, 48, 1) and found.dtype == np.float32
    return found[..., 0]


def disc(row=0.0, column=0.0, radius=2.0):
    """A bright disc with a soft edge on black, its place counted from the centre."""
    return np.clip(radius + 0.5 - np.hypot(V - row, U - column), 0, 1)


def centres(pictures):
    """Row and column of the centre of what is bright, from the centre of the picture."""
    whole = pictures.sum(axis=(1, 2))
    return (pictures * V).sum(axis=(1, 2)) / whole, (pictures * U).sum(axis=(1, 2)) / whole


def test_nothing_asked_for_is_no_layer():
    assert augmentation(seed=0) == []
    assert augmentation(seed=0, **{name: type(value)(0) for name, value in OPTIONS.items()}) == []


@each_option
def test_each_option_is_one_layer(option):
    [layer] = augmentation(seed=0, **{option: OPTIONS[option]})
    assert isinstance(layer, KINDS[option]) and layer.name == option


def test_all_stand_in_the_documented_order_whatever_the_order_of_the_arguments():
    order = ["flip", "rotation", "zoom", "shift", "brightness", "noise"]
    found = augmentation(seed=0, **dict(reversed(OPTIONS.items())))
    assert [layer.name for layer in found] == order == list(OPTIONS)
    assert [type(layer) for layer in found] == list(KINDS.values())
    some = augmentation(seed=0, noise=0.1, flip=True, shift=0.1)
    assert [layer.name for layer in some] == ["flip", "shift", "noise"]


@each_option
def test_in_inference_a_picture_passes_unchanged(option):
    given = {option: OPTIONS[option]}
    np.testing.assert_array_equal(changed(picture(), training=False, **given), copies(picture())[..., 0])
    assert not np.array_equal(changed(picture(), **given), copies(picture())[..., 0])


@each_option
def test_every_picture_of_a_batch_gets_numbers_of_its_own(option):
    found = changed(picture(), **{option: OPTIONS[option]})
    distinct = len({one.tobytes() for one in found})
    assert distinct == 2 if option == "flip" else distinct > 50


@each_option
def test_the_seed_decides(option):
    given = {option: OPTIONS[option]}
    first, same, other = (changed(picture(), seed=seed, **given) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


@each_option
def test_the_next_batch_is_changed_in_another_way(option):
    [layer] = augmentation(seed=0, **{option: OPTIONS[option]})
    first, second = (numbers(layer(copies(picture()), training=True)) for _ in range(2))
    assert not np.array_equal(first, second)


def test_flip_mirrors_left_and_right_in_about_half():
    found, one = changed(picture(), flip=True), picture()
    mirrored = [np.array_equal(each, one[:, ::-1]) for each in found]
    untouched = [np.array_equal(each, one) for each in found]
    assert sum(mirrored) + sum(untouched) == COPIES
    assert 16 <= sum(mirrored) <= 48  # four standard deviations of 64 tosses


@pytest.mark.parametrize("rotation", [0.5, 0.2])
def test_rotation_is_in_radians(rotation):
    """A turn of 0.5 of Keras' own unit would be half a circle."""
    rows, columns = centres(changed(disc(column=15), rotation=rotation))
    np.testing.assert_allclose(np.hypot(rows, columns), 15, atol=0.2)
    angles = np.arctan2(rows, columns)
    assert np.abs(angles).max() <= rotation + 0.01
    assert angles.max() > 0.6 * rotation and angles.min() < -0.6 * rotation


def test_rotation_leaves_the_corners_black_and_the_middle_as_it_was():
    found = changed(np.ones((48, 48)), rotation=0.5)
    corners = found[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == 0).all(axis=1).sum() > 50  # all but those that hardly turn
    np.testing.assert_allclose(found[:, np.hypot(V, U) < 23], 1, atol=1e-5)


def test_zoom_enlarges_by_up_to_its_share_and_never_shrinks():
    areas = changed(disc(radius=8), zoom=0.2).sum(axis=(1, 2)) / disc(radius=8).sum()
    assert areas.min() > 0.99 and areas.max() < 1.01 / 0.8**2
    assert areas.max() > 1 / 0.88**2 and areas.min() < 1 / 0.92**2
    found = changed(disc(row=6, column=10), zoom=0.2)
    rows, columns = centres(found)
    np.testing.assert_allclose(rows / columns, 0.6, atol=0.02)  # high as wide, about the centre
    assert columns.max() > 11
    assert changed(np.ones((48, 48)), zoom=0.2).min() > 1 - 1e-5, "an edge was not cropped"


def test_shift_moves_either_way_by_up_to_its_share_of_the_edge():
    rows, columns = centres(changed(disc(), shift=0.1))
    for moved in (rows, columns):
        assert np.abs(moved).max() <= 4.8 + 0.05
        assert moved.max() > 0.6 * 4.8 and moved.min() < -0.6 * 4.8
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.5
    found = changed(np.ones((48, 48)), shift=0.1)
    assert (found.min(axis=(1, 2)) == 0).sum() > 50, "what comes in has to be black"


def test_brightness_adds_up_to_its_number_either_way_the_same_to_all_pixels():
    found = changed(picture(), brightness=0.15)
    added = found - picture()
    np.testing.assert_allclose(added, np.broadcast_to(added.mean(axis=(1, 2), keepdims=True), added.shape), atol=1e-5)
    assert np.abs(added).max() <= 0.15 + 1e-5
    assert added.max() > 0.6 * 0.15 and added.min() < -0.6 * 0.15


def test_brightness_stays_between_0_and_1():
    one = np.linspace(0, 1, 48 * 48).reshape(48, 48)
    found = changed(one, brightness=0.5)
    assert found.min() == 0 and found.max() == 1
    lowest, highest = found.min(axis=(1, 2)), found.max(axis=(1, 2))
    assert ((lowest == 0) | (highest == 1)).all()
    assert (lowest > 0.1).any() and (highest < 0.9).any()


def test_noise_has_its_standard_deviation_on_each_pixel_on_its_own():
    added = changed(picture(), noise=0.05) - picture()
    assert added.std() == pytest.approx(0.05, rel=0.02)
    assert abs(added.mean()) < 0.001
    assert added.std(axis=(1, 2)).min() > 0.045 and added.std(axis=0).min() > 0.02
    assert abs(np.corrcoef(added[:, :, :-1].ravel(), added[:, :, 1:].ravel())[0, 1]) < 0.02
