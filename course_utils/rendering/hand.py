"""An articulated hand, ray-cast to a depth image with exact joints. NumPy only. Lesson 20_hands_depth_images.

The skeleton has the 16 joints of ICVL; its mean bone lengths are those of ICVL's test labels, its angles keep within
joint limits. The skin is a *sphere-mesh*: spheres along the bones, joined in pairs to tapered cones (fingers) and in
threes to plates (palm, web of the thumb). Rays meet spheres, cones and plates in closed form, and the nearest wins.

Source of the skin model: A. Tkach, M. Pauly, A. Tagliasacchi, "Sphere-Meshes for Real-Time Hand Modeling and
Tracking", SIGGRAPH Asia 2016.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from course_utils.rendering.camera import ICVL, Camera

FINGERS = ("thumb", "index", "middle", "ring", "pinky")
#: The joints of ICVL in their order: palm, then three per finger, from the palm outwards.
JOINTS = ("palm", *(f"{finger} {part}" for finger in FINGERS for part in ("root", "mid", "tip")))
#: Pairs (parent, child) of joint numbers.
BONES = tuple((0 if part == 0 else 3 * f + part, 3 * f + part + 1) for f in range(5) for part in range(3))
#: Depth that ICVL's camera gives where it sees nothing.
INVALID = 32001

# The hand in its own frame, in mm: origin at the palm joint, x to the thumb, y to the fingers, z to the back of the hand.
ROOTS = np.array([(23.0, -8.0, -12.0), (20.0, 52.0, 0.0), (0.0, 53.0, 1.0), (-16.5, 45.0, 0.0), (-31.5, 33.0, -1.0)])
#: Root to mid joint, mid joint to tip joint, tip joint to the end of the flesh.
LENGTHS = np.array([(30.5, 25.5, 12.0), (29.0, 20.0, 15.0), (33.0, 22.0, 16.0), (29.5, 20.5, 15.0), (23.0, 17.0, 12.0)])
RADII = np.array(
    [(12.5, 10.0, 9.0, 6.5), (9.8, 8.3, 7.4, 5.6), (9.8, 8.5, 7.6, 5.8), (9.4, 8.0, 7.1, 5.4), (8.4, 6.9, 6.1, 4.7)]
)
BODY = {  # palm and wrist: name → (place, radius)
    "palm": ((0.0, 0.0, 0.0), 13.5),
    "heel, thumb side": ((14.0, -35.0, 1.0), 15.5),
    "heel, pinky side": ((-19.0, -33.0, 2.0), 14.5),
    "wrist, thumb side": ((9.0, -62.0, 3.0), 15.0),
    "wrist, pinky side": ((-14.0, -62.0, 3.0), 15.0),
}

#: Joint limits in degrees. Fingers: spread in the plane of the palm, bend at the root, the mid joint and the tip.
SPREAD = np.array([(30.0, 62.0), (0.0, 16.0), (-7.0, 5.0), (-16.0, -3.0), (-34.0, -10.0)])
BEND = ((-8.0, 75.0), (0.0, 95.0), (0.0, 55.0))
#: The thumb: lift out of the plane of the palm, bend at the mid joint and at the tip; its spread is the first of SPREAD.
THUMB_LIFT, THUMB_BEND = (-10.0, 35.0), ((0.0, 55.0), (0.0, 45.0))

# Spheres: 5 fingers of 4, then the body. Cones and plates name them by number.
_BODY = {name: 20 + i for i, name in enumerate(BODY)}
_PALM, _HEEL_T, _HEEL_P, _WRIST_T, _WRIST_P = _BODY.values()
_THUMB, _INDEX, _MIDDLE, _RING, _PINKY = (4 * f for f in range(5))
PLATES = (
    (_PALM, _INDEX, _MIDDLE),
    (_PALM, _MIDDLE, _RING),
    (_PALM, _RING, _PINKY),
    (_PALM, _PINKY, _HEEL_P),
    (_PALM, _HEEL_P, _HEEL_T),
    (_PALM, _HEEL_T, _THUMB),
    (_PALM, _THUMB, _INDEX),
    (_HEEL_T, _HEEL_P, _WRIST_T),
    (_HEEL_P, _WRIST_T, _WRIST_P),
)
CONES = tuple(
    sorted(
        {(4 * f + part, 4 * f + part + 1) for f in range(5) for part in range(3)}
        | {tuple(sorted(pair)) for a, b, c in PLATES for pair in ((a, b), (b, c), (a, c))}
    )
)

_BLOCK = 64  # hands are drawn in blocks of this many, so that the first n of a seed are the same whatever the count


@dataclass(frozen=True)
class Hands:
    """``N`` hands in front of the camera: spheres of the skin, joints, and the angles they came from.

    centres ``(N, 25, 3)`` and radii ``(N, 25)`` in mm; joints ``(N, 16, 3)`` as (x, y, z) in mm; spread ``(N, 5)`` and
    bend ``(N, 5, 3)`` in degrees (thumb: lift, bend at the mid joint, at the tip).
    """

    centres: np.ndarray
    radii: np.ndarray
    joints: np.ndarray
    spread: np.ndarray
    bend: np.ndarray

    def __len__(self) -> int:
        return len(self.centres)

    def __getitem__(self, rows: slice) -> Hands:
        return Hands(self.centres[rows], self.radii[rows], self.joints[rows], self.spread[rows], self.bend[rows])


def render(
    count: int, *, seed: int, every: int = 1, camera: Camera = ICVL, noise: float = 0.0, holes: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Depth images of random hands, with their joints.

    every: keep each ``every``-th pixel, computed directly: without noise and holes the same values as the full image's.
    noise: standard deviation of the depth of a pixel, in mm. holes: share of the hand's pixels that see nothing, in spots.

    Returns depth ``(count, H, W)``, uint16 in mm, ``INVALID`` where nothing is seen, and joints ``(count, 16, 3)``, float32,
    as (u px, v px, depth mm), u and v in pixels of the full image whatever ``every`` is. The first ``n`` of a seed are the
    same hands for every ``count ≥ n``. Raises ValueError for a count below 1, a step below 1, noise or holes out of range.
    """
    if count < 1 or every < 1 or not 0 <= noise < 50 or not 0 <= holes < 1:
        raise ValueError(
            f"count {count}, every {every}, noise {noise}, holes {holes}: expected >= 1, >= 1, 0 to below 50, 0 to below 1"
        )
    small = camera.every(every)
    depth = np.empty((count, small.height, small.width), np.uint16)
    joints = np.empty((count, len(JOINTS), 3), np.float32)
    at_once = max(1, min(_BLOCK, _BLOCK * 4800 // (small.height * small.width)))  # what stays in the processor's cache
    for number, start in enumerate(range(0, count, _BLOCK)):
        hands = _random_block(seed, number, camera)[: count - start]
        joints[start : start + len(hands)] = camera.to_pixels(hands.joints)
        for some in range(0, len(hands), at_once):
            seen = cast(hands[some : some + at_once], small)
            if noise or holes:
                _spoil(seen, noise, holes, seed=[seed, number, some, every])
            depth[start + some : start + some + len(seen)] = np.where(np.isinf(seen), INVALID, np.rint(seen))
    return depth, joints


def random_hands(count: int, *, seed: int, camera: Camera = ICVL) -> Hands:
    """``count`` hands with random size, pose and place, all joints inside the camera's image. The hands of :func:`render`."""
    blocks = [_random_block(seed, number, camera) for number in range(-(-count // _BLOCK))]
    fields = ("centres", "radii", "joints", "spread", "bend")
    return Hands(*(np.concatenate([getattr(block, name) for block in blocks])[:count] for name in fields))


# ----------------------------------------------------------------------------------------------------- the skeleton


def _random_block(seed: int, number: int, camera: Camera) -> Hands:
    rng = np.random.default_rng([seed, number])
    spread, bend = _random_angles(rng)
    size = rng.uniform(0.88, 1.12, (_BLOCK, 1, 1))
    lengths = LENGTHS * size * rng.normal(1, 0.04, (_BLOCK, 5, 1)).clip(0.9, 1.1)
    roots = ROOTS * size * rng.normal(1, 0.02, (_BLOCK, 1, 3)).clip(0.95, 1.05)
    girth = size[..., 0] * rng.uniform(0.9, 1.1, (_BLOCK, 1))
    fingers = _fingers(roots, lengths, spread, bend)
    body = np.array([place for place, _ in BODY.values()]) * size
    centres = np.concatenate([fingers.reshape(_BLOCK, 20, 3), body], axis=1)
    radii = np.concatenate([RADII.ravel(), [radius for _, radius in BODY.values()]]) * girth
    centres = np.einsum("nij,nkj->nki", _random_view(rng), centres)
    centres += _random_place(rng, camera)[:, None]
    joints = centres[:, [_PALM, *(4 * f + part for f in range(5) for part in range(3))]]
    shift = _shift_into(joints, camera)
    return Hands(centres + shift, radii, joints + shift, spread, bend)


def _random_angles(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Spread ``(64, 5)`` and bend ``(64, 5, 3)`` in degrees: from open hands to fists, fingers alike but not equal."""
    low, high = SPREAD.T
    spread = low + (high - low) * rng.uniform(size=(_BLOCK, 5))
    whole = rng.beta(0.7, 1.5, (_BLOCK, 1))  # how far the hand as a whole is closed, from 0 to 1
    own = rng.beta(0.6, 1.2, (_BLOCK, 5))
    closed = np.where(rng.uniform(size=(_BLOCK, 5)) < 0.3, own, whole + rng.normal(0, 0.08, (_BLOCK, 5)))
    parts = (closed[..., None] + rng.normal(0, 0.06, (_BLOCK, 5, 3))).clip(0, 1)
    low, high = np.array(BEND).T
    bend = low + (high - low) * parts
    low, high = np.array((THUMB_LIFT, *THUMB_BEND)).T
    bend[:, 0] = low + (high - low) * parts[:, 0]
    # a closed finger cannot spread
    spread[:, 1:] *= 1 - 0.7 * parts[:, 1:, 0]
    return spread, bend


def _fingers(roots: np.ndarray, lengths: np.ndarray, spread: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """Root, mid, tip and end of each finger ``(N, 5, 4, 3)`` in the frame of the hand."""
    side, bent = np.radians(spread), np.radians(bend)
    along = np.stack([np.sin(side), np.cos(side), 0 * side], axis=-1)  # in the plane of the palm
    front = np.broadcast_to([0.0, 0.0, -1.0], along.shape).copy()  # where a bending finger goes
    # the thumb is lifted first, and then bends towards the fingers rather than towards the palm
    lift = bent[:, 0, 0, None]
    raised = np.cos(lift) * along[:, 0] + np.sin(lift) * front[:, 0]
    across = np.stack([-np.cos(side[:, 0]), np.sin(side[:, 0]), 0 * side[:, 0]], axis=-1)
    along[:, 0], front[:, 0] = raised, 0.8 * across + 0.6 * np.cross(raised, across)
    turns = np.cumsum(bent, axis=2)
    turns[:, 0] = np.cumsum(np.concatenate([0 * lift, bent[:, 0, 1:]], axis=1), axis=1)
    steps = np.cos(turns)[..., None] * along[:, :, None] + np.sin(turns)[..., None] * front[:, :, None]
    joints = np.cumsum(steps * lengths[..., None], axis=2)
    return roots[:, :, None] + np.concatenate([0 * joints[:, :, :1], joints], axis=2)


def _random_view(rng: np.random.Generator) -> np.ndarray:
    """Rotations ``(64, 3, 3)``: the palm faces the camera, fingers up, give or take some 20 degrees about each axis."""
    roll, pitch, yaw = np.radians(rng.normal((8, 8, 0), (16, 14, 16), (_BLOCK, 3)).clip(-50, 50)).T
    facing = np.diag([-1.0, -1.0, 1.0])  # thumb at the left of the image, fingers up
    about_x, about_y, about_z = _turn(pitch, 0), _turn(yaw, 1), _turn(roll, 2)
    return about_z @ about_y @ about_x @ facing


def _turn(angle: np.ndarray, axis: int) -> np.ndarray:
    turn = np.zeros((len(angle), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turn[:, axis, axis] = 1
    turn[:, i, i] = turn[:, j, j] = np.cos(angle)
    turn[:, j, i] = np.sin(angle)
    turn[:, i, j] = -turn[:, j, i]
    return turn


def _random_place(rng: np.random.Generator, camera: Camera) -> np.ndarray:
    """Palm joints ``(64, 3)`` in mm, spread over the image and in depth as those of ICVL are."""
    u = rng.normal(camera.cx + 7, 24, _BLOCK)
    v = rng.normal(camera.cy + 20, 12, _BLOCK)
    depth = rng.normal(360, 46, _BLOCK).clip(240, 480)
    return camera.to_mm(np.stack([u, v, depth], axis=-1))


def _shift_into(joints: np.ndarray, camera: Camera, border: float = 6.0) -> np.ndarray:
    """What to add ``(N, 1, 3)`` so that all joints lie in the image, ``border`` pixels from its edge or more."""
    shift = np.zeros((len(joints), 1, 3))
    for _ in range(3):  # joints at other depths move by other numbers of pixels
        u, v, d = np.moveaxis(camera.to_pixels(joints + shift), -1, 0)
        for axis, (place, length, focal) in enumerate(((u, camera.width, camera.fx), (v, camera.height, camera.fy))):
            low = (border - place.min(axis=1)).clip(0)
            high = (place.max(axis=1) - (length - 1 - border)).clip(0)
            shift[:, 0, axis] += (low - high) * d.max(axis=1) / focal
    return shift


# ------------------------------------------------------------------------------------------------------- ray casting


def cast(hands: Hands, camera: Camera = ICVL) -> np.ndarray:
    """Depth ``(N, H, W)`` in mm, float64, of the nearest surface that the ray through each pixel's centre meets; inf where none."""
    depth = np.full((len(hands), camera.height, camera.width), np.inf)
    for found, corner in _surfaces(hands, camera):
        _, height, width = found.shape
        for image, part, u, v in zip(depth, found, *corner, strict=True):
            window = image[v : v + height, u : u + width]
            np.fmin(window, part, out=window)  # a ray that misses gives NaN
    return depth


def _surfaces(hands: Hands, camera: Camera) -> Iterator[tuple[np.ndarray, tuple[list[int], list[int]]]]:
    """For each sphere, cone and plate: depths ``(N, h, w)`` in a window, and the window's upper left corners (u, v)."""
    centres, radii = hands.centres, hands.radii
    with np.errstate(invalid="ignore", divide="ignore"):
        reach = radii / (centres[..., 2] - radii)
        middle = camera.to_pixels(centres)[..., :2]
        half = reach[..., None] * (camera.fx, camera.fy) * 1.15  # a sphere off the axis looks longer than wide
        low, high = middle - half, middle + half
        for i in range(centres.shape[1]):
            window = _Window(low[:, i], high[:, i], camera)
            yield _sphere(window, centres[:, i], radii[:, i]), window.corner
        for i, j in CONES:
            window = _Window(np.minimum(low[:, i], low[:, j]), np.maximum(high[:, i], high[:, j]), camera)
            yield _cone(window, centres[:, i], radii[:, i], centres[:, j], radii[:, j]), window.corner
        for plate in PLATES:
            corners, normal, offset = _front_plane(centres[:, plate], radii[:, plate])
            flat = camera.to_pixels(corners)[..., :2]
            window = _Window(flat.min(axis=1), flat.max(axis=1), camera)
            yield _plate(window, flat, normal, offset), window.corner


class _Window:
    """The rays of one part of the image, as large for each hand: directions (x, y, 1), x ``(N, 1, w)`` and y ``(N, h, 1)``."""

    def __init__(self, low: np.ndarray, high: np.ndarray, camera: Camera):
        extent = (camera.width, camera.height)
        start = np.floor(np.nan_to_num(low)).clip(0, extent).astype(int)
        stop = np.ceil(np.nan_to_num(high) + 1).clip(0, extent).astype(int)
        width, height = (stop - start).max(axis=0).clip(1)
        u, v = np.minimum(start, (camera.width - width, camera.height - height)).T
        self.corner = (u.tolist(), v.tolist())
        self.u = (u[:, None] + np.arange(width))[:, None, :]
        self.v = (v[:, None] + np.arange(height))[:, :, None]
        self.x = (self.u - camera.cx) / camera.fx
        self.y = (self.v - camera.cy) / camera.fy

    def dot(self, vector: np.ndarray) -> np.ndarray:
        """Inner product of each ray with its hand's vector ``(N, 3)``: ``(N, h, w)``."""
        x, y, z = vector.T[:, :, None, None]
        return self.x * x + (self.y * y + z)

    def squared(self) -> np.ndarray:
        """Squared length of each ray."""
        return self.x**2 + (self.y**2 + 1)


def _sphere(window: _Window, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Smaller root t of |t·ray − centre| = radius; NaN where there is none."""
    squared, along = window.squared(), window.dot(centre)
    rest = (np.sum(centre**2, axis=1) - radius**2)[:, None, None]
    return (along - np.sqrt(along**2 - squared * rest)) / squared


def _cone(window: _Window, start: np.ndarray, r_start: np.ndarray, end: np.ndarray, r_end: np.ndarray) -> np.ndarray:
    """Where a ray meets the side of the cone that touches two spheres all round; NaN where it does not.

    With q = t·ray − start and y = q·axis, the side is |q|²cos² − y² + 2·r·sin·y = r², sin = (r − r_end) / length: the line that
    touches both circles, turned about the axis. It ends where it touches the spheres.
    """
    axis = end - start
    length = np.linalg.norm(axis, axis=1)
    axis = axis / length[:, None]
    sin = ((r_start - r_end) / length)[:, None, None]
    cos2 = 1 - sin**2
    r, length = r_start[:, None, None], length[:, None, None]
    m, n = window.dot(axis), np.sum(start * axis, axis=1)[:, None, None]
    k2 = cos2 * window.squared() - m**2
    k1 = m * (n + r * sin) - cos2 * window.dot(start)
    k0 = cos2 * np.sum(start**2, axis=1)[:, None, None] - n**2 - 2 * r * sin * n - r**2
    t = -(k1 + np.sqrt(k1**2 - k0 * k2)) / k2
    place = (t * m - n - r * sin) / cos2  # of the touching sphere's centre along the axis
    return np.where((place >= 0) & (place <= length), t, np.nan)


def _front_plane(centres: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The plane that touches three spheres on the side of the camera: touching points ``(N, 3, 3)``, normal, offset."""
    first, second = centres[:, 1] - centres[:, 0], centres[:, 2] - centres[:, 0]
    up = np.cross(first, second)
    area2 = np.sum(up**2, axis=1, keepdims=True)
    # the normal's part within the plane of the centres is fixed by the radii: normal·first = r0 − r1, normal·second = r0 − r2
    a, b = (radii[:, 0] - radii[:, 1])[:, None], (radii[:, 0] - radii[:, 2])[:, None]
    within = (a * np.cross(second, up) + b * np.cross(up, first)) / area2
    upright = up * np.sqrt((1 - np.sum(within**2, axis=1, keepdims=True)) / area2)
    towards = np.sign(np.sum(upright * centres[:, 0], axis=1, keepdims=True))
    normal = within - towards * upright
    corners = centres + radii[..., None] * normal[:, None]
    return corners, normal, np.sum(normal * corners[:, 0], axis=1)


def _plate(window: _Window, flat: np.ndarray, normal: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Where a ray meets a plane between its three touching points, whose pixels are ``flat`` ``(N, 3, 2)``; NaN where it does not."""
    inside = True
    around = np.sign(_turning(flat[:, 0], flat[:, 1], *flat[:, 2].T))[:, None, None]
    for i in range(3):
        u, v = flat[:, i].T[..., None, None]
        du, dv = (flat[:, (i + 1) % 3] - flat[:, i]).T[..., None, None] * around
        inside &= du * (window.v - v) - dv * (window.u - u) >= 0
    return np.where(inside, offset[:, None, None] / window.dot(normal), np.nan)


def _turning(a: np.ndarray, b: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (b[:, 0] - a[:, 0]) * (v - a[:, 1]) - (b[:, 1] - a[:, 1]) * (u - a[:, 0])


def _spoil(depth: np.ndarray, noise: float, holes: float, seed: list[int]) -> None:
    """Add a sensor's faults to depths in place: noise in mm, and spots of 2×2 pixels that see nothing."""
    count, height, width = depth.shape
    for_noise, for_holes = (np.random.default_rng([*seed, use]) for use in range(2))
    depth += noise * for_noise.standard_normal(depth.shape, np.float32)
    lost = for_holes.random((count, -(-height // 2), -(-width // 2)), np.float32) < holes
    depth[lost.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width]] = np.inf
