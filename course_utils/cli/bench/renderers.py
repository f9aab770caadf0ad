"""Frames a second of the renderers, beside another way to the very same frames."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from course_utils.cli.bench.timing import Row, must_agree, rows, take_turns
from course_utils.rendering import face, hand

ABOUT = "frames a second of each renderer, beside another way to the same frames"
FRAMES, ROUNDS = 64, 5
#: What is rendered → (the call that renders, frames a second it should reach on 2 cores).
RENDERING: dict[str, tuple[Callable[..., Any], float]] = {
    "hands, 60×80": (partial(hand.render, every=4), 500),
    "hands, 240×320": (partial(hand.render, every=1), 60),
    "faces, 48×48, grey": (partial(face.render, side=48, colour=False), 250),
    "faces, 128×128": (partial(face.render, side=128), 200),
}
STORED = "the same frames kept as PNG files, read by Pillow"
THINNED = "the 240×320 frames drawn, each fourth pixel kept"


def measure() -> list[Row]:
    """One row a renderer: frames a second, and how many times as fast it is as reading the frames, or as drawing larger ones."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (what, (render, goal)) in enumerate(RENDERING.items()):
            draw = partial(_pictures, render)
            if what == "hands, 60×80":
                other, way, alike = THINNED, lambda: hand.render(FRAMES, seed=0)[0][:, ::4, ::4], "the same hands"
            else:
                other, way = STORED, partial(_read, _stored(Path(folder) / str(number), draw()))
                alike = "stored without loss; drawing needs no files, reading needs no renderer"
            ways = {what: draw, other: way}
            must_agree(what, {name: one() for name, one in ways.items()}, what)
            seconds = take_turns(ways, rounds=ROUNDS)
            why = f"both end in the same {FRAMES} frames, pixel by pixel (checked): {alike}"
            found += rows(
                seconds,
                other,
                why_fair=why,
                per_second=FRAMES,
                unit="frames/s",
                goals={what: goal},
                goal_on="value",
            )
    return found


def growing(folder: Path) -> list[tuple[str, Callable[[int], Callable[[], Any]], int, str]]:
    """What ``scaling`` doubles: name, number of frames → call, the first number, its unit."""
    del folder
    first = {"hands, 60×80": 64, "hands, 240×320": 8}  # small hands are drawn in blocks of 64
    return [
        (f"renderer: {what}", lambda n, render=render: partial(render, n, seed=0), first.get(what, 4), "frames")
        for what, (render, _) in RENDERING.items()
    ]


def _pictures(render: Callable[..., Any]) -> np.ndarray:
    return render(FRAMES, seed=0)[0]


def _stored(folder: Path, pictures: np.ndarray) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{i}.png" for i in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(path)
    return paths


def _read(paths: list[Path]) -> np.ndarray:
    pictures = np.stack([np.asarray(Image.open(path)) for path in paths])
    if pictures.dtype != np.uint8:
        return pictures.astype(np.uint16)
    return pictures if pictures.ndim == 4 else pictures[..., None]
