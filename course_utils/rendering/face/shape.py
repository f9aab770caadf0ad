"""Where the skin of a face is: 68 points and some more in space, a mesh through them, identities and expressions.

A neutral face is given by *control points* in mm: the 68 points of 300-W and others on forehead, cheeks, chin and nose.
A head that is nearly an ellipsoid is bent through them by a thin-plate spline, so that the mesh meets each of them.
Who somebody is and what the face does are displacements of control points; the same spline carries them to the mesh.

x is to the viewer's right, y down, z towards the viewer; the origin lies between the outer corners of the eyes.

Sources. Places of the points seen from the front: mean of the near-frontal LFPW annotations of 300-W with closed mouth,
made symmetric, scaled to 90 mm between the outer corners of the eyes; depths and the other points by hand. Expressions:
P. Ekman and W. V. Friesen, "Facial Action Coding System", 1978, whose action units are the names below. Spline:
F. L. Bookstein, "Principal Warps", PAMI 1989.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from course_utils.rendering.face.points import EXPRESSIONS, MIRROR

#: Right half (the person's, left in the image) and middle line of the neutral face: point → (x, y, z) in mm.
HALF = {
    0: (-72.5, -1.8, -92.0), 1: (-71.4, 17.5, -88.0), 2: (-68.8, 36.6, -80.0), 3: (-65.4, 55.6, -68.0),
    4: (-59.1, 73.5, -53.0), 5: (-48.4, 89.1, -36.0), 6: (-34.6, 102.5, -19.0), 7: (-18.5, 113.0, -6.0),
    8: (0.0, 115.8, -1.0),
    17: (-59.9, -14.3, -19.0), 18: (-50.0, -21.1, -7.0), 19: (-37.6, -22.5, 1.0), 20: (-25.0, -20.4, 5.5),
    21: (-12.8, -15.4, 8.0),
    27: (0.0, -1.3, 4.5), 28: (0.0, 12.1, 11.5), 29: (0.0, 25.7, 20.0), 30: (0.0, 39.4, 28.0),
    31: (-13.6, 45.7, 8.5), 32: (-7.1, 48.2, 13.5), 33: (0.0, 50.8, 16.5),
    36: (-45.0, 0.0, -13.5), 37: (-37.4, -4.6, -7.0), 38: (-27.9, -4.3, -4.5), 39: (-20.3, 1.6, -7.0),
    40: (-29.0, 4.0, -5.0), 41: (-38.2, 3.8, -7.5),
    48: (-27.2, 69.7, -1.0), 49: (-17.1, 66.3, 7.5), 50: (-7.4, 64.3, 12.5), 51: (0.0, 66.2, 13.0),
    57: (0.0, 82.2, 9.5), 58: (-7.9, 81.4, 8.8), 59: (-17.5, 77.9, 5.5),
    60: (-23.1, 70.5, 0.5), 61: (-7.6, 71.5, 11.0), 62: (0.0, 72.3, 11.5), 66: (0.0, 72.3, 11.5), 67: (-7.6, 71.5, 11.0),
}  # fmt: skip
#: Control points besides the 68; those off the middle line are mirrored.
MORE = (
    (0.0, -42.0, 5.5), (-26.0, -42.0, 3.0), (-50.0, -40.0, -13.0), (0.0, -72.0, -2.0), (-38.0, -70.0, -12.0),
    (0.0, -16.0, 7.5), (-66.0, -22.0, -38.0),  # forehead, between the brows, temple
    (-30.0, -12.5, -0.5), (-44.0, -11.0, -9.5), (-18.0, -8.0, -1.0), (-53.0, -2.0, -20.0),  # round the eye
    (-33.0, 0.0, -3.0), (-30.0, 12.0, -4.0), (-17.0, 10.0, -1.5), (-44.0, 12.0, -9.0),
    (-48.0, 24.0, -9.5), (-60.0, 18.0, -30.0), (-32.0, 27.0, -1.0),  # cheekbone
    (-38.0, 48.0, -7.0), (-54.0, 52.0, -33.0), (-26.0, 46.0, 1.0), (-36.0, 72.0, -10.0), (-34.0, 88.0, -14.0),  # cheek
    (-7.5, 14.0, 7.5), (-9.5, 27.0, 10.0), (-11.0, 37.5, 15.0), (-16.0, 39.5, 9.0), (-6.0, 43.5, 22.0),  # side of the nose
    (0.0, 57.5, 12.5), (-8.0, 57.0, 11.0), (-20.0, 60.0, 4.0),  # under the nose
    (0.0, 69.0, 14.5), (-9.0, 68.0, 13.0), (0.0, 77.5, 14.0), (-10.0, 76.5, 12.0),  # flesh of the lips
    (0.0, 89.5, 5.5), (0.0, 103.0, 9.0), (-14.0, 101.5, 5.0), (-22.0, 92.0, -3.0),  # chin
)  # fmt: skip

#: Standard deviations of yaw (turned to the side), pitch (nodded), roll (tilted in the image) and the limit of each, in
#: degrees.
YAW, PITCH, ROLL = 15.5, 6.5, 7.0
MOST = 40.0

# --------------------------------------------------------------------------- the head before it is bent to the points
_HEIGHTS = np.array([-128, -122, -110, -90, -60, -30, 0, 20, 40, 60, 75, 90, 103, 113, 118, 130, 150.0])
_WIDTHS = np.array([4, 27, 46, 62, 72, 75.5, 74.5, 73, 70, 66, 60, 51, 41, 34, 29, 20, 14.0])
_FRONTS = np.array([-82, -56, -32, -14, -1, 1, -4, -4, -2, 1, 2, 2, 0, -6, -12, -38, -52.0])
_BACK, _MIDDLE = 88.0, -80.0
_RADIUS = 75.0  # a = _RADIUS · angle round the head's axis: mm along a mean head


def _head(a: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The unbent head at (a, t): a in mm round the head, t in mm downwards; below the chin t runs back to the neck."""
    angle = a / _RADIUS
    width, front = np.interp(t, _HEIGHTS, _WIDTHS), np.interp(t, _HEIGHTS, _FRONTS)
    reach = np.where(np.cos(angle) > 0, front - _MIDDLE, _BACK * np.sqrt(np.clip(1 - ((t + 10) / 150) ** 2, 0.05, 1)))
    y = np.where(t > 116, 116 + (t - 116) * 0.35, t)
    flatter = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.92
    return np.stack([width * flatter, y, _MIDDLE + reach * np.cos(angle)], axis=-1)


def _spot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(a, t) of a point that is at (x, y) seen from the front."""
    width = np.interp(y, _HEIGHTS, _WIDTHS)
    angle = np.arcsin(np.sign(x) * np.clip(np.abs(x) / width, 0, 0.985) ** (1 / 0.92))
    return np.stack([_RADIUS * angle, y], axis=-1)


# ------------------------------------------------------------------------------------------------- control points


def _mirrored(point: tuple[float, float, float]) -> tuple[float, float, float]:
    return (-point[0], point[1], point[2])


def fixed(values: np.ndarray) -> np.ndarray:
    """The same array, read-only from now on: what is computed once is shared by all faces."""
    values.flags.writeable = False
    return values


@functools.cache
def neutral() -> np.ndarray:
    """Control points of the neutral mean face, ``(K, 3)`` in mm; the first 68 are the points of 300-W."""
    points = np.empty((68, 3))
    for number, place in HALF.items():
        points[number], points[MIRROR[number]] = place, _mirrored(place)
    more = [place for point in MORE for place in ([point] if point[0] == 0 else [point, _mirrored(point)])]
    return fixed(np.concatenate([points, np.array(more)]))


#: Upper and lower edge of the slit between closed lips, as t: the same place in space, apart on the skin.
SLIT = (70.0, 73.0)


@functools.cache
def spots() -> np.ndarray:
    """Where the control points are on the skin: (a, t), ``(K, 2)``. Fixed, whoever the face is and whatever it does."""
    points = neutral()
    places = _spot(points[:, 0], points[:, 1])
    places[[61, 62, 63], 1], places[[65, 66, 67], 1], places[[60, 64], 1] = SLIT[0], SLIT[1], sum(SLIT) / 2
    return fixed(places)


#: Columns and rows of the mesh on the skin, in mm: dense where there is something to see.
COLUMNS = np.concatenate(
    [half := -np.array([150, 138, 126, 115, 107, 100, 93, 86, 79, 72, 66, 60, 55.5, 51.5, 48, *np.arange(45, 1, -3.0)]), [0.0], -half[::-1]]
)  # fmt: skip
ROWS = np.concatenate(
    [[-128, -124, -117, -108, -98, -88, -78, -68, -60, -53, -46, -40, -35, -30.5, -27, -24], np.arange(-21.5, -7, 2.5),
     np.arange(-7, 6, 1.9), [7, 9.5], np.arange(12.5, 63, 3.3), [64, 66, 68, 70, 73, 75, 77, 79, 81, 83],
     np.arange(85.5, 113, 3), [115, 118, 122, 127]]
)  # fmt: skip


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    square = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    return square * np.log(np.maximum(square, 1e-12)) / 100


def spline(places: np.ndarray) -> np.ndarray:
    """Matrix ``(len(places), K)``: values at the control points → values of the thin-plate spline at ``places``."""
    known = np.concatenate([spots(), _ANCHORS])
    ones = np.concatenate([np.ones((len(known), 1)), known / 100], axis=1)
    system = np.block([[_kernel(known, known), ones], [ones.T, np.zeros((3, 3))]])
    solved = np.linalg.solve(system, np.eye(len(system))[:, : len(spots())])
    return np.concatenate([_kernel(places, known), np.ones((len(places), 1)), places / 100], axis=1) @ solved


#: Places on top, at the back and under the chin where the spline leaves the head as it is.
_ANCHORS = np.array(
    [(a, -124.0) for a in (-140, -70, 0, 70, 140)]
    + [(a, -100.0) for a in (-140, -100, -60, 0, 60, 100, 140)]
    + [(s * a, t) for s in (-1, 1) for a in (128, 150) for t in (-70, -40, -10, 20, 50, 80, 110, 146)]
    + [(a, 146.0) for a in (-90, -45, 0, 45, 90)]
)


@dataclass(frozen=True)
class Mesh:
    """What never changes of the mesh; float32, triangles int32. All arrays are shared: read-only.

    base ``(V, 3)``: the neutral face in mm. carry ``(V, K)``: how far each vertex goes with each control point.
    skin ``(V, 2)``: (a, t) of each vertex. triangles ``(T, 3)``: corner numbers.
    """

    base: np.ndarray
    carry: np.ndarray
    skin: np.ndarray
    triangles: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return len(ROWS), len(COLUMNS)


@functools.cache
def mesh() -> Mesh:
    """The mesh of the head: a grid of rows and columns on the skin, two triangles to a cell."""
    a, t = np.meshgrid(COLUMNS, ROWS)
    skin = np.stack([a.ravel(), t.ravel()], axis=-1)
    carry = spline(skin)
    base = _head(skin[:, 0], skin[:, 1]) + carry @ (neutral() - _head(*spots().T))
    values = (fixed(array.astype(np.float32)) for array in (base, carry, skin))
    return Mesh(*values, fixed(grid_triangles(*a.shape)))


def grid_triangles(rows: int, columns: int) -> np.ndarray:
    """Corner numbers ``(2 · cells, 3)`` of the triangles of a grid, clockwise as seen from the front (y down)."""
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel().astype(np.int32)
    upper = np.stack([corner, corner + 1, corner + columns], axis=-1)
    lower = np.stack([corner + 1, corner + columns + 1, corner + columns], axis=-1)
    return np.concatenate([upper, lower])


# ---------------------------------------------------------------------- who somebody is, and what the face is doing


def _near(x: float, y: float, reach: float) -> np.ndarray:
    """Weight of each control point: 1 at (x, y) or its mirror image, as from the front; width ``reach`` mm."""
    points = neutral()
    square = np.minimum((points[:, 0] - x) ** 2, (points[:, 0] + x) ** 2) + (points[:, 1] - y) ** 2
    return np.exp(-square / (2 * reach**2))


def _only(*numbers: int) -> np.ndarray:
    """Weight 1 for these points and their mirror images."""
    weight = np.zeros(len(neutral()))
    weight[[*numbers, *(MIRROR[number] for number in numbers)]] = 1
    return weight


def _moved(weight: np.ndarray, x: float = 0, y: float = 0, z: float = 0) -> np.ndarray:
    """Displacement ``(K, 3)`` in mm; x is outwards, away from the middle line, on both sides."""
    side = np.sign(np.round(neutral()[:, 0], 6))
    return weight[:, None] * np.stack([side * x, np.full_like(side, y), np.full_like(side, z)], axis=-1)


def _jaw() -> np.ndarray:
    """Weight of the lower jaw, which turns about the ears: 1 at the chin and the lower lip, 0 above the mouth."""
    x, y, _ = neutral().T
    weight = np.clip((y - 20) / 75, 0, 1) * np.clip((y - 60) / 25 + np.abs(x) / 45, 0, 1)
    weight[y < 62] *= 0.6
    weight[[55, 56, 57, 58, 59, 65, 66, 67]] = 0.93
    weight[[48, 54, 60, 64]] = 0.33
    weight[[49, 50, 51, 52, 53, 61, 62, 63]] = 0.0
    weight[(np.abs(x) < 15) & (y > 55) & (y < 70)] = 0.0  # under the nose, upper lip
    weight[(np.abs(x) < 15) & (y > 75)] = np.maximum(weight[(np.abs(x) < 15) & (y > 75)], 0.95)
    return weight


@functools.cache
def actions() -> dict[str, np.ndarray]:
    """Action units of the face: name → displacement of the control points at full strength, ``(K, 3)`` in mm."""
    points = neutral()
    hinge = points - np.array([0.0, 5.0, -85.0])
    angle = 0.24
    turned = np.stack(
        [
            0 * hinge[:, 0],
            hinge[:, 1] * (np.cos(angle) - 1) + hinge[:, 2] * np.sin(angle),
            hinge[:, 2] * (np.cos(angle) - 1) - hinge[:, 1] * np.sin(angle),
        ],
        axis=-1,
    )
    upper_lids, lower_lids = _only(37, 38), _only(40, 41)
    lid_skin = _near(31, -12.5, 5) * (1 - upper_lids)
    eyeball = _near(33, 0, 2)
    closing = np.zeros_like(points)
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        closing[upper] = 0.92 * (points[lower] - points[upper])
    corners = np.maximum(_only(48, 60), 0.75 * _near(29, 70, 6))
    lower_lip = _only(55, 56, 57, 65, 66, 67) + 0.8 * _near(0, 77.5, 4)
    upper_lip = _only(49, 50, 51, 61, 62) + 0.8 * _near(4, 68.5, 3)
    return {
        "inner brow raiser": _moved(_near(14, -17, 9), y=-8) + _moved(_near(10, -42, 14), y=-3),
        "outer brow raiser": _moved(_near(48, -21, 12), y=-7) + _moved(_near(30, -40, 14), y=-3),
        "brow lowerer": _moved(_near(14, -17, 12), x=-4, y=7.5, z=1) + _moved(_near(38, -22, 9), y=3.5),
        "upper lid raiser": _moved(upper_lids, y=-3.2) + _moved(lid_skin, y=-1.5),
        "cheek raiser": _moved(_near(42, 26, 13), y=-5, z=3.5) + _moved(lower_lids + _near(30, 12, 5), y=-1.8),
        "lid tightener": _moved(lower_lids, y=-1.6) + _moved(upper_lids, y=1.2),
        "eye closure": closing + _moved(lid_skin, y=2.5) + _moved(eyeball, y=1.0),
        "nose wrinkler": _moved(_near(12, 40, 7), y=-4.5, x=1.0) + _moved(_near(9, 14, 8), y=-2) + _moved(upper_lip, y=-2.5),
        "upper lip raiser": _moved(upper_lip, y=-4.5, z=1) + _moved(_near(26, 46, 9), y=-3, z=2),
        "lip corner puller": _moved(corners, x=10, y=-8, z=-6)
        + _moved(_only(49, 59) + _near(20, 60, 6), x=4.5, y=-3.5, z=-3)
        + _moved(_only(50, 58, 61, 67), x=1.5, y=-0.6)
        + _moved(_near(40, 46, 12), x=3, y=-4, z=5),
        "lip corner depressor": _moved(corners, x=1.5, y=7.5) + _moved(_only(49, 59), y=3) + _moved(_near(36, 80, 7), y=2.5),
        "chin raiser": _moved(_near(0, 95, 12), y=-4.5, z=2.5) + _moved(lower_lip, y=-2.0, z=1.5) + _moved(upper_lip, y=-1.5),
        "lip stretcher": _moved(corners, x=9, y=2.5, z=-5) + _moved(_only(49, 59), x=5, z=-1.5) + _moved(_only(50, 58, 61, 67), x=1.8),
        "lip tightener": _moved(_only(50, 51, 49), y=2.2) + _moved(_only(57, 58, 59), y=-2.4) + _moved(corners, x=-2),
        "lip pucker": _moved(corners, x=-9, z=5) + _moved(upper_lip + lower_lip, x=-2.0, z=5) + _moved(_only(49, 59), x=-3.5, z=2),
        "lips part": _moved(lower_lip, y=3.2) + _moved(_only(58, 59), y=1.2) + _moved(upper_lip, y=-1.6),
        "jaw drop": _jaw()[:, None] * turned + _moved(corners, x=-3.5),
    }  # fmt: skip


#: The seven classes as action units at full strength (after EMFACS, with the mouth that photographs show).
EXPRESSION_ACTIONS = {
    "angry": {"brow lowerer": 1.0, "upper lid raiser": 0.4, "lid tightener": 0.9, "lip tightener": 0.9, "nose wrinkler": 0.25},
    "disgust": {"nose wrinkler": 1.0, "upper lip raiser": 0.9, "brow lowerer": 0.55, "lid tightener": 0.8, "cheek raiser": 0.5, "lip corner depressor": 0.45, "lips part": 0.4},
    "fear": {"inner brow raiser": 1.0, "outer brow raiser": 0.4, "brow lowerer": 0.25, "upper lid raiser": 1.0, "lip stretcher": 0.9, "lips part": 0.8, "jaw drop": 0.25},
    "happy": {"cheek raiser": 0.9, "lip corner puller": 1.0, "lips part": 1.0, "jaw drop": 0.15, "upper lip raiser": 0.25},
    "sad": {"inner brow raiser": 1.0, "brow lowerer": 0.3, "lip corner depressor": 1.0, "chin raiser": 0.7, "eye closure": 0.25},
    "surprise": {"inner brow raiser": 1.0, "outer brow raiser": 1.0, "upper lid raiser": 0.9, "jaw drop": 0.95, "lips part": 0.5, "lip pucker": 0.25},
    "neutral": {},
}  # fmt: skip
assert tuple(EXPRESSION_ACTIONS) == EXPRESSIONS


def expression(name: str, strength: float = 1.0) -> dict[str, float]:
    """Action units of one of ``EXPRESSIONS`` at ``strength``, 0 (neutral) to 1. Raises ValueError for another name."""
    if name not in EXPRESSION_ACTIONS:
        raise ValueError(f"expression {name!r}: expected one of {', '.join(EXPRESSIONS)}")
    return {unit: strength * value for unit, value in EXPRESSION_ACTIONS[name].items()}


@functools.cache
def identities() -> dict[str, np.ndarray]:
    """What makes one face another: name → displacement of the control points by one deviation, ``(K, 3)`` in mm."""
    points = neutral()
    x, y, _ = points.T
    low = np.clip((y - 30) / 60, 0, 1)
    lids = _only(37, 38, 40, 41)
    return {
        "width": points * (0.045, 0, 0.02),
        "length": points * (0, 0.035, 0),
        "jaw width": _moved(low * np.clip(np.abs(x) / 45, 0, 1), x=4.0),
        "chin length": _moved(np.clip((y - 82) / 30, 0, 1), y=4.5),
        "chin forward": _moved(np.clip((y - 80) / 25, 0, 1) * (np.abs(x) < 40), z=4.0),
        "middle length": _moved(np.clip((y - 8) / 35, 0, 1), y=3.0),
        "eye distance": _moved(_near(33, 0, 16), x=1.7),
        "eye height": _moved(lids * np.sign(y - 0.1), y=0.8),
        "eye slant": _moved(_near(46, 0, 6), y=-1.6) + _moved(_near(20, 1.6, 5), y=0.8),
        "eye depth": _moved(_near(33, 0, 15), z=-2.0),
        "brow height": _moved(_near(36, -20, 15), y=-2.2),
        "brow slant": _moved(_near(58, -16, 10), y=-2.0) + _moved(_near(14, -16, 10), y=1.2),
        "brow ridge": _moved(_near(30, -18, 16), z=2.2),
        "nose length": _moved(_near(5, 44, 11), y=2.6),
        "nose width": _moved(_near(14, 43, 7), x=2.0),
        "nose height": _moved(_near(0, 40, 9) + 0.7 * _near(0, 22, 10), z=3.0),
        "nose bridge": _moved(_near(0, 6, 11) * (np.abs(x) < 12), z=2.2),
        "mouth width": _moved(_near(27, 70, 9), x=2.6),
        "lip thickness": _moved(_only(49, 50, 51), y=-1.3) + _moved(_only(57, 58, 59), y=1.6) + _moved(_near(5, 72, 7), z=0.8),
        "mouth height": _moved(_near(10, 72, 16), y=1.6),
        "cheeks": _moved(_near(48, 48, 16), x=3.0, z=2.5),
        "cheekbones": _moved(_near(54, 22, 13), x=1.6, z=2.5),
        "forehead": _moved(np.clip((-y - 28) / 30, 0, 1), y=-4.0, z=2.0),
        "size": 0.03 * (points + np.array([0, 0, 80.0])),
    }  # fmt: skip
