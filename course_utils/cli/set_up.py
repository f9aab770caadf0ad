"""What rows were measured with, and on: a file holds rows of one set-up, and rows of another are never dropped unasked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from course_utils.runtime import SettingsError


def goes_on(path: Path, rows: int, there: Mapping[str, object], here: Mapping[str, object], *, resume: bool) -> bool:
    """Whether the rows of a file were made with this run's set-up; False, and said so, where they are to be dropped.

    there, here: name → value, such as ``{"keras": "3.15.1", "size": "reduced"}``; what only one side knows differs too.
    Raises SettingsError, saying what differs, where the set-up is another and nobody asked for a new file (``resume``).
    """
    differ = [
        f"{name} {there.get(name, 'unknown')} there, {here.get(name, 'unknown')} here"
        for name in dict.fromkeys((*there, *here))
        if there.get(name) != here.get(name)
    ]
    if not differ:
        return True
    found = f"{path}: its {rows} rows were made with another set-up ({'; '.join(differ)})"
    if resume:
        raise SettingsError(f"{found}; name another file with --out, or drop these rows with --afresh")
    print(f"{found}; they are dropped")
    return False
