"""Supervised descent: what is read, that the regression is ridge regression, that each step helps, and what is refused."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from course_utils import metrics
from course_utils.datasets import faces
from course_utils.models.faces_descent import Linear, fit_descent, read_patches, ridge
from course_utils.runtime import REDUCED


@pytest.fixture(scope="module")
def data():
    return faces.load(REDUCED, train=220, test=60)


def test_patches_are_read_at_x_and_y_in_that_order():
    image = np.zeros((1, 30, 40), np.uint8)
    image[0, 7, 21] = 255  # row 7, column 21
    found = read_patches(image, np.array([[[21.0, 7.0], [7.0, 21.0]]]), reach=1, spacing=1).reshape(2, 3, 3)
    assert found[0, 1, 1] == found.max() and (found == found.max()).sum() == 1
    found = read_patches(image, np.array([[[20.0, 9.0]]]), reach=2, spacing=2).reshape(3, 3)
    assert (found == found[0, 0]).all(), "column 21 lies between the places that are read"
    found = read_patches(image, np.array([[[20.6, 7.4]]]), reach=0, spacing=1)
    assert found.shape == (1, 1)


def test_each_face_has_mean_0_and_deviation_1_whatever_its_light(data):
    images, shapes = data.train.x[:5].astype(float), data.train.y[:5]
    found = read_patches(images, shapes)
    assert found.dtype == np.float32 and found.shape == (5, 68 * 25)
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose(found.std(axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(read_patches(0.5 * images + 30, shapes), found, atol=1e-3)
    assert (read_patches(np.full((1, 9, 9), 7), np.zeros((1, 3, 2))) == 0).all(), "an even picture has nothing to say"


def test_beyond_the_edge_the_edge_is_read():
    image = np.tile(np.arange(10.0), (10, 1))[None]
    outside = read_patches(image, np.array([[[-50.0, 4.0], [99.0, 4.0], [4.0, 4.0]]]), reach=0, spacing=1)[0]
    at_edges = read_patches(image, np.array([[[0.0, 4.0], [9.0, 4.0], [4.0, 4.0]]]), reach=0, spacing=1)[0]
    np.testing.assert_array_equal(outside, at_edges)


@pytest.mark.parametrize("rows", [40, 8], ids=["more rows than features", "fewer"])
def test_ridge_is_scikit_learns(rows):
    rng = np.random.default_rng(5)
    inputs, targets = rng.normal(3, 2, (rows, 12)), rng.normal(-1, 1, (rows, 4))
    theirs = Ridge(alpha=0.7 * rows).fit(inputs, targets)
    new = rng.normal(size=(6, 12))
    np.testing.assert_allclose(ridge(inputs, targets, 0.7)(new), theirs.predict(new), atol=1e-4)


def test_a_linear_map_is_centred():
    line = Linear(np.array([1.0, 2.0]), np.array([[3.0], [0.0]]), np.array([10.0]))
    np.testing.assert_allclose(line(np.array([[1.0, 5.0], [2.0, 5.0]])), [[10.0], [13.0]])


def test_each_step_of_the_descent_helps_on_faces_it_has_not_seen(data):
    found = fit_descent(data.train.x, data.train.y, data.start)(data.test.x)
    assert found.shape == (5, len(data.test), 68, 2) and found.dtype == np.float32
    np.testing.assert_array_equal(found[0], np.broadcast_to(data.start, found[0].shape))
    errors = [metrics.normalized_mean_error(data.test.y, shape).mean() for shape in found]
    assert errors[1] < 0.75 * errors[0] and errors[2] < 0.9 * errors[1], errors
    assert errors[-1] < 0.5 * errors[0], errors


def test_it_reads_where_the_shape_is_and_what_it_is_told_to(data):
    seen = []

    def read(images, shapes):
        seen.append(shapes.copy())
        return read_patches(images, shapes)

    fitted = fit_descent(data.train.x, data.train.y, data.start, steps=2, read=read)
    np.testing.assert_array_equal(seen[0], np.broadcast_to(data.start, seen[0].shape))
    assert np.abs(seen[1] - data.train.y).mean() < np.abs(seen[0] - data.train.y).mean()
    assert len(fitted.steps) == 2
    fitted(data.test.x)
    assert [len(shapes) for shapes in seen] == [220, 220, 60, 60]


def test_wrong_shapes_are_refused(data):
    with pytest.raises(ValueError, match=r"expected \(N, H, W\) grey"):
        read_patches(np.zeros((2, 8, 8, 3)), np.zeros((2, 68, 2)))
    with pytest.raises(ValueError, match=r"expected \(N, H, W\) grey"):
        read_patches(np.zeros((2, 8, 8)), np.zeros((3, 68, 2)))
    for inputs, targets, penalty in (((3, 2), (4, 1), 1.0), ((3,), (3, 1), 1.0), ((3, 2), (3, 1), 0.0)):
        with pytest.raises(ValueError, match="penalty"):
            ridge(np.zeros(inputs), np.zeros(targets), penalty)
