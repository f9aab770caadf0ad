"""The 68 points of 300-W: their groups, their mirror image, and the seven expressions. Lesson 30_faces_landmarks."""

from __future__ import annotations

#: The 68 points of 300-W by group: name → (first, one past the last, closed line or open). "right" is the person's.
GROUPS = {
    "jaw": (0, 17, False),
    "right brow": (17, 22, False),
    "left brow": (22, 27, False),
    "nose bridge": (27, 31, False),
    "nostrils": (31, 36, False),
    "right eye": (36, 42, True),
    "left eye": (42, 48, True),
    "outer lips": (48, 60, True),
    "inner lips": (60, 68, True),
}
#: Row i of a mirrored face is row MIRROR[i] of the face before: the permutation that a horizontal flip needs.
MIRROR = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46),
    *(39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)
#: The seven classes of FER2013, in its order.
EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
