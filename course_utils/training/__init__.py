"""Feeding and watching a training run. Floor 4. First met in lesson 00_start_here."""

from course_utils.training.batches import shuffled_batches
from course_utils.training.live import LiveCurve

__all__ = ["LiveCurve", "shuffled_batches"]
