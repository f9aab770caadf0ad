"""``course lab``: JupyterLab on a working copy of the lessons that git does not see."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import typer

from course_utils import runtime
from course_utils.cli import lessons
from course_utils.runtime import CourseError

FIRST_LESSON = "00_start_here"
RECORD = ".lessons.json"
GUIDE = Path("assignments") / "README.md"  # lessons link to it
#: nbgrader's menus are for the teacher's own JupyterLab; the question about news wants a network.
STUDENTS_LAB = {
    "labconfig/page_config.json": {
        "disabledExtensions": {"@jupyter/nbgrader": True, "@jupyterlab/apputils-extension:announcements": True}
    },
    "jupyter_server_config.json": {
        "ServerApp": {
            "jpserver_extensions": {
                f"nbgrader.server_extensions.{name}": False
                for name in ("formgrader", "validate_assignment", "assignment_list", "course_list")
            }
        }
    },
}


def lab(
    context: typer.Context,
    reset: str = typer.Option(None, metavar="NN", help="Restore one lesson; your own version is kept beside it."),
    folder: Path = typer.Option(None, help="Where the working copy lies; default: lab/ in the checkout."),
    size: str = typer.Option(None, help="Size of the lessons: reduced or full; default: COURSE_SIZE."),
    no_open: bool = typer.Option(
        False, "--no-open", help="Prepare the working copy and print its folder; start nothing."
    ),
) -> None:
    """Open JupyterLab on lesson 00 in a working copy of the lessons; what is saved there never touches the checkout.

    Further options go to JupyterLab: course lab --port 8899 --no-browser
    """
    folder = (folder or runtime.repo_root() / "lab").resolve()
    if size:
        runtime.choose_size(size)
    try:
        notes = [restore(folder, lessons.find(reset))] if reset else []
        notes += refresh(folder)
    except OSError as error:
        raise CourseError(
            f"{error.filename or folder}: cannot be written ({error.strerror}); choose another with --folder"
        ) from error
    for note in notes:
        print(note)
    if reset and not no_open:
        return
    if no_open:
        print(folder)
        return
    if importlib.util.find_spec("jupyterlab") is None:
        raise CourseError("JupyterLab is not installed here; 'make lab' installs it, or: pip install -e \".[lab]\"")
    first = folder / f"{FIRST_LESSON}.ipynb"
    command = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}", *context.args, str(first)]
    with subprocess.Popen(command, env=_environment(folder / ".home")) as server:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which asks before it stops
        raise SystemExit(server.wait())


def _environment(home: Path) -> dict[str, str]:
    """The kernel's and JupyterLab's environment, with a configuration that leaves out what a student has no use for."""
    for name, content in STUDENTS_LAB.items():
        runtime.write_text_atomically(home / "config" / name, runtime.to_json(content))
    result = runtime.environment(home)
    paths = [str(home / "config"), *filter(None, [result.get("JUPYTER_CONFIG_PATH")])]
    return result | {"JUPYTER_CONFIG_PATH": os.pathsep.join(paths)}


def refresh(folder: Path) -> list[str]:
    """Bring the working copy up to date; a lesson the student changed is left alone. Returns what to tell the student."""
    folder.mkdir(parents=True, exist_ok=True)
    record = _read_record(folder)
    notes = []
    for name in lessons.names():
        original, copy = runtime.lessons_dir() / f"{name}.ipynb", folder / f"{name}.ipynb"
        newest = _content(original)
        if not copy.exists():
            _put(original, copy)
        elif record.get(name) == newest:
            continue
        elif (mine := _content(copy)) == newest:
            pass
        elif mine == record.get(name):
            _put(original, copy)
            notes.append(f"{name}: updated")
        else:
            notes.append(
                f"{name}: a newer version is there; yours is kept. To take the new one: course lab --reset {name[:2]}"
            )
            continue
        record[name] = newest
    runtime.write_text_atomically(folder / RECORD, runtime.to_json(record))
    if (guide := runtime.lessons_dir() / GUIDE).is_file():
        _put(guide, folder / GUIDE)
    return notes


def restore(folder: Path, name: str) -> str:
    """Put a lesson's published version back; a working copy that differs is kept under another name."""
    folder.mkdir(parents=True, exist_ok=True)
    original, copy = runtime.lessons_dir() / f"{name}.ipynb", folder / f"{name}.ipynb"
    note = f"{name}: restored"
    if copy.exists() and _content(copy) != _content(original):
        stem, again = f"{name}.mine-{time.strftime('%Y%m%d-%H%M%S')}", itertools.count(2)
        kept = folder / f"{stem}.ipynb"
        while kept.exists():
            kept = folder / f"{stem}-{next(again)}.ipynb"
        copy.rename(kept)
        note += f"; your version is kept as {kept.name}"
    elif copy.exists() and _has_outputs(copy):
        note += "; its cells were the published ones, so only what your run put out is gone"
    _put(original, copy)
    record = _read_record(folder) | {name: _content(original)}
    runtime.write_text_atomically(folder / RECORD, runtime.to_json(record))
    return note


def _put(original: Path, copy: Path) -> None:
    with runtime.atomically(copy) as temporary:
        shutil.copyfile(original, temporary)


def _content(path: Path) -> str:
    """A hash of what a lesson says: cell types and sources, not outputs or metadata. A broken file has its own."""
    try:
        cells = [(cell.cell_type, cell.source) for cell in nbformat.read(path, as_version=4).cells]
    except OSError:
        raise
    except Exception:  # nbformat raises whatever a misshapen file leads it to
        return "unreadable"
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def _has_outputs(path: Path) -> bool:
    """Whether a lesson that can be read was run and saved."""
    return any(cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells)


def _read_record(folder: Path) -> dict[str, str]:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return record if isinstance(record, dict) else {}
    except (OSError, ValueError):
        return {}
