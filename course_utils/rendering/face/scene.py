"""What is round a face and in front of it: background, hair behind the head, neck and clothes, glasses, other things.

All functions paint into one picture, ``(3, side, side)`` float32 from 0 to 1, in place. Lesson 30_faces_landmarks.
"""

from __future__ import annotations

import numpy as np

from course_utils.rendering.face.looks import Look
from course_utils.rendering.face.skin import noise_at, noise_grid, soft_edge


def background(look: Look, side: int) -> np.ndarray:
    """A picture of what is behind: a ramp between two colours, a cloudy field, and some edges."""
    half = -(-side // 2)  # out of focus: half the pixels are enough
    down, right = np.meshgrid(*(np.linspace(-0.5, 0.5, half, dtype=np.float32),) * 2, indexing="ij")
    turned = look["ramp"][0] * right + look["ramp"][1] * down
    first, second = look["backdrop"][..., None, None]
    picture = first + (turned + 0.5) * (second - first)
    zoom = float(look["backdrop zoom"])
    places = (np.arange(half) * (zoom * 128 / half)).astype(np.intp)
    shift = look["shift"][2:].astype(int)
    cloudy, blotchy = (noise_grid(field, places + shift[0], places + shift[1]) for field in (0, 1))
    picture += look["clutter tint"][:, None, None] * (look["clutter"] * (cloudy + np.float32(0.35) * blotchy))
    for x, y, wide, high, angle, change in look["shapes"]:
        u = (right - x) * np.cos(angle) + (down - y) * np.sin(angle)
        v = (down - y) * np.cos(angle) - (right - x) * np.sin(angle)
        picture += change * ((np.abs(u) < wide) & (np.abs(v) < high))
    whole = np.empty((3, 2 * half, 2 * half), np.float32)
    whole[:, ::2, ::2] = picture
    whole[:, ::2, 1:-1:2] = (picture[:, :, 1:] + picture[:, :, :-1]) / 2
    whole[:, ::2, -1] = picture[:, :, -1]
    whole[:, 1:-1:2] = (whole[:, 2::2] + whole[:, :-2:2]) / 2
    whole[:, -1] = whole[:, -2]
    return np.ascontiguousarray(whole[:, :side, :side])


def _blend(picture: np.ndarray, share: np.ndarray, colour: np.ndarray) -> None:
    """Lay ``colour``, ``(3,)`` or ``(3, H, W)``, over the picture; share ``(H, W)``: 0 nothing, 1 all."""
    for channel, tone in zip(picture, colour, strict=True):
        channel += share * (tone - channel)


def body(picture: np.ndarray, look: Look, x: np.ndarray, y: np.ndarray, place: dict[str, np.ndarray]) -> None:
    """Hair behind the head, neck, shoulders. x ``(side,)`` and y ``(side,)``: mm of each column and row.

    place: where the "head"'s middle, "nape" and "chin" are seen, ``(2,)`` in mm each, and "light": how bright all is.
    """
    pixel = abs(x[1] - x[0])
    head, nape, chin, light = (place[name] for name in ("head", "nape", "chin", "light"))
    right, down = look["shift"][:2].astype(int)
    rows, columns = (y * 1.3).astype(np.intp) + down, (x * 1.3).astype(np.intp) + right
    if look["long hair"]:
        strands = noise_grid(3, rows, columns)
        dy = (y - head[1])[:, None]
        dx = np.abs((x - head[0])[None, :] - (0.35 / 200) * (head[0] - nape[0]) * dy)
        half = 88 + 8 * np.sin((dy + 40) / 60) + 0.05 * dy.clip(0)
        lower = look["long hair"] - 0.0016 * dx * dx - dy
        gap = np.minimum(np.minimum(half - dx, lower), dy + 125) + 1.2 * strands
        tone = (0.62 + 0.16 * strands) * light
        _blend(picture, soft_edge(gap, 5 + pixel), look["hair colour"][:, None, None] * tone)
    top = int(np.searchsorted(y, chin[1] - 62))  # neck and clothes are below
    lower_part = picture[:, top:]
    dy = (y[top:] - chin[1])[:, None]
    middle = 0.5 * nape[0] + 0.5 * chin[0]
    across = np.abs((x - middle)[None, :] + 0.003 * (chin[0] - nape[0]) * dy)
    half = look["neck"] + (dy.clip(0) / 60) ** 2 * 10
    rounded = 0.55 + 0.45 * np.sqrt((1 - (across / (half + 6)) ** 2).clip(0, 1))
    under = 0.62 + 0.30 * ((dy - 6) / 40).clip(0, 1)  # the chin's shadow
    share = soft_edge(np.minimum(half - across, dy + 60), 1 + pixel)
    _blend(lower_part, share, look["skin"][:, None, None] * (rounded * under * light))
    opened = look["collar open"]
    slope = 0.34 * (across - 38).clip(0) + 0.0012 * (across - 38).clip(0) ** 2
    collar = 52 + look["collar"] + slope - 26 * np.exp(-((across / 70) ** 2)) * (1 - opened)
    collar -= 14 * np.exp(-((across / (0.9 * look["neck"])) ** 2)) * opened
    share = soft_edge(np.minimum(dy - collar + 12, 230 - across), 1.2 + pixel)
    tone = (
        0.8
        + 0.12 * noise_grid(0, rows[top:], columns)
        + look["cloth pattern"] * np.sign(np.sin(x * look["cloth stripe"]))
    )
    _blend(lower_part, share, look["cloth"][:, None, None] * (tone * light))


def glasses(picture: np.ndarray, look: Look, x: np.ndarray, y: np.ndarray, frame: np.ndarray) -> None:
    """Glasses on the nose. frame: origin, and how 1 mm to the left eye and 1 mm down are seen, ``(3, 2)`` in mm."""
    origin, right, down = frame
    turn = np.linalg.inv(np.stack([right, down], axis=1))
    columns, rows = (np.flatnonzero(np.abs(line - centre) < 85) for line, centre in ((x, origin[0]), (y, origin[1])))
    if not len(columns) or not len(rows):
        return
    part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    dx, dy = np.meshgrid(x[part[1]] - origin[0], y[part[0]] - origin[1])
    u, v = turn[0, 0] * dx + turn[0, 1] * dy, turn[1, 0] * dx + turn[1, 1] * dy
    pixel = abs(x[1] - x[0])
    wide, high, power, thick = look["rim"]
    norm = ((np.abs(np.abs(u) - 33) / wide) ** power + (np.abs(v - 1) / high) ** power) ** (1 / power)
    gap = (1 - norm) * min(wide, high)
    soft = 0.5 + 0.6 * pixel
    view = picture[:, part[0], part[1]]
    _blend(view, soft_edge(gap, soft) * look["tint"], look["lens"])
    rim = soft_edge(thick / 2 - np.abs(gap), soft)
    bridge = soft_edge(np.minimum(thick / 2 - np.abs(v + 3 + 0.02 * u * u), 33 - wide - np.abs(u)), soft)
    temple = soft_edge(
        np.minimum(thick / 2 - np.abs(v + 3), np.minimum(np.abs(u) - 33 - wide, 41 + wide - np.abs(u))), soft
    )
    _blend(view, np.maximum(np.maximum(rim, bridge), temple) * (thick / max(0.6 * pixel, thick)), look["rim colour"])
    streak = soft_edge(gap - 1.5, soft) * (np.abs(u + v * 0.6 - 33 * np.sign(u) - 5) < 3)
    _blend(view, streak * look["reflection"], np.ones(3, np.float32))


def occluder(picture: np.ndarray, look: Look, x: np.ndarray, y: np.ndarray) -> None:
    """Something in front of part of the face: a bar with a rounded end, from an edge of the picture inwards."""
    px, py, angle, half = look["thing"]
    dx, dy = np.meshgrid(x - px, y - py)
    along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    gap = half - np.hypot(across, along.clip(None, 0))
    pixel = abs(x[1] - x[0])
    down, right = look["shift"][2:].astype(int)
    light = 0.55 + 0.45 * (gap / half).clip(0, 1) ** 0.5
    light += 0.06 * noise_at((across.ravel()).astype(np.intp) + down, along.ravel().astype(np.intp) + right)[1].reshape(
        light.shape
    )
    _blend(picture, soft_edge(gap, 0.7 + pixel), look["thing colour"][:, None, None] * light)
