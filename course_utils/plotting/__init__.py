"""Figures of the course: Matplotlib only, ``ax=None`` in, ``Axes`` out, one colour-blind-safe style. Floor 3.

Nothing here trains or touches a file. First met in lesson 10_digits_convnet.
"""

from course_utils.plotting.faces import (
    cumulative_error_curves,
    descent,
    face_sheet,
    landmarks,
    patch_sheet,
    shape_modes,
    start_shapes,
)
from course_utils.plotting.gradients import gradient_history
from course_utils.plotting.grids import outcome_grid
from course_utils.plotting.hands import depth_image, joint_bars, skeleton, success_curves
from course_utils.plotting.images import image_row, kernel_grid, stretch
from course_utils.plotting.judgement import confusion_matrix, reliability_diagram
from course_utils.plotting.ladder import ladder
from course_utils.plotting.lines import curve, intervals, layer_bars
from course_utils.plotting.networks import layer_chain
from course_utils.plotting.style import BAD, COLOURS, GOOD, NEUTRAL, axes, pair, use_style

__all__ = [
    "BAD",
    "COLOURS",
    "GOOD",
    "NEUTRAL",
    "axes",
    "confusion_matrix",
    "cumulative_error_curves",
    "curve",
    "depth_image",
    "descent",
    "face_sheet",
    "gradient_history",
    "image_row",
    "intervals",
    "joint_bars",
    "kernel_grid",
    "ladder",
    "landmarks",
    "layer_bars",
    "layer_chain",
    "outcome_grid",
    "pair",
    "patch_sheet",
    "reliability_diagram",
    "shape_modes",
    "skeleton",
    "start_shapes",
    "stretch",
    "success_curves",
    "use_style",
]

use_style()
