"""The Mnemonic Descent Method against the same steps written out by hand, its documented sizes, and what it must refuse."""

import math

import keras
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from test_layers import BACKEND, numbers, slopes

from course_utils.layers import Patches, sample_patches
from course_utils.models.mdm import READINGS, SIZES, convnet, mdm, summed_error

TINY = {"network": "small", "side": 40, "patch": 12, "filters": 4, "hidden": 8, "steps": 2}
all_readings = pytest.mark.parametrize("reading", READINGS)
#: patch, reading → parameters of the documented network.
DOCUMENTED = {
    (30, "per patch"): 80_558_632,
    (26, "per patch"): 56_048_168,
    (24, "per patch"): 35_994_152,
    (20, "per patch"): 20_396_584,
    (30, "tall"): 100_219_432,
}


def faces(count=3, side=40, channels=1, seed=0):
    """Images and start shapes, some points of which have windows beyond the border."""
    rng = np.random.default_rng(seed)
    images = rng.random((count, side, side, channels), "float32")
    return {"images": images, "start": rng.uniform(-3, side + 3, (count, 68, 2)).astype("float32")}


def scrambled(model, seed=1):
    """The model with random weights, biases too, and steps of some pixels."""
    rng = np.random.default_rng(seed)
    model.set_weights([w + rng.normal(0, 0.1, w.shape).astype("float32") for w in model.get_weights()])
    kernel, bias = model.get_layer("move").get_weights()
    model.get_layer("move").set_weights([kernel, bias + rng.normal(0, 2, bias.shape).astype("float32")])
    return model


def tiny(**given):
    return scrambled(mdm(**TINY | given))


def by_hand(model, images, start, *, reading, how="integer", border="edge"):
    """The documented recurrence; each step reads at the model's own last shape, so that rounding cannot add up to a pixel."""
    shapes = numbers(model({"images": images, "start": start}))
    features = model.get_layer("features")
    kernel, bias = model.get_layer("state").get_weights()
    move, move_bias = model.get_layer("move").get_weights()
    count, side = len(images), features.input_shape[2]
    memory, dx, expected = np.zeros((count, len(bias)), "float32"), np.zeros_like(start), []
    for t in range(shapes.shape[1]):
        patches = numbers(sample_patches(images, shapes[:, t - 1] if t else start, side, how=how, border=border))
        if reading == "per patch":
            seen = [numbers(features(of_one)).ravel() for of_one in patches]
        elif reading == "tall":
            seen = [numbers(features(np.concatenate(of_one)[None])).ravel() for of_one in patches]
        else:  # patch k of all faces, then patch k + 1: cut into lots of 68 all the same
            lots = np.stack([patches[b, k] for k in range(68) for b in range(count)])
            seen = [numbers(features(lots[68 * b : 68 * b + 68])).ravel() for b in range(count)]
        memory = np.tanh(np.concatenate([np.stack(seen), memory], axis=1) @ kernel + bias)
        dx = dx + (memory @ move + move_bias).reshape(count, 68, 2)
        expected.append(start + dx)
    return shapes, np.stack(expected, axis=1)


# ---------------------------------------------------------------------------------------------------------- sizes


def counted(patch, reading):
    """Parameters by the sizes of the layers: the convnet is built, the dense layers are not."""
    features = convnet((68 * patch if reading == "tall" else patch, patch, 3))
    seen = math.prod(features.output_shape[1:]) * (1 if reading == "tall" else 68)
    return features.count_params() + (seen + 512) * 512 + 512 + 512 * 136 + 136


@pytest.mark.parametrize(("patch", "reading"), DOCUMENTED)
def test_the_documented_numbers_of_parameters_follow_from_the_layers(patch, reading):
    assert counted(patch, reading) == DOCUMENTED[patch, reading]


def test_the_defaults_are_the_documented_network():
    model = mdm()
    assert model.count_params() == DOCUMENTED[30, "per patch"]
    assert model.input["images"].shape == (None, 226, 226, 3) and model.input["start"].shape == (None, 68, 2)
    assert model.output_shape == (None, 4, 68, 2)
    features = model.get_layer("features")
    sides = {name: features.get_layer(name).output.shape[1] for name in ("conv_1", "pool_1", "conv_2", "pool_2")}
    assert sides == {"conv_1": 28, "pool_1": 14, "conv_2": 12, "pool_2": 6}
    assert features.output_shape == (None, 6, 6, 64)
    assert model.get_layer("state").kernel.shape == (156_672 + 512, 512)


@pytest.mark.deep
@pytest.mark.parametrize(("patch", "reading"), [key for key in DOCUMENTED if key != (30, "per patch")])
def test_other_documented_networks_have_their_sizes(patch, reading):
    assert mdm(patch=patch, reading=reading).count_params() == DOCUMENTED[patch, reading]
    keras.utils.clear_session()


def test_the_small_network_is_smaller_in_everything():
    model = mdm("small")
    assert model.input["images"].shape == (None, 112, 112, 1)
    assert model.output_shape == (None, 3, 68, 2)
    # conv_1, conv_2, state of 68 patches of 2×2 px and a memory, move
    assert model.count_params() == 160 + 2_320 + (68 * 2 * 2 * 32 + 256 + 1) * 256 + 257 * 136
    assert all(SIZES["small"][name] < value for name, value in SIZES["documented"].items())


def test_the_tall_picture_keeps_the_middle_landmarks_only():
    features = convnet((68 * 30, 30, 3), filters=1)
    assert features.get_layer("conv_2").output.shape[1:3] == (1017, 12)
    assert features.output_shape == (None, 508, 6, 2)


# ----------------------------------------------------------------------------------------------------- recurrence


@all_readings
@pytest.mark.parametrize(("how", "border"), [("integer", "edge"), ("bilinear", "zero")])
def test_the_model_is_the_recurrence_written_out(reading, how, border):
    data = faces()
    found, expected = by_hand(
        tiny(reading=reading, how=how, border=border, steps=3), **data, reading=reading, how=how, border=border
    )
    assert found.shape == (3, 3, 68, 2) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-4)
    steps = np.diff(found, axis=1, prepend=data["start"][:, None])
    assert np.abs(steps).mean() > 0.5 and np.abs(steps[:, 1] - steps[:, 0]).max() > 1e-3  # it moves, and never alike


def test_the_convnet_puts_the_middle_of_conv_2_beside_the_last_pool():
    net = convnet((16, 16, 2), filters=3)
    rng = np.random.default_rng(2)
    net.set_weights([rng.normal(0, 0.5, w.shape).astype("float32") for w in net.get_weights()])
    k1, b1, k2, b2 = net.get_weights()

    def conv(x, kernel, bias):
        windows = sliding_window_view(x, (3, 3), axis=(1, 2))  # (B, H, W, C, 3, 3)
        return np.maximum(np.einsum("bhwcij,ijcf->bhwf", windows, kernel) + bias, 0)

    def pool(x):
        b, h, w, c = x.shape
        return x[:, : h // 2 * 2, : w // 2 * 2].reshape(b, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))

    x = rng.normal(size=(2, 16, 16, 2)).astype("float32")
    second = conv(pool(conv(x, k1, b1)), k2, b2)  # 16 → 14 → 7 → 5
    expected = np.concatenate([second[:, 1:3, 1:3], pool(second)], axis=-1)
    np.testing.assert_allclose(numbers(net(x)), expected, atol=1e-4)


def test_all_steps_share_their_weights_and_more_steps_go_on():
    one, three = tiny(steps=1), tiny(steps=3)
    assert [w.shape for w in one.weights] == [w.shape for w in three.weights]
    three.set_weights(one.get_weights())
    data = faces()
    np.testing.assert_allclose(numbers(three(data))[:, :1], numbers(one(data)), atol=1e-4)


@pytest.mark.parametrize(("reading", "mixes"), [("per patch", False), ("tall", False), ("landmark-major", True)])
def test_only_landmark_major_mixes_faces(reading, mixes):
    model, data = tiny(reading=reading), faces()
    other = {name: value.copy() for name, value in data.items()}
    other["images"][2] = 1 - other["images"][2]
    changed = np.abs(numbers(model(data)) - numbers(model(other)))[:2].max()
    assert changed > 1e-2 if mixes else changed < 1e-4


def test_landmark_major_is_right_for_one_face():
    per_patch, major, data = tiny(), tiny(reading="landmark-major"), faces(1)
    major.set_weights(per_patch.get_weights())
    np.testing.assert_allclose(numbers(major(data)), numbers(per_patch(data)), atol=1e-5)


def test_no_gradient_flows_through_the_places_of_the_patches():
    """So the start only adds: its gradient is the sum of what comes down from each step, even if the reader has one."""
    weights = np.random.default_rng(3).normal(size=(3, 2, 68, 2)).astype("float32")
    data = faces()
    images = keras.ops.convert_to_tensor(data["images"])
    for given in ({"how": "bilinear"}, {"read": Patches(12, gradient=True)}):
        model = tiny(**given)
        (slope,) = slopes(
            lambda start, model=model: keras.ops.sum(model({"images": images, "start": start}) * weights),
            data["start"],
        )
        np.testing.assert_allclose(slope, weights.sum(axis=1), rtol=1e-5, atol=1e-5)


def test_another_reader_takes_the_place_of_the_patches():
    data = faces()
    ours = tiny(read=lambda images, points: sample_patches(images, points, 12, how="bilinear", border="zero"))
    theirs = tiny(how="bilinear", border="zero")
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(numbers(ours(data)), numbers(theirs(data)), atol=1e-5)


def test_how_and_border_reach_the_patches():
    layer = mdm(**TINY, how="bilinear", border="zero").get_layer("patches")
    assert (layer.side, layer.how, layer.border, layer.gradient) == (12, "bilinear", "zero", False)
    layer = mdm(**TINY).get_layer("patches")
    assert (layer.how, layer.border) == ("integer", "edge")


# ----------------------------------------------------------------------------------------------------------- init


def test_init_is_a_truncated_normal_in_every_layer_with_zero_biases():
    keras.utils.set_random_seed(0)
    model = mdm("small", init=0.01)
    kernels, biases = model.get_weights()[::2], model.get_weights()[1::2]
    assert len(kernels) == len(biases) == 4
    for kernel, bias in zip(kernels, biases, strict=True):
        assert kernel.std() == pytest.approx(0.0088, rel=0.25 if kernel.size < 1000 else 0.05)  # cut at 2 · 0.01
        assert np.abs(kernel).max() <= 0.02 + 1e-7
        assert not bias.any()


def test_without_init_it_is_glorots():
    model = mdm("small")
    for kernel, bias in zip(model.get_weights()[::2], model.get_weights()[1::2], strict=True):
        inputs, outputs = math.prod(kernel.shape[:-1]), math.prod(kernel.shape[:-2]) * kernel.shape[-1]
        edge = math.sqrt(6 / (inputs + outputs))  # uniform from −edge to edge
        assert 0.9 * edge < np.abs(kernel).max() <= edge + 1e-6
        assert not bias.any()


# ----------------------------------------------------------------------------------------------------------- loss


def guesses(seed=4):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 40, (3, 68, 2)).astype("float32")
    return truth, (truth[:, None] + rng.normal(0, 3, (3, 4, 68, 2))).astype("float32")


def test_the_loss_is_a_sum_over_the_steps_by_hand():
    truth, shapes = guesses()
    expected = []
    for points, steps in zip(truth, shapes, strict=True):
        eyes = math.dist(points[36], points[45])
        expected.append(
            [np.mean([math.dist(*pair) for pair in zip(step, points, strict=True)]) / eyes for step in steps]
        )
    for epsilon in (1e-12, 0.0):
        found = numbers(summed_error(epsilon=epsilon)(truth, shapes))
        np.testing.assert_allclose(found, np.sum(expected, axis=1), rtol=1e-5)
        found = numbers(summed_error(epsilon=epsilon, mean=True)(truth, shapes))
        np.testing.assert_allclose(found, np.mean(expected, axis=1), rtol=1e-5)
    assert numbers(summed_error()(truth, shapes)).shape == (3,)


def test_epsilon_is_in_square_pixels():
    truth, _ = guesses()
    eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=-1)
    found = numbers(summed_error(epsilon=1e-2)(truth, truth[:, None]))
    np.testing.assert_allclose(found, 0.1 / np.sqrt(eyes**2 + 1e-2), rtol=1e-5)


def test_a_root_of_exactly_zero_has_no_gradient_and_epsilon_gives_it_one():
    truth, shapes = guesses()
    shapes[1, 2, 30] = truth[1, 30]  # one point fits exactly
    for epsilon in (0.0, 1e-12):
        loss = summed_error(epsilon=epsilon)
        (slope,) = slopes(lambda x, loss=loss: keras.ops.sum(loss(keras.ops.convert_to_tensor(truth), x)), shapes)
        lost = np.isnan(slope).any(axis=-1)
        assert lost[1, 2, 30] == (epsilon == 0) and lost.sum() == (epsilon == 0)
    assert not slope[1, 2, 30].any() and np.abs(slope).max() > 0


def test_it_trains_with_its_loss_compiled():
    data, model = faces(), tiny(init=0.01)
    truth = data["start"] + 5
    before = [np.array(w) for w in model.get_weights()]
    loss = float(np.mean(numbers(summed_error()(truth, model(data)))))
    model.compile(keras.optimizers.Adam(1e-2), summed_error(), jit_compile=BACKEND != "torch")
    losses = [float(model.train_on_batch(data, truth)) for _ in range(10)]
    assert losses[0] == pytest.approx(loss, rel=1e-3)
    assert losses[-1] < losses[0]
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


# ---------------------------------------------------------------------------------------------------------- input


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 0}, "steps 0: expected at least 1"),
        ({"steps": -1}, "steps -1"),
        ({"hidden": 0}, "hidden 0"),
        ({"filters": 0}, "filters 0"),
        ({"channels": 0}, "channels 0"),
        ({"patch": 9}, "patch 9: expected 10 px"),
        ({"patch": 41}, "patch 41: .* 40 px"),
        ({"reading": "wide"}, "reading 'wide': expected one of per patch, tall, landmark-major"),
        ({"how": "nearest"}, "how 'nearest'"),
        ({"border": "reflect"}, "border 'reflect'"),
    ],
)
def test_unknown_choices_and_sizes_are_refused_in_one_line(given, message):
    with pytest.raises(ValueError, match=message) as refused:
        mdm(**TINY | given)
    assert "\n" not in str(refused.value)


def test_an_unknown_network_is_refused():
    with pytest.raises(KeyError, match="large") as refused:
        mdm("large")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("patch", [10, 11, 40])
@all_readings
def test_the_smallest_and_the_largest_patch_work(patch, reading):
    model = mdm(**TINY | {"patch": patch, "steps": 1, "reading": reading})
    assert np.isfinite(numbers(model(faces(2)))).all()


@pytest.mark.parametrize("shape", [(40, 48), (48, 40), (39, 39), (41, 41)])
def test_images_of_another_size_are_refused(shape):
    images = np.zeros((1, *shape, 1), "float32")
    with pytest.raises(ValueError, match="incompatible"):
        mdm(**TINY)({"images": images, "start": np.zeros((1, 68, 2), "float32")})


@pytest.mark.parametrize("border", ["edge", "zero"])
@pytest.mark.parametrize("how", ["integer", "bilinear"])
def test_a_start_wholly_outside_the_image_is_read_there_too(how, border):
    model, data = tiny(how=how, border=border), faces()
    for away in (-500.0, 1e6):
        found = numbers(model(data | {"start": np.full((3, 68, 2), away, "float32")}))
        assert np.isfinite(found).all()
    far = {"start": np.full((3, 68, 2), -500.0, "float32")}  # all that is read is the corner pixel, or zeros
    changed = np.abs(
        numbers(model(far | {"images": data["images"]})) - numbers(model(far | {"images": 1 - data["images"]}))
    )
    assert changed.max() > 1e-2 if border == "edge" else changed.max() == 0


def test_a_batch_of_one_gives_what_the_face_gives_among_others():
    model, data = tiny(), faces()
    together = numbers(model(data))
    for i in range(3):
        alone = numbers(model({name: value[i : i + 1] for name, value in data.items()}))
        assert alone.shape == (1, 2, 68, 2)
        np.testing.assert_allclose(alone[0], together[i], atol=1e-4)


def test_predict_takes_any_batch_size():
    model, data = tiny(), faces(5)
    model.compile(jit_compile=BACKEND != "torch")
    np.testing.assert_allclose(model.predict(data, batch_size=2, verbose=0), numbers(model(data)), atol=1e-3)


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_other_numbers_are_read_as_they_are(dtype):
    model, data = tiny(), faces()
    images = (3 * data["images"]).astype("uint8") if dtype == "uint8" else data["images"].astype(dtype)
    found = numbers(model({"images": images, "start": data["start"].astype("float64")}))
    assert found.dtype == np.float32
    same = numbers(model({"images": images.astype("float32"), "start": data["start"]}))
    np.testing.assert_allclose(found, same, atol=1e-5)


@all_readings
def test_a_saved_model_gives_the_same(reading, tmp_path):
    model, data = tiny(reading=reading, how="bilinear", border="zero"), faces()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(numbers(loaded(data)), numbers(model(data)), atol=1e-6)
    assert [w.path.split("/")[-2:] for w in loaded.weights] == [w.path.split("/")[-2:] for w in model.weights]
