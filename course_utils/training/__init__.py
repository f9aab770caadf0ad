"""Feeding, watching, saving and resuming a training run. Floor 4. First met in lesson 00_start_here."""

from course_utils.training.batches import shuffled_batches
from course_utils.training.folders import latest_run_folder, new_run_folder
from course_utils.training.live import LiveCurve
from course_utils.training.order import orders_dealt_by_fit
from course_utils.training.resume import ExactBackup, fingerprint
from course_utils.training.saved import load_model, load_weights, save_weights, structure
from course_utils.training.schedules import Floored

__all__ = [
    "ExactBackup",
    "Floored",
    "LiveCurve",
    "fingerprint",
    "latest_run_folder",
    "load_model",
    "load_weights",
    "new_run_folder",
    "orders_dealt_by_fit",
    "save_weights",
    "shuffled_batches",
    "structure",
]
