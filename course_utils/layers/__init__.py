"""Layers that Keras lacks, on every backend. Floor 1. First met in lesson 31_faces_mdm.

``patches``  square windows of an image round given points, and the central crop
"""

from course_utils.layers.patches import Patches, crop_centre, sample_patches

__all__ = ["Patches", "crop_centre", "sample_patches"]
