"""Feeding and watching a training run. Floor 4. First met in lesson 00_start_here."""

from course_utils.training.batches import shuffled_batches
from course_utils.training.live import LiveCurve
from course_utils.training.order import orders_dealt_by_fit
from course_utils.training.schedules import Floored

__all__ = ["Floored", "LiveCurve", "orders_dealt_by_fit", "shuffled_batches"]
