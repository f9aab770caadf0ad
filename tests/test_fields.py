"""Receptive fields by arithmetic and by gradient; ``backend_checks.py`` runs the latter on every backend."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

from course_utils.models.expressions import convnet
from course_utils.probes import influence, receptive_fields

DOCUMENTED = [
    ("conv_1", 5, 1),
    ("pool_1", 7, 2),
    ("conv_2", 15, 2),
    ("pool_2", 19, 4),
    ("conv_3", 35, 4),
    ("pool_3", 43, 8),
]
#: First and last pixel that each of the six units of pool 3 in a row can see of 48: 43 px from 8·i − 14 on, cut off at the
#: border. Only one of the two in the middle has its whole field in the picture.
SEEN = [(0, 28), (0, 36), (2, 44), (10, 47), (18, 47), (26, 47)]


def chain(*stack, side=20, channels=1):
    return keras.Sequential([keras.Input((side, side, channels)), *stack])


def sides(model):
    return [field.side for field in receptive_fields(model)]


# --------------------------------------------------------------------------------------------------- arithmetic


@pytest.mark.parametrize("normalization", ["lrn", "batch"])
def test_the_documented_fields(normalization):
    model = convnet("small", normalization=normalization, dropout_rate=0.4)
    found = receptive_fields(model)
    assert [(field.layer, field.side, field.stride) for field in found] == DOCUMENTED
    assert found[-1].side + found[-1].stride == 51, "a 2×2 of pool_3"


@pytest.mark.parametrize(("count", "side"), [(1, 3), (2, 5), (3, 7), (10, 21)])
def test_three_by_three_after_three_by_three(count, side):
    assert sides(chain(*(layers.Conv2D(1, 3) for _ in range(count)), side=32))[-1] == side


def test_strides_spread_what_comes_after():
    model = chain(
        layers.Conv2D(1, 3, strides=2), layers.Conv2D(1, 3), layers.Conv2D(1, 1, strides=3), layers.Conv2D(1, 2)
    )
    assert [(f.side, f.stride) for f in receptive_fields(model)] == [(3, 2), (7, 2), (7, 6), (13, 6)]


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_dilation_spreads_the_kernel(dilation):
    assert sides(chain(layers.Conv2D(1, 3, dilation_rate=dilation))) == [1 + 2 * dilation]
    assert sides(chain(layers.Conv2D(1, 3), layers.DepthwiseConv2D(3, dilation_rate=dilation))) == [3, 3 + 2 * dilation]


def test_every_kind_of_window_counts_and_the_padding_does_not():
    for same in ("same", "valid"):
        model = chain(
            layers.SeparableConv2D(2, 3, padding=same),
            layers.AveragePooling2D(2, padding=same),
            layers.MaxPooling2D(3, padding=same),
        )
        assert [(f.side, f.stride) for f in receptive_fields(model)] == [(3, 1), (4, 2), (8, 6)]


def test_layers_without_a_window_are_passed_over_and_mixing_layers_end_it():
    plain = [
        layers.Conv2D(4, 3),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.ZeroPadding2D(1),
        layers.Dropout(0.5),
    ]
    for last in (layers.Flatten(), layers.GlobalAveragePooling2D(), layers.Dense(3), layers.Reshape((-1,))):
        assert sides(chain(*plain, last)) == [3]
    assert sides(chain(layers.Flatten(), layers.Dense(3))) == []


def test_a_window_in_one_dimension_and_in_three():
    assert sides(keras.Sequential([keras.Input((9, 1)), layers.Conv1D(1, 5), layers.MaxPooling1D(2)])) == [5, 6]
    assert sides(keras.Sequential([keras.Input((9, 9, 9, 1)), layers.Conv3D(1, 3)])) == [3]


def test_a_chain_in_a_chain_is_followed():
    block = keras.Sequential([layers.Conv2D(1, 3, name="inner"), layers.MaxPooling2D(2)])
    found = receptive_fields(chain(layers.Conv2D(1, 3, name="outer"), block, layers.Conv2D(1, 3, name="last")))
    assert [f.side for f in found] == [3, 5, 6, 10]
    assert found[1].layer == "inner"


def test_what_is_no_chain_of_square_windows_is_refused():
    x = keras.Input((8, 8, 1))
    other = keras.Model(x, layers.Conv2D(1, 3)(x))
    with pytest.raises(ValueError, match=r"expected a keras\.Sequential"):
        receptive_fields(other)
    with pytest.raises(ValueError, match=r"expected a keras\.Sequential"):
        receptive_fields(keras.Sequential([x, layers.Conv2D(1, 1), other]))
    for oblong in (
        layers.Conv2D(1, (3, 5), name="c"),
        layers.MaxPooling2D(2, strides=(1, 2), name="c"),
        layers.Conv2D(1, 3, dilation_rate=(1, 2), name="c"),
    ):
        with pytest.raises(ValueError, match=r"c: found window .* expected one as high as wide"):
            receptive_fields(chain(oblong))
    for larger in (layers.UpSampling2D(2, name="up"), layers.Conv2DTranspose(1, 3, strides=2, name="up")):
        with pytest.raises(ValueError, match=r"up: .* expected layers that keep the size or shrink it"):
            receptive_fields(chain(layers.Conv2D(1, 3), larger, layers.Conv2D(1, 3)))


# ----------------------------------------------------------------------------------------------------- gradient


@pytest.fixture(scope="module")
def seen_by():
    """The network before training, and what its units see of 24 pictures of noise."""
    keras.utils.set_random_seed(0)
    model = convnet("small", normalization="lrn")
    x = np.random.default_rng(0).random((24, 48, 48, 1), "float32")
    return lambda layer, unit: influence(model, layer, x, unit)


def box(seen):
    """First and last row and column that are not zero."""
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    return (rows[0], rows[-1]), (columns[0], columns[-1])


@pytest.mark.parametrize("unit", [(0, 0), (0, 5), (2, 2), (3, 3), (2, 3), (5, 1), (1, 4), (5, 5)])
def test_units_of_the_last_pool_see_their_field_and_nothing_else(seen_by, unit):
    seen = seen_by("pool_3", unit)
    assert seen.shape == (48, 48) and seen.dtype == np.float32
    assert box(seen) == (SEEN[unit[0]], SEEN[unit[1]])
    (top, bottom), (left, right) = box(seen)
    inside = seen[top : bottom + 1, left : right + 1]
    assert (inside > 0).mean() > 0.99, "a path to each pixel, but for a corner or two"
    assert np.count_nonzero(seen) == np.count_nonzero(inside), "outside exactly nothing"


def test_one_of_the_middle_units_alone_holds_all_43_and_the_corners_29_and_22(seen_by):
    widths = [last - first + 1 for first, last in SEEN]
    assert widths == [29, 37, 43, 38, 30, 22]
    assert [b - a + 1 for a, b in box(seen_by("pool_3", (2, 0)))] == [43, 29]
    assert [b - a + 1 for a, b in box(seen_by("pool_3", (3, 5)))] == [38, 22]


@pytest.mark.parametrize(("layer", "side", "stride"), DOCUMENTED)
def test_the_arithmetic_is_what_the_gradient_sees_in_every_layer(seen_by, layer, side, stride):
    unit = {1: 24, 2: 12, 4: 6, 8: 2}[stride]  # one whose field lies in the picture
    (top, bottom), (left, right) = box(seen_by(layer, (unit, unit)))
    assert bottom - top + 1 == right - left + 1 == side
    (next_top, _), _ = box(seen_by(layer, (unit - 1, unit)))
    assert next_top == max(0, top - stride)


def linear(kernel, channels=1):
    """One convolution without bias, kernel ``(3, 3, channels)``."""
    model = chain(layers.Conv2D(1, 3, use_bias=False, name="conv"), side=5, channels=channels)
    model.get_layer("conv").set_weights([np.asarray(kernel, "float32")[..., None]])
    return model


def test_the_influence_by_hand():
    """y = Σ k·x, so the slope of y² is 2·y·k: a root of the mean square over pictures and channels is left of it."""
    rng = np.random.default_rng(1)
    kernel, x = rng.normal(size=(3, 3, 2)), rng.normal(size=(4, 5, 5, 2))
    expected = np.zeros((5, 5))
    y = np.array([(kernel * picture[1:4, 2:5]).sum() for picture in x])
    expected[1:4, 2:5] = np.sqrt(np.mean([(2 * one * kernel) ** 2 for one in y], axis=(0, 3)))
    np.testing.assert_allclose(influence(linear(kernel, 2), "conv", x, (1, 2)), expected, rtol=1e-4, atol=1e-6)


def test_several_channels_add_their_squares():
    model = chain(layers.Conv2D(2, 1, use_bias=False, name="conv"), side=2)
    model.get_layer("conv").set_weights([np.array([3.0, -4.0]).reshape(1, 1, 1, 2)])
    found = influence(model, "conv", np.full((1, 2, 2, 1), 0.5), (0, 1))
    np.testing.assert_allclose(found, [[0, 2 * 0.5 * (9 + 16)], [0, 0]], rtol=1e-6)


def test_a_tap_of_zero_is_not_seen_and_a_dead_unit_sees_nothing():
    kernel = np.ones((3, 3, 1))
    kernel[0, 2] = kernel[1, 1] = 0
    found = influence(linear(kernel), "conv", np.ones((2, 5, 5, 1), np.uint8), (0, 0))
    assert (found[:3, :3] == 0).tolist() == (kernel[..., 0] == 0).tolist()
    dead = chain(layers.Conv2D(3, 3, activation="relu", bias_initializer=keras.initializers.Constant(-99), name="conv"))
    assert not influence(dead, "conv", np.ones((1, 20, 20, 1)), (4, 4)).any()


def test_it_changes_nothing_and_drops_nothing():
    model = chain(layers.Conv2D(2, 3), layers.BatchNormalization(), layers.Dropout(0.9, seed=1, name="drop"))
    before = [np.array(keras.ops.convert_to_numpy(v)) for v in model.variables]
    x = np.random.default_rng(0).normal(size=(3, 20, 20, 1))
    first, second = (influence(model, "drop", x, (3, 3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (first[3:6, 3:6] > 0).all()
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)


def test_places_and_layers_that_are_not_there_are_refused():
    model, x = linear(np.ones((3, 3, 1))), np.ones((1, 5, 5, 1))
    for unit in ((3, 0), (0, 3), (-1, 0)):
        with pytest.raises(IndexError, match="expected a place in the 3×3 output of conv"):
            influence(model, "conv", x, unit)
    with pytest.raises(ValueError, match="No such layer"):
        influence(model, "nothing", x, (0, 0))
    flat = chain(layers.Flatten(name="flat"), side=5)
    with pytest.raises(ValueError, match=r"flat gives \(None, 25\): expected \(N, H, W, C\)"):
        influence(flat, "flat", x, (0, 0))


@pytest.mark.parametrize("shape", [(0, 5, 5, 1), (5, 5, 1), (5, 5), (1, 1, 5, 5, 1)])
def test_images_that_are_none_and_of_another_rank_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(N, H, W, C\), N 1 or more"):
        influence(linear(np.ones((3, 3, 1))), "conv", np.ones(shape), (0, 0))


TORCH = """
import keras, numpy as np
from course_utils.probes import influence
model = keras.Sequential([keras.Input((5, 5, 1)), keras.layers.Conv2D(1, 3, name="conv")])
before = model.get_layer("conv").kernel.value.grad
assert influence(model, "conv", np.ones((2, 5, 5, 1)), (1, 1))[1:4, 1:4].all()
assert before is None and model.get_layer("conv").kernel.value.grad is None
"""


def test_on_torch_the_gradients_kept_with_the_weights_are_left_alone():
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is an optional extra and not installed here")
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    ended = subprocess.run([sys.executable, "-c", TORCH], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
