"""The rendered hand: geometry checked against an independent slow renderer, labels against the surface, limits, seeds, speed's shape."""

import numpy as np
import pytest

from course_utils.rendering import hand
from course_utils.rendering.camera import ICVL, ICVL_EVALUATOR, Camera

# ------------------------------------------------------------------------------------------------------------- camera


def test_a_point_on_the_optical_axis_falls_on_the_middle_of_the_image():
    np.testing.assert_allclose(ICVL.to_pixels([0, 0, 500]), [160, 120, 500])


def test_pixels_by_hand():
    # 100 mm right and 50 mm down at 241.42 mm: one mm is one pixel
    np.testing.assert_allclose(ICVL.to_pixels([100, 50, 241.42]), [260, 170, 241.42])
    np.testing.assert_allclose(ICVL_EVALUATOR.to_pixels([0, 24.096, 240.96]), [160, 144.096, 240.96])


@pytest.mark.parametrize("shape", [(3,), (5, 3), (4, 16, 3)])
def test_pixels_and_millimetres_undo_each_other(shape):
    rng = np.random.default_rng(0)
    points = rng.uniform((-150, -100, 200), (150, 100, 600), shape)
    np.testing.assert_allclose(ICVL.to_mm(ICVL.to_pixels(points)), points, atol=1e-9)


@pytest.mark.parametrize(("step", "shape"), [(1, (240, 320)), (2, (120, 160)), (4, (60, 80)), (7, (35, 46))])
def test_every_nth_pixel_keeps_the_place_of_a_point(step, shape):
    small = ICVL.every(step)
    assert (small.height, small.width) == shape == np.empty((240, 320))[::step, ::step].shape
    point = np.array([31.0, -12.0, 300.0])
    np.testing.assert_allclose(small.to_pixels(point)[:2] * step, ICVL.to_pixels(point)[:2])


# ----------------------------------------------------------------------------------------------------------- surfaces


def slow_depth(hands, camera):
    """The nearest of a dense crowd of spheres along all bones and over all plates: another way to the same surface."""
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)], axis=-1)
    spheres = [(hands.centres[0, i], hands.radii[0, i]) for i in range(25)]
    for i, j in hand.CONES:
        for t in np.linspace(0, 1, 60):
            spheres.append(tuple((1 - t) * a[0, i] + t * a[0, j] for a in (hands.centres, hands.radii)))
    for plate in hand.PLATES:
        for a in np.linspace(0, 1, 25):
            for b in np.linspace(0, 1 - a, 25):
                shares = np.array([a, b, 1 - a - b])
                spheres.append(tuple(np.tensordot(shares, x[0, list(plate)], 1) for x in (hands.centres, hands.radii)))
    depth = np.full(u.shape, np.inf)
    squared = np.sum(rays**2, axis=-1)
    for centre, radius in spheres:
        along = rays @ centre
        inner = along**2 - squared * (centre @ centre - radius**2)
        found = np.where(inner >= 0, (along - np.sqrt(inner.clip(0))) / squared, np.inf)
        depth = np.minimum(depth, found)
    return depth


@pytest.mark.parametrize("number", range(4))
def test_the_surface_is_the_one_a_crowd_of_spheres_gives(number):
    hands = hand.random_hands(number + 1, seed=11)[number : number + 1]
    camera = ICVL.every(4)
    expected, found = slow_depth(hands, camera), hand.cast(hands, camera)[0]
    both = np.isfinite(expected) & np.isfinite(found)
    assert both.sum() > 200
    assert np.sum(np.isfinite(expected) != np.isfinite(found)) <= 2, "outlines differ"
    gap = expected[both] - found[both]
    assert gap.min() > -1e-6, "the crowd fills the surface from inside"
    assert np.quantile(gap, 0.99) < 0.5
    assert gap.max() < 6.0, "somewhere a cone or a plate is missing"


def test_a_single_sphere_by_hand():
    hands = hand.random_hands(1, seed=0)
    ball = hand.Hands(np.full((1, 25, 3), (0.0, 0.0, 300.0)), np.full((1, 25), 10.0), hands.joints, None, None)
    depth = np.full((240, 320), np.inf)
    for found, (u, v) in hand._surfaces(ball, ICVL):
        part = depth[v[0] : v[0] + found.shape[1], u[0] : u[0] + found.shape[2]]
        np.fmin(part, found[0], out=part)
    assert depth[120, 160] == pytest.approx(290)
    # the outline: a ray at angle asin(10/300) touches
    reach = 241.42 * np.tan(np.arcsin(10 / 300))
    seen = np.flatnonzero(np.isfinite(depth[120])) - 160
    assert (seen.min(), seen.max()) == (-int(reach), int(reach))


# ------------------------------------------------------------------------------------------------------------- labels


@pytest.fixture(scope="module")
def thousand():
    return hand.random_hands(1000, seed=5), *hand.render(1000, seed=5)


def test_joints_lie_on_or_just_behind_the_surface(thousand):
    hands, depth, joints = thousand
    u, v = np.rint(joints[..., 0]).astype(int), np.rint(joints[..., 1]).astype(int)
    seen = depth[np.arange(1000)[:, None], v, u].astype(float)
    assert (seen != hand.INVALID).all(), "a joint beside the hand"
    behind = joints[..., 2] - seen
    spheres = [20, *(4 * f + part for f in range(5) for part in range(3))]
    radius = hands.radii[:, spheres]
    assert behind.min() > 0, "a joint in front of the skin"
    # its own sphere hides it by its radius, whatever else lies in front; half a pixel off at most
    assert (behind - radius).min() > -0.25 * radius.max()
    own = behind < 1.6 * radius
    assert own.mean() > 0.75, "most joints are hidden by nothing but their own flesh"
    assert behind.max() < 150


def test_the_ray_to_a_joint_meets_its_own_sphere_or_something_nearer():
    hands = hand.random_hands(12, seed=8)
    spheres = [20, *(4 * f + part for f in range(5) for part in range(3))]
    for i in range(12):
        for joint, sphere in enumerate(spheres):
            x, y, z = hands.joints[i, joint]
            single = Camera(240, 240, -240 * x / z, -240 * y / z, 1, 1)  # its one pixel looks at the joint
            found = hand.cast(hands[i : i + 1], single)[0, 0, 0]
            front = z * (1 - hands.radii[i, sphere] / np.linalg.norm((x, y, z)))
            assert found <= front + 1e-6


def test_labels_are_the_projected_joints(thousand):
    hands, _, joints = thousand
    np.testing.assert_allclose(joints, ICVL.to_pixels(hands.joints), rtol=1e-6)
    assert joints.dtype == np.float32
    assert joints.shape == (1000, 16, 3)


def test_all_joints_lie_in_the_image(thousand):
    u, v, d = np.moveaxis(thousand[2], -1, 0)
    assert u.min() >= 4
    assert u.max() <= 315
    assert v.min() >= 4
    assert v.max() <= 235
    assert d.min() > 150
    assert d.max() < 600


def test_labels_are_spread_as_those_of_the_published_test_set(thousand):
    """ICVL: mean (158.1, 110.7, 342.0), standard deviation (35.5, 25.2, 50.4) over frames and joints."""
    mean, std = thousand[2].mean((0, 1)), thousand[2].std((0, 1))
    np.testing.assert_allclose(mean, (158.1, 110.7, 342.0), atol=15)
    np.testing.assert_allclose(std, (35.5, 25.2, 50.4), rtol=0.15)


def test_bones_are_as_long_as_documented(thousand):
    joints = thousand[0].joints
    for f in range(5):
        for part in range(2):
            parent, child = hand.BONES[3 * f + part + 1]
            length = np.linalg.norm(joints[:, child] - joints[:, parent], axis=1)
            assert length.mean() == pytest.approx(hand.LENGTHS[f, part], rel=0.02)
            assert length.min() > 0.75 * hand.LENGTHS[f, part]
            assert length.max() < 1.3 * hand.LENGTHS[f, part]


def test_fingers_bend_within_the_joint_limits(thousand):
    joints, bend, spread = (getattr(thousand[0], name) for name in ("joints", "bend", "spread"))
    low, high = np.array(hand.BEND).T
    assert (bend[:, 1:] >= low).all()
    assert (bend[:, 1:] <= high).all()
    assert (np.abs(spread[:, 1:]) <= np.abs(hand.SPREAD[1:]).max(axis=1)).all()
    for f in range(1, 5):  # the bend at the mid joint, read off the joints themselves
        root, mid, tip = (joints[:, 3 * f + 1 + part] for part in range(3))
        a, b = mid - root, tip - mid
        cos = np.sum(a * b, axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        np.testing.assert_allclose(np.degrees(np.arccos(cos.clip(-1, 1))), bend[:, f, 1], atol=0.01)


def test_poses_reach_from_open_hands_to_fists(thousand):
    curl = thousand[0].bend[:, 1:, 1].mean(axis=1)
    assert (curl < 15).mean() > 0.1
    assert (curl > 60).mean() > 0.03


# ------------------------------------------------------------------------------------------------------------- images


def test_what_comes_out_has_the_form_of_icvl():
    depth, _ = hand.render(3, seed=0)
    assert depth.dtype == np.uint16
    assert depth.shape == (3, 240, 320)
    assert set(np.unique(depth[depth > 1000])) == {hand.INVALID}
    assert 150 < depth.min() < 500


@pytest.mark.parametrize("every", [2, 4, 5])
def test_every_nth_pixel_is_that_of_the_full_image(every):
    full, joints = hand.render(9, seed=3)
    small, same = hand.render(9, seed=3, every=every)
    np.testing.assert_array_equal(small, full[:, ::every, ::every])
    np.testing.assert_array_equal(same, joints)


@pytest.mark.parametrize("faults", [{}, {"noise": 1.0, "holes": 0.02}])
def test_the_first_hands_of_a_seed_do_not_depend_on_the_count(faults):
    many, joints = hand.render(70, seed=4, every=4, **faults)
    for count in (1, 20, 65):
        some, some_joints = hand.render(count, seed=4, every=4, **faults)
        np.testing.assert_array_equal(some, many[:count])
        np.testing.assert_array_equal(some_joints, joints[:count])


def test_seeds_differ_and_no_hand_comes_twice():
    a, b = (hand.render(80, seed=seed, every=4)[1] for seed in (1, 2))
    assert len(np.unique(np.concatenate([a, b]).reshape(160, -1), axis=0)) == 160


def test_noise_has_the_asked_for_size_and_leaves_the_labels():
    clean, joints = hand.render(20, seed=2, every=2)
    noisy, same = hand.render(20, seed=2, every=2, noise=2.0)
    np.testing.assert_array_equal(same, joints)
    np.testing.assert_array_equal(noisy == hand.INVALID, clean == hand.INVALID)
    seen = clean != hand.INVALID
    assert np.std(noisy[seen].astype(float) - clean[seen]) == pytest.approx(2.0, abs=0.1)


def test_holes_take_the_asked_for_share_of_the_hand():
    clean, _ = hand.render(50, seed=2, every=2)
    holed, _ = hand.render(50, seed=2, every=2, holes=0.05)
    seen = clean != hand.INVALID
    assert np.mean(holed[seen] == hand.INVALID) == pytest.approx(0.05, abs=0.01)
    kept = holed != hand.INVALID
    np.testing.assert_array_equal(holed[kept], clean[kept])


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"every": 0},
        {"noise": -1.0},
        {"noise": 50.0},
        {"noise": float("nan")},
        {"holes": 1.0},
        {"holes": -0.1},
    ],
)
def test_arguments_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        hand.render(**{"count": 1, "seed": 0} | wrong)
