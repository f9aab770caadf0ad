"""One folder a run, so that curves of different runs never end up in one. Floor 4. Lesson 49_expressions_save_and_resume."""

from __future__ import annotations

import re
from pathlib import Path

from course_utils.runtime import SettingsError


def new_run_folder(root: Path, name: str) -> Path:
    """Make and return the next folder of this name in ``root``: ``name-001``, ``name-002``, … Two programs never get the same.

    Raises SettingsError for a name with other than letters, digits, ``.``, ``_``, ``-``, and where nothing can be written.
    """
    _must_be_plain(name)
    try:
        Path(root).mkdir(parents=True, exist_ok=True)
        number = max((_number(one, name) for one in Path(root).iterdir()), default=0)
        while True:
            number += 1
            folder = Path(root) / f"{name}-{number:03d}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise SettingsError(f"{root}: no folder can be made here ({error.strerror})") from error


def latest_run_folder(root: Path, name: str) -> Path | None:
    """The folder of this name with the highest number, or None."""
    _must_be_plain(name)
    if not Path(root).is_dir():
        return None
    found = [one for one in Path(root).iterdir() if one.is_dir() and _number(one, name)]
    return max(found, key=lambda one: _number(one, name), default=None)


def _number(folder: Path, name: str) -> int:
    rest = folder.name.removeprefix(f"{name}-")
    return int(rest) if rest != folder.name and rest.isascii() and rest.isdecimal() else 0


def _must_be_plain(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise SettingsError(
            f"name of a run {name!r}: expected letters, digits, '.', '_' and '-', a letter or digit first"
        )
