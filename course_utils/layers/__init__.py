"""Layers that Keras lacks, on every backend. Floor 1. First met in lesson 31_faces_mdm.

``patches``        square windows of an image round given points, and the central crop
``normalization``  local response normalisation (lesson 42_expressions_convnet)
"""

from course_utils.layers.normalization import LocalResponseNormalization
from course_utils.layers.patches import Patches, crop_centre, sample_patches

__all__ = ["LocalResponseNormalization", "Patches", "crop_centre", "sample_patches"]
