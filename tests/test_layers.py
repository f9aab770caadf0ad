"""Patch samplers against a slow reference, at borders and beyond; ``backend_checks.py`` runs most of this on every backend."""

import math

import keras
import numpy as np
import pytest

from course_utils.layers import Patches, crop_centre, sample_patches
from course_utils.layers.patches import BORDERS, HOW

BACKEND = keras.backend.backend()
both_ways = pytest.mark.parametrize("how", HOW)
both_borders = pytest.mark.parametrize("border", BORDERS)

#: Inside an image of 7 × 9 px, on whole and half pixels, across each edge, and so far outside that int32 would run over.
PLACES = [(3.3, 2.6), (4, 5), (0.5, 1.5), (2.5, 3.5), (-0.5, -1.5), (8.75, 6.25), (-0.25, 6.9), (8, 0), (-2.4, 3)]
PLACES += [(12.3, -7.7), (4.2, 1e3), (-1e12, 2), (3.1, 3e38), (0.49999997, 6.4999995), (-1e-9, 7.999999)]
BAD = [(np.nan, 2.0), (2.0, np.nan), (np.inf, 1.0), (1.0, -np.inf), (np.nan, np.nan)]


def numbers(x):
    return np.array(keras.ops.convert_to_numpy(x))


def example(channels=3, seed=0):
    """Two different images 7 × 9 and, for each, the places in another order."""
    rng = np.random.default_rng(seed)
    points = np.array(PLACES, "float32")
    images = rng.normal(size=(2, 7, 9, channels)).astype("float32")
    return images, np.stack([points, rng.permutation(points)])


def ramp(height, width):
    """``(1, H, W, 1)`` with 100 y + x at (x, y): each value says where it was read."""
    return (100.0 * np.arange(height)[:, None] + np.arange(width))[None, ..., None].astype("float32")


def reference(images, points, side, how, border):
    """The same patches one value at a time, in float64."""
    count, height, width, channels = images.shape
    patches = np.zeros((count, points.shape[1], side, side, channels))

    def pixel(b, column, row):
        if border == "zero" and not (0 <= row < height and 0 <= column < width):
            return np.zeros(channels)
        return images[b, min(max(row, 0), height - 1), min(max(column, 0), width - 1)].astype(float)

    for b, k, i, j in np.ndindex(patches.shape[:4]):
        x, y = (float(value) for value in points[b, k])
        right, down = j - side // 2, i - side // 2
        if how == "integer":
            patches[b, k, i, j] = pixel(b, math.floor(x + 0.5) + right, math.floor(y + 0.5) + down)
            continue
        column, row = math.floor(x), math.floor(y)
        for dx, dy in np.ndindex(2, 2):
            weight = (x - column if dx else 1 - (x - column)) * (y - row if dy else 1 - (y - row))
            patches[b, k, i, j] += weight * pixel(b, column + right + dx, row + down + dy)
    return patches


def compiled(function):
    """``function`` of tensors as the backend compiles it; on PyTorch as it is."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    return function


def slopes(function, *arrays):
    """Gradient of the scalar ``function(*tensors)`` to each array; zeros where nothing flows."""
    tensors = [keras.ops.convert_to_tensor(array) for array in arrays]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = function(*tensors)
        found = [None if g is None else tf.convert_to_tensor(g) for g in tape.gradient(value, tensors)]
    elif BACKEND == "jax":
        import jax

        found = jax.grad(function, argnums=tuple(range(len(tensors))))(*tensors)
    else:
        import torch

        tensors = [tensor.clone().requires_grad_() for tensor in tensors]
        found = torch.autograd.grad(function(*tensors), tensors, allow_unused=True)
    return [np.zeros_like(a) if g is None else numbers(g) for a, g in zip(arrays, found, strict=True)]


def weighted_sum(weights, patches):
    return keras.ops.sum(keras.ops.multiply(keras.ops.convert_to_tensor(weights), patches))


# --------------------------------------------------------------------------------------------------- values


@both_ways
@both_borders
@pytest.mark.parametrize(("side", "channels"), [(1, 3), (4, 1), (5, 3)])
def test_patches_equal_the_reference(how, border, side, channels):
    images, points = example(channels)
    found = numbers(sample_patches(images, points, side, how=how, border=border))
    assert found.shape == (2, len(PLACES), side, side, channels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference(images, points, side, how, border), atol=2e-6)


@pytest.mark.parametrize(("side", "first", "last"), [(30, -15, 14), (5, -2, 2), (2, -1, 0), (1, 0, 0)])
@both_ways
def test_the_window_by_hand(how, side, first, last):
    """Centre (40, 20) on a picture of 100 y + x: rows are y, columns are x, an even side reaches one further back."""
    patch = numbers(sample_patches(ramp(60, 80), [[[40.0, 20.0]]], side, how=how))[0, 0, ..., 0]
    assert patch[0, 0] == 100 * (20 + first) + 40 + first
    assert patch[-1, -1] == 100 * (20 + last) + 40 + last
    assert patch[side // 2, side // 2] == 2040


def test_a_half_is_rounded_up_and_never_to_even():
    points = [[[0.5, 0.0], [1.5, 0.0], [2.5, 0.0], [3.5, 1.5], [0.49999997, 2.5], [-0.5, -0.5]]]
    found = numbers(sample_patches(ramp(5, 6), points, 1, how="integer", border="zero")).ravel()
    assert found.tolist() == [1, 2, 3, 204, 300, 0]
    left = numbers(sample_patches(ramp(5, 6) + 1, [[[-0.5, 0.0], [-0.50001, 0.0]]], 1, how="integer", border="zero"))
    assert left.ravel().tolist() == [1, 0], "-0.5 is pixel 0, and just below it lies outside"


def test_bilinear_by_hand():
    """A quarter of the way to the next column and half-way to the next row; across the edge half of nothing."""
    image, points = ramp(4, 4) + 1, [[[1.25, 0.5], [3.5, 1.0], [-0.75, -0.5]]]
    edge, zero = (numbers(sample_patches(image, points, 1, border=border)).ravel() for border in BORDERS)
    np.testing.assert_allclose(edge, [1 + 50 + 1.25, 104, 1])
    np.testing.assert_allclose(zero, [1 + 50 + 1.25, 52, 0.25 * 0.5])


@both_ways
def test_zero_is_zero_even_beside_a_pixel_that_is_not_a_number(how):
    image = np.full((1, 3, 3, 1), np.nan, "float32")
    found = numbers(sample_patches(image, [[[-9.0, 1.0], [1.0, 40.5]]], 4, how=how, border="zero"))
    assert not found.any()


@both_ways
@both_borders
@pytest.mark.parametrize("wrap", [lambda function: function, compiled], ids=["eager", "compiled"])
def test_a_point_that_is_not_finite_gives_nan_and_leaves_the_others_alone(how, border, wrap):
    images, points = example()
    spoilt = points.copy()
    spoilt[1, : len(BAD)] = BAD
    sample = wrap(lambda images, points: sample_patches(images, points, 4, how=how, border=border))
    found = numbers(sample(*map(keras.ops.convert_to_tensor, (images, spoilt))))
    assert np.isnan(found[1, : len(BAD)]).all()
    expected = reference(images, points, 4, how, border)
    np.testing.assert_allclose(found[0], expected[0], atol=2e-6)
    np.testing.assert_allclose(found[1, len(BAD) :], expected[1, len(BAD) :], atol=2e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64", "float16"])
@both_ways
def test_other_numbers_are_cast_to_float32(how, dtype):
    images, points = (ramp(3, 4) % 256).astype(dtype), np.array([[[1, 2], [3, 0]]])
    found = sample_patches(images, points, 2, how=how)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_array_equal(numbers(found), reference(images, points, 2, how, "edge"))


# ------------------------------------------------------------------------------------------------ gradients


@both_ways
@both_borders
def test_the_gradient_to_the_images_is_what_each_pixel_adds(how, border):
    """The patches are linear in the image: the slope of a pixel is the value for the image that is 1 there and 0 elsewhere."""
    images, points = example(channels=1)
    points = points[:, :9]
    weights = np.random.default_rng(1).normal(size=(2, 9, 3, 3, 1)).astype("float32")
    found, to_points = slopes(
        lambda *given: weighted_sum(weights, sample_patches(*given, 3, how=how, border=border)), images, points
    )
    expected = np.zeros_like(images)
    for place in np.ndindex(images.shape):
        unit = np.zeros_like(images)
        unit[place] = 1
        expected[place] = (weights * reference(unit, points, 3, how, border)).sum()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not to_points.any(), "by default nothing flows to the points"


@both_borders
def test_the_gradient_to_the_points_is_the_slope_of_the_reference(border):
    images, _ = example()
    points = np.array([[(3.3, 2.6), (0.4, 6.6), (-0.3, 1.2)], [(8.6, 3.5), (20.5, 2.5), (5.2, -1.4)]], "float32")
    weights = np.random.default_rng(2).normal(size=(2, 3, 4, 4, 3)).astype("float32")
    _, found = slopes(
        lambda *given: weighted_sum(weights, sample_patches(*given, 4, border=border, gradient=True)), images, points
    )
    value = lambda points: (weights * reference(images, points, 4, "bilinear", border)).sum()  # noqa: E731
    expected = np.zeros(points.shape)
    for place in np.ndindex(points.shape):
        step = np.zeros(points.shape)
        step[place] = 1e-3
        expected[place] = (value(points + step) - value(points - step)) / 2e-3
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("sample", "slope"),
    [
        (lambda *given: sample_patches(*given, 1, gradient=True), 9 - 4),
        (lambda *given: Patches(1, gradient=True)(*given), 9 - 4),
        (lambda *given: Patches(1)(*given), 0),
    ],
    ids=["function", "layer", "layer by default"],
)
def test_at_a_whole_number_the_slope_is_that_to_the_right(sample, slope):
    squares = (np.arange(5.0)[None, None, :, None] ** 2).astype("float32")
    points = np.array([[[2.0, 0.0]]], "float32")
    to_images, to_points = slopes(lambda *given: keras.ops.sum(sample(*given)), squares, points)
    np.testing.assert_allclose(to_points, [[[slope, 0]]])
    assert to_images.ravel().tolist() == [0, 0, 1, 0, 0]


# ------------------------------------------------------------------------------------------ layer and models


def model_of(layer, channels=3):
    images, points = keras.Input((7, 9, channels), name="images"), keras.Input((len(PLACES), 2), name="points")
    return keras.Model([images, points], layer(images, points))


@both_ways
@both_borders
def test_a_model_takes_any_number_of_faces_compiled_or_not(how, border):
    images, points = (np.concatenate([part, part[:1], part]) for part in example())
    model = model_of(Patches(4, how=how, border=border))
    assert model.output_shape == (None, len(PLACES), 4, 4, 3)
    expected = numbers(sample_patches(images, points, 4, how=how, border=border))
    model.compile(jit_compile=BACKEND != "torch")
    # batches of 2, 2 and 1
    np.testing.assert_allclose(model.predict([images, points], batch_size=2, verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(numbers(model([images, points])), expected, atol=1e-6)


def test_a_convolution_behind_the_patches_trains():
    """What lesson 31 builds on: patches, a convolution on each, shapes points, a loss; one step moves the weights."""
    images, points = example()
    given = [keras.Input(images.shape[1:]), keras.Input(points.shape[1:])]
    found = Patches(6)(*given)
    found = keras.layers.TimeDistributed(keras.layers.Conv2D(2, 3, name="conv"))(found)
    model = keras.Model(given, keras.layers.Dense(2)(keras.layers.Flatten()(found)))
    model.compile("sgd", "mean_squared_error", jit_compile=BACKEND != "torch")
    before = [np.array(weight) for weight in model.get_weights()]
    assert np.isfinite(float(model.train_on_batch([images, points], np.ones((2, 2), "float32"))))
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def test_the_function_on_symbolic_inputs_is_the_layer():
    model = model_of(lambda images, points: sample_patches(images, points, 3, how="integer", border="zero"))
    (layer,) = (layer for layer in model.layers if isinstance(layer, Patches))
    assert (layer.side, layer.how, layer.border, layer.gradient) == (3, "integer", "zero", False)


@pytest.mark.parametrize(
    "chosen",
    [{"how": "integer", "border": "zero"}, {"how": "bilinear", "border": "edge", "gradient": True}],
)
def test_a_saved_model_comes_back_with_its_choices(chosen, tmp_path):
    data = list(example())
    model = model_of(lambda *given: keras.layers.Flatten()(Patches(5, name="patches", **chosen)(*given)[:, :9]))
    model.save(tmp_path / "patches.keras")
    again = keras.models.load_model(tmp_path / "patches.keras")
    config = again.get_layer("patches").get_config()
    assert config == model.get_layer("patches").get_config()
    assert {key: config[key] for key in ("side", *chosen)} == {"side": 5, **chosen}
    np.testing.assert_array_equal(again.predict(data, verbose=0), model.predict(data, verbose=0))


def test_half_precision_keeps_the_positions():
    stripes = (np.arange(256) % 2)[None, None, :, None].astype("float32")
    given = keras.Input((1, 256, 1)), keras.Input((1, 2))
    patches = Patches(1, dtype="mixed_float16")(*given)
    assert patches.dtype == "float16"
    found = keras.Model(given, patches)([stripes, np.array([[[200.3, 0.0]]], "float32")])
    assert keras.backend.standardize_dtype(found.dtype) == "float16"
    assert numbers(found).item() == pytest.approx(0.3, abs=1e-3)  # 200.3 in half precision is 200.25


@pytest.mark.skipif(BACKEND != "tensorflow", reason="sizes unknown at tracing exist on TensorFlow only")
@both_ways
@both_borders
def test_a_graph_where_no_size_is_known(how, border):
    import tensorflow as tf

    unknown = [tf.TensorSpec((None, None, None, 3)), tf.TensorSpec((None, None, 2))]
    sample = tf.function(lambda *given: sample_patches(*given, 4, how=how, border=border), input_signature=unknown)
    images, points = example()
    for rows in (slice(2), slice(1)):
        found = numbers(sample(images[rows], points[rows]))
        np.testing.assert_allclose(found, reference(images[rows], points[rows], 4, how, border), atol=2e-6)


# -------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("images", "points"),
    [
        ((2, 7, 9), (2, 3, 2)),
        ((2, 7, 9, 1), (3, 2)),
        ((2, 7, 9, 1), (2, 3, 3)),
        ((2, 7, 9, 1), (1, 3, 2)),
        ((2, 0, 9, 1), (2, 3, 2)),
    ],
)
def test_other_shapes_are_refused_by_name(images, points):
    named = rf"images \({', '.join(map(str, images))}\), points \({', '.join(map(str, points))}\)"
    with pytest.raises(ValueError, match=named):
        sample_patches(np.zeros(images), np.zeros(points), 3)
    with pytest.raises(ValueError, match=named):
        Patches(3)(keras.Input(batch_shape=images), keras.Input(batch_shape=points))


def test_more_pixels_than_int32_can_number_are_refused():
    points = keras.Input((3, 2))
    assert Patches(3)(keras.Input((46_338, 46_338, 1)), points).shape == (None, 3, 3, 3, 1)
    with pytest.raises(ValueError, match="at most 2147483647 pixels"):
        Patches(3)(keras.Input((46_340, 46_340, 1)), points)


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ({"side": 0}, "side 0: expected a whole number"),
        ({"side": -3}, "side -3"),
        ({"side": 2.5}, "side 2.5"),
        ({"side": True}, "side True"),
        ({"how": "nearest"}, "how 'nearest': expected one of bilinear, integer"),
        ({"border": "reflect"}, "border 'reflect': expected one of edge, zero"),
        ({"how": "integer", "gradient": True}, "a rounded position has no gradient"),
    ],
)
def test_other_choices_are_refused_by_function_and_layer(chosen, text):
    chosen = {"side": 3, **chosen}
    with pytest.raises(ValueError, match=text):
        sample_patches(*example(), **chosen)
    with pytest.raises(ValueError, match=text):
        Patches(**chosen)


# ---------------------------------------------------------------------------------------------- central crop


@pytest.mark.parametrize(
    ("size", "crop", "corner"),
    [
        ((12, 12), (6, 6), (3, 3)),  # the documented patch of 30 px
        ((1017, 12), (508, 6), (254, 3)),  # the tall picture
        ((10, 9), (5, 4), (2, 2)),
        ((7, 7), (3, 7), (2, 0)),
        ((4, 5), (1, 2), (1, 1)),
    ],
)
def test_the_central_crop_by_hand(size, crop, corner):
    picture = np.arange(math.prod(size)).reshape(1, *size, 1).astype("float32")
    (height, width), (top, left) = crop, corner
    expected = picture[:, top : top + height, left : left + width]
    assert expected.shape == (1, *crop, 1)
    assert type(crop_centre(picture, *crop)) is np.ndarray
    np.testing.assert_array_equal(crop_centre(picture, *crop), expected)
    np.testing.assert_array_equal(numbers(crop_centre(keras.ops.convert_to_tensor(picture), *crop)), expected)


def test_the_central_crop_in_a_saved_model(tmp_path):
    given = keras.Input((7, 9, 2))
    model = keras.Model(given, crop_centre(given, 3, 4))
    assert model.output_shape == (None, 3, 4, 2)
    model.save(tmp_path / "crop.keras")
    x = np.random.default_rng(0).normal(size=(2, 7, 9, 2)).astype("float32")
    again = keras.models.load_model(tmp_path / "crop.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), x[:, 2:5, 2:6])


@pytest.mark.parametrize(("shape", "crop"), [((7, 9, 1), (3, 3)), ((1, 7, 9, 1), (8, 3)), ((1, 7, 9, 1), (3, 0))])
def test_a_crop_that_is_none_is_refused(shape, crop):
    with pytest.raises(ValueError, match=rf"x \({', '.join(map(str, shape))}\) cut to {crop[0]}×{crop[1]}"):
        crop_centre(np.zeros(shape), *crop)
    with pytest.raises(ValueError, match="H and W known"):
        crop_centre(keras.Input((None, 9, 1)), 3, 3)


def test_the_benchmark_times_methods_that_give_the_same_patches(monkeypatch):
    from course_utils.cli.bench import samplers
    from course_utils.runtime import CourseError

    for name, value in {"BATCH": 2, "SIDE": 40, "POINTS": 3, "PATCH": 9, "ROUNDS": 1}.items():
        monkeypatch.setattr(samplers, name, value)
    rows = samplers.measure()  # compares the patches of each method itself
    methods = [row.what.split(": ")[1] for row in rows]
    assert methods[:3] == ["integer", "bilinear", "map_coordinates, four axes"]
    assert ("extract_glimpse (C++)" in methods) == (BACKEND == "tensorflow")
    assert {row.what.split(": ")[1]: row.goal for row in rows if row.goal} == samplers.GOALS
    assert {row.compared_with for row in rows} == {samplers.TWO_AXES}

    real = samplers.sample_patches
    monkeypatch.setattr(samplers, "_four_axes", lambda images, points: real(images, points + 1.0, 9))
    with pytest.raises(CourseError, match="four axes"):
        samplers.measure()
