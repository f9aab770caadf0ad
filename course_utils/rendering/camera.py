"""A pinhole camera: millimetres in front of the lens to pixels, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion. x points right, y *down*, z away from the camera.

    fx, fy: focal lengths in pixels. cx, cy: the pixel that the optical axis meets. width, height: of its image, in pixels.
    Pixel (0, 0) is the *centre* of the upper left pixel. Lesson 20_hands_depth_images.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def to_pixels(self, points: ArrayLike) -> np.ndarray:
        """Points ``(…, 3)`` as (x, y, z) in mm → ``(…, 3)`` as (u px, v px, depth mm), float64."""
        x, y, z = np.moveaxis(np.asarray(points, np.float64), -1, 0)
        return np.stack([self.fx * x / z + self.cx, self.fy * y / z + self.cy, z], axis=-1)

    def to_mm(self, joints: ArrayLike) -> np.ndarray:
        """Points ``(…, 3)`` as (u px, v px, depth mm) → ``(…, 3)`` as (x, y, z) in mm, float64."""
        u, v, d = np.moveaxis(np.asarray(joints, np.float64), -1, 0)
        return np.stack([(u - self.cx) * d / self.fx, (v - self.cy) * d / self.fy, d], axis=-1)

    def every(self, step: int) -> Camera:
        """The camera of the image that keeps every ``step``-th pixel of this one's, in both directions."""
        return replace(
            self,
            fx=self.fx / step,
            fy=self.fy / step,
            cx=self.cx / step,
            cy=self.cy / step,
            width=-(-self.width // step),
            height=-(-self.height // step),
        )


#: The camera of ICVL (Tang and others, CVPR 2014): 320×240, focal length 241.42 px.
ICVL = Camera(241.42, 241.42, 160.0, 120.0, 320, 240)
#: What the public evaluation code (awesome-hand-pose-estimation) uses for the same images; a joint moves by about 0.1 mm.
ICVL_EVALUATOR = Camera(240.99, 240.96, 160.0, 120.0, 320, 240)
