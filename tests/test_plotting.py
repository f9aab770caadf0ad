"""Figures show what they are given: checked on the data inside the axes."""

import matplotlib as mpl

mpl.use("Agg")

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from mpl_toolkits.mplot3d.proj3d import proj_transform

from course_utils import metrics, plotting
from course_utils.rendering.hand import BONES, INVALID, JOINTS


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_kernel_grid_puts_each_kernel_on_its_tile():
    kernels = np.arange(2 * 2 * 1 * 3, dtype=float).reshape(2, 2, 1, 3)
    ax = plotting.kernel_grid(kernels, columns=2)
    canvas = np.asarray(ax.images[0].get_array().filled(np.nan))
    assert canvas.shape == (5, 5)
    np.testing.assert_array_equal(canvas[:2, :2], kernels[:, :, 0, 0])
    np.testing.assert_array_equal(canvas[:2, 3:], kernels[:, :, 0, 1])
    np.testing.assert_array_equal(canvas[3:, :2], kernels[:, :, 0, 2])
    assert np.isnan(canvas[2]).all()


def test_kernel_grid_refuses_colour():
    with pytest.raises(ValueError, match="one input channel"):
        plotting.kernel_grid(np.zeros((3, 3, 2, 4)))


def test_stretch_is_the_sources_and_says_nan_for_no_range():
    assert plotting.stretch(np.array([-1.0, 0.0, 1.0])).tolist() == [0.0, 127.5, 255.0]
    assert np.isnan(plotting.stretch(np.zeros(3))).all()


def test_image_row_takes_both_shapes_and_keeps_one_scale():
    images = np.stack([np.zeros((14, 14)), np.full((14, 14), 9.0)])
    for given in (images, images[..., None]):
        ax = plotting.image_row(given, ["a", "b"])
        assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b"]
        assert ax.images[0].get_clim() == (0.0, 9.0)


def test_intervals_draw_each_row_where_it_belongs():
    ax = plotting.intervals({"few": (0.5, 0.2, 0.8), "many": (0.5, 0.4, 0.6)})
    spans = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    assert spans == [(0.2, 0.8), (0.4, 0.6)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["few", "many"]


def test_layer_bars_end_at_their_values_and_write_them():
    ax = plotting.layer_bars({"a": {"one": 100.0, "two": 0.0}, "b": {"one": 1.0, "two": 10.0}})
    ends = sorted(round(patch.get_x() + patch.get_width(), 6) for patch in ax.patches)
    assert ends == [0.1, 1.0, 10.0, 100.0]  # 0 ends at the left edge, a tenth of the smallest value
    assert {text.get_text().strip() for text in ax.texts} == {"100", "0", "1", "10"}
    assert ax.get_xscale() == "log"


def test_curve_draws_its_reference_level():
    ax = plotting.curve([1, 2], [3.0, 4.0], level=("floor", 1.0))
    assert ax.lines[0].get_ydata().tolist() == [3.0, 4.0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["floor"]


def test_given_axes_are_used_and_returned():
    _, ax = plt.subplots()
    assert plotting.curve([0], [0], ax=ax) is ax
    assert plotting.kernel_grid(np.zeros((3, 3, 1, 2)), ax=ax) is ax


def test_palette_is_distinct():
    assert len(set(plotting.COLOURS)) == len(plotting.COLOURS) >= 7


#: Joint j stands at u = 100 + 2j, v = 80 + 3j px, 300 + j mm; the camera sees a patch from 300 to 360 mm.
HAND = np.stack([100 + 2.0 * np.arange(16), 80 + 3.0 * np.arange(16), 300 + 1.0 * np.arange(16)], axis=1)
DEPTH = np.full((240, 320), INVALID, np.uint16)
DEPTH[60:140, 80:160] = np.linspace(300, 360, 80).round()
EMPTY = np.full((240, 320), INVALID, np.uint16)


def segments(*coordinates):
    """The bones of a line that has a gap after each."""
    points = np.stack(coordinates, axis=1).reshape(len(BONES), 3, -1)
    assert np.isnan(points[:, 2]).all()
    return points[:, :2]


def luminance(colour):
    return mpl.colors.to_rgb(colour) @ np.array([0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("step", [1, 2, 3, 4, 8])
def test_depth_image_puts_pixels_where_the_full_frame_has_them(step):
    for given in (DEPTH[::step, ::step], DEPTH[::step, ::step, None]):
        image = plotting.depth_image(given).images[0]
        left, right, bottom, top = image.get_extent()
        height, width = given.shape[:2]
        # the centres of the first and the last pixel
        half_u, half_v = (right - left) / width / 2, (bottom - top) / height / 2
        assert (left + half_u, top + half_v) == pytest.approx((0, 0))
        assert (right - half_u, bottom - half_v) == pytest.approx((step * (width - 1), step * (height - 1)))


def test_depth_image_shows_near_bright_and_nothing_seen_outside_the_greys():
    depth = DEPTH.copy()
    depth[0, 0] = 0
    ax = plotting.depth_image(depth)
    image = ax.images[0]
    np.testing.assert_array_equal(image.get_array().mask, (depth == INVALID) | (depth == 0))
    assert image.get_clim() == (300, 360)
    near, far, nothing = luminance(image.cmap(0.0)[:3]), luminance(image.cmap(1.0)[:3]), image.cmap(np.ma.masked)[:3]
    assert luminance(nothing) - near > 0.1 > 0 > far - near
    assert len(set(nothing)) > 1  # a tint, not a grey
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("u in px", "v in px")
    bottom, top = ax.get_ylim()
    assert bottom > top  # v points down


def test_depth_image_draws_each_bone_of_both_hands_in_two_looks():
    ax = plotting.depth_image(DEPTH, joints=HAND, predicted=HAND[:, :2] + 5)
    truth, predicted = ax.lines
    expected = HAND[np.array(BONES), :2]
    np.testing.assert_array_equal(segments(*truth.get_data()), expected)
    np.testing.assert_array_equal(segments(*predicted.get_data()), expected + 5)
    for look in ("get_color", "get_marker"):
        assert getattr(truth, look)() != getattr(predicted, look)()
    assert (truth.is_dashed(), predicted.is_dashed()) == (False, True)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["truth", "predicted"]


def test_depth_image_has_a_legend_only_for_two_hands():
    for given in ({}, {"joints": HAND}, {"predicted": HAND}):
        ax = plotting.depth_image(DEPTH, **given)
        assert ax.get_legend() is None
        assert len(ax.lines) == len(given)


def test_depth_image_zooms_to_the_true_hand_or_to_what_was_seen_or_as_told():
    def view(**given):
        ax = plotting.depth_image(given.pop("depth", DEPTH), **given)
        return (*ax.get_xlim(), *ax.get_ylim()[::-1])

    assert view(joints=HAND, predicted=np.zeros((16, 3)), window="hand") == (70, 160, 50, 155)
    assert view(window="hand") == view(predicted=np.zeros((16, 3)), window="hand") == (70, 169, 50, 149)
    assert view(depth=DEPTH[::4, ::4], window="hand") == (70, 166, 50, 146)  # last pixels kept: 156 and 136
    assert view(joints=HAND - (90, 70, 0), window="hand") == (-0.5, 70, -0.5, 85)  # not beyond the frame
    assert view(depth=EMPTY, window="hand") == (-0.5, 319.5, -0.5, 239.5)
    assert view(window=(10, 20, 30, 40)) == (10, 20, 30, 40)
    left, right, top, bottom = view()
    assert left < -0.5 and top < -0.5 and right > 319.5 and bottom > 239.5  # a marker in a corner stays visible


def test_depth_image_spans_its_greys_over_the_window():
    assert plotting.depth_image(DEPTH, window=(80, 90, 60, 70)).images[0].get_clim() == (300, DEPTH[60, 90])


def test_depth_image_of_nothing_is_drawn():
    plotting.depth_image(EMPTY).figure.canvas.draw()


@pytest.mark.parametrize(
    ("depth", "given"),
    [
        (np.zeros((96, 96)), {}),
        (np.zeros((1, 240, 320)), {}),
        (np.zeros((240, 320, 3)), {}),
        (DEPTH, {"joints": HAND.ravel()}),
        (DEPTH, {"joints": HAND[:15]}),
        (DEPTH, {"predicted": HAND[None]}),
        (DEPTH, {"predicted": HAND[:, :1]}),
        (DEPTH, {"window": "palm"}),
    ],
)
def test_depth_image_refuses_other_shapes(depth, given):
    with pytest.raises(ValueError, match="expected"):
        plotting.depth_image(depth, **given)


def test_skeleton_stands_as_the_camera_sees_it():
    points = HAND - (100, 80, 0)
    ax = plotting.skeleton(points, predicted=points + 4)
    truth, predicted = ax.lines
    x, z, y = truth.get_data_3d()
    np.testing.assert_array_equal(segments(x, y, z), points[np.array(BONES)])
    x, z, y = predicted.get_data_3d()
    np.testing.assert_array_equal(segments(x, y, z), points[np.array(BONES)] + 4)
    assert truth.get_color() != predicted.get_color()
    assert (truth.is_dashed(), predicted.is_dashed()) == (False, True)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_zlabel()) == ("x in mm", "z in mm", "y in mm")
    assert ax.get_legend() is not None
    ax.figure.canvas.draw()

    def on_screen(x, y, z):
        u, v, _ = proj_transform(x, z, y, ax.get_proj())
        return ax.transData.transform((u, v))

    middle = points.mean(axis=0)
    assert on_screen(*np.add(middle, (9, 0, 0)))[0] > on_screen(*middle)[0]  # x to the right
    assert on_screen(*np.add(middle, (0, 9, 0)))[1] < on_screen(*middle)[1]  # y down


def test_skeleton_has_one_scale_and_shows_every_joint():
    ax = plotting.skeleton(HAND, predicted=np.zeros((16, 3)))
    spans = [np.ptp(limits) for limits in (ax.get_xlim(), ax.get_ylim(), ax.get_zlim())]
    box = ax._box_aspect  # Matplotlib has no public way to read it
    np.testing.assert_allclose(spans / box, (spans / box)[0])
    assert ax.get_xlim()[0] < 0 and ax.get_xlim()[1] > HAND[:, 0].max()


def test_skeleton_uses_given_axes_and_refuses_flat_ones_and_other_shapes():
    ax = plt.figure().add_subplot(projection="3d")
    assert plotting.skeleton(HAND, ax=ax) is ax
    assert ax.get_legend() is None
    with pytest.raises(ValueError, match="3d"):
        plotting.skeleton(HAND, ax=plt.subplots()[1])
    for wrong in (HAND[:, :2], HAND[None], HAND.ravel(), HAND[:3]):
        with pytest.raises(ValueError, match="expected"):
            plotting.skeleton(wrong)
        with pytest.raises(ValueError, match="expected"):
            plotting.skeleton(HAND, predicted=wrong)


def test_success_curves_are_the_metrics_in_per_cent():
    methods = {"good": np.array([[1.0, 5.0], [2.0, 2.0]]), "bad": np.array([[30.0, 1.0], [1.0, np.nan]])}
    ax = plotting.success_curves(methods, limit=40, unit="px")
    for line, (name, errors) in zip(ax.lines, methods.items(), strict=True):
        thresholds, shares = line.get_data()
        assert (thresholds[0], thresholds[-1], line.get_label()) == (0, 40, name)
        np.testing.assert_allclose(shares, 100 * metrics.success_curve(errors, thresholds))
    assert [line.get_ydata()[-1] for line in ax.lines] == [100, 50]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["good", "bad"]
    assert "px" in ax.get_xlabel() and "%" in ax.get_ylabel()


def test_success_curves_differ_without_colour_too():
    ax = plotting.success_curves({str(i): np.full((3, 2), 9.0 * i) for i in range(8)})
    assert len({line.get_color() for line in ax.lines[:7]}) == 7
    assert len({str(line._dash_pattern) for line in ax.lines[:5]}) == 5
    assert len({(line.get_color(), str(line._dash_pattern)) for line in ax.lines}) == 8
    with pytest.raises(ValueError, match="expected"):
        plotting.success_curves({"one": np.zeros(16)})


def test_joint_bars_are_as_high_as_their_errors():
    series = {"a": np.arange(16.0), "b": 2 * np.arange(16.0)}
    ax = plotting.joint_bars(series, JOINTS, unit="px")
    for bars, (name, values) in zip(ax.containers, series.items(), strict=True):
        assert bars.get_label() == name
        assert [bar.get_height() for bar in bars] == values.tolist()
    first, second = (bars[3] for bars in ax.containers)
    assert first.get_facecolor() != second.get_facecolor()
    assert first.get_x() + first.get_width() <= second.get_x()
    assert [label.get_text() for label in ax.get_xticklabels()] == list(JOINTS)
    assert ax.get_ylabel() == "mean error in px"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def test_joint_bars_of_one_series_need_no_legend_and_of_wrong_length_are_refused():
    assert plotting.joint_bars({"a": [1.0, 2.0]}, ["left", "right"]).get_legend() is None
    for wrong in ([1.0, 2.0, 3.0], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="expected one for each of 2"):
            plotting.joint_bars({"a": wrong}, ["left", "right"])


# ---------------------------------------------------------------------------------------------------- outcome grid


def test_a_grid_of_outcomes_colours_by_bars_and_writes_each_number():
    values = [[0.2, 0.9, 3.0], [0.5, 12345.0, np.inf], [np.nan, 1e9, -np.inf]]
    ax = plotting.outcome_grid(values, ["a", "b", "c"], ["x", "y", "z"], good=0.5, bad=1.0)
    np.testing.assert_array_equal(ax.images[0].get_array(), [[2, 1, 0], [1, 0, 0], [0, 0, 0]])
    assert [text.get_text() for text in ax.texts] == [
        "0.20",
        "0.90",
        "3.00",
        "0.50",
        "12,345",
        "∞",
        "NaN",
        "1e+09",
        "−∞",
    ]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["x", "y", "z"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first row is on top"


@pytest.mark.parametrize(
    ("values", "bars"), [(np.zeros((2, 2)), (0.5, 1.0)), (np.zeros(3), (0.5, 1.0)), (np.zeros((3, 3)), (2.0, 1.0))]
)
def test_a_grid_that_does_not_fit_its_names_is_refused(values, bars):
    with pytest.raises(ValueError, match=r"expected|above"):
        plotting.outcome_grid(values, ["a", "b", "c"], ["x", "y", "z"], good=bars[0], bad=bars[1])


def gradients_of(steps=3):
    return [{"a/kernel": 1e-3 * n, "a/bias": 1e-1 * n, "b/kernel": 0.0, "b/bias": 2.0} for n in range(1, steps + 1)]


def test_gradient_history_draws_weights_and_biases_of_each_layer_to_one_scale():
    panels = plotting.gradient_history(gradients_of(), ["a", "b"], steps=[10, 20, 30])
    assert [panel.get_title(loc="left") for panel in panels] == ["a", "b"]
    weights, biases = panels[0].lines
    assert (weights.get_label(), biases.get_label()) == ("weights", "biases")
    np.testing.assert_array_equal(weights.get_xdata(), [10, 20, 30])
    np.testing.assert_allclose(weights.get_ydata(), [1e-3, 2e-3, 3e-3])
    np.testing.assert_allclose(biases.get_ydata(), [0.1, 0.2, 0.3])
    assert np.isnan(panels[1].lines[0].get_ydata()).all()  # 0 has no place on a logarithmic axis
    assert {panel.get_yscale() for panel in panels} == {"log"}
    assert panels[0].get_ylim() == panels[1].get_ylim()


def test_gradient_history_draws_into_given_axes():
    given = plt.subplots(1, 2)[1]
    panels = plotting.gradient_history(gradients_of(), ["b", "a"], axes=given)
    assert list(panels) == list(given)
    np.testing.assert_array_equal(panels[1].lines[0].get_xdata(), [1, 2, 3])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([], ["a"]), "0 steps of 1 layers"),
        ((gradients_of(), []), "3 steps of 0 layers"),
        ((gradients_of(), ["c"]), "lacks c/kernel, c/bias; it has a/kernel"),
        (([*gradients_of(), {}], ["a"]), "lacks a/kernel, a/bias"),
    ],
)
def test_gradient_history_says_what_is_missing(arguments, words):
    with pytest.raises(ValueError, match=words):
        plotting.gradient_history(*arguments)


def test_gradient_history_wants_a_step_and_a_panel_for_each():
    with pytest.raises(ValueError, match="2 steps: expected one for each of 3"):
        plotting.gradient_history(gradients_of(), ["a"], steps=[1, 2])
    with pytest.raises(ValueError, match="2 axes: expected one for each of 1"):
        plotting.gradient_history(gradients_of(), ["a"], axes=plt.subplots(1, 2)[1])


CHAIN = [
    ("conv_1", "conv", (48, 48, 16)),
    ("pool_1", "pool", (24, 24, 16)),
    ("fc_1", "dense", (64,)),
    ("logits", "dense", (7,)),
]


def test_a_chain_of_layers_has_a_box_a_layer_in_order_and_names_it():
    ax = plotting.layer_chain(CHAIN)
    boxes = ax.patches
    assert len(boxes) == 4
    assert [box.get_x() for box in boxes] == sorted(box.get_x() for box in boxes)
    heights = [box.get_height() for box in boxes]
    assert heights[0] > heights[1] > heights[2] == heights[3]
    assert boxes[2].get_width() > boxes[3].get_width()
    words = [text.get_text() for text in ax.texts if text.get_text()]
    assert words == ["conv_1\n48×48\n×16", "pool_1\n24×24\n×16", "fc_1\n64", "logits\n7"]


def test_kinds_of_layers_differ_in_colour_and_in_pattern():
    boxes = plotting.layer_chain(CHAIN).patches
    looks = {(box.get_facecolor(), box.get_hatch()) for box in boxes}
    assert len(looks) == 3 and len({hatch for _, hatch in looks}) == 3
    with pytest.raises(KeyError):
        plotting.layer_chain([("a", "unheard of", (3,))])


def test_boxes_of_a_chain_do_not_overlap():
    boxes = plotting.layer_chain(CHAIN).patches
    for one, next_ in itertools.pairwise(boxes):
        assert one.get_x() + one.get_width() < next_.get_x()


def test_a_chain_of_layers_of_one_name_has_all_its_arrows():
    same = [("conv", "conv", (8, 8, 4))] * 3
    arrows = [text for text in plotting.layer_chain(same).texts if not text.get_text()]
    assert len(arrows) == 2
    assert len([text for text in plotting.layer_chain(CHAIN).texts if not text.get_text()]) == 3
