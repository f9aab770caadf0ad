"""Data sets of the course, real or stand-in: one module each, one ``load()`` each, one return type. Floor 2.

A new set is one module with ``TITLE``, ``load``, ``fetch`` and ``status``, named in ``NAMES``.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from course_utils.datasets.common import Dataset, Split, Status
from course_utils.runtime import SettingsError, nearest

__all__ = ["NAMES", "Dataset", "Split", "Status", "get"]

NAMES = ("digits", "hands", "faces", "expressions")


def get(name: str) -> ModuleType:
    """The module of one data set. Raises SettingsError for an unknown name, suggesting the nearest."""
    if name not in NAMES:
        raise SettingsError(nearest(name, NAMES, "data set"))
    return importlib.import_module(f"course_utils.datasets.{name}")
