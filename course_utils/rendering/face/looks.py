"""What a face looks like apart from its shape: colours, hair, light, surroundings, glasses. Lesson 30_faces_landmarks.

A look is one dictionary: name → float32 number or array. Colours are red, green and blue from 0 to 1 as in a good
light; places and lengths are in mm, or, behind the face, in widths of the picture.
"""

from __future__ import annotations

import numpy as np

Look = dict[str, np.ndarray]

#: Skin from light to dark; hair: black, browns, blonds, red, grey, white; irises: brown to blue, grey.
SKINS = np.array(
    [(0.94, 0.80, 0.72), (0.88, 0.70, 0.60), (0.80, 0.60, 0.48), (0.68, 0.48, 0.36), (0.52, 0.35, 0.26), (0.36, 0.24, 0.18)]
)  # fmt: skip
HAIRS = np.array(
    [(0.06, 0.05, 0.05), (0.14, 0.09, 0.07), (0.27, 0.17, 0.11), (0.42, 0.28, 0.17),
     (0.68, 0.52, 0.32), (0.47, 0.20, 0.10), (0.62, 0.62, 0.62), (0.84, 0.83, 0.81)]
)  # fmt: skip
IRISES = np.array([(0.20, 0.12, 0.07), (0.30, 0.19, 0.10), (0.36, 0.34, 0.18), (0.32, 0.42, 0.50), (0.42, 0.46, 0.46)])
#: How often each goes with light skin; dark skin has black, brown or grey hair and brown eyes.
_HAIR_SHARES = (0.12, 0.2, 0.2, 0.16, 0.12, 0.05, 0.1, 0.05)
_IRIS_SHARES = (0.34, 0.26, 0.12, 0.16, 0.12)

#: Share of faces with glasses, of these with dark ones, and with something in front of the face.
GLASSES, DARK, OCCLUDED = 0.12, 0.2, 0.06


def random_look(rng: np.random.Generator, extras: float = 1.0) -> Look:
    """The look of one person in one light and place. extras: factor on the shares of glasses and of things in front."""
    person = _person(rng)
    look = person | _light(rng) | _surroundings(rng) | _glasses(rng, extras) | _thing(rng, extras, person["skin"])
    look["shift"] = rng.integers(512, size=4)  # where each random field is read
    return {name: np.asarray(value, np.float32) for name, value in look.items()}


def expressed_look(control: np.ndarray, amounts: dict[str, float]) -> Look:
    """What is painted according to shape and expression: how far lids and lips are open, the creases that acts make.

    control: ``(K, 3)``, the control points of the face; amounts: action unit → strength.
    """
    lids = np.mean([control[low, 1] - control[high, 1] for high, low in ((37, 41), (38, 40), (43, 47), (44, 46))])
    lips = np.mean(control[65:68, 1] - control[61:64, 1])
    raised, wrinkled = amounts["inner brow raiser"], amounts["nose wrinkler"]
    look = {
        "eye opening": max(lids, 0.0) / 8.35,  # 1: as wide as in the neutral face
        "gap": max(lips, 0.0),
        "fold made": 0.5 * amounts["lip corner puller"] + 0.45 * wrinkled + 0.25 * amounts["upper lip raiser"],
        "frown": 1.3 * amounts["brow lowerer"] + 0.3 * wrinkled,
        "forehead lines made": 0.3 * raised * (amounts["outer brow raiser"] + 0.4),
        "bag made": 0.5 * amounts["cheek raiser"],
    }
    return {name: np.asarray(value, np.float32) for name, value in look.items()}


def _person(rng: np.random.Generator) -> Look:
    tone = rng.beta(1.0, 1.4) * (len(SKINS) - 1.001)
    skin = SKINS[int(tone)] + (tone % 1) * (SKINS[int(tone) + 1] - SKINS[int(tone)])
    skin = skin * rng.normal(1, [0.03, 0.03, 0.04])
    light = rng.random() < np.clip(1.2 - tone / 2.2, 0.03, 1)
    hair = HAIRS[rng.choice(8, p=_HAIR_SHARES)] if light else HAIRS[rng.choice([0, 0, 1, 1, 6])]
    hair = hair * rng.normal(1, 0.1)
    iris = IRISES[rng.choice(5, p=_IRIS_SHARES) if light else rng.choice(2)] * rng.normal(1, 0.1)
    man, age = rng.random() < 0.5, rng.random()
    makeup = 0.0 if man else rng.random()
    lips = skin * np.array([0.86, 0.56, 0.56]) * (1 - makeup * np.array([0.05, 0.45, 0.4]))
    return {
        "skin": skin,
        "blotches": rng.uniform(0.005, 0.03),
        "pores": rng.uniform(0.004, 0.022),
        "blush": rng.uniform(0.1, 0.55) + 0.3 * makeup,
        "shade": rng.uniform(0.55, 0.95),
        "shine": rng.uniform(0.02, 0.3),
        "fold": rng.uniform(0.05, 0.3) + 0.5 * age**2,
        "bag": rng.uniform(0.05, 0.3) + 0.5 * age**2,
        "forehead lines": 0.35 * max(age - 0.55, 0),
        "lip colour": lips,
        "lip strength": rng.uniform(0.5, 0.85) + 0.1 * makeup,
        "lip shine": rng.uniform(0.05, 0.5),
        "teeth": rng.uniform(6.5, 9),
        "lower teeth": rng.uniform(0, 3.5),
        "iris": iris,
        "gaze": rng.normal(0, [1.6, 0.7]),
        "lash": rng.uniform(0.75, 1.05) + 0.25 * makeup,
        "lash strength": rng.uniform(0.6, 0.85) + 0.15 * makeup,
        **_hair(rng, hair, man, age),
    }


def _hair(rng: np.random.Generator, colour: np.ndarray, man: bool, age: float) -> Look:
    bald = man and rng.random() < 0.13
    long_hair = rng.random() < (0.07 if man else 0.85) and not bald
    beard = rng.choice([0, 0.18, 0.45, 0.9], p=[0.52, 0.2, 0.14, 0.14]) if man else 0.0
    moustache = beard * rng.uniform(0.6, 1) if beard else 0.85 * (man and rng.random() < 0.08)
    brows = 0.75 * colour if colour.mean() < 0.5 else 0.45 * colour
    return {
        "hair colour": colour,
        "hair": 0.0 if bald else 1.0,
        "hair shine": rng.uniform(0.05, 0.35),
        "hair thickness": 0.0 if bald else rng.uniform(3, 14) + 6 * long_hair,
        "long hair": rng.uniform(60, 230) * long_hair,  # down to so many mm below the middle of the head
        "hairline": rng.normal(-64, 5) - 10 * man * age**2,
        "widow": rng.uniform(-2, 6),
        "receding": man * age * rng.uniform(0, 22),
        "sideburn": rng.uniform(-6, 16),
        "beard": beard * rng.uniform(0.7, 1),
        "moustache": moustache,
        "brow colour": brows * rng.uniform(0.7, 1.0),
        "brow thickness": rng.uniform(2.0, 3.6) + 0.9 * man,
        "brow density": rng.uniform(0.5, 0.95),
    }


def _light(rng: np.random.Generator) -> Look:
    return {
        "lamp": np.array([rng.normal(0, 0.6), -rng.normal(0.45, 0.35), rng.uniform(0.6, 1.0)]),  # towards it
        "ambient": rng.uniform(0.35, 0.75),
        "glint": rng.normal(0, 1.8),
        "glint strength": rng.uniform(0.3, 1),
        "exposure": rng.normal(1.0, 0.13),
        "contrast": rng.normal(1.0, 0.12),
        "cast": 1 + rng.normal(0, 0.05) * np.array([1, 0, -1.2]),
        "blur": rng.uniform(0.0, 0.9),
        "grain": rng.uniform(0.003, 0.018),
    }


def _surroundings(rng: np.random.Generator) -> Look:
    first = rng.uniform(0.05, 0.95) * rng.normal(1, rng.choice([0.03, 0.08, 0.2]), 3)
    count = rng.integers(0, 7)
    shapes = np.stack(  # centre, half width and height, angle, how much brighter
        [*rng.uniform(-0.5, 0.5, (2, count)), *rng.uniform(0.03, 0.5, (2, count)), rng.normal(0, 0.6, count), rng.normal(0, 0.13, count)],
        axis=-1,
    )  # fmt: skip
    return {
        "backdrop": np.stack([first, first * rng.uniform(0.5, 1.5) * rng.normal(1, 0.1, 3)]),
        "ramp": rng.normal(0, 0.7, 2),
        "backdrop zoom": rng.choice([0.25, 0.5, 1, 2]),
        "clutter": rng.choice([0.01, 0.05, 0.12]),
        "clutter tint": rng.normal(1, 0.3, 3),
        "shapes": shapes,
        "neck": rng.normal(45, 4),
        "collar": rng.uniform(-6, 22),
        "collar open": rng.random(),
        "cloth": rng.uniform(0.04, 0.9) * rng.normal(1, 0.18, 3),
        "cloth pattern": rng.choice([0, 0, 0.12]),
        "cloth stripe": rng.uniform(0.2, 0.9),
    }


def _glasses(rng: np.random.Generator, extras: float) -> Look:
    dark = rng.random() < DARK
    return {
        "glasses": rng.random() < GLASSES * extras,
        "rim": np.array([rng.uniform(21, 25.5), rng.uniform(13, 20), rng.uniform(2, 4.5), rng.uniform(1.2, 4.5)]),
        "rim colour": rng.choice([0.05, 0.12, 0.45]) * rng.normal(1, 0.2, 3),
        "lens": np.full(3, 0.06 if dark else 0.8),
        "tint": 0.85 if dark else 0.06,
        "reflection": rng.uniform(0, 0.5) * (rng.random() < 0.4),
    }


def _thing(rng: np.random.Generator, extras: float, skin: np.ndarray) -> Look:
    """Something in front of the face: from below mostly (a hand, a microphone), or from above or a side."""
    side = rng.choice(4, p=[0.12, 0.55, 0.165, 0.165])
    ends = np.array(
        [(0, -70), (rng.normal(0, 22), rng.uniform(52, 95)), (-rng.uniform(30, 55), 20), (rng.uniform(30, 55), 20)]
    )
    angle = np.array([-np.pi / 2, np.pi / 2, np.pi, 0])[side] + rng.normal(0, 0.3)
    return {
        "occluded": rng.random() < OCCLUDED * extras,
        "thing": np.array([*ends[side], angle, rng.uniform(10, 26)]),
        "thing colour": skin if rng.random() < 0.4 else rng.uniform(0.05, 0.9) * rng.normal(1, 0.2, 3),
    }
