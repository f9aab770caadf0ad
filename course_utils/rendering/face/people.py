"""Random people: who they are, what their faces do, how they stand to the camera. Lesson 30_faces_landmarks."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from course_utils.rendering.face import shape
from course_utils.rendering.face.looks import expressed_look, random_look
from course_utils.rendering.face.points import EXPRESSIONS

_BLOCK = 64  # faces are made in blocks of this many, so that the first n of a seed are the same whatever the count

#: Where a head turns and nods, in mm.
PIVOT = np.array([0.0, 45.0, -75.0])


@dataclass(frozen=True)
class Faces:
    """``N`` faces before a camera. All lengths in mm, at the distance of the head.

    points ``(N, 68, 2)``: the points of 300-W as seen, (x, y), y down. control ``(N, K, 3)``: the control points of
    ``shape``, before the head is turned. pose ``(N, 3)``: yaw, pitch and roll in degrees. distance ``(N,)``: from the
    camera. expression ``(N,)``: number in ``EXPRESSIONS``; strength ``(N,)`` from 0 to 1. looks: colours, light,
    hair and so on, one dictionary a face.
    """

    points: np.ndarray
    control: np.ndarray
    pose: np.ndarray
    distance: np.ndarray
    expression: np.ndarray
    strength: np.ndarray
    looks: tuple[dict[str, np.ndarray], ...]

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: slice) -> Faces:
        return Faces(*(getattr(self, field.name)[rows] for field in fields(self)))


def random_faces(
    count: int,
    *,
    seed: int,
    expression: ArrayLike | None = None,
    strength: ArrayLike | None = None,
    turned: float = 1.0,
    extras: float = 1.0,
) -> Faces:
    """``count`` faces, random in identity, expression, pose, light, skin, hair and surroundings.

    expression: number in ``EXPRESSIONS`` for each face, ``(count,)``, or one for all; default random. strength: from 0
    (neutral) to 1, likewise; default random from 0.35 to 1. turned: factor on the spread of yaw, pitch and roll, which
    stay within ±40°. extras: factor on the shares of glasses and of things in front of the face.

    The first ``n`` of a seed are the same faces for every ``count ≥ n``, and each is the same person in the same pose
    and light whatever its expression. Raises ValueError for a count below 1 and for numbers out of range.
    """
    if count < 1:
        raise ValueError(f"count {count}: expected 1 or more")
    if not 0 <= turned <= 3 or not 0 <= extras <= 5:
        raise ValueError(f"turned {turned}, extras {extras}: expected 0 to 3, and 0 to 5")
    asked = [
        _for_each(value, count, name, most)
        for value, name, most in ((expression, "expression", len(EXPRESSIONS) - 1), (strength, "strength", 1))
    ]
    blocks = []
    for number, start in enumerate(range(0, count, _BLOCK)):
        rows = slice(start, min(start + _BLOCK, count))
        some = [None if value is None else value[rows] for value in asked]
        blocks.append(_block(seed, number, rows.stop - rows.start, *some, turned, extras))
    return Faces(
        *(np.concatenate([getattr(block, field.name) for block in blocks]) for field in fields(Faces)[:-1]),
        looks=tuple(look for block in blocks for look in block.looks),
    )


def _for_each(value: ArrayLike | None, count: int, name: str, most: float) -> np.ndarray | None:
    if value is None:
        return None
    value = np.asarray(value, float)
    whole = name == "expression"
    fits = value.ndim < 2 and value.size in (1, count) and ((value >= 0) & (value <= most)).all()
    if not fits or (whole and (value % 1).any()):
        kind = "whole number" if whole else "number"
        raise ValueError(f"{name}: expected a {kind} from 0 to {most}, or {count} of them")
    return np.broadcast_to(value.astype(int) if whole else value, (count,))


def _block(
    seed: int,
    number: int,
    count: int,
    expression: np.ndarray | None,
    strength: np.ndarray | None,
    turned: float,
    extras: float,
) -> Faces:
    rng = np.random.default_rng([seed, number])
    drawn = rng.integers(len(EXPRESSIONS), size=_BLOCK)[:count], rng.uniform(0.35, 1.0, _BLOCK)[:count]
    expression = drawn[0] if expression is None else expression
    strength = drawn[1] if strength is None else strength

    who = np.stack(list(shape.identities().values()))
    own = rng.normal(size=(_BLOCK, len(who))).clip(-2.2, 2.2)
    control = shape.neutral() + np.einsum("nk,kpx->npx", own, who)[:count]
    units = shape.actions()
    per_class = np.array([[shape.expression(name).get(unit, 0.0) for unit in units] for name in EXPRESSIONS])
    personal = rng.normal(1, 0.18, (_BLOCK, len(units))).clip(0.4, 1.5)[:count]
    stray = (rng.exponential(0.05, (_BLOCK, len(units))) * (rng.random((_BLOCK, len(units))) < 0.6))[:count]
    shut = (rng.random(_BLOCK) < 0.05)[:count]
    acts = per_class[expression] * strength[:, None] * personal + stray
    acts = acts.clip(0, 1.1)
    closure = list(units).index("eye closure")
    acts[:, closure] = (acts[:, closure] + shut).clip(0, 1)
    lopsided = 1 + 0.12 * rng.normal(size=(_BLOCK, len(units)))[:count].clip(-2, 2)
    moves = np.stack(list(units.values()))
    left = shape.neutral()[:, 0] > 0
    amount = np.where(left, (acts * lopsided)[:, :, None], acts[:, :, None])  # (n, units, points)
    control += np.einsum("nup,upx->npx", amount, moves)
    _keep_lids_apart(control)

    spread = np.array([shape.YAW, shape.PITCH, shape.ROLL])
    pose = (turned * spread * rng.normal(size=(_BLOCK, 3))[:count]).clip(-shape.MOST, shape.MOST)
    distance = rng.uniform(600, 2500, _BLOCK)[:count]
    looks = tuple(
        random_look(np.random.default_rng([seed, number, i or _BLOCK]), extras)  # NumPy takes [s, n, 0] for [s, n]
        | expressed_look(control[i], dict(zip(units, acts[i], strict=True)))
        for i in range(count)
    )
    points = _points(control, pose, distance)
    return Faces(points.astype(np.float32), control, pose, distance, expression, strength, looks)


def _keep_lids_apart(control: np.ndarray) -> None:
    """Lids and lips may touch, never cross."""
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65)):
        least = 0.4 if upper < 60 else 0.0
        missing = (control[:, upper, 1] + least - control[:, lower, 1]).clip(0)
        control[:, upper, 1] -= missing / 2
        control[:, lower, 1] += missing / 2


# ----------------------------------------------------------------------------------------- from the head to the picture


def rotation(pose: np.ndarray) -> np.ndarray:
    """Rotations ``(N, 3, 3)`` of yaw, pitch, roll in degrees: turn right (in the image), nod down, tilt clockwise."""
    yaw, pitch, roll = np.deg2rad(np.asarray(pose, np.float64)).T
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)
    cos, sin = np.cos, np.sin
    turn = np.array([[cos(yaw), zero, sin(yaw)], [zero, one, zero], [-sin(yaw), zero, cos(yaw)]])
    nod = np.array([[one, zero, zero], [zero, cos(pitch), sin(pitch)], [zero, -sin(pitch), cos(pitch)]])
    tilt = np.array([[cos(roll), -sin(roll), zero], [sin(roll), cos(roll), zero], [zero, zero, one]])
    return np.einsum("abn,bcn,cdn->nad", tilt, nod, turn)


def seen(places: np.ndarray, turn: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Places ``(N, P, 3)`` in the head's frame → (x, y) as seen and depth (larger is nearer), ``(N, P, 3)`` in mm."""
    turned = (places - PIVOT.astype(places.dtype)) @ turn.swapaxes(1, 2)
    scale = (distance[:, None] / (distance[:, None] - turned[..., 2]))[..., None]
    return np.concatenate([turned[..., :2] * scale, turned[..., 2:]], axis=-1)


_SAMPLES = 16


@functools.cache
def _tracks() -> tuple[np.ndarray, np.ndarray]:
    """The 68 points, then places on the skin from each jaw point towards the middle of the face, as the mesh has them.

    Base ``(P, 3)`` and matrix ``(P, K)``: where each place is on the neutral mesh, and how control points carry it.
    Both are mixed from the corners of the triangle it lies in, which is flat: so it lies on what is drawn.
    """
    spots = shape.spots()[:68]
    shares = np.linspace(0, 0.72, _SAMPLES)[1:, None]
    inwards = np.concatenate(
        [np.stack([spots[i, 0] * (1 - shares[:, 0]), np.full(len(shares), spots[i, 1])], -1) for i in range(17)]
    )
    places = np.concatenate([spots, inwards])
    mesh, (rows, columns) = shape.mesh(), shape.mesh().shape
    column = (np.searchsorted(shape.COLUMNS, places[:, 0], side="right") - 1).clip(0, columns - 2)
    row = (np.searchsorted(shape.ROWS, places[:, 1], side="right") - 1).clip(0, rows - 2)
    u = (places[:, 0] - shape.COLUMNS[column]) / np.diff(shape.COLUMNS)[column]
    v = (places[:, 1] - shape.ROWS[row]) / np.diff(shape.ROWS)[row]
    first, right, below = row * columns + column, row * columns + column + 1, (row + 1) * columns + column
    weights = np.zeros((len(places), len(mesh.base)))
    lower = u + v > 1
    line = np.arange(len(places))
    weights[line, np.where(lower, below + 1, first)] = np.where(lower, u + v - 1, 1 - u - v)
    weights[line, right] = np.where(lower, 1 - v, u)
    weights[line, below] = np.where(lower, 1 - u, v)
    return weights @ mesh.base, weights @ mesh.carry


def _points(control: np.ndarray, pose: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """The 68 points as seen, ``(N, 68, 2)``. A jaw point that the face hides moves along the skin to the outline.

    People who annotate photographs put the jaw where they see it end. So does "landmark marching": X. Zhu, Z. Lei,
    J. Yan, D. Yi, S. Z. Li, "High-Fidelity Pose and Expression Normalization", CVPR 2015.
    """
    base, carry = _tracks()
    places = base + carry @ (control - shape.neutral())
    upright = rotation(pose * np.array([1, 1, 0]))  # "outermost" means to the side of the face, so before the tilt
    found = seen(places, upright, distance)
    points = found[:, :68, :2].copy()
    inwards = found[:, 68:, :2].reshape(len(control), 17, _SAMPLES - 1, 2)
    track = np.concatenate([points[:, :17, None], inwards], axis=2)
    side = np.array([-1.0] * 8 + [0.0] + [1.0] * 8)
    outermost = (track[..., 0] * side[:, None]).argmax(axis=2)
    points[:, :17] = np.take_along_axis(track, outermost[:, :, None, None], axis=2)[:, :, 0]
    tilt = rotation(pose * np.array([0, 0, 1]))[:, :2, :2]
    return np.einsum("nab,npb->npa", tilt, points)
