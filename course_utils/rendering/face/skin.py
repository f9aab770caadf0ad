"""What is painted on a face: brows, eyes, lips, teeth, hair, beard, and small shadows that light alone does not make.

All of it lies on the skin, in the coordinates (a, t) of the mesh, which do not change with the face: the outline of the
lips *is* the line through the points 48 to 59 wherever they go. Masks of each feature are computed once; a face then
mixes them with its own colours at the pixels where it is seen. Lesson 30_faces_landmarks.
"""

from __future__ import annotations

import functools

import numpy as np

from course_utils.rendering.face.looks import Look
from course_utils.rendering.face.shape import SLIT, fixed, spots

_STEP = 0.5  # mm between two values of a mask
_WIDEST, _TOP, _BOTTOM = 152.0, -130.0, 150.0
#: Names of the masks, in the order of the last axis of :func:`masks`.
LAYERS = (
    "lips", "mouth", "eye", "crease", "along brow", "across brow", "nostril", "shade",
    "blush", "beard", "moustache", "fold", "bag",
)  # fmt: skip


def _curve(points: np.ndarray, steps: int = 8) -> np.ndarray:
    """Catmull-Rom spline through the points, open, ``(steps · (n − 1) + 1, 2)``; it meets each of them."""
    before, after = 2 * points[0] - points[1], 2 * points[-1] - points[-2]
    p = np.concatenate([[before], points, [after]])
    u = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    line = 0.5 * (2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - a - 3 * c + d) * u**3)
    return np.concatenate([line.transpose(1, 0, 2).reshape(-1, 2), points[-1:]])


def _distance(places: np.ndarray, line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each place to an open line, and where along it (0 to 1) the nearest point is."""
    start, step = line[:-1], np.diff(line, axis=0)
    share = ((places[:, None] - start) * step).sum(-1) / np.maximum((step**2).sum(-1), 1e-9)
    share = share.clip(0, 1)
    gaps = np.linalg.norm(start + share[..., None] * step - places[:, None], axis=-1)
    nearest = gaps.argmin(axis=1)
    rows = np.arange(len(places))
    return gaps[rows, nearest], (nearest + share[rows, nearest]) / len(step)


def _inside(places: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Whether each place is inside a closed ring, by counting crossings."""
    (x0, y0), (x1, y1) = ring.T, np.roll(ring, -1, axis=0).T
    x, y = places[:, :1], places[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        crosses = ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return crosses.sum(axis=1) % 2 == 1


@functools.cache
def masks() -> np.ndarray:
    """Masks of the half of the skin right in the image, ``(rows, columns, len(LAYERS))`` float32; the other mirrors it.

    lips, mouth, eye: distance in mm to the outline, positive inside, −14 wherever it is far. across brow: mm from its
    middle line, upwards positive, 30 where it is far; along brow: 0 at the inner end, 1 at the outer. The others say
    how much there is of something, from 0 on.
    """
    t, a = np.meshgrid(np.arange(_TOP, _BOTTOM, _STEP), np.arange(0, _WIDEST, _STEP), indexing="ij")
    found = np.zeros((*a.shape, len(LAYERS)), np.float32)
    layer = {name: found[..., i] for i, name in enumerate(LAYERS)}
    places = spots()

    def signed(name: str, *lines: np.ndarray, margin: float = 14.0) -> None:
        ring = np.concatenate([line[:-1] for line in lines])
        low, high = ring.min(axis=0) - margin, ring.max(axis=0) + margin
        part = (a >= low[0]) & (a <= high[0]) & (t >= low[1]) & (t <= high[1])
        here = np.stack([a[part], t[part]], axis=-1)
        gap, _ = _distance(here, np.concatenate([ring, ring[:1]]))
        layer[name].fill(-margin)
        layer[name][part] = np.where(_inside(here, ring), gap, -gap)

    def spot(x: float, y: float, across: float, down: float) -> np.ndarray:
        return np.exp(-(((a - x) / across) ** 2 + ((t - y) / down) ** 2) / 2)

    def line(places: np.ndarray, thick: float) -> np.ndarray:
        low, high = places.min(axis=0) - 4 * thick, places.max(axis=0) + 4 * thick
        part = (a >= low[0]) & (a <= high[0]) & (t >= low[1]) & (t <= high[1])
        drawn = np.zeros_like(a)
        gap, along = _distance(np.stack([a[part], t[part]], axis=-1), _curve(places))
        drawn[part] = np.exp(-((gap / thick) ** 2) / 2) * (np.sin(np.pi * along.clip(0.04, 0.96)) ** 0.5)
        return drawn

    signed("lips", _curve(places[48:55]), _curve(places[[*range(54, 60), 48]]))
    signed("mouth", _curve(places[60:65]), _curve(places[[*range(64, 68), 60]]))
    signed("eye", _curve(places[42:46]), _curve(places[[45, 46, 47, 42]]))
    layer["crease"][:] = line(places[42:46] + np.array([(-1, -1.5), (0, -4.0), (0, -4.3), (3, -2.0)]), 0.9)

    brow = _curve(places[22:27])
    here = np.stack([a.ravel(), t.ravel()], axis=-1)
    near = (np.abs(here[:, 0] - 37) < 45) & (np.abs(here[:, 1] + 20) < 22)
    gap, along = _distance(here[near], brow)
    middle = np.interp(here[near][:, 0], brow[:, 0], brow[:, 1])
    across, lengthwise = np.full(len(here), 30.0), np.zeros(len(here))
    across[near], lengthwise[near] = np.where(here[near][:, 1] < middle, gap, -gap), along
    layer["across brow"][:], layer["along brow"][:] = across.reshape(a.shape), lengthwise.reshape(a.shape)

    layer["nostril"][:] = np.maximum(spot(6.2, 46.0, 2.3, 1.2), 0.45 * spot(14.6, 43.5, 1.0, 2.4))
    layer["shade"][:] = (
        0.75 * spot(19, -3, 7, 7) + 0.45 * spot(34, -10, 13, 4) + 0.35 * spot(34, 7, 13, 3.5)  # eye socket
        + 0.35 * spot(13, 30, 3.5, 12) + 0.30 * spot(17, 41, 2.2, 6) + 0.2 * spot(0, 53.5, 9, 2.5)  # beside and under the nose
        + 0.55 * spot(0, 87.5, 13, 3.2) + 0.35 * spot(28, 70, 3, 4) + 0.2 * spot(0, 59, 2.2, 5)  # round the mouth
    )  # fmt: skip
    below_jaw = _distance(here, places[8:17])[0].reshape(a.shape) * np.sign(
        t - np.interp(a, places[8:17, 0], places[8:17, 1])
    )
    layer["shade"] += 0.9 * np.clip((below_jaw + 1) / 14, 0, 1) * (t > 60)
    layer["blush"][:] = spot(42, 30, 16, 13) + 0.7 * spot(0, 40, 9, 8) + 0.3 * spot(0, 104, 14, 9)
    cheek = np.interp(a, [0, 22, 34, 50, 80, 105, 120], [87, 84, 80, 66, 48, 20, 20])
    layer["beard"][:] = np.clip((t - cheek) / 10, 0, 1) * np.clip((112 - a) / 8, 0, 1)
    layer["beard"][:] = np.maximum(layer["beard"], spot(0, 89, 7, 5)) * (layer["lips"] < 1)
    layer["moustache"][:] = np.clip((t - 53 - 0.08 * a) / 4, 0, 1) * np.clip((68 - t + 0.42 * a) / 4, 0, 1)
    layer["moustache"] *= np.clip((33 - a) / 6, 0, 1) * (t < 84) * np.clip(1 - (layer["lips"] + 0.5) / 1.5, 0, 1)
    layer["fold"][:] = line(np.array([(17.0, 42.0), (25, 50), (32, 60), (35, 72), (34, 80)]), 2.6)
    layer["bag"][:] = line(np.array([(20.0, 8.0), (28, 12.5), (37, 12.5), (45, 7)]), 1.9)
    return fixed(found)


@functools.cache
def noise() -> np.ndarray:
    """Random fields that tile, ``(512, 512, 4)`` float32, mean 0, deviation 1: cloudy, blotchy, fine, hairy."""
    rng = np.random.default_rng(68)
    fields = []
    frequency = np.fft.fftfreq(512) * 512
    fast, slow = np.meshgrid(frequency, frequency)
    radius = np.hypot(fast, slow)
    for weight in (
        1 / (1 + radius**1.6),
        np.exp(-((radius / 40) ** 2)) / (1 + radius**0.5),
        np.exp(-((radius / 200) ** 2)),
        np.exp(-((slow / 16) ** 2) - (fast / 190) ** 2),
    ):
        field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(512, 512))) * weight).real
        fields.append((field - field.mean()) / field.std())
    return fixed(np.stack(fields, axis=-1).astype(np.float32))


def noise_at(down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The four fields of :func:`noise` at places ``(P,)``, which wrap round: ``(4, P)``."""
    places = (down & 511) * 512 + (right & 511)
    return np.ascontiguousarray(noise().reshape(-1, 4).take(places, axis=0).T)


@functools.cache
def _fields() -> np.ndarray:
    return fixed(np.ascontiguousarray(np.moveaxis(noise(), -1, 0)))


def noise_grid(field: int, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """One field of :func:`noise` at each crossing of rows and columns, which wrap round: ``(rows, columns)``."""
    return _fields()[field].take(rows & 511, axis=0).take(columns & 511, axis=1)


#: How much of red, green and blue each takes away: blood under the skin, small shadows, lines.
_TINTS = np.array([(0.05, 0.32, 0.28), (0.75, 0.9, 1.0), (0.8, 1.0, 1.0)], np.float32)


def soft_edge(value: np.ndarray, width: float) -> np.ndarray:
    """0 below −width, 1 above width, straight between."""
    return (value * np.float32(0.5 / width) + np.float32(0.5)).clip(0, 1)


def paint(look: Look, a: np.ndarray, t: np.ndarray, pixel: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour at places (a, t) on the skin before light falls on it, ``(3, P)``, and what the light has to know.

    look: as of ``looks``. a, t: ``(P,)`` in mm; pixel: mm to a pixel. Also returns how much each place shines,
    ``(P,)``, and how much of it is inside the mouth, ``(P,)`` from 0 to 1: teeth and tongue do not turn as skin does.
    """
    size = np.abs(a)
    height, width, _ = masks().shape
    rows = ((t - _TOP) / _STEP + 0.5).astype(np.intp).clip(0, height - 1)
    columns = (size / _STEP + 0.5).astype(np.intp).clip(0, width - 1)
    found = masks().reshape(-1, len(LAYERS)).take(rows * width + columns, axis=0)
    layer = dict(zip(LAYERS, np.ascontiguousarray(found.T), strict=True))
    right, down = look["shift"][:2].astype(int)
    cloudy, blotchy, fine, strands = noise_at((t * 1.6).astype(np.intp) + down, (a * 1.6).astype(np.intp) + right)
    soft = np.float32(max(0.5, 0.6 * pixel))

    grown = 1 + np.float32(0.04) * cloudy + look["blotches"] * blotchy + look["pores"] * fine
    red = look["blush"] * layer["blush"]
    dark = (layer["shade"] * look["shade"]).clip(0, 0.85)
    lines = (
        (look["fold"] + look["fold made"]) * layer["fold"]
        + (look["bag"] + look["bag made"]) * layer["bag"]
        + np.float32(0.45) * layer["crease"]
    )
    brows = np.flatnonzero((t > -60) & (t < 2) & (size < 80))
    x, y = size[brows], t[brows]
    lines[brows] += (
        (look["forehead lines"] + look["forehead lines made"])
        * np.cos((y + 44 + 0.002 * x * x) * 0.75).clip(0, 1) ** 3
        * np.exp(-(((y + 46) / 11) ** 4) - (x / 36) ** 4)
    )
    lines[brows] += look["frown"] * np.exp(-(((x - 5.5) / 1.3) ** 2)) * np.exp(-(((y + 17) / 7) ** 2))
    lines = (0.5 * lines).clip(0, 0.7)
    albedo = np.stack(
        [
            tone * grown * (1 - redder * red) * (1 - darker * dark) * (1 - deeper * lines)
            for tone, redder, darker, deeper in zip(look["skin"], *_TINTS, strict=True)
        ]
    )
    shine = np.full(len(a), look["shine"], np.float32)

    def cover(share: np.ndarray, colour: np.ndarray, gloss: float = 0.0) -> None:
        part = np.flatnonzero(share > 0.004)
        some = share[part]
        for channel in range(3):
            wanted = colour[channel][part] if np.ndim(colour) == 2 else colour[channel]
            albedo[channel][part] += some * (wanted - albedo[channel][part])
        shine[part] += some * (gloss - shine[part])

    # Beard and moustache, brows.
    if look["beard"] or look["moustache"]:
        hairs = (0.75 + 0.25 * strands + 0.15 * fine).clip(0, 1.3)
        cover((look["beard"] * layer["beard"] * hairs).clip(0, 0.95), look["hair colour"] * 0.9)
        cover((look["moustache"] * layer["moustache"] * hairs).clip(0, 0.95), look["hair colour"] * 0.85)
    along = layer["along brow"][brows]
    half = look["brow thickness"] * (0.75 + 0.9 * along - 1.35 * (along.clip(0.25, 1) - 0.25) ** 1.3)
    ends = (along * 30).clip(0, 1) * ((1 - along) * 12).clip(0, 1)
    brow = soft_edge(half - np.abs(layer["across brow"][brows] + 0.9 * half), soft + 0.5) * ends
    share = np.zeros_like(size)
    share[brows] = (brow * look["brow density"] * (0.85 + 0.2 * strands[brows])).clip(0, 0.97)
    cover(share, look["brow colour"])

    inside = _lips(look, a, t, layer, soft, fine, cover)
    _eyes(look, a, t, layer, soft, cover)
    cover((layer["nostril"] * 1.05).clip(0, 0.85), look["skin"] * 0.2)
    _hair(look, a, t, size, soft, strands, cloudy, fine, cover)
    return albedo, shine, inside


def _lips(look, a, t, layer, soft, fine, cover) -> np.ndarray:
    lips = soft_edge(layer["lips"], soft + 0.3)
    cover(
        lips * look["lip strength"],
        look["lip colour"][:, None] * (1 + np.float32(0.05) * fine),
        gloss=look["lip shine"],
    )
    # Between the lips: how far below the upper lip in mm, whatever the gap has been drawn out to.
    part = np.flatnonzero(layer["mouth"] > -1.5)
    gap, across = look["gap"], a[part]
    down = (t[part] - SLIT[0]).clip(0, SLIT[1] - SLIT[0]) / (SLIT[1] - SLIT[0]) * gap
    inside = np.zeros_like(layer["mouth"])
    inside[part] = soft_edge(layer["mouth"][part], 0.35) if gap > 0.8 else 0
    dark = np.empty((3, len(a)), np.float32)
    dark[:] = np.array([[0.13], [0.035], [0.035]], np.float32)
    tongue = np.exp(-((across / 12) ** 2)) * soft_edge(down - max(0.62 * gap, gap - 7), 1.5)
    dark[:, part] += tongue * np.array([[0.42], [0.12], [0.12]], np.float32)
    edge = look["teeth"] - 0.012 * across**2
    upper = soft_edge(np.minimum(edge - down, 19 - np.abs(across)), 0.5) * (
        0.9 - 0.12 * np.abs(np.sin(across * 0.42)) ** 12
    )
    lower = soft_edge(np.minimum(down - (gap - look["lower teeth"]), 15 - np.abs(across)), 0.5) * 0.75
    teeth = np.maximum(upper, lower) * (1 - (np.abs(across) / 26).clip(0, 1) ** 2)
    dark[:, part] += teeth.clip(0, 1) * (np.array([[0.84], [0.80], [0.72]], np.float32) - dark[:, part])
    cover(inside, dark, gloss=0.15)
    seam = np.zeros_like(layer["mouth"])
    seam[part] = np.exp(-((layer["mouth"][part] / 1.0) ** 2)) * np.exp(-((across / 21) ** 4))
    cover(seam * 0.75, look["lip colour"] * 0.3)
    return inside


def _eyes(look, a, t, layer, soft, cover) -> None:
    part = np.flatnonzero(layer["eye"] > -4)
    if not len(part):
        return
    side, eye = np.sign(a[part]), layer["eye"][part]
    opened = look["eye opening"]
    full = np.zeros_like(layer["eye"])
    # Heights in space, not on the skin: lids that close cover the iris instead of squeezing it.
    down = 3.9 - (3.9 - t[part]) * opened + 0.1
    across = a[part] - side * 32.6 - look["gaze"][0]
    radius = np.hypot(across, down + 0.4 - look["gaze"][1])
    shade = (
        1.02
        - 0.26 * np.exp(-(((t[part] + 4.6) * opened / 1.9) ** 2))
        - 0.16 * (np.abs(a[part] - side * 32.6) / 13) ** 2
    )
    ball = np.array([[0.90], [0.87], [0.84]], np.float32) * shade
    iris, pupil = soft_edge(5.9 - radius, soft * 0.8), soft_edge(2.3 - radius, soft * 0.8)
    ring = 0.72 + 0.28 * np.cos((radius - 3.6) * 0.95)
    ball += iris * (look["iris"][:, None] * ring * (shade + 0.1) - ball)
    ball += pupil * (0.03 - ball)
    ball += (
        np.exp(-(((across - look["glint"]) / 1.1) ** 2 + ((down + 2.6) / 1.1) ** 2))
        * look["glint strength"]
        * (1 - ball)
    )
    white = np.zeros((3, len(a)), np.float32)
    white[:, part] = ball
    full[part] = soft_edge(eye, 0.45) * np.clip((opened - 0.12) * 8, 0, 1)
    cover(full, white, gloss=0.25)
    lid = np.zeros_like(full)
    upper = np.where(t[part] < 0.6, 1.0, 0.42 if opened > 0.2 else 1.0)
    lid[part] = np.exp(-(((eye + 0.35) / look["lash"]) ** 2)) * upper * look["lash strength"]
    cover(lid.clip(0, 0.9), np.array([0.10, 0.07, 0.06], np.float32))


def _hair(look, a, t, size, soft, strands, cloudy, fine, cover) -> None:
    if not look["hair"]:
        return
    share = np.zeros_like(size)
    part = np.flatnonzero((t < -35) | (size > 55))
    share[part] = soft_edge(hairline(look, size[part], t[part]) + 1.1 * strands[part], soft + 3.0)
    tone = (1 + 0.28 * strands + 0.10 * cloudy + 0.06 * fine).clip(0.05, 2)
    cover(share, look["hair colour"][:, None] * tone, gloss=look["hair shine"])


def _interp(value: np.ndarray, places: list[float], heights: list[float]) -> np.ndarray:
    return np.interp(value, places, heights).astype(np.float32)


def hairline(look: Look, size: np.ndarray, t: np.ndarray) -> np.ndarray:
    """How many mm inside the hair a place is (outside: negative). size: |a|."""
    front = (
        look["hairline"]
        + look["widow"] * np.exp(-((size / 14) ** 2))
        - look["receding"] * np.exp(-(((size - 34) / 14) ** 2))
    )
    edge = _interp(size, [0, 40, 62, 76, 86, 96, 108, 122, 150], [0, 1, 12, 30, 46, 52, 48, 60, 66])
    burn = look["sideburn"] * np.exp(-(((size - 97) / 9) ** 2))
    return front + edge + burn + np.float32(40) * ((size - 112) / 12).clip(0, 1) - t
