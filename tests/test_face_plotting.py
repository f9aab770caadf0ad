"""Figures of faces show what they are given: checked on the data inside the axes."""

from itertools import pairwise

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils import metrics, plotting
from course_utils.rendering.face import GROUPS

#: A photo of 160 × 120 px whose pixels all differ, and 68 points inside it, no two alike.
PHOTO = np.random.default_rng(0).integers(0, 256, (160, 120, 3), np.uint8)
FACE = np.stack([30 + np.arange(68.0), 40 + (np.arange(68.0) * 7) % 68], axis=1)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def joined(shape):
    """The line that GROUPS describe: each part, closed ones back to their first point, with gaps between."""
    rows = []
    for first, stop, closed in GROUPS.values():
        rows += [*shape[first:stop], *([shape[first]] if closed else []), (np.nan, np.nan)]
    return np.array(rows)


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def view(ax):
    return (*ax.get_xlim(), *ax.get_ylim()[::-1])


def unlike(*lines):
    """Whether lines differ in colour and, for readers without it, in dashes or marker too."""
    return (
        len({line.get_color() for line in lines})
        == len(lines)
        == len({(str(line._dash_pattern), line.get_marker()) for line in lines})
    )


# ------------------------------------------------------------------------------------------------------ landmarks


@pytest.mark.parametrize(
    "image", [PHOTO, PHOTO[..., 0], PHOTO[..., :1], PHOTO / 255.0, PHOTO[..., 0] / np.float32(255)]
)
def test_the_image_is_shown_unchanged_with_its_first_pixel_at_zero(image):
    shown = plotting.landmarks(image).images[0]
    expected = PHOTO if image.ndim == 3 and image.shape[-1] == 3 else np.repeat(PHOTO[..., :1], 3, axis=-1)
    np.testing.assert_array_equal(shown.get_array(), expected)
    assert tuple(shown.get_extent()) == (-0.5, 119.5, 159.5, -0.5)


def test_a_dark_grey_image_stays_dark():
    assert plotting.landmarks(np.full((20, 20), 9, np.uint8)).images[0].get_array().max() == 9
    assert plotting.landmarks(np.full((20, 20), 0.0999)).images[0].get_array().max() == 25  # 25.47, rounded
    assert plotting.landmarks(np.full((20, 20), 0.097)).images[0].get_array().min() == 25  # 24.74


def test_both_shapes_are_joined_part_by_part_in_two_looks():
    ax = plotting.landmarks(PHOTO, FACE, predicted=FACE + 5)
    truth, predicted = ax.lines
    np.testing.assert_array_equal(truth.get_xydata(), joined(FACE))
    np.testing.assert_array_equal(predicted.get_xydata(), joined(FACE + 5))
    assert unlike(truth, predicted)
    assert (truth.is_dashed(), predicted.is_dashed()) == (False, True)
    assert all(line.get_path_effects() for line in ax.lines)
    assert legend(ax) == ["truth", "predicted"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x in px", "y in px")


def test_every_point_is_drawn_and_no_two_parts_are_joined():
    drawn = plotting.landmarks(PHOTO, FACE).lines[0].get_xydata()
    assert {tuple(row) for row in drawn[~np.isnan(drawn[:, 0])]} == {tuple(row) for row in FACE}
    steps = {frozenset((tuple(a), tuple(b))) for a, b in pairwise(drawn) if np.isfinite([*a, *b]).all()}
    assert frozenset((tuple(FACE[36]), tuple(FACE[41]))) in steps  # an eye is closed
    for last, first in ((16, 17), (21, 22), (41, 42), (0, 16)):
        assert frozenset((tuple(FACE[last]), tuple(FACE[first]))) not in steps


def test_there_is_a_legend_only_for_two_shapes():
    for given in ({}, {"points": FACE}, {"predicted": FACE}):
        ax = plotting.landmarks(PHOTO, **given)
        assert ax.get_legend() is None
        assert len(ax.lines) == len(given)


def test_a_window_is_the_face_or_the_image_or_as_told():
    assert view(plotting.landmarks(PHOTO, window=(10, 20, 30, 40))) == (10, 20, 30, 40)
    assert view(plotting.landmarks(PHOTO, window="face")) == (-0.5, 119.5, -0.5, 159.5)
    left, right, top, bottom = view(plotting.landmarks(PHOTO, FACE, predicted=np.zeros((68, 2)), window="face"))
    assert 15 < left < 30 and 97 < right < 112  # points from 30 to 97 and from 40 to 107, wherever the prediction is
    assert 25 < top < 40 and 107 < bottom < 122
    assert view(plotting.landmarks(PHOTO, predicted=FACE, window="face")) == (left, right, top, bottom)
    left, right, top, bottom = view(plotting.landmarks(PHOTO, FACE))
    assert -10 < left < -0.5 and -10 < top < -0.5 and 119.5 < right < 130 and 159.5 < bottom < 170


@pytest.mark.parametrize("given", [{"points": FACE}, {"predicted": FACE}])
def test_each_number_stands_beside_its_own_point(given):
    ax = plotting.landmarks(PHOTO, numbers=True, **given)
    assert [text.get_text() for text in ax.texts] == [str(i) for i in range(68)]
    np.testing.assert_array_equal([text.xy for text in ax.texts], FACE)
    lengths = np.hypot(*np.array([text.xyann for text in ax.texts]).T)
    assert (lengths > 5).all() and (lengths < 12).all()  # in points: beside, not on top
    assert not plotting.landmarks(PHOTO, FACE).texts
    assert not plotting.landmarks(PHOTO, numbers=True).texts


def test_numbers_of_the_jaw_stand_outside_the_face():
    angle = np.linspace(0, np.pi, 17)
    face = np.full((68, 2), 60.0)
    face[:17] = 60 + 40 * np.stack([-np.cos(angle), np.sin(angle)], axis=1)  # from the left over the chin to the right
    ax = plotting.landmarks(PHOTO, face, numbers=True)
    assert ax.texts[0].xyann == pytest.approx((-7.5, 0), abs=1e-9)
    assert ax.texts[8].xyann == pytest.approx((0, -7.5), abs=1e-9)  # below the chin: on screen y is up
    assert ax.texts[16].xyann == pytest.approx((7.5, 0), abs=1e-9)
    ax.figure.canvas.draw()


def test_numbers_at_the_corners_of_the_mouth_keep_apart():
    face = FACE.copy()
    for first, count, width in ((48, 12, 20), (60, 8, 18)):  # both lips: ellipses from the left corner over the top
        angle = np.arange(count) / count * 2 * np.pi
        face[first : first + count] = 60 + np.stack([-width * np.cos(angle), -8 * np.sin(angle)], axis=1)
    texts = plotting.landmarks(PHOTO, face, numbers=True).texts
    away = {i: texts[i].xyann for i in (48, 54, 60, 64)}
    assert away[48] == pytest.approx((-7.5, 0), abs=1e-9) and away[54] == pytest.approx((7.5, 0), abs=1e-9)
    assert away[60] == pytest.approx((7.5, 0), abs=1e-9) and away[64] == pytest.approx((-7.5, 0), abs=1e-9)


def test_missing_points_are_left_out():
    broken = FACE.copy()
    broken[[3, 30, 50]] = np.nan
    ax = plotting.landmarks(PHOTO, broken, numbers=True, window="face")
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.texts] == [str(i) for i in range(68) if i not in (3, 30, 50)]
    assert np.isfinite([text.xyann for text in ax.texts]).all()
    assert np.isfinite(view(ax)).all()
    plotting.landmarks(PHOTO, np.full((68, 2), np.nan), numbers=True, window="face").figure.canvas.draw()


@pytest.mark.parametrize("shape", [FACE[:67], FACE[None], FACE.ravel(), np.zeros((68, 3)), np.zeros((5, 2))])
@pytest.mark.parametrize("which", ["points", "predicted"])
def test_landmarks_refuses_other_points(which, shape):
    with pytest.raises(ValueError, match=rf"{which} .*expected \(68, 2\)"):
        plotting.landmarks(PHOTO, **{which: shape})


@pytest.mark.parametrize(
    "image",
    [
        PHOTO[None],
        PHOTO[..., :2],
        PHOTO[0, 0],
        PHOTO[:0],
        PHOTO.astype(np.float32),  # floats from 0 to 255
        PHOTO / 127.5 - 1,
        np.full((4, 4), np.nan),
        PHOTO.astype(np.int64),
    ],
)
def test_other_images_are_refused(image):
    with pytest.raises(ValueError, match="expected"):
        plotting.landmarks(image)


@pytest.mark.parametrize("window", ["hand", "abcd", (1, 2, 3), (0, 1, 0, np.nan)])
def test_other_windows_are_refused(window):
    with pytest.raises(ValueError, match="expected four numbers"):
        plotting.landmarks(PHOTO, FACE, window=window)


def test_given_axes_are_used_and_returned():
    _, ax = plt.subplots()
    assert plotting.landmarks(PHOTO, ax=ax) is ax
    assert plotting.start_shapes(PHOTO, FACE, FACE, ax=ax) is ax
    assert plotting.face_sheet(PHOTO[None], ax=ax) is ax
    assert plotting.cumulative_error_curves({"a": [0.1]}, ax=ax) is ax


# --------------------------------------------------------------------------------------------------- start shapes


def test_start_shapes_shows_the_box_the_start_and_the_truth():
    ax = plotting.start_shapes(PHOTO, FACE, FACE + 9, box=(25, 35, 100, 115))
    truth, start, box = ax.lines
    np.testing.assert_array_equal(truth.get_xydata(), joined(FACE))
    np.testing.assert_array_equal(start.get_xydata(), joined(FACE + 9))
    assert box.get_xydata().tolist() == [[25, 35], [100, 35], [100, 115], [25, 115], [25, 35]]
    assert unlike(truth, start, box)
    assert legend(ax) == ["truth", "start", "detector's box"]
    np.testing.assert_array_equal(ax.images[0].get_array(), PHOTO)


def test_start_shapes_without_a_box():
    ax = plotting.start_shapes(PHOTO, FACE, FACE + 9)
    assert legend(ax) == ["truth", "start"]
    assert len(ax.lines) == 2


def test_the_window_around_a_start_holds_the_start_and_the_box():
    ax = plotting.start_shapes(PHOTO, FACE, FACE - 25, box=(20, 30, 118, 150), window="face")
    margin = 0.12 * (150 - 15)  # of the longer edge of what it holds: x from 5 to 118, y from 15 to 150
    assert view(ax) == pytest.approx((5 - margin, 118 + margin, 15 - margin, 150 + margin))


@pytest.mark.parametrize(
    "box",
    [(100, 35, 25, 115), (25, 115, 100, 35), (25, 35, 25, 115), (25, 35, 100), (0, 0, 9, np.inf), np.zeros((2, 2))],
)
def test_a_box_of_no_size_or_other_shape_is_refused(box):
    with pytest.raises(ValueError, match="expected"):
        plotting.start_shapes(PHOTO, FACE, FACE, box=box)


def test_start_shapes_names_the_shape_that_it_refuses():
    with pytest.raises(ValueError, match="truth"):
        plotting.start_shapes(PHOTO, FACE[:5], FACE)
    with pytest.raises(ValueError, match="start"):
        plotting.start_shapes(PHOTO, FACE, FACE[:5])


# ----------------------------------------------------------------------------------------------------- face sheet

#: 5 images of 28 × 14 px: gaps of 2 px between rows and 1 px between columns.
SHEET = np.random.default_rng(1).integers(0, 256, (5, 28, 14, 3), np.uint8)


def test_each_face_stands_on_its_tile_and_gaps_are_transparent():
    canvas = np.asarray(plotting.face_sheet(SHEET, columns=3).images[0].get_array())
    assert canvas.shape == (2 * 28 + 2, 3 * 14 + 2, 4)
    for k, image in enumerate(SHEET):
        top, left = k // 3 * 30, k % 3 * 15
        np.testing.assert_array_equal(canvas[top : top + 28, left : left + 14, :3], image)
        assert (canvas[top : top + 28, left : left + 14, 3] == 255).all()
    assert (canvas[..., 3] == 255).sum() == 5 * 28 * 14


def test_fewer_faces_than_columns_leave_no_empty_tiles():
    assert plotting.face_sheet(SHEET[:2], columns=8).images[0].get_array().shape[1] == 2 * 14 + 1


def test_grey_faces_keep_one_scale():
    for grey in (SHEET[..., 0], SHEET[..., :1], SHEET[..., 0] / 255):
        canvas = np.asarray(plotting.face_sheet(grey, columns=5).images[0].get_array())
        np.testing.assert_array_equal(canvas[:, 15:29, :3], np.repeat(SHEET[1, ..., :1], 3, axis=-1))


def test_points_stand_on_their_own_tile_and_those_outside_are_left_out():
    points = np.array([[[3.0, 4.0], [13.5, 27.5]]] * 5)
    points[1] = [[-1.0, 4.0], [np.nan, 5.0]]
    points[2, 1] = (3.0, 28.0)
    (dots,) = plotting.face_sheet(SHEET, points, columns=3).lines
    # tiles 0, 2 (one point), 3 and 4 at (0, 0), (30, 0), (0, 30) and (15, 30)
    expected = [[3, 4], [13.5, 27.5], [33, 4], [3, 34], [13.5, 57.5], [18, 34], [28.5, 57.5]]
    assert dots.get_xydata().tolist() == expected
    assert dots.get_linestyle() == "None"


def test_each_title_stands_above_its_tile():
    ax = plotting.face_sheet(SHEET, columns=3, titles=["a", "b", "c", "d", 5])
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c", "d", "5"]
    height = 28 + 7  # a wider gap, for the titles
    assert [text.xy for text in ax.texts] == [(k % 3 * 15 + 6.5, k // 3 * height - 0.5) for k in range(5)]
    assert ax.images[0].get_array().shape[0] == height + 28


@pytest.mark.parametrize(
    ("images", "given"),
    [
        (SHEET[0, ..., 0], {}),
        (SHEET[..., :2], {}),
        (SHEET[:0], {}),
        (SHEET.astype(float), {}),
        (SHEET, {"columns": 0}),
        (SHEET, {"titles": ["a"]}),
        (SHEET, {"points": np.zeros((4, 68, 2))}),
        (SHEET, {"points": np.zeros((68, 2))}),
        (SHEET, {"points": np.zeros((5, 68, 3))}),
    ],
)
def test_face_sheet_refuses_what_does_not_fit(images, given):
    with pytest.raises(ValueError, match="expected"):
        plotting.face_sheet(images, **given)


# ---------------------------------------------------------------------------------------------------- shape modes

MODES = np.random.default_rng(2).normal(0, 3, (2, 68, 2))


def test_each_mode_is_drawn_below_at_and_above_the_mean():
    panels = plotting.shape_modes(FACE, MODES, spread=1.5, unit="mm")
    assert panels.shape == (2,)
    for panel, mode in zip(panels, MODES, strict=True):
        for sign, label in ((-1.5, "−1.5 standard deviations"), (0, "mean"), (1.5, "+1.5 standard deviations")):
            (line,) = [line for line in panel.lines if line.get_label() == label]
            np.testing.assert_allclose(line.get_xydata(), joined(FACE + sign * mode))
        assert (
            len({line.get_color() for line in panel.lines})
            == len({str(line._dash_pattern) for line in panel.lines})
            == 3
        )
        bottom, top = panel.get_ylim()
        assert bottom > top  # y down
        assert panel.get_aspect() == 1
        assert panel.get_xlabel() == "x in mm"
    assert panels[0].get_ylabel() == "y in mm"


def test_all_modes_have_one_scale_that_holds_them():
    panels = plotting.shape_modes(FACE, np.stack([MODES[0], 5 * MODES[1]]))
    assert view(panels[0]) == view(panels[1])
    left, right, top, bottom = view(panels[0])
    for line in (*panels[0].lines, *panels[1].lines):
        x, y = line.get_xydata()[~np.isnan(line.get_xdata())].T
        assert left < x.min() and x.max() < right and top < y.min() and y.max() < bottom


def test_titles_carry_the_shares_of_the_variance():
    panels = plotting.shape_modes(FACE, MODES, shares=[0.587, 0.13])
    assert [panel.get_title("left") for panel in panels] == [
        "mode 1: 59 % of the variance",
        "mode 2: 13 % of the variance",
    ]
    assert [panel.get_title("left") for panel in plotting.shape_modes(FACE, MODES)] == ["mode 1", "mode 2"]


def test_one_legend_for_all_panels_from_low_to_high():
    (found,) = plotting.shape_modes(FACE, MODES)[0].figure.legends
    assert [text.get_text() for text in found.get_texts()] == [
        "−2 standard deviations",
        "mean",
        "+2 standard deviations",
    ]


def test_modes_are_drawn_into_given_axes():
    _, axes = plt.subplots(1, 2)
    panels = plotting.shape_modes(FACE, MODES, axes=axes)
    assert list(panels) == list(axes)
    assert plotting.shape_modes(FACE, MODES[:1], axes=axes[1])[0] is axes[1]
    with pytest.raises(ValueError, match="expected one for each of 2"):
        plotting.shape_modes(FACE, MODES, axes=axes[:1])


@pytest.mark.parametrize(
    ("mean", "modes", "shares"),
    [
        (FACE[:5], MODES, ()),
        (FACE, MODES[0], ()),
        (FACE, MODES.reshape(2, 136), ()),
        (FACE, MODES[:0], ()),
        (FACE, MODES, [0.5]),
        (FACE, MODES, [59.0, 13.0]),
        (FACE, MODES, [0.5, np.nan]),
    ],
)
def test_shape_modes_refuses_what_does_not_fit(mean, modes, shares):
    with pytest.raises(ValueError, match="expected"):
        plotting.shape_modes(mean, modes, shares=shares)


# ---------------------------------------------------------------------------------------- cumulative error curves

ERRORS = {"good": [0.02, 0.05, 0.05, 0.3], "bad": [0.06, 0.09, np.nan, 0.12]}


def test_curves_are_exact_steps():
    ax = plotting.cumulative_error_curves(ERRORS)
    good, bad, _ = ax.lines
    assert good.get_xydata().tolist() == [[0, 0], [0.02, 25], [0.05, 75], [0.08, 75], [0.16, 75]]
    assert bad.get_xydata().tolist() == [[0, 0], [0.06, 25], [0.08, 25], [0.09, 50], [0.12, 75], [0.16, 75]]
    assert good.get_drawstyle() == bad.get_drawstyle() == "steps-post"
    assert "normalised mean error" in ax.get_xlabel() and "%" in ax.get_ylabel()


def test_the_drawn_curve_encloses_the_area_in_its_label():
    errors = np.random.default_rng(3).gamma(3, 0.02, 200)
    ax = plotting.cumulative_error_curves({"a": errors}, limit=0.05)
    x, y = ax.lines[0].get_data()
    area = (np.diff(x) * y[:-1])[x[:-1] < 0.05].sum() / 0.05
    assert area / 100 == pytest.approx(metrics.area_under_curve(errors, 0.05))
    assert f"AUC {area:.1f} %" in legend(ax)[0]


def test_the_legend_gives_area_and_failures():
    ax = plotting.cumulative_error_curves({"half": [0.04, 0.04], "mixed": [0.0, 0.1, 0.1]})
    assert legend(ax) == [
        "half: AUC 50.0 %, failures 0.0 %",
        "mixed: AUC 33.3 %, failures 66.7 %",
        "limit 0.08",
    ]


def test_the_limit_and_the_right_end_are_the_callers():
    ax = plotting.cumulative_error_curves(ERRORS, limit=0.05, top=0.4)
    assert ax.lines[-1].get_xdata() == [0.05, 0.05]
    assert ax.lines[-1].get_label() == legend(ax)[-1] == "limit 0.05"
    assert ax.get_xlim() == (0, 0.4)
    assert ax.lines[0].get_xydata()[-1].tolist() == [0.4, 100]
    assert plotting.cumulative_error_curves(ERRORS, limit=0.05).get_xlim() == (0, 0.1)


def test_shade_fills_the_area_up_to_the_limit_only():
    ax = plotting.cumulative_error_curves({"good": ERRORS["good"]}, shade=True)
    (filled,) = ax.collections
    corners = np.unique(np.concatenate([path.vertices for path in filled.get_paths()]), axis=0)
    assert corners[:, 0].max() == 0.08 and corners[:, 1].max() == 75
    x, y = np.concatenate([path.vertices for path in filled.get_paths()]).T  # the area by the shoelace formula
    area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    assert area / 8 == pytest.approx(metrics.area_under_curve(ERRORS["good"]))
    assert not plotting.cumulative_error_curves({"good": ERRORS["good"]}).collections


def test_curves_differ_without_colour_too():
    ax = plotting.cumulative_error_curves({str(i): [0.01 * i] for i in range(8)})
    curves = ax.lines[:8]
    assert len({line.get_color() for line in curves[:7]}) == 7
    assert len({str(line._dash_pattern) for line in curves[:5]}) == 5
    assert len({(line.get_color(), str(line._dash_pattern)) for line in curves}) == 8


def test_a_method_that_always_fails_is_drawn_at_zero():
    ax = plotting.cumulative_error_curves({"lost": [np.nan, np.inf]})
    assert ax.lines[0].get_ydata().tolist() == [0, 0, 0]
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("curves", "given", "message"),
    [
        ({"a": np.zeros((3, 68))}, {}, "expected"),
        ({"a": []}, {}, "expected"),
        ({"a": [-0.1]}, {}, "negative"),
        (ERRORS, {"limit": 0.0}, "above 0"),
        (ERRORS, {"top": 0.07}, "at least the limit"),
        (ERRORS, {"shade": True}, "expected one"),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused(curves, given, message):
    with pytest.raises(ValueError, match=message):
        plotting.cumulative_error_curves(curves, **given)


# ---------------------------------------------------------------------------------------------------- patch sheet

#: 68 patches of 16 px, gaps of 1 px.
PATCHES = np.random.default_rng(4).integers(0, 256, (68, 16, 16, 3), np.uint8)


@pytest.mark.parametrize("columns", [17, 10, 68, 100])
def test_each_patch_stands_on_its_tile_and_each_row_begins_with_its_number(columns):
    ax = plotting.patch_sheet(PATCHES, columns=columns)
    canvas = np.asarray(ax.images[0].get_array())
    rows = -(-68 // columns)
    assert canvas.shape == (rows * 17 - 1, min(columns, 68) * 17 - 1, 4)
    for k, patch in enumerate(PATCHES):
        top, left = k // columns * 17, k % columns * 17
        np.testing.assert_array_equal(canvas[top : top + 16, left : left + 16, :3], patch)
        assert (canvas[top : top + 16, left : left + 16, 3] == 255).all()
    assert (canvas[..., 3] > 0).sum() == 68 * 16 * 16  # the gaps are transparent
    assert [text.get_text() for text in ax.texts] == [str(first) for first in range(0, 68, columns)]
    assert [text.xy for text in ax.texts] == [(-0.5, 17 * row + 7.5) for row in range(rows)]
    assert all(text.xyann[0] < 0 and text.get_ha() == "right" for text in ax.texts)


def test_the_numbers_of_the_rows_are_inside_the_figure():
    figure = plotting.patch_sheet(PATCHES, columns=10).figure
    figure.canvas.draw()
    ax = figure.axes[0]
    for text in ax.texts:
        assert text.get_window_extent().x0 >= 0 and text.get_window_extent().x1 < ax.bbox.x0


def test_grey_patches_and_floats_keep_one_scale():
    expected = np.repeat(PATCHES[1, ..., :1], 3, axis=-1)
    for grey in (PATCHES[..., 0], PATCHES[..., :1], PATCHES[..., 0] / 255, PATCHES[..., :1] / np.float32(255)):
        canvas = np.asarray(plotting.patch_sheet(grey).images[0].get_array())
        np.testing.assert_array_equal(canvas[:16, 17:33, :3], expected)


def test_rounding_errors_beyond_black_and_white_are_cut_off():
    patches = np.zeros((68, 16, 16), np.float32)
    patches[0], patches[1] = 1.0000002, -0.0000002
    canvas = np.asarray(plotting.patch_sheet(patches).images[0].get_array())
    assert (canvas[:16, :16] == 255).all() and (canvas[:16, 17:33, :3] == 0).all()


@pytest.mark.parametrize(
    "patches",
    [
        PATCHES[:67],
        PATCHES[None],
        PATCHES[0],
        PATCHES[:, :, :15],
        PATCHES[..., :2],
        PATCHES[:, :0, :0],
        PATCHES.astype(float),
        PATCHES.astype(np.int64),
        PATCHES / 127.5 - 1,
        np.full((68, 16, 16), 1.01),
        np.full((68, 16, 16), np.nan),
    ],
)
def test_patch_sheet_refuses_what_is_no_face_in_patches(patches):
    with pytest.raises(ValueError, match="expected"):
        plotting.patch_sheet(patches)


def test_patch_sheet_needs_a_column():
    with pytest.raises(ValueError, match="at least one"):
        plotting.patch_sheet(PATCHES, columns=0)


def test_patches_and_a_descent_are_drawn_into_given_axes():
    _, (left, right) = plt.subplots(1, 2)
    right.plot([0, 1], [0, 1])
    assert plotting.patch_sheet(PATCHES, ax=left) is left
    assert plotting.descent(PHOTO, STEPS, FACE, ax=right) is right
    assert len(plt.get_fignums()) == 1
    assert legend(right) == ["start", "path, 2 steps", "predicted", "truth"]


# -------------------------------------------------------------------------------------------------------- descent

#: A start and two steps.
STEPS = np.stack([FACE + 20, FACE + np.random.default_rng(5).normal(8, 2, FACE.shape), FACE + 1])


def test_a_descent_shows_start_path_last_shape_and_truth():
    ax = plotting.descent(PHOTO, STEPS, FACE)
    truth, predicted, path, start = ax.lines
    np.testing.assert_array_equal(truth.get_xydata(), joined(FACE))
    np.testing.assert_array_equal(predicted.get_xydata(), joined(STEPS[-1]))
    np.testing.assert_array_equal(start.get_xydata(), STEPS[0])
    assert start.get_linestyle() == "None" and start.get_marker() == "^"
    assert unlike(truth, predicted, path, start)
    assert path.get_linewidth() < predicted.get_linewidth() and path.get_zorder() < predicted.get_zorder()
    assert legend(ax) == ["start", "path, 2 steps", "predicted", "truth"]
    np.testing.assert_array_equal(ax.images[0].get_array(), PHOTO)
    assert view(ax) == view(plotting.landmarks(PHOTO, FACE))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x in px", "y in px")


def test_the_path_of_each_point_goes_over_all_its_steps_and_ends_there():
    path = plotting.descent(PHOTO, STEPS).lines[1]
    drawn = path.get_xydata().reshape(68, 4, 2)
    np.testing.assert_array_equal(drawn[:, :3], STEPS.swapaxes(0, 1))
    assert np.isnan(drawn[:, 3]).all()


def test_a_descent_without_truth_and_of_one_step():
    ax = plotting.descent(PHOTO[..., 0] / 255, STEPS[:2].tolist())
    assert legend(ax) == ["start", "path, 1 step", "predicted"]
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), joined(STEPS[1]))


def test_a_lost_point_is_left_out_of_the_descent():
    lost = STEPS.copy()
    lost[1:, 5] = np.nan
    ax = plotting.descent(PHOTO, lost)
    ax.figure.canvas.draw()
    assert np.isfinite(view(ax)).all()


@pytest.mark.parametrize(
    ("image", "shapes", "truth"),
    [
        (PHOTO, FACE, None),
        (PHOTO, STEPS[:1], None),
        (PHOTO, STEPS[:0], None),
        (PHOTO, STEPS[:, :5], None),
        (PHOTO, STEPS[None], None),
        (PHOTO, np.zeros((3, 68, 3)), None),
        (PHOTO, STEPS, FACE[:5]),
        (PHOTO, STEPS, STEPS),
        (PHOTO[None], STEPS, FACE),
    ],
)
def test_descent_refuses_what_does_not_fit(image, shapes, truth):
    with pytest.raises(ValueError, match="expected"):
        plotting.descent(image, shapes, truth)
    assert not plt.get_fignums()  # nothing half drawn
