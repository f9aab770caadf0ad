"""Feeding and watching a training run. Floor 4. First met in lesson 00_start_here."""

from course_utils.training.batches import shuffled_batches
from course_utils.training.live import LiveCurve
from course_utils.training.order import orders_dealt_by_fit

__all__ = ["LiveCurve", "orders_dealt_by_fit", "shuffled_batches"]
