"""The rendered face: pixels against a slow rasteriser, points against the paint, mirror images, acts, seeds, limits."""

import dataclasses
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from course_utils.rendering import face
from course_utils.rendering.face import drawing, looks, mesh, people, points, scene, shape, skin

LIDS, LIPS = ((37, 41), (38, 40), (43, 47), (44, 46)), ((61, 67), (62, 66), (63, 65))
BARE = dict.fromkeys(("hair", "hair thickness", "long hair", "glasses", "occluded"), np.float32(0))


def with_look(faces, **changes):
    """The same faces with some numbers of their looks replaced."""
    changes = {name.replace("_", " "): np.asarray(value, np.float32) for name, value in changes.items()}
    return dataclasses.replace(faces, looks=tuple(look | changes for look in faces.looks))


def bare(faces):
    """The same faces without hair, glasses and things in front."""
    return dataclasses.replace(faces, looks=tuple(look | BARE for look in faces.looks))


def about(faces, edge=250.0):
    """Windows about the middle of the points' boxes."""
    middle = (faces.points.min(axis=1) + faces.points.max(axis=1)) / 2
    return np.concatenate([middle, np.full((len(faces), 1), edge)], axis=1)


def skin_seen(faces, windows, side):
    """(a, t) of the skin at each pixel, ``(N, 2, side, side)``, NaN beside the head: what the painter is asked for."""
    pixels, places = [], []

    def visible(*arguments):
        found = mesh_visible(*arguments)
        pixels.append(found[0])
        return found

    def paint(look, a, t, pixel):
        places.append((a.copy(), t.copy()))
        return skin_paint(look, a, t, pixel)

    mesh_visible, skin_paint = mesh.visible, skin.paint
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mesh, "visible", visible)
        patch.setattr(skin, "paint", paint)
        patch.setattr(drawing, "_triangles", lambda: shape.mesh().triangles)  # no ears
        face.draw(faces, windows, side=side)
    seen = np.full((len(faces), 2, side * side), np.nan)
    for picture, where, spots in zip(seen, pixels, places, strict=True):
        picture[:, where] = spots
    return seen.reshape(len(faces), 2, side, side)


# -------------------------------------------------------------------------------------------------- triangles to pixels


def slow_visible(places, depth, triangles, side, slack=0.0):
    """Pixel by pixel: depth and number of the nearest clockwise triangle whose three weights are at least −slack."""
    nearest, which = np.full((side, side), -np.inf), np.full((side, side), -1)
    corners = places[triangles].astype(np.float64)  # (T, 3, 2)
    system = np.concatenate([corners.transpose(0, 2, 1), np.ones((len(triangles), 1, 3))], axis=1)
    usable = np.linalg.det(system) > 2e-6
    inverse = np.linalg.inv(system[usable])
    numbers, heights = np.flatnonzero(usable), depth[triangles[usable]].astype(np.float64)
    for y in range(side):
        for x in range(side):
            weights = inverse @ (x, y, 1.0)
            hit = np.flatnonzero((weights >= -slack).all(axis=1))
            if len(hit):
                found = (weights[hit] * heights[hit]).sum(axis=1)
                nearest[y, x], which[y, x] = found.max(), numbers[hit[found.argmax()]]
    return nearest, which


def check_visible(places, depth, triangles, side):
    pixels, corners, weights = mesh.visible(places, depth, triangles, side)
    y, x = np.divmod(pixels, side)
    assert (np.diff(pixels) > 0).all(), "a pixel twice, or beside the image"
    assert weights.dtype == np.float32
    assert weights.min(initial=0) >= 0
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-4)
    # Each pixel is where its weights say it is ...
    np.testing.assert_allclose(np.einsum("cp,cpx->xp", weights, places[corners]), [x, y], atol=5e-3)
    # ... in one of the triangles given ...
    known = {tuple(triangle): number for number, triangle in enumerate(triangles.tolist())}
    found = np.array([known[tuple(corner)] for corner in corners.T.tolist()], int)
    # ... the nearest (but for pixels on an edge, and for triangles as near as the depths can tell apart), ...
    seen = np.zeros((side, side), bool)
    seen.ravel()[pixels] = True
    nearest, _ = slow_visible(places, depth, triangles, side)
    surely, _ = slow_visible(places, depth, triangles, side, slack=-1e-3)
    perhaps, _ = slow_visible(places, depth, triangles, side, slack=1e-3)
    assert (seen >= np.isfinite(surely)).all(), "a hole"
    assert (seen <= np.isfinite(perhaps)).all(), "a pixel outside every triangle"
    at = np.einsum("cp,cp->p", weights, depth[corners])
    step = 2 * np.ptp(depth) / 65535 + 2e-3 * np.ptp(depth[triangles], axis=1).max(initial=0)
    assert (at >= surely.ravel()[pixels] - step).all(), "something nearer is hidden"
    assert (at <= perhaps.ravel()[pixels] + step).all()
    # ... and with the weights that the linear system gives.
    rows = np.concatenate([places[triangles].transpose(0, 2, 1), np.ones((len(triangles), 1, 3))], axis=1)[found]
    large = np.linalg.det(rows) > 0.05
    exact = np.linalg.solve(
        rows[large].astype(np.float64), np.stack([x, y, np.ones_like(x)], axis=-1)[large][..., None]
    )
    np.testing.assert_allclose(weights.T[large], exact[..., 0], atol=1e-4)
    return np.isfinite(nearest), found


@pytest.mark.parametrize("seed", range(12))
def test_pixels_are_those_of_a_slow_rasteriser(seed):
    rng = np.random.default_rng(seed)
    side, count = int(rng.integers(8, 24)), int(rng.integers(3, 40))
    places = rng.uniform(-6, side + 6, (count, 2)).astype(np.float32)
    depth = rng.normal(0, 30, count).astype(np.float32)
    triangles = np.unique(np.stack([rng.permutation(count)[:3] for _ in range(count)]), axis=0).astype(np.int32)
    expected, _ = check_visible(places, depth, triangles, side)
    assert expected.any()


def test_pixels_of_a_whole_face_are_those_of_a_slow_rasteriser():
    faces = face.random_faces(2, seed=3)
    meshes = []
    with pytest.MonkeyPatch.context() as patch:
        visible = mesh.visible
        patch.setattr(mesh, "visible", lambda *given: (meshes.append(given), visible(*given))[1])
        face.draw(faces, about(faces), side=81)  # above 80, a picture is drawn at its own size
    for places, depth, triangles, side in meshes:
        assert side == 81
        small = ((places + 0.5) * (24 / 81) - 0.5).astype(np.float32)
        expected, _ = check_visible(small, depth, triangles, 24)
        assert 150 < expected.sum() < 450


def test_a_triangle_by_hand():
    places = np.array([(0, 0), (4, 0), (0, 4)], np.float32)
    depth = np.array([0, 4, 8], np.float32)
    pixels, corners, weights = mesh.visible(places, depth, np.array([[0, 1, 2]]), 8)
    assert pixels.tolist() == [y * 8 + x for y in range(5) for x in range(5 - y)]
    assert (corners == [[0], [1], [2]]).all()
    np.testing.assert_allclose(weights[:, pixels == 1 * 8 + 2][:, 0], (0.25, 0.5, 0.25), atol=1e-6)


def test_the_nearer_of_two_triangles_wins_whatever_their_order():
    places = np.array([(0, 0), (9, 0), (0, 9)] * 2, np.float32)
    depth = np.array([1, 1, 1, 2, 2, 2], np.float32)
    for triangles in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        _, corners, _ = mesh.visible(places, depth, np.array(triangles), 8)
        assert (corners == [[3], [4], [5]]).all()


UNSEEN = {
    "beside the image": ([(20, 0), (30, 0), (20, 9)], [[0, 1, 2]]),
    "before the image": ([(-30, -30), (-20, -30), (-30, -20)], [[0, 1, 2]]),
    "between the pixels": ([(2.2, 2.2), (2.8, 2.2), (2.2, 2.8)], [[0, 1, 2]]),
    "a line": ([(0, 0), (4, 4), (8, 8)], [[0, 1, 2]]),
    "a place": ([(3, 3)] * 3, [[0, 1, 2]]),
    "counter-clockwise": ([(0, 0), (4, 0), (0, 4)], [[0, 2, 1]]),
    "beyond all integers": ([(1e12, 1e12), (2e12, 1e12), (1e12, 2e12)], [[0, 1, 2]]),
    "before all integers": ([(-2e12, -2e12), (-1e12, -2e12), (-2e12, -1e12)], [[0, 1, 2]]),
    "no triangles": ([(0, 0), (4, 0), (0, 4)], np.empty((0, 3), np.int32)),
}


@pytest.mark.parametrize("what", UNSEEN)
def test_nothing_is_seen_of(what):
    places, triangles = UNSEEN[what]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels, corners, weights = mesh.visible(
            np.array(places, np.float32), np.zeros(3, np.float32), np.array(triangles), 8
        )
    assert pixels.shape == (0,)
    assert corners.shape == weights.shape == (3, 0)


@pytest.mark.parametrize("side", [1000, 1500])
def test_a_triangle_larger_than_a_large_image_fills_it(side):
    places = np.array([(-3, -3), (3 * side, -3), (-3, 3 * side)], np.float32)
    pixels, _, weights = mesh.visible(places, np.zeros(3, np.float32), np.array([[0, 1, 2]]), side)
    np.testing.assert_array_equal(pixels, np.arange(side * side))
    x = weights[1] * (3 * side + 3) - 3
    np.testing.assert_allclose(x, pixels % side, atol=1e-2)


# -------------------------------------------------------------------------------------------------- exact points


@pytest.fixture(scope="module")
def mapped():
    """60 faces without hair and ears: where each pixel is on the skin, at half a millimetre to a pixel."""
    faces = bare(face.random_faces(60, seed=21, extras=0))
    windows = about(faces, 240)
    return faces, skin_seen(faces, windows, 480), face.to_pixels(faces.points, windows, 480)


def test_points_lie_where_their_paint_is(mapped):
    """Of the pixels next to a point, one shows the place on the skin that the point stands for, to 1 mm.

    Brows, nose and mouth hide something of the far half of a face that is turned by 10° or more; there, and where the
    skin runs steeply away from the viewer, the pixel with the nearest place may be another one.
    """
    faces, seen, at = mapped
    spots = shape.spots()[:68]
    gap = np.full((60, 68), np.nan)
    for i in range(60):
        for k in range(17, 68):
            x, y = np.rint(at[i, k]).astype(int)
            near = seen[i, :, y - 1 : y + 2, x - 1 : x + 2].reshape(2, -1)
            gap[i, k] = np.nanmin(np.hypot(*(near - spots[k][:, None])))
    gap = gap[:, 17:]
    yaw, far = faces.pose[:, :1], np.sign(spots[17:, 0])
    plain = (np.abs(yaw) < 10) | (far * yaw < 0) & (np.abs(far) > 0)
    assert plain.mean() > 0.6
    assert gap[plain].max() < 1.0
    assert np.median(gap) < 0.3, "half a pixel is a quarter of a millimetre"
    assert (gap < 1.0).mean() > 0.98


def test_points_lie_on_the_triangles_that_are_drawn():
    """To the last digit: each point is mixed from the corners of the flat triangle that it lies in."""
    faces = face.random_faces(3, seed=12)
    grid, spots = shape.mesh(), shape.spots()[:68]
    corners = np.concatenate(
        [grid.skin[grid.triangles].transpose(0, 2, 1), np.ones((len(grid.triangles), 1, 3))], axis=1
    )
    weights = np.linalg.inv(corners.astype(np.float64)) @ np.concatenate([spots.T, np.ones((1, 68))])  # (T, 3, 68)
    inside = weights.min(axis=1).argmax(axis=0)
    weights = weights[inside, :, np.arange(68)]
    assert weights.min() > -1e-6
    for i in range(3):
        surface = grid.base + grid.carry @ (faces.control[i] - shape.neutral())
        places = np.einsum("pc,pcx->px", weights, surface[grid.triangles[inside]])
        expected = people.seen(places[None], people.rotation(faces.pose[i : i + 1]), faces.distance[i : i + 1])[
            0, :, :2
        ]
        np.testing.assert_allclose(faces.points[i, 17:], expected[17:], atol=1e-3)


PAINTED = {  # mask → points (of the half right in the image) where it is 0: on the outline, on the middle of the brow
    "lips": (51, 52, 53, 54, 55, 56, 57),
    "mouth": (62, 63, 64, 65, 66),
    "eye": (42, 43, 44, 45, 46, 47),
    "across brow": (22, 23, 24, 25, 26),
}


@pytest.mark.parametrize("mask", PAINTED)
def test_outlines_are_painted_through_the_points(mask):
    layer = skin.masks()[..., skin.LAYERS.index(mask)]
    columns, rows = np.rint((shape.spots()[list(PAINTED[mask])] - (0, -130)) / 0.5).astype(int).T
    assert np.abs(layer[rows, columns]).max() < 0.4, "a mask has a value each half millimetre"
    x = slice(columns.min(), columns.max() + 1)
    assert layer[rows.min() : rows.max(), x].max() > 0.7, "inside, and above the middle of the brow"
    assert layer[rows.max() + 2 : rows.max() + 6, x].max() < 0


def outline_of(seen):
    """Whether each pixel is of the head, ``(H, W)``, and (x, y) of the pixels at its edge, ``(P, 2)``."""
    head = ~np.isnan(seen[0])
    inner = head.copy()
    inner[1:-1, 1:-1] &= head[:-2, 1:-1] & head[2:, 1:-1] & head[1:-1, :-2] & head[1:-1, 2:]
    return head, np.argwhere(head & ~inner)[:, ::-1]


def test_jaw_points_lie_on_the_outline_of_a_turned_head_and_never_beside_it(mapped):
    faces, seen, at = mapped
    turned = 0
    for i in range(60):
        head, edge = outline_of(seen[i])
        gap = np.linalg.norm(at[i, :17, None] - edge, axis=2).min(axis=1) / 2  # mm
        x, y = np.rint(at[i, :17]).astype(int).T
        assert gap[~head[y, x]].max(initial=0) < 0.8, "beside the head"
        if abs(faces.pose[i, 0]) > 12:
            turned += 1
            far = slice(11, 17) if faces.pose[i, 0] > 0 else slice(0, 6)
            assert gap[far].max() < 1.5, "the far side of the jaw is the outline; 1.9 mm are a pixel of 128"
        if abs(faces.pose[i, 0]) > 20:
            near = slice(1, 6) if faces.pose[i, 0] > 0 else slice(11, 16)
            assert gap[near].max() > 2.5, "the near side is within"
    assert turned > 20


def test_jaw_points_that_did_not_move_lie_where_their_paint_is(mapped):
    faces, seen, at = mapped
    spots = shape.spots()[:17]
    for i in range(60):
        yaw = faces.pose[i, 0]
        for k in range(2, 15):
            if abs(yaw) > 12 and (k - 8) * yaw < 0:
                x, y = np.rint(at[i, k]).astype(int)
                near = seen[i, :, y - 1 : y + 2, x - 1 : x + 2].reshape(2, -1)
                assert np.nanmin(np.hypot(*(near - spots[k][:, None]))) < 1.5


def test_points_are_the_same_whatever_the_look_and_window(mapped):
    faces = mapped[0]
    assert faces.points.dtype == np.float32
    np.testing.assert_array_equal(faces.points, face.random_faces(60, seed=21).points)


def test_to_pixels_by_hand():
    windows = [(10.0, 20.0, 100.0)]
    points_mm = np.array([[(10.0, 20.0), (-40.0, -30.0), (60.0, 70.0), (11.0, 20.0)]])
    expected = [[(49.5, 49.5), (-0.5, -0.5), (99.5, 99.5), (50.5, 49.5)]]  # corners of the window: corners of pixels
    np.testing.assert_allclose(face.to_pixels(points_mm, windows, 100), expected)


def test_rendered_points_lie_in_the_picture():
    pictures, at = face.render(100, seed=2, side=32)
    assert pictures.shape == (100, 32, 32, 3)
    assert at.dtype == np.float32
    assert at.min() > 0
    assert at.max() < 31


# -------------------------------------------------------------------------------------------------- mirror image


@pytest.fixture(scope="module")
def mirror():
    """Row i of the mirrored control points is row mirror[i]: MIRROR, and the others by where they are."""
    neutral = shape.neutral()
    gap = np.linalg.norm(neutral[:, None] * (-1, 1, 1) - neutral, axis=2)
    rows = np.concatenate([face.MIRROR, 68 + gap[68:, 68:].argmin(axis=1)])
    assert gap[np.arange(len(rows)), rows].max() < 1e-9
    return rows


def test_the_mirror_image_of_a_mirror_image_is_the_face():
    assert sorted(face.MIRROR) == list(range(68))
    assert np.array(face.MIRROR)[list(face.MIRROR)].tolist() == list(range(68))


def test_groups_cover_the_points_and_their_mirror_images_are_groups():
    spans = [(first, stop) for first, stop, _ in points.GROUPS.values()]
    assert [first for first, _ in spans] == [0, *(stop for _, stop in spans[:-1])]
    assert spans[-1][1] == 68
    for name, (first, stop, _) in points.GROUPS.items():
        other = " ".join({"right": "left", "left": "right"}.get(word, word) for word in name.split())
        assert sorted(face.MIRROR[first:stop]) == list(range(*points.GROUPS[other][:2]))


def test_the_neutral_face_is_its_own_mirror_image(mirror):
    np.testing.assert_allclose(shape.neutral()[mirror] * (-1, 1, 1), shape.neutral())
    np.testing.assert_allclose(shape.spots()[mirror] * (-1, 1), shape.spots(), atol=1e-9)
    flat = shape.mesh().base.reshape(*shape.mesh().shape, 3)
    np.testing.assert_allclose(flat[:, ::-1] * (-1, 1, 1), flat, atol=1e-4)


def test_the_neutral_face_has_its_documented_size():
    x, y, _ = shape.neutral().T
    assert x[45] - x[36] == 90
    assert y[36] == y[45] == 0
    np.testing.assert_allclose([x[39] - x[36], x[42] - x[39], x[45] - x[42]], (24.7, 40.6, 24.7), atol=0.5)
    assert x[54] - x[48] == pytest.approx(54.4, abs=1)
    assert y[8] == pytest.approx(115.8, abs=1)


def mirrored(faces, rows):
    control = faces.control[:, rows] * (-1, 1, 1)
    pose = faces.pose * (-1, 1, -1)
    seen = people._points(control, pose, faces.distance).astype(np.float32)
    return dataclasses.replace(faces, control=control, pose=pose, points=seen)


def test_a_flipped_picture_is_the_picture_of_the_mirrored_head(mirror):
    faces = bare(face.random_faces(12, seed=4, extras=0))
    other = mirrored(faces, mirror)
    # The triangles of the mesh are cut along one diagonal, and their mirror images along the other.
    gap = np.linalg.norm(other.points - faces.points[:, face.MIRROR] * (-1, 1), axis=-1)
    assert gap.max() < 1.0
    assert np.median(gap) < 0.05
    windows = about(faces)
    here, there = skin_seen(faces, windows, 120), skin_seen(other, windows * (-1, 1, 1), 120)
    flipped = there[..., ::-1] * np.array([-1, 1])[:, None, None]
    np.testing.assert_allclose(  # points permuted as MIRROR says lie where they lay
        119 - face.to_pixels(other.points, windows * (-1, 1, 1), 120)[..., 0],
        face.to_pixels(faces.points, windows, 120)[:, face.MIRROR, 0],
        atol=0.5,
    )
    assert (np.isnan(here) == np.isnan(flipped)).mean() > 0.998
    gap = np.abs(here - flipped)
    assert np.nanquantile(gap, 0.99) < 0.7, (
        "mm on the skin; its triangles are cut along one diagonal, not its mirror image"
    )


def test_a_flipped_picture_looks_like_the_mirrored_head(mirror):
    """With paint that is alike on both sides, and a light that is flipped as well, all of it is the mirror image."""
    plain = {"blotches": 0, "pores": 0, "grain": 0, "gaze": (0, 0), "glint": 0, "clutter": 0, "ramp": (0, 0)}
    faces = with_look(bare(face.random_faces(12, seed=4, extras=0)), **plain, shapes=np.empty((0, 6)))
    other = mirrored(faces, mirror)
    lamps = tuple(look | {"lamp": look["lamp"] * np.float32([-1, 1, 1])} for look in other.looks)
    windows = about(faces)
    here = face.draw(faces, windows, side=100).astype(float)
    there = face.draw(dataclasses.replace(other, looks=lamps), windows * (-1, 1, 1), side=100)[:, :, ::-1].astype(float)
    wrong = face.draw(other, windows * (-1, 1, 1), side=100)[:, :, ::-1].astype(float)
    on_skin = ~np.isnan(skin_seen(faces, windows, 100)[:, 0])
    assert np.abs(here - there)[on_skin].mean() < 5, "the skin is a little cloudy, and not the same on both sides"
    assert np.abs(here - wrong)[on_skin].mean() > 15, "the lamp on the other side"


# -------------------------------------------------------------------------------------------------- shape


def test_the_spline_meets_its_control_points():
    np.testing.assert_allclose(shape.spline(shape.spots()), np.eye(len(shape.spots())), atol=1e-6)


def test_the_mesh_meets_the_68_points():
    """A triangle is flat where the skin is not: half a millimetre at the lips' inner edge, less elsewhere."""
    flat = people._points(shape.neutral()[None], np.zeros((1, 3)), np.array([1e9]))[0] + people.PIVOT[:2]
    gap = np.linalg.norm(flat - shape.neutral()[:68, :2], axis=1)
    assert gap.max() < 0.6
    assert np.delete(gap, [8, 61, 63, 65, 67]).max() < 0.2


def test_triangles_of_a_grid_face_the_viewer_and_cover_it():
    x, y = np.meshgrid(np.arange(4.0), np.arange(3.0))
    corners = np.stack([x.ravel(), y.ravel()], axis=-1)[shape.grid_triangles(3, 4)]
    (x0, y0), (x1, y1), (x2, y2) = corners.transpose(1, 2, 0)
    np.testing.assert_allclose((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0), np.ones(12))


@pytest.mark.parametrize("kind", [shape.actions, shape.identities])
def test_what_moves_a_face_moves_both_sides_alike(kind, mirror):
    for name, move in kind().items():
        assert move.shape == shape.neutral().shape
        np.testing.assert_allclose(move[mirror] * (-1, 1, 1), move, atol=1e-9, err_msg=name)
        assert 0.7 < np.linalg.norm(move, axis=1).max() < 40, name


#: What each action unit is for: (point, axis, least move in mm), where x is to the viewer's right and y down.
DOES = {
    "inner brow raiser": [(21, "y", -6), (22, "y", -6)],
    "outer brow raiser": [(18, "y", -5), (25, "y", -5)],
    "brow lowerer": [(21, "y", 5), (22, "y", 5), (21, "x", 3), (22, "x", -3)],
    "upper lid raiser": [(37, "y", -2), (44, "y", -2)],
    "cheek raiser": [(41, "y", -1.5), (46, "y", -1.5)],
    "lid tightener": [(37, "y", 1), (41, "y", -1)],
    "eye closure": [(37, "y", 6), (44, "y", 6)],
    "nose wrinkler": [(31, "y", -2), (35, "y", -2), (51, "y", -2)],
    "upper lip raiser": [(50, "y", -3), (51, "y", -3), (62, "y", -3)],
    "lip corner puller": [(48, "x", -8), (54, "x", 8), (48, "y", -6), (54, "y", -6)],
    "lip corner depressor": [(48, "y", 5), (54, "y", 5)],
    "chin raiser": [(57, "y", -3), (66, "y", -2)],
    "lip stretcher": [(48, "x", -6), (54, "x", 6)],
    "lip tightener": [(50, "y", 1.5), (57, "y", -1.5)],
    "lip pucker": [(48, "x", 6), (54, "x", -6), (51, "z", 3), (57, "z", 3)],
    "lips part": [(66, "y", 3), (62, "y", -0.5), (51, "y", -1.5)],
    "jaw drop": [(8, "y", 10), (57, "y", 10), (66, "y", 10)],
}


@pytest.mark.parametrize("unit", shape.actions())
def test_an_action_unit_does_what_it_is_called(unit):
    move = shape.actions()[unit]
    for point, axis, least in DOES[unit]:
        assert move[point, "xyz".index(axis)] * np.sign(least) >= abs(least), (unit, point, axis)


def test_a_jaw_drop_opens_the_mouth_and_leaves_the_upper_face():
    dropped = shape.neutral() + shape.actions()["jaw drop"]
    gap = dropped[:, 1] - shape.neutral()[:, 1]
    assert dropped[66, 1] - dropped[62, 1] > 12
    assert np.abs(gap[17:48]).max() < 1
    assert np.abs(gap[50:53]).max() < 1
    chin, hinge = dropped[8] - (0, 5, -85), shape.neutral()[8] - (0, 5, -85)
    assert np.linalg.norm(chin) == pytest.approx(np.linalg.norm(hinge), rel=0.01), "the jaw turns, it does not grow"


def test_closed_eyes_are_closed_and_do_not_cross():
    for amount, least, most in ((1.0, 0.0, 1.0), (0.5, 3.0, 6.0)):
        y = (shape.neutral() + amount * shape.actions()["eye closure"])[:, 1]
        for upper, lower in LIDS:
            assert least <= y[lower] - y[upper] < most


def posed(name, strength=1.0):
    acts = shape.expression(name, strength)
    return shape.neutral() + sum((amount * shape.actions()[unit] for unit, amount in acts.items()), 0 * shape.neutral())


def test_each_expression_differs_from_each_other_one():
    for i, name in enumerate(face.EXPRESSIONS):
        for other in face.EXPRESSIONS[:i]:
            gap = np.linalg.norm(posed(name)[:68] - posed(other)[:68], axis=1)
            assert gap.max() > 7, (name, other)
            assert gap.mean() > 1.2, (name, other)


def test_expressions_by_what_they_are_known_for():
    y = {name: posed(name)[:, 1] - shape.neutral()[:, 1] for name in face.EXPRESSIONS}
    x = {name: posed(name)[:, 0] - shape.neutral()[:, 0] for name in face.EXPRESSIONS}
    assert not y["neutral"].any()
    assert y["happy"][48] < -5 < 5 < -x["happy"][48]
    assert y["sad"][48] > 5
    assert y["sad"][21] < -4
    assert y["angry"][21] > 5
    assert y["surprise"][66] - y["surprise"][62] > 12
    assert y["surprise"][19] < -5
    assert y["fear"][37] < -2
    assert y["disgust"][51] < -5


@pytest.mark.parametrize("name", face.EXPRESSIONS)
def test_strength_scales_an_expression(name):
    number = face.EXPRESSIONS.index(name)
    plain = face.random_faces(30, seed=6, expression=number, strength=0).control
    moves = [
        np.linalg.norm(face.random_faces(30, seed=6, expression=number, strength=s).control - plain, axis=2).mean(
            axis=1
        )
        for s in (0.25, 0.5, 0.75, 1.0)
    ]
    if name == "neutral":
        assert not np.any(moves)
    else:
        assert (np.diff(moves, axis=0) > 0.03).all()
    half, whole = shape.expression(name, 0.5), shape.expression(name)
    assert half == {unit: 0.5 * value for unit, value in whole.items()}


def test_an_unknown_expression_is_refused():
    with pytest.raises(ValueError, match=r"'smug': expected one of angry, disgust, .*neutral"):
        shape.expression("smug")


@pytest.mark.parametrize(
    "shared",
    [
        shape.neutral,
        shape.spots,
        lambda: shape.mesh().base,
        lambda: shape.mesh().carry,
        lambda: shape.mesh().skin,
        lambda: shape.mesh().triangles,
        skin.masks,
        skin.noise,
        skin._fields,
    ],
)
def test_what_all_faces_share_cannot_be_written_to(shared):
    with pytest.raises(ValueError, match="read-only"):
        shared()[0] = 1


# -------------------------------------------------------------------------------------------------- random faces

#: What a look takes from the expression; all else is the person's, the light's and the place's.
EXPRESSED = {"eye opening", "gap", "fold made", "frown", "forehead lines made", "bag made"}


@pytest.fixture(scope="module")
def thousand():
    return face.random_faces(1000, seed=5)


def assert_same_faces(some, others):
    for field in dataclasses.fields(some)[:-1]:
        np.testing.assert_array_equal(getattr(some, field.name), getattr(others, field.name), err_msg=field.name)
    for look, other in zip(some.looks, others.looks, strict=True):
        assert look.keys() == other.keys()
        for name in look:
            np.testing.assert_array_equal(look[name], other[name], err_msg=name)


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 128, 129])
def test_the_first_faces_of_a_seed_do_not_depend_on_the_count(thousand, count):
    assert_same_faces(face.random_faces(count, seed=5), thousand[:count])


def test_asked_for_expressions_may_cross_blocks_too():
    wanted, strength = np.arange(130) % 7, np.linspace(0, 1, 130)
    many = face.random_faces(130, seed=5, expression=wanted, strength=strength)
    assert_same_faces(face.random_faces(70, seed=5, expression=wanted[:70], strength=strength[:70]), many[:70])
    np.testing.assert_array_equal(many.expression, wanted)
    np.testing.assert_array_equal(many.strength, strength)


def test_seeds_differ_and_no_face_comes_twice(thousand):
    other = face.random_faces(300, seed=6)
    shapes = np.concatenate([thousand.control, other.control]).reshape(1300, -1)
    assert len(np.unique(shapes.round(6), axis=0)) == 1300
    colours = np.stack([look["skin"] for faces in (thousand, other) for look in faces.looks])
    assert len(np.unique(colours, axis=0)) == 1300


def test_the_look_of_a_face_is_drawn_apart_from_its_shape(thousand):
    """NumPy takes the seed [s, n, 0] for [s, n]: the first face of a block would wear its block's random numbers."""
    for number in range(15):
        rng = np.random.default_rng([5, number])
        assert (looks.random_look(rng)["skin"] != thousand.looks[64 * number]["skin"]).any()


def test_asking_for_an_expression_changes_what_it_makes_and_nothing_else():
    plain = face.random_faces(70, seed=8, expression=6, strength=0)
    for number, name in enumerate(face.EXPRESSIONS):
        faces = face.random_faces(70, seed=8, expression=number, strength=1.0)
        np.testing.assert_array_equal(faces.pose, plain.pose)
        np.testing.assert_array_equal(faces.distance, plain.distance)
        for look, other in zip(faces.looks, plain.looks, strict=True):
            changed = {key for key in look if not np.array_equal(look[key], other[key])}
            assert changed <= EXPRESSED, name
        # the bridge of the nose and the top of the forehead stay
        np.testing.assert_allclose(faces.control[:, [27, 73]], plain.control[:, [27, 73]], atol=2.5)
        assert (name == "neutral") == np.array_equal(faces.control, plain.control)
    assert EXPRESSED - set(plain.looks[0]) == set()


def test_one_number_stands_for_all_and_random_is_the_default(thousand):
    faces = face.random_faces(9, seed=1, expression=3, strength=0.5)
    assert faces.expression.tolist() == [3] * 9
    assert faces.strength.tolist() == [0.5] * 9
    assert np.bincount(thousand.expression, minlength=7).min() > 100
    assert 0.35 <= thousand.strength.min() < 0.4 < 0.95 < thousand.strength.max() <= 1


def test_faces_stand_as_documented(thousand):
    assert np.abs(thousand.pose).max() <= 40
    np.testing.assert_allclose(thousand.pose.std(axis=0), (15.2, 6.5, 7.0), rtol=0.1)
    np.testing.assert_allclose(thousand.pose.mean(axis=0), 0, atol=1.5)
    assert not face.random_faces(20, seed=1, turned=0).pose.any()
    wild = face.random_faces(200, seed=1, turned=3)
    assert np.abs(wild.pose).max() == 40
    assert np.isfinite(wild.points).all()
    assert thousand.distance.min() >= 600


@pytest.mark.parametrize(("axis", "sign"), [(0, 1), (0, -1), (1, 1), (1, -1), (2, 1), (2, -1)])
def test_pose_by_what_it_does_to_the_points(axis, sign):
    """Turned to the right of the image, nodded down, tilted clockwise, for positive angles."""
    pose = np.zeros((1, 3))
    still = people._points(shape.neutral()[None], pose, np.array([1500.0]))[0]
    pose[0, axis] = 20 * sign
    moved = people._points(shape.neutral()[None], pose, np.array([1500.0]))[0] - still
    if axis < 2:
        nose, eyes = moved[30, axis], moved[[36, 45], axis].mean()
        assert (nose - eyes) * sign > 8
    else:
        assert (moved[45, 1] - moved[36, 1]) * sign > 25


def test_heads_turn_and_do_not_grow(thousand):
    turn = people.rotation(thousand.pose)
    np.testing.assert_allclose(turn @ turn.swapaxes(1, 2), np.broadcast_to(np.eye(3), turn.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turn), 1)


def test_faces_are_lopsided_but_not_to_one_side(thousand, mirror):
    gap = thousand.control - thousand.control[:, mirror] * (-1, 1, 1)
    assert np.abs(gap[:, 48]).max(axis=1).mean() > 0.3
    assert np.abs(gap.mean(axis=0)).max() < 0.25


def test_what_is_painted_knows_how_far_lids_and_lips_are_open(thousand):
    y = thousand.control[..., 1]
    lids = np.mean([y[:, lower] - y[:, upper] for upper, lower in LIDS], axis=0)
    lips = np.mean([y[:, lower] - y[:, upper] for upper, lower in LIPS], axis=0)
    np.testing.assert_allclose([look["gap"] for look in thousand.looks], lips, atol=1e-4)
    neutral = np.mean([shape.neutral()[lower, 1] - shape.neutral()[upper, 1] for upper, lower in LIDS])
    np.testing.assert_allclose([look["eye opening"] for look in thousand.looks], lids / neutral, rtol=0.01)


def test_nearer_heads_show_more_of_their_nose():
    near, far = (people._points(shape.neutral()[None], np.zeros((1, 3)), np.array([d]))[0] for d in (500.0, 5000.0))
    share = [(p[35, 0] - p[31, 0]) / (p[16, 0] - p[0, 0]) for p in (near, far)]
    assert share[0] > 1.1 * share[1]


def test_drawing_and_points_see_heads_alike(thousand):
    turn, places = people.rotation(thousand.pose[:5]), thousand.control[:5]
    expected = people.seen(places, turn, thousand.distance[:5])
    for i in range(5):
        view = drawing._View(turn[i].astype(np.float32), np.float32(thousand.distance[i]))
        np.testing.assert_allclose(view.seen(places[i].T.astype(np.float32)).T, expected[i], atol=1e-3)


def test_lids_and_lips_touch_at_most(thousand):
    wide = face.random_faces(300, seed=2, turned=3)
    for faces in (thousand, wide):
        y = faces.control[..., 1]
        for upper, lower in LIDS:
            assert (y[:, lower] - y[:, upper]).min() >= 0.4 - 1e-9
        for upper, lower in LIPS:
            assert (y[:, lower] - y[:, upper]).min() >= -1e-9
    upright = people._points(thousand.control, thousand.pose * (1, 1, 0), thousand.distance)[..., 1]
    for upper, lower in LIDS + LIPS:
        assert (upright[:, lower] - upright[:, upper]).min() > -0.3, "as seen"
    assert (np.array([look["eye opening"] for look in thousand.looks]) < 0.12).mean() > 0.02, (
        "some have their eyes shut"
    )


def test_points_keep_their_order_and_are_finite(thousand):
    assert np.isfinite(thousand.points).all()
    assert thousand.points.shape == (1000, 68, 2)
    upright = people._points(thousand.control, thousand.pose * (1, 1, 0), thousand.distance)
    x, y = upright[..., 0], upright[..., 1]
    assert (x[:, 16] - x[:, 0]).min() > 80
    assert (np.diff(x[:, [36, 39, 42, 45]], axis=1) > 5).all()
    assert (np.diff(y[:, 27:31], axis=1) > 2).all()
    assert (x[:, 54] - x[:, 48]).min() > 15


def test_extras_come_as_often_as_documented(thousand):
    for name, share in (("glasses", looks.GLASSES), ("occluded", looks.OCCLUDED)):
        found = np.mean([look[name] for look in thousand.looks])
        assert found == pytest.approx(share, abs=3 * np.sqrt(share * (1 - share) / 1000))
        assert not any(look[name] for look in face.random_faces(300, seed=5, extras=0).looks)
    many = np.mean([look["glasses"] for look in face.random_faces(300, seed=5, extras=4).looks])
    assert many == pytest.approx(4 * looks.GLASSES, abs=0.09)


def test_extras_leave_the_rest_of_a_look(thousand):
    for look, other in zip(face.random_faces(100, seed=5, extras=0).looks, thousand.looks, strict=False):
        assert {name for name in look if not np.array_equal(look[name], other[name])} <= {"glasses", "occluded"}


def test_faces_are_spread_as_those_of_lfpw(thousand):
    """LFPW: 0.593 mean distance between the outer corners of the eyes over the size of the points' box; roll 7°."""
    size = np.sqrt(np.prod(np.ptp(thousand.points, axis=1), axis=1))
    eyes = np.linalg.norm(thousand.points[:, 45] - thousand.points[:, 36], axis=1)
    assert (eyes / size).mean() == pytest.approx(0.593, abs=0.02)
    x, y = (thousand.points[:, 45] - thousand.points[:, 36]).T
    assert np.degrees(np.arctan2(y, x)).std() == pytest.approx(7, abs=1)


def test_faces_differ_in_shape(thousand):
    """Frontal and neutral: what is left is identity, some 1 to 8 mm per point."""
    faces = face.random_faces(300, seed=1, turned=0, strength=0)
    own = faces.points - faces.points.mean(axis=1, keepdims=True)
    spread = np.sqrt(own.var(axis=0).sum(axis=1))
    assert 1 < spread.min() < spread.max() < 9


def test_rows_of_faces_are_faces(thousand):
    some = thousand[10:13]
    assert len(some) == len(some.looks) == len(some.points) == 3
    assert some.looks[0] is thousand.looks[10]


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"count": -1},
        {"expression": 7},
        {"expression": -1},
        {"expression": 2.5},
        {"expression": [0, 1]},
        {"expression": [0, 1, 7]},
        {"expression": [[0, 1, 2]]},
        {"strength": 1.1},
        {"strength": -0.1},
        {"strength": float("nan")},
        {"strength": [0.5] * 4},
        {"turned": -1},
        {"turned": 4},
        {"turned": float("nan")},
        {"extras": -0.1},
        {"extras": float("inf")},
    ],
)
def test_arguments_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        face.random_faces(**{"count": 3, "seed": 0} | wrong)


# -------------------------------------------------------------------------------------------------- pictures


@pytest.fixture(scope="module")
def some():
    return face.random_faces(12, seed=31, extras=3)


@pytest.mark.parametrize(("colour", "channels"), [(True, 3), (False, 1)])
@pytest.mark.parametrize("side", [8, 33, 80, 81])
def test_what_comes_out_has_the_asked_for_form(some, side, colour, channels):
    pictures = face.draw(some[:2], about(some)[:2], side=side, colour=colour)
    assert pictures.dtype == np.uint8
    assert pictures.shape == (2, side, side, channels)
    assert pictures.std() > 10


@pytest.mark.parametrize("side", [48, 112])
def test_grey_is_the_luma_of_the_colours(some, side):
    colours = face.draw(some, about(some), side=side).astype(float)
    grey = face.draw(some, about(some), side=side, colour=False)[..., 0]
    gap = np.abs(colours @ (0.299, 0.587, 0.114) - grey)  # ITU-R BT.601
    assert np.quantile(gap, 0.98) < 1.2, "8 bits here and there"
    assert gap.max() < 12, "grain may take one channel over the edge, and not their mean"
    assert (colours == 255).any(axis=-1).mean() > 0.01, "over-exposed pixels are among them"


def test_over_exposure_is_that_of_the_colours(some):
    """Channels saturate one by one, as a camera's do, and grey is made of what is left of them."""
    bright = with_look(some, exposure=2.0, grain=0, blur=0)
    colours = face.draw(bright, about(some), side=100).astype(float)
    grey = face.draw(bright, about(some), side=100, colour=False)[..., 0]
    assert (colours == 255).any(axis=-1).mean() > 0.2
    assert np.abs(colours @ (0.299, 0.587, 0.114) - grey).max() < 1.2


@pytest.mark.parametrize("side", [40, 100])
def test_a_face_looks_the_same_whoever_is_beside_it(side):
    faces = face.random_faces(70, seed=13, extras=3)
    windows = about(faces)
    every = face.draw(faces, windows, side=side)
    for i in (0, 1, 63, 64, 69):
        np.testing.assert_array_equal(face.draw(faces[i : i + 1], windows[i : i + 1], side=side)[0], every[i])
    np.testing.assert_array_equal(face.draw(faces[5:], windows[5:], side=side), every[5:])


@pytest.mark.parametrize("count", [1, 64, 66])
def test_the_first_pictures_of_a_seed_do_not_depend_on_the_count(count):
    pictures, at = face.render(70, seed=13, side=16)
    fewer, fewer_at = face.render(count, seed=13, side=16)
    np.testing.assert_array_equal(fewer, pictures[:count])
    np.testing.assert_array_equal(fewer_at, at[:count])


def test_threads_may_draw_at_once(some):
    expected = face.draw(some, about(some), side=60)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: face.draw(some, about(some), side=60), range(8)):
            np.testing.assert_array_equal(found, expected)


def test_drawing_changes_neither_faces_nor_the_global_generator(some):
    before = {name: value.copy() for name, value in some.looks[0].items()}
    control, state = some.control.copy(), np.random.get_state()[1].copy()  # noqa: NPY002
    face.render(2, seed=0, side=16)
    face.draw(some, about(some), side=30)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    np.testing.assert_array_equal(some.control, control)
    for name, value in some.looks[0].items():
        np.testing.assert_array_equal(value, before[name])


def test_all_of_a_look_is_used():
    class Watched(dict):
        read = set()  # noqa: RUF012

        def __getitem__(self, name):
            self.read.add(name)
            return dict.__getitem__(self, name)

    faces = face.random_faces(60, seed=1, extras=5)
    watched = dataclasses.replace(faces, looks=tuple(Watched(look) for look in faces.looks))
    face.draw(watched, about(faces), side=20)
    assert Watched.read == set(faces.looks[0])


def test_each_number_of_a_look_shows():
    faces = face.random_faces(14, seed=1, expression=np.arange(14) % 7, strength=1.0)
    faces = with_look(faces, beard=0.5, moustache=0.5, cloth_pattern=0.1, reflection=0.4, grain=0.01, blur=0.5)
    faces = with_look(faces, shapes=[(0, 0, 0.5, 0.4, 0.3, 0.1)], hair=1)
    for i, look in enumerate(faces.looks):
        look |= {"glasses": np.float32(i % 3 == 0), "occluded": np.float32(i % 5 == 0)}
    windows = about(faces, 320)
    plain = face.draw(faces, windows, side=84)

    def shows(name, place, i):
        value = np.array(faces.looks[i][name])
        value[place] = 1 - value[place] if name in BARE else 1.2 * value[place] + 1
        one = with_look(faces[i : i + 1], **{name: value})
        return (face.draw(one, windows[i : i + 1], side=84)[0] != plain[i]).any()

    for name, value in faces.looks[0].items():
        for place in np.ndindex(np.shape(value)):
            assert any(shows(name, place, i) for i in range(14)), (name, place)


def test_all_masks_are_used(monkeypatch):
    read = set()

    class Watched(dict):
        def __getitem__(self, name):
            read.add(name)
            return super().__getitem__(name)

    monkeypatch.setattr(skin, "dict", Watched, raising=False)
    face.draw(face.random_faces(20, seed=1), np.tile([0, 0, 250.0], (20, 1)), side=20)
    assert read == set(skin.LAYERS)


def test_nothing_is_computed_in_double_precision(some, monkeypatch):
    """Float64 creeps in unseen, and drawing takes longer."""
    wide = []

    def watch(module, name):
        inner = getattr(module, name)

        def watched(*given, **named):
            found = inner(*given, **named)
            for value in (*given, *(found if isinstance(found, tuple) else (found,))):
                if isinstance(value, np.ndarray) and value.dtype == np.float64 and value.size > 10:
                    wide.append((name, value.shape))
            return found

        monkeypatch.setattr(module, name, watched)

    for module, names in {
        mesh: ["visible"],
        skin: ["paint", "_lips", "_eyes", "_hair", "hairline", "soft_edge"],
        scene: ["background", "body", "glasses", "occluder", "_blend", "soft_edge"],
        drawing: ["_drawn", "_lit", "_normals", "_ear"],
    }.items():
        for name in names:
            watch(module, name)
    faces = with_look(some, glasses=1, occluded=1)
    face.draw(dataclasses.replace(faces, control=faces.control.astype(np.float32)), about(some), side=40)
    assert not wide


@pytest.mark.parametrize("move", [(7, 0), (0, -5), (-12, 9)])
def test_a_window_moved_by_whole_pixels_moves_the_head_by_as_many(some, move):
    side, edge = 120, 240.0
    windows = about(some, edge)
    other = windows + np.array([*move, 0]) * (edge / side)
    np.testing.assert_allclose(
        face.to_pixels(some.points, windows, side) - face.to_pixels(some.points, other, side),
        np.broadcast_to(np.array(move, float), (12, 68, 2)),
    )
    faces = with_look(some, grain=0)
    here, there = (face.draw(faces, where, side=side).astype(int) for where in (windows, other))
    on_skin = ~np.isnan(skin_seen(faces, windows, side)[:, 0])
    rolled = np.roll(there, (move[1], move[0]), axis=(1, 2))
    on_skin[:, :14] = on_skin[:, -14:] = on_skin[:, :, :14] = on_skin[:, :, -14:] = False
    assert on_skin.mean() > 0.2
    assert (np.abs(here - rolled)[on_skin] <= 1).mean() > 0.995
    assert (np.abs(here - there)[on_skin] <= 1).mean() < 0.6


def test_small_and_large_pictures_show_the_same(some):
    small = face.draw(some, about(some), side=64).astype(float)
    large = face.draw(some, about(some), side=128).reshape(12, 64, 2, 64, 2, 3).mean(axis=(2, 4))
    for one, other in zip(small, large, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.96
    shifted = np.roll(large, 2, axis=2)
    assert np.abs(small - large).mean() < 0.5 * np.abs(small - shifted).mean(), "half a pixel off?"


@pytest.mark.parametrize("side", [80, 81])
def test_pictures_and_points_agree_at_either_way_of_drawing(side):
    """Up to 80 px a picture is drawn twice as large and averaged: half a pixel is soon lost. Lips in red show it."""
    faces = bare(face.random_faces(20, seed=9, turned=0, extras=0, expression=6, strength=0))
    red = {"lip colour": (1, 0, 0), "lip strength": 1, "lip shine": 0, "skin": (0.3, 0.3, 0.3), "gap": 0}
    clean = {"shade": 0, "blush": 0, "shine": 0, "beard": 0, "moustache": 0, "grain": 0, "blur": 0, "cast": (1, 1, 1)}
    faces = with_look(faces, **red, **clean, lamp=(0, 0, 1), ambient=1.1, exposure=0.8, contrast=1)
    windows = about(faces, 160)
    at = face.to_pixels(faces.points, windows, side)
    off = []
    for picture, point in zip(face.draw(faces, windows, side=side).astype(float), at, strict=True):
        redness = (picture[..., 0] - picture[..., 1]).clip(0)
        x, y = np.meshgrid(np.arange(side), np.arange(side))
        redness[(np.abs(x - point[57, 0]) > 20) | (np.abs(y - point[62, 1]) > 14)] = 0
        middle = redness[:, round(point[51, 0]) - 1 : round(point[51, 0]) + 2].mean(axis=1)
        upper, lower = np.flatnonzero(middle > middle.max() / 2)[[0, -1]]  # half covered between here and the next
        upper -= (middle[upper] - middle.max() / 2) / (middle[upper] - middle[upper - 1])
        lower += (middle[lower] - middle.max() / 2) / (middle[lower] - middle[lower + 1])
        centre = (redness * x).sum() / redness.sum()
        off.append((centre - point[[48, 54], 0].mean(), upper - point[51, 1], lower - point[57, 1]))
    assert (np.abs(np.mean(off, axis=0)) < (0.1, 0.2, 0.4)).all(), "the lower lip's edge turns away from the light"


WRONG_WINDOWS = {
    "none": np.empty((0, 3)),
    "too few": np.tile([0, 0, 250.0], (2, 1)),
    "two numbers": np.tile([0, 250.0], (3, 1)),
    "no edge": np.tile([0, 0, 0.0], (3, 1)),
    "an edge below 0": np.tile([0, 0, -250.0], (3, 1)),
    "NaN": np.tile([0, np.nan, 250.0], (3, 1)),
    "infinity": np.tile([0, 0, np.inf], (3, 1)),
    "one for all": np.array([0, 0, 250.0]),
}


@pytest.mark.parametrize("windows", WRONG_WINDOWS.values(), ids=WRONG_WINDOWS)
def test_wrong_windows_are_refused(some, windows):
    with pytest.raises(ValueError, match=r"windows .*expected \(3, 3\)"):
        face.draw(some[:3], windows, side=32)


@pytest.mark.parametrize("side", [7, 0, -8])
def test_a_side_below_8_is_refused(some, side):
    with pytest.raises(ValueError, match="expected 8 or more"):
        face.draw(some[:1], about(some)[:1], side=side)


EDGES = {  # centre x, centre y, edge of the window relative to the middle of the face
    "beside the face": (400, 0, 200, False),
    "far beside": (1e7, -1e7, 200, False),
    "above the head": (0, -400, 150, False),
    "below the head": (0, 400, 150, False),
    "half of the face": (120, 0, 240, True),
    "all of the room": (0, 0, 5000, True),
    "the face in one pixel": (0, 0, 1e6, False),
    "one cheek": (0, 0, 5, True),
    "less than a pore": (0, 0, 1e-3, True),
    "nearly nothing": (0, 0, 1e-12, True),
}


@pytest.mark.parametrize("side", [8, 90])
@pytest.mark.parametrize("where", EDGES)
def test_odd_windows_are_drawn_without_a_warning(some, where, side):
    x, y, edge, on_face = EDGES[where]
    faces = with_look(some, glasses=1, occluded=1)
    windows = np.concatenate([faces.points[:, 29] + (x, y), np.full((12, 1), edge)], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pictures = face.draw(faces, windows, side=side)
    assert pictures.shape == (12, side, side, 3)
    if side == 90:
        assert (~np.isnan(skin_seen(faces, windows, side)[:, 0])).any() == on_face


@pytest.mark.parametrize("side", [600, 1100])
def test_large_pictures_show_what_smaller_ones_do(some, side):
    """Also beyond the 512 px after which grain and clutter come again."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        large = face.draw(some[:2], about(some)[:2], side=side).astype(float)
    step = side // 100
    small = face.draw(some[:2], about(some)[:2], side=100).astype(float)
    large = large.reshape(2, 100, step, 100, step, 3).mean(axis=(2, 4))
    for one, other in zip(small, large, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.96


def test_shut_eyes_and_mouths_leave_no_hole(some):
    """With eyes shut, nothing shows of the eyeball; a closed mouth shows no teeth."""
    faces = bare(face.random_faces(20, seed=3, turned=0, extras=0, expression=6, strength=0))
    light = {"skin": (0.5, 0.4, 0.3), "lash_strength": 0, "glint_strength": 0, "grain": 0}
    closed = with_look(faces, **light, eye_opening=0.04, gap=0)
    opened = with_look(faces, **light, eye_opening=0.04, gap=0, iris=(0, 1, 0), teeth=0, lower_teeth=9)
    here, there = (face.draw(f, about(f), side=128).astype(int) for f in (closed, opened))
    np.testing.assert_array_equal(here, there)
    awake = with_look(faces, **light, eye_opening=1, gap=6)
    assert (np.abs(face.draw(awake, about(awake), side=128).astype(int) - here) > 20).any(axis=(1, 2, 3)).all()


# -------------------------------------------------------------------------------------------------- what patches show


def test_there_is_something_to_see_about_every_point():
    """The patches of a regressor: 16 px at side 112, 2.3 mm to a pixel."""
    faces = face.random_faces(100, seed=17)
    windows = about(faces, 258)
    pictures = face.draw(faces, windows, side=112, colour=False)[..., 0].astype(float)
    at = np.rint(face.to_pixels(faces.points, windows, 112)).astype(int)
    spread = np.array(
        [
            [p[max(y - 8, 0) : y + 8, max(x - 8, 0) : x + 8].std() for x, y in a]
            for p, a in zip(pictures, at, strict=True)
        ]
    )
    assert (spread[:, 17:] > 10).mean() > 0.95
    assert np.quantile(spread, 0.1, axis=0).min() > 7, "each point, in nine faces of ten"


def test_patches_tell_points_apart():
    """Averaged over faces, the patch at a point differs from that 4 px beside it: it shows where the point is."""
    faces = face.random_faces(200, seed=17, turned=0.3)
    windows = about(faces, 258)
    pictures = face.draw(faces, windows, side=112, colour=False)[..., 0].astype(float)
    at = np.rint(face.to_pixels(faces.points, windows, 112)).astype(int).clip(8, 103)
    for wrong in ((4, 0), (0, 4)):
        means = []
        for shift in ((0, 0), wrong):
            cut = np.stack(
                [[p[y - 8 : y + 8, x - 8 : x + 8] for x, y in a + shift] for p, a in zip(pictures, at, strict=True)]
            )
            cut -= cut.mean(axis=(2, 3), keepdims=True)
            means.append(cut.mean(axis=0))
        gap = np.sqrt(((means[0] - means[1]) ** 2).mean(axis=(1, 2)))
        assert (gap[17:] > 2).mean() > 0.9


def test_the_lamp_shows(some):
    faces = bare(some)
    windows = about(faces)
    left = face.draw(with_look(faces, lamp=(-1, -0.4, 0.7), ambient=0.4), windows, side=100, colour=False)[
        ..., 0
    ].astype(float)
    right = face.draw(with_look(faces, lamp=(1, -0.4, 0.7), ambient=0.4), windows, side=100, colour=False)[..., 0]
    at = np.rint(face.to_pixels(faces.points, windows, 100)).astype(int)
    upright = np.flatnonzero(np.abs(faces.pose[:, 0]) < 15)
    for i in upright:
        sides = [(at[i, a] + at[i, b]) // 2 for a, b in ((2, 31), (14, 35))]  # the cheeks
        (x0, y0), (x1, y1) = sides
        lit = [p[i, y0, x0] - float(p[i, y1, x1]) for p in (left, right)]
        assert lit[0] - lit[1] > 25
    assert np.abs(left - right).mean(axis=(1, 2)).min() > 4


def test_glasses_and_things_in_front_show(some):
    faces = bare(some)
    windows = about(faces)
    plain = face.draw(faces, windows, side=100).astype(float)
    for name in ("glasses", "occluded"):
        gap = np.abs(face.draw(with_look(faces, **{name: 1}), windows, side=100) - plain).max(axis=-1)
        assert ((gap > 3).mean(axis=(1, 2)) > 0.004).all()


def test_a_smile_shows_in_the_picture():
    faces = [face.random_faces(20, seed=2, turned=0, expression=3, strength=s) for s in (0, 1)]
    windows = about(faces[0])
    plain, smiling = (face.draw(f, windows, side=100).astype(float) for f in faces)
    gap = np.abs(plain - smiling).max(axis=-1)
    at = np.rint(face.to_pixels(faces[0].points, windows, 100)).astype(int)
    for i in range(20):
        (x0, y0), (x1, y1) = at[i, 48:60].min(axis=0), at[i, 48:60].max(axis=0)
        assert gap[i, y0:y1, x0:x1].mean() > 3 * gap[i, :20].mean() + 5
