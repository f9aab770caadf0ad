"""A parametric face on the 68 points of 300-W, drawn as a shaded mesh with exact points.

NumPy only. Lesson 30_faces_landmarks.

``points``   numbers and mirror image of the 68 points
``shape``    where the skin is: neutral face, identities, action units, the mesh
``looks``    colours, hair, light, surroundings
``people``   random faces: identity, expression, pose, and a look
``skin``     what is painted on a face
``scene``    what is behind it and in front of it
``mesh``     triangles to pixels
``drawing``  all of it together: faces to pictures
"""

from __future__ import annotations

import numpy as np

from course_utils.rendering.face.drawing import draw
from course_utils.rendering.face.people import Faces, random_faces
from course_utils.rendering.face.points import EXPRESSIONS, GROUPS, MIRROR

__all__ = ["EXPRESSIONS", "GROUPS", "MIRROR", "Faces", "draw", "random_faces", "render", "to_pixels"]


def to_pixels(points: np.ndarray, windows: np.ndarray, side: int) -> np.ndarray:
    """Points ``(N, K, 2)`` in mm → px of pictures drawn with ``windows``; the centre of the first pixel is (0, 0).

    windows: ``(N, 3)`` as (centre x, centre y, edge) in mm; side: edge of the pictures in px.
    """
    windows = np.asarray(windows, np.float64)
    return (points - windows[:, None, :2]) / windows[:, None, 2:] * side + (side - 1) / 2


def render(
    count: int, *, seed: int, side: int = 128, colour: bool = True, **people: object
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of random faces, and their points.

    Each picture shows a square about the face, 1.6 times as wide as the box of its points, not quite in the middle.
    people: as of :func:`random_faces`. Returns uint8 ``(count, side, side, 3)`` or ``(…, 1)`` and float32
    ``(count, 68, 2)`` as (x, y) px. The first ``n`` of a seed are the same for every ``count ≥ n``.
    Raises ValueError for what :func:`random_faces` and :func:`draw` refuse.
    """
    faces = random_faces(count, seed=seed, **people)
    low, high = faces.points.min(axis=1), faces.points.max(axis=1)
    edge = (high - low).max(axis=1)
    moved = np.stack([np.random.default_rng([seed, 68, i]).normal(0, 0.04, 3) for i in range(count)]).clip(-0.1, 0.1)
    windows = np.concatenate(
        [(low + high) / 2 + edge[:, None] * moved[:, :2], (1.6 * edge * (1 + moved[:, 2]))[:, None]], axis=1
    )
    return draw(faces, windows, side=side, colour=colour), to_pixels(faces.points, windows, side).astype(np.float32)
