"""From faces to pictures: mesh, light, paint, and what a camera adds. Lesson 30_faces_landmarks."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from course_utils.rendering.face import mesh, people, scene, shape, skin
from course_utils.rendering.face.looks import Look
from course_utils.rendering.face.people import Faces

_EAR = (9, 5)  # rows and columns of an ear
_BLOCK = 64  # faces whose surfaces are computed at once
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def draw(faces: Faces, windows: np.ndarray, *, side: int, colour: bool = True) -> np.ndarray:
    """Pictures of ``faces``, uint8 ``(N, side, side, 3)``, or ``(N, side, side, 1)`` grey (ITU-R 601 luma).

    windows: ``(N, 3)``, centre x, centre y and edge of the square that each picture shows, in mm; ``to_pixels`` takes
    the points there. A face looks the same whichever faces are drawn beside it.
    Raises ValueError for other shapes, a side below 8, an edge that is not above 0.
    """
    windows = np.asarray(windows, np.float64)
    if windows.shape != (len(faces), 3) or not (np.isfinite(windows).all() and (windows[:, 2] > 0).all()):
        raise ValueError(f"windows {windows.shape}: expected ({len(faces)}, 3) finite numbers, edges above 0")
    if side < 8:
        raise ValueError(f"side {side}: expected 8 or more")
    pictures = np.empty((len(faces), side, side, 3 if colour else 1), np.uint8)

    grid, neutral = shape.mesh(), shape.neutral()
    for start in range(0, len(faces), _BLOCK):
        rows = range(start, min(start + _BLOCK, len(faces)))
        moved = (faces.control[rows] - neutral).transpose(0, 2, 1).astype(np.float32)
        surfaces = grid.base.T + moved @ grid.carry.T  # (n, 3, V)
        for i, surface in zip(rows, surfaces, strict=True):
            pictures[i] = _picture(faces, i, surface, windows[i], side, colour)
    return pictures


def _picture(faces: Faces, i: int, surface: np.ndarray, window: np.ndarray, side: int, colour: bool) -> np.ndarray:
    look = faces.looks[i]
    fine = 2 if side <= 80 else 1  # small pictures are drawn twice as large and averaged, as a camera's pixels average
    view = _View(people.rotation(faces.pose[i : i + 1])[0].astype(np.float32), np.float32(faces.distance[i]))
    found = _drawn(look, faces.control[i], surface, view, window, side * fine)
    if fine == 2:
        found = (found[:, ::2, ::2] + found[:, ::2, 1::2] + found[:, 1::2, ::2] + found[:, 1::2, 1::2]) / 4
    return _camera(look, found, colour)


@dataclass(frozen=True)
class _View:
    """How one head stands to the camera. Places and directions are ``(3, P)`` in the head's frame."""

    turn: np.ndarray
    distance: np.float32

    def turned(self, directions: np.ndarray) -> np.ndarray:
        x, y, z = directions
        return np.stack([row[0] * x + row[1] * y + row[2] * z for row in self.turn])

    def seen(self, places: np.ndarray) -> np.ndarray:
        """(x, y) as seen and depth, ``(3, P)``: what ``people.seen`` computes."""
        moved = self.turned(places - people.PIVOT.astype(np.float32)[:, None])
        moved[:2] *= self.distance / (self.distance - moved[2])
        return moved

    def spots(self, *places: tuple[float, float, float]) -> np.ndarray:
        """Single places as seen, ``(len(places), 2)``."""
        return self.seen(np.array(places, np.float32).T)[:2].T


def _drawn(
    look: Look, control: np.ndarray, surface: np.ndarray, view: _View, window: np.ndarray, side: int
) -> np.ndarray:
    pixel = float(window[2]) / side
    line = (np.arange(side) - (side - 1) / 2) * pixel
    x, y = (line + window[0]).astype(np.float32), (line + window[1]).astype(np.float32)

    picture = scene.background(look, side)
    head, nape, chin = view.spots((0, -5, -90), (0, 130, -80), control[8])
    brightness = look["ambient"] + 0.55 * (1 - look["ambient"])
    scene.body(picture, look, x, y, {"head": head, "nape": nape, "chin": chin, "light": brightness})

    grid = shape.mesh()
    normals = _normals(surface.reshape(3, *grid.shape)).reshape(3, -1)
    hairy = skin.hairline(look, np.abs(grid.skin[:, 0]), grid.skin[:, 1])
    head_places = surface + normals * (look["hair thickness"] * (hairy / 14).clip(0, 1))
    ears = [_ear(control, left, hidden=bool(look["long hair"])) for left in (False, True)]
    places = np.concatenate([head_places, *(ear.reshape(3, -1) for ear, _ in ears)], axis=1)
    directions = np.concatenate([normals, *(_normals(ear).reshape(3, -1) for ear, _ in ears)], axis=1)
    dark = np.concatenate([np.zeros(len(grid.skin), np.float32), *(profile.ravel() for _, profile in ears)])
    projected = view.seen(places)
    screen = (projected[:2].T - window[:2].astype(np.float32)) / np.float32(pixel) + np.float32((side - 1) / 2)
    pixels, corners, weights = mesh.visible(screen, projected[2], _triangles(), side)

    spots = np.concatenate([grid.skin, np.zeros((places.shape[1] - len(grid.skin), 2), np.float32)])
    values = np.concatenate([spots.T, view.turned(directions), dark[None]])
    a, t, nx, ny, nz, dark = sum(
        values.take(corner, axis=1) * weight for corner, weight in zip(corners, weights, strict=True)
    )
    ear = np.flatnonzero(corners[0] >= len(grid.skin))
    flipped = ear[nz[ear] < 0]  # an ear is seen from both sides
    nx[flipped], ny[flipped], nz[flipped] = -nx[flipped], -ny[flipped], -nz[flipped]
    t[ear] = 30  # somewhere on the cheek, where nothing is painted
    a[ear] = 88
    albedo, shine, inside = skin.paint(look, a, t, pixel)
    nx, ny, nz = nx * (1 - inside), ny * (1 - inside), nz + inside
    albedo[:, ear] = look["skin"][:, None] * (1 - dark[ear] * np.array([[0.4], [0.6], [0.6]], np.float32))
    picture.reshape(3, -1)[:, pixels] = _lit(look, albedo, shine, nx, ny, nz)
    if look["glasses"]:
        _, top, _ = (control[36] + control[45]) / 2
        origin = np.array([0, top + 1, control[28, 2] + 1])
        corner, right, below = view.spots(origin, origin + np.array([10, 0, -0.6]), origin + np.array([0, 10, -1.2]))
        scene.glasses(picture, look, x, y, np.stack([corner, (right - corner) / 10, (below - corner) / 10]))
    if look["occluded"]:
        nose = view.spots((0, 0, 0))[0]
        scene.occluder(picture, look, x - nose[0], y - nose[1])
    return picture


def _lit(
    look: Look, albedo: np.ndarray, shine: np.ndarray, nx: np.ndarray, ny: np.ndarray, nz: np.ndarray
) -> np.ndarray:
    """Light on skin: some from everywhere, some from a lamp (Lambert's law, a softer edge of the shadow), a gleam."""
    lamp = look["lamp"] / np.sqrt((look["lamp"] ** 2).sum())
    halfway = lamp + np.array([0, 0, 1], np.float32)  # J. Blinn's model: between the lamp and the camera
    halfway /= np.sqrt((halfway**2).sum())
    length = 1 / (np.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(1e-6))
    nx, ny, nz = nx * length, ny * length, nz * length
    direct = ((nx * lamp[0] + ny * lamp[1] + nz * lamp[2] + 0.25) / 1.25).clip(0, 1)
    strength = 1.12 - look["ambient"]
    lit = look["ambient"] * (0.82 - 0.18 * ny + 0.05 * nz) + strength * direct
    lit *= 0.72 + 0.28 * np.sqrt(nz.clip(0, 1))  # skin turned away from the camera darkens a little
    mirrored = (nx * halfway[0] + ny * halfway[1] + nz * halfway[2]).clip(0, 1) ** 2
    mirrored *= mirrored
    mirrored *= mirrored
    gleam = mirrored * mirrored * shine * strength
    return albedo * lit + gleam


@functools.cache
def _triangles() -> np.ndarray:
    head, ear = shape.mesh(), shape.grid_triangles(*_EAR)
    first = np.int32(len(head.base))
    ears = np.concatenate([ear + first, ear + first + np.int32(_EAR[0] * _EAR[1])])
    return np.concatenate([head.triangles, ears, ears[:, ::-1]])  # an ear is seen from both sides


@functools.cache
def _ear_form() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of an ear: how high each place is (−1 to 1), how far out in mm, and how dark."""
    q, p = np.meshgrid(np.linspace(-1, 1, _EAR[0]), np.linspace(0, 1, _EAR[1]), indexing="ij")
    wide = 24 * np.sqrt((1 - (0.97 * q) ** 2).clip(0)) * (1 - 0.25 * q)
    dark = 0.75 * np.exp(-(((p - 0.45) / 0.22) ** 2) - ((q + 0.05) / 0.5) ** 2) + 0.35 * (p < 0.15)
    return q.astype(np.float32), (p * wide).astype(np.float32), dark.astype(np.float32)


def _ear(control: np.ndarray, left: bool, hidden: bool) -> tuple[np.ndarray, np.ndarray]:
    """One ear as a grid of places ``(3, rows, columns)`` in the head's frame, and how dark each is."""
    side = 1.0 if left else -1.0
    root = control[16 if left else 0].astype(np.float32)
    high, out, dark = _ear_form()
    out = 0 * out if hidden else out  # under long hair
    x = root[0] + side * (0.72 * out - 2)
    y = root[1] + 12 + 29 * high - 0.08 * out
    z = root[2] - 6 + 5 * high - 0.69 * out
    return np.stack([x, y, z]).astype(np.float32), dark


def _normals(grid: np.ndarray) -> np.ndarray:
    """Unit normals of a grid of places ``(3, rows, columns)``, towards the viewer on the front of the head."""
    right, down = np.empty_like(grid), np.empty_like(grid)
    right[:, :, 1:-1], down[:, 1:-1] = grid[:, :, 2:] - grid[:, :, :-2], grid[:, 2:] - grid[:, :-2]
    right[:, :, 0], right[:, :, -1] = grid[:, :, 1] - grid[:, :, 0], grid[:, :, -1] - grid[:, :, -2]
    down[:, 0], down[:, -1] = grid[:, 1] - grid[:, 0], grid[:, -1] - grid[:, -2]
    x = right[1] * down[2] - right[2] * down[1]
    y = right[2] * down[0] - right[0] * down[2]
    z = right[0] * down[1] - right[1] * down[0]
    return np.stack([x, y, z]) / np.maximum(np.sqrt(x * x + y * y + z * z), np.float32(1e-9))


def _camera(look: Look, picture: np.ndarray, colour: bool) -> np.ndarray:
    """What a camera makes of it: cast, exposure, contrast, softness, grain; uint8 ``(side, side, 3)`` or ``(…, 1)``."""
    picture = picture * look["cast"][:, None, None]
    picture = (0.5 + (picture * look["exposure"] - 0.45) * look["contrast"]).clip(0, 1)
    if not colour:  # only now: what is over-exposed in one channel is so in the grey picture, too
        picture = sum(np.float32(share) * channel for share, channel in zip(_LUMA, picture, strict=True))[None]
    side = picture.shape[-1]
    soft = look["blur"] * min(1.0, side / 128) * np.float32(0.25)
    picture[:, 1:-1] += soft * (picture[:, 2:] + picture[:, :-2] - 2 * picture[:, 1:-1])
    picture[:, :, 1:-1] += soft * (picture[:, :, 2:] + picture[:, :, :-2] - 2 * picture[:, :, 1:-1])
    down, right = look["shift"][:2].astype(int)
    grain = skin.noise_grid(2, np.arange(side) + down, np.arange(side) + right)
    picture += look["grain"] * grain
    return (picture.clip(0, 1) * 255 + np.float32(0.5)).astype(np.uint8).transpose(1, 2, 0)
