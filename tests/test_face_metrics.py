"""Errors on faces, their cumulative curve and its area, against values worked out by hand and fine sums."""

import numpy as np
import pytest

from course_utils import metrics


def face() -> np.ndarray:
    """68 points that fill the box from (40, 10) to (100, 90)."""
    points = np.full((68, 2), 60.0)
    points[0], points[1] = (40, 10), (100, 90)
    points[36:42], points[36] = (62, 60), (50, 50)
    points[42:48], points[45] = (91, 60), (80, 90)
    return points


FACE = face()
#: By hand. Outer eyes: (80, 90) − (50, 50) = (30, 40). Pupils: (5·91 + 80)/6 − (5·62 + 50)/6 = 175/6 across and
#: (5·60 + 90)/6 − (5·60 + 50)/6 = 40/6 down. Box: 60 wide, 80 high.
SIZES = {"outer eyes": 50.0, "pupils": np.hypot(175 / 6, 40 / 6), "box": np.sqrt(4800.0), "diagonal": 100.0}


@pytest.mark.parametrize(("by", "size"), SIZES.items())
def test_each_size_of_a_face_by_hand(by, size):
    two = np.stack([FACE, 2 * FACE + 7])
    assert metrics.face_size(two, by) == pytest.approx([size, 2 * size])
    assert metrics.face_size(two.astype(np.uint16), by).dtype == np.float64


def test_every_size_has_a_hand_made_value_and_the_first_is_the_default():
    assert tuple(SIZES) == metrics.FACE_SIZES
    assert metrics.face_size(FACE[None]) == pytest.approx([50.0])


@pytest.mark.parametrize("by", ["box", "diagonal"])
def test_the_box_takes_any_number_of_points(by):
    assert metrics.face_size([[[0, 0], [3, 4]]], by) == pytest.approx([np.sqrt(12.0) if by == "box" else 5.0])


@pytest.mark.parametrize("by", ["outer eyes", "pupils"])
@pytest.mark.parametrize("count", [5, 49, 194])
def test_the_eyes_need_68_points(by, count):
    with pytest.raises(ValueError, match=r"expected \(N, 68, 2\)"):
        metrics.face_size(np.random.default_rng(0).random((3, count, 2)), by)


def test_an_unknown_size_lists_the_known_ones():
    with pytest.raises(ValueError, match="'outer eyes', 'pupils', 'box', 'diagonal'"):
        metrics.face_size(FACE[None], "eyes")


@pytest.mark.parametrize(
    "points", [FACE, FACE.ravel(), np.zeros((1, 68, 3)), np.zeros((0, 68, 2)), np.zeros((2, 0, 2))]
)
@pytest.mark.parametrize("by", metrics.FACE_SIZES)
def test_points_of_other_shapes_are_refused(points, by):
    with pytest.raises(ValueError, match=r"expected \(N, "):
        metrics.face_size(points, by)


@pytest.mark.parametrize("by", metrics.FACE_SIZES)
def test_a_face_of_size_zero_is_named(by):
    with pytest.raises(ValueError, match="row 2"):
        metrics.face_size(np.stack([FACE, FACE, np.full((68, 2), 9.0), np.zeros((68, 2))]), by)


def test_a_box_without_a_height_has_no_size_but_a_diagonal():
    flat = [[[0.0, 5.0], [8.0, 5.0]]]
    assert metrics.face_size(flat, "diagonal").tolist() == [8.0]
    with pytest.raises(ValueError, match="row 0"):
        metrics.face_size(flat, "box")


@pytest.mark.parametrize(("by", "size"), SIZES.items())
def test_normalized_mean_error_by_hand(by, size):
    """Half of the points off by (3, 4), the rest exact: 2.5 px on average."""
    off = FACE.copy()
    off[::2] += (3, 4)
    errors = metrics.normalized_mean_error(np.stack([FACE, FACE]), np.stack([off, FACE]), by)
    assert errors == pytest.approx([2.5 / size, 0.0])


def test_the_error_is_divided_by_the_true_size_not_by_the_predicted_one():
    assert metrics.normalized_mean_error(FACE[None], np.zeros((1, 68, 2)) + FACE[36])[0] == pytest.approx(
        np.linalg.norm(FACE - FACE[36], axis=1).mean() / 50
    )


def test_the_error_does_not_depend_on_scale_or_place_of_the_face():
    rng = np.random.default_rng(1)
    predicted = FACE + rng.normal(0, 3, FACE.shape)
    here = metrics.normalized_mean_error(FACE[None], predicted[None])
    assert metrics.normalized_mean_error(4 * FACE[None] - 50, 4 * predicted[None] - 50) == pytest.approx(here)


def test_five_points_have_an_error_by_the_box_only():
    truth = np.array([[[0.0, 0], [30, 0], [15, 20], [5, 40], [25, 40]]])
    assert metrics.normalized_mean_error(truth, np.add(truth, [0, 3]), "box") == pytest.approx([3 / np.sqrt(1200)])
    with pytest.raises(ValueError, match="68"):
        metrics.normalized_mean_error(truth, truth)


def test_a_missing_point_makes_its_face_nan():
    truth = np.stack([FACE, FACE])
    for index in (36, 60):
        predicted = truth.copy()
        predicted[0, index, 0] = np.nan
        assert np.isnan(metrics.normalized_mean_error(truth, predicted)).tolist() == [True, False]
        assert np.isnan(metrics.normalized_mean_error(predicted, truth)).tolist() == [True, False]


@pytest.mark.parametrize("predicted", [FACE[None], FACE, np.zeros((2, 67, 2)), np.zeros((2, 68, 3))])
def test_predictions_of_another_shape_are_refused(predicted):
    with pytest.raises(ValueError, match="expected"):
        metrics.normalized_mean_error(np.stack([FACE, FACE]), predicted)


# ------------------------------------------------------------------------------------------- curve, area, failures


def test_the_curve_counts_errors_up_to_and_including_the_threshold():
    errors = [0.02, 0.05, 0.05, np.nan]
    shares = metrics.cumulative_error_curve(errors, [0.0, 0.02, 0.0499, 0.05, 9.0])
    assert shares.tolist() == [0.0, 0.25, 0.25, 0.75, 0.75]


@pytest.mark.parametrize(
    ("errors", "area", "failed"),
    [
        (np.zeros(7), 1.0, 0.0),
        (np.full(7, 0.08), 0.0, 0.0),  # at the limit: no area, no failure
        (np.full(7, 0.09), 0.0, 1.0),
        (np.full(7, 0.04), 0.5, 0.0),
        ([0.0, 0.1], 0.5, 0.5),
        ([0.02, 0.06], 0.5, 0.0),
        ([0.02, 0.06, 0.1, 5.0], 0.25, 0.5),
        ([0.0, np.nan], 0.5, 0.5),
        ([np.nan, np.inf], 0.0, 1.0),
    ],
)
def test_area_and_failures_of_hand_made_errors(errors, area, failed):
    assert metrics.area_under_curve(errors) == pytest.approx(area, abs=1e-12)
    assert metrics.failure_rate(errors) == failed


def test_the_limit_is_the_callers():
    assert metrics.area_under_curve([0.02, 0.2], limit=0.05) == pytest.approx(0.3)
    assert metrics.failure_rate([0.02, 0.2], limit=0.2) == 0.0
    assert metrics.failure_rate([0.02, 0.2], limit=0.01) == 1.0


@pytest.mark.parametrize("limit", [0.05, 0.08, 1.0])
def test_the_area_equals_a_fine_sum_over_the_curve(limit):
    errors = np.append(np.random.default_rng(2).gamma(3.0, 0.02, 300), np.nan)
    middles = (np.arange(20_000) + 0.5) / 20_000 * limit
    fine = metrics.cumulative_error_curve(errors, middles).mean()
    assert metrics.area_under_curve(errors, limit) == pytest.approx(fine, abs=5e-5)
    assert 0.05 < fine < 0.97


def test_the_share_below_the_limit_is_not_the_area():
    """What the released evaluation of MDM prints as "AUC": 1.0 where the area is 0.5."""
    errors = np.full(100, 0.04)
    assert (errors < 0.08).mean() == 1.0
    assert metrics.area_under_curve(errors) == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(20))
def test_the_area_is_never_above_the_share_of_faces_that_did_not_fail(seed):
    rng = np.random.default_rng(seed)
    errors = rng.gamma(rng.uniform(0.3, 5), 0.03, rng.integers(1, 50))
    errors[rng.random(errors.size) < 0.1] = np.nan
    area = metrics.area_under_curve(errors)
    assert 0 <= area <= 1 - metrics.failure_rate(errors) + 1e-12
    at_limit = metrics.cumulative_error_curve(errors, [0.08])[0]
    assert at_limit == pytest.approx(1 - metrics.failure_rate(errors))


FUNCTIONS = {
    "curve": lambda errors: metrics.cumulative_error_curve(errors, [0.08]),
    "area": metrics.area_under_curve,
    "failures": metrics.failure_rate,
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("errors", [[], 0.1, np.zeros((3, 68))])
def test_errors_of_other_shapes_are_refused(function, errors):
    with pytest.raises(ValueError, match=r"expected \(N,\)"):
        function(errors)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_negative_errors_are_refused_by_row(function):
    with pytest.raises(ValueError, match="row 1 is negative"):
        function([0.1, -0.1])


@pytest.mark.parametrize("function", [metrics.area_under_curve, metrics.failure_rate])
@pytest.mark.parametrize("limit", [0.0, -0.08, np.nan, np.inf])
def test_a_limit_that_is_not_above_zero_is_refused(function, limit):
    with pytest.raises(ValueError, match="above 0"):
        function([0.1], limit)


def test_thresholds_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="expected"):
        metrics.cumulative_error_curve([0.1], 0.08)
