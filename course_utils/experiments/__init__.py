"""Named long runs whose measured results are committed as JSON and read by lessons. Floor 5.

An experiment is a module of this package with

``TITLE``              one line
``SOURCES``            what else makes its results *stale* when it changes: ``module`` or ``module:function``
``rows(size)``         names of its rows, in order of value
``measure(row, run)``  one row for one seed: a flat dict of plain numbers
``SIZE``               optional: the size of its committed result, where that is not ``full``
``RESULT``             optional: results of every size are committed, as ``RESULT_SIZE.json``

``course run NAME`` runs it; each finished row is saved at once, so a killed run goes on where it stopped.
First met in lesson 11_digits_frozen_filters.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from course_utils import runtime
from course_utils.experiments.sources import code_of
from course_utils.runtime import DataError, Run, SettingsError, nearest

NAMES = (
    "facts",
    "digits",
    "hands",
    "faces_data",
    "faces_plateau",
    "faces",
    "expressions_bn",
    "ladder",
    "expressions_augmentation",
    "expressions_evaluation",
    "expressions_beyond",
)


#: What rows of one file were measured with, besides its size and source.
SET_UP = ("backend", "versions", "device")


def must_know(name: str) -> None:
    """Raise SettingsError for an unknown experiment, suggesting the nearest; loads nothing."""
    if name not in NAMES:
        raise SettingsError(nearest(name, NAMES, "experiment"))


def get(name: str) -> ModuleType:
    """The module of one experiment (loads Keras). Raises SettingsError for an unknown name, suggesting the nearest."""
    must_know(name)
    return importlib.import_module(f"course_utils.experiments.{name}")


def committed_size(name: str) -> runtime.Size:
    """The size of an experiment's committed result: its ``SIZE``, or ``full``."""
    return getattr(get(name), "SIZE", runtime.FULL)


def result_path(name: str, size: runtime.Size | None = None) -> Path:
    """Where the result of an experiment lies: ``results/NAME.json``; other sizes than the committed one carry theirs in the name.

    An experiment with a ``RESULT`` commits one file a size, each with the size in its name.
    """
    committed = committed_size(name)
    stem = getattr(get(name), "RESULT", None)
    if stem:
        return runtime.results_dir() / f"{stem}_{(size or committed).name}.json"
    return runtime.results_dir() / (f"{name}.json" if size in (None, committed) else f"{name}-{size.name}.json")


def load_result(name: str, size: runtime.Size | None = None) -> dict[str, Any]:
    """The committed result of an experiment, with ``stale`` set when its source has changed since.

    size: of the result, for an experiment that has several; default its committed size.
    Raises DataError when there is no result or it cannot be read.
    """
    path = result_path(name, size)
    if not path.exists():
        wanted = (size or committed_size(name)).name
        raise DataError(f"{path}: no such result; make it with 'course run {name} --size {wanted}'")
    result = read(path)
    if "source_sha256" not in result:
        raise DataError(f"{path}: found no 'source_sha256', expected the hash of the experiment's source")
    result["stale"] = result["source_sha256"] != source_hash(name)
    if any("set_up" in row for row in result["rows"]):
        result["device"] = _devices(result)
    return result


def _devices(result: dict[str, Any]) -> str:
    """The device in words, and of rows that were added from another set-up (:func:`add_rows`) how many, and on what."""
    added = Counter(
        f"{made['device']}, {made['backend']} {made['versions'].get(made['backend'], '')}".rstrip()
        for made in (row["set_up"] for row in result["rows"] if "set_up" in row)
    )
    return "; ".join([result["device"], *(f"{n} of {len(result['rows'])} rows on {what}" for what, n in added.items())])


def values(result: dict[str, Any], row: str, value: str) -> list[float]:
    """One measured value of one row, a number per seed, in the order of the seeds. Raises KeyError when not measured."""
    found = [r["measured"][value] for r in sorted(result["rows"], key=lambda r: r["seed"]) if r["row"] == row]
    if not found:
        raise KeyError(f"row {row!r} is not in the result of {result['experiment']!r}")
    return found


def curve(measured: dict[str, float], value: str) -> tuple[np.ndarray, np.ndarray]:
    """What was measured on the way, ``VALUE_STEP`` in one row's numbers: steps, rising, and values, both ``(M,)``.

    Raises KeyError when there is none of it.
    """
    named = {key.removeprefix(f"{value}_"): number for key, number in measured.items() if key.startswith(f"{value}_")}
    steps = sorted(int(step) for step in named if step.isdigit())
    if not steps:
        raise KeyError(f"found no {value}_STEP among {len(measured)} numbers")
    return np.array(steps), np.array([named[str(step)] for step in steps])


def ranges(result: dict[str, Any], row: str, value: str, form: str = "{:.3g}") -> str:
    """One measured value over the seeds as ``smallest – largest``, inf for what was not finite; ``–`` where the row was not measured for it."""
    try:
        numbers = [math.inf if number is None else number for number in values(result, row, value)]
    except KeyError:
        return "–"
    low, high = form.format(min(numbers)), form.format(max(numbers))
    return low if low == high else f"{low} – {high}"


def run(
    name: str,
    *,
    seeds: Iterable[int],
    only: Iterable[str] = (),
    out: Path | None = None,
    resume: bool = True,
    progress: Callable[[str], None] = print,
) -> Path:
    """Run an experiment for each seed and write its JSON; rows already measured from the same source are kept.

    resume: False measures the rows asked for anew; others of the same set-up stay.
    Each finished row is saved at once, in ``NAME.partial.json`` beside the result; the result itself is replaced when
    all rows are there. The size, backend and device are the run's own (:func:`runtime.start`). Returns the path of the
    JSON. Raises SettingsError for an unknown experiment or row, or a folder that cannot be written.
    """
    must_know(name)
    base = runtime.start(quiet=True)  # before the experiment's module loads the backend
    module, seeds, only = get(name), list(seeds), list(only)
    rows = list(module.rows(base.size))
    for row in only:
        if row not in rows:
            raise SettingsError(nearest(row, rows, f"row of {name}"))
    path = out or result_path(name, base.size)
    result = _fresh(name, base)
    partial = path.with_suffix(".partial.json")
    asked = {(row, seed) for row in only or rows for seed in seeds}
    ours = False  # whether the partial file holds rows of this set-up
    for place in (partial, path):
        if place.exists():
            old = read(place)
            if all(old.get(key) == result[key] for key in ("source_sha256", "size", "backend", "versions", "device")):
                result["rows"] = [r for r in old["rows"] if resume or (r["row"], r["seed"]) not in asked]
                progress(f"{place.name}: {len(result['rows'])} finished rows kept")
                ours = place == partial
                break
            progress(f"{place.name}: made with another set-up; not continued")
    done = {(r["row"], r["seed"]) for r in result["rows"]}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written ({error.strerror})") from error
    for seed in seeds:
        for row in only or rows:
            if (row, seed) in done:
                continue
            began = time.time()
            import keras

            keras.utils.set_random_seed(seed)
            measured = module.measure(row, replace(base, seed=seed))
            keras.utils.clear_session()
            result["rows"].append(
                {"row": row, "seed": seed, "measured": measured, "seconds": round(time.time() - began, 1)}
            )
            result["seeds"] = sorted({r["seed"] for r in result["rows"]})
            result["command"] = _commands(name, base.size, result["rows"], rows)
            runtime.write_text_atomically(partial, runtime.to_json(result))
            ours = True
            progress(f"{row} · seed {seed} · {time.time() - began:.0f} s")
    if ours:
        partial.replace(path)
    return path


def add_rows(
    name: str,
    size: runtime.Size,
    rows: list[dict[str, Any]],
    made: Mapping[str, Any],
    *,
    folder: Path | None = None,
    replace_own: bool = True,
) -> str:
    """Put rows that today's code measured elsewhere into an experiment's result, where pages and claims read them.

    rows: ``row, seed, measured, seconds``. made: backend, versions and device that they were measured with. Where the file
    was made with others, a row carries its own as ``set_up``: nothing that is there is dropped. folder: default ``results/``.
    replace_own: whether a row that is there from the same set-up is replaced. Returns why rows were left out, or "".
    Raises DataError for a file that cannot be read.
    """
    path = (folder or runtime.results_dir()) / result_path(name, size).name
    own, source = {key: made[key] for key in SET_UP}, source_hash(name)
    partial = path.with_suffix(".partial.json")
    left = []
    for place in [path, partial] if partial.exists() else [path]:
        fresh = {**_head(name, size), **own, "seeds": [], "source_sha256": source, "rows": []}
        result = read(place) if place.exists() else fresh
        if result.get("source_sha256") != source:
            left.append(f"{place.name} was made with other code")
            continue
        left += _add(rows, own, result, replace_own)
        result["seeds"] = sorted({row["seed"] for row in result["rows"]})
        result["command"] = _commands(name, size, result["rows"], list(get(name).rows(size)))
        runtime.write_text_atomically(place, runtime.to_json(result))
    return "; ".join(dict.fromkeys(left))


def _add(rows: list[dict[str, Any]], own: dict[str, Any], result: dict[str, Any], replace_own: bool) -> list[str]:
    """Add rows to a result; gives a line for each that is there from another set-up, and stays."""
    theirs = {key: result.get(key) for key in SET_UP}
    there = {(row["row"], row["seed"]): row for row in result["rows"]}
    left = []
    for row in rows:
        old = there.get((row["row"], row["seed"]))
        if old is not None and old.get("set_up", theirs) != own:
            left.append(f"{row['row']}, seed {row['seed']} is there from {old.get('set_up', theirs)['device']}")
        elif old is None or replace_own:
            there[row["row"], row["seed"]] = dict(row) if own == theirs else {**row, "set_up": own}
    result["rows"] = list(there.values())
    return left


def _commands(name: str, size: runtime.Size, done: list[dict], rows: list[str]) -> str:
    """The commands that would make these rows: one a stretch of seeds for which the same rows were run, on each backend."""
    by_backend: dict[str, list[dict]] = {}
    for row in done:
        backend = f"KERAS_BACKEND={row['set_up']['backend']} " if "set_up" in row else ""
        by_backend.setdefault(backend, []).append(row)
    return " && ".join(
        backend + command for backend, some in by_backend.items() for command in _calls(name, size, some, rows)
    )


def _calls(name: str, size: runtime.Size, done: list[dict], rows: list[str]) -> list[str]:
    by_seed: dict[int, set[str]] = {}
    for r in done:
        by_seed.setdefault(r["seed"], set()).add(r["row"])
    stretches: list[list[int]] = []
    for seed in sorted(by_seed):
        if stretches and stretches[-1][-1] == seed - 1 and by_seed[seed - 1] == by_seed[seed]:
            stretches[-1].append(seed)
        else:
            stretches.append([seed])
    commands = []
    for seeds in stretches:
        some = [row for row in rows if row in by_seed[seeds[0]]]
        joined = "; ".join(some)  # in double quotes, which every shell knows: a name may hold an apostrophe
        only = "" if some == rows else f' --rows "{joined}"'
        commands.append(f"course run {name} --size {size.name} --seeds {len(seeds)} --seed-base {seeds[0]}{only}")
    return commands


def _head(name: str, size: runtime.Size) -> dict[str, Any]:
    return {"experiment": name, "title": get(name).TITLE, "command": "", "size": asdict(size)}


def _fresh(name: str, base: Run) -> dict[str, Any]:
    return {
        **_head(name, base.size),
        "backend": base.backend,
        "device": base.device,
        "versions": dict(base.versions),
        "seeds": [],
        "source_sha256": source_hash(name),
        "rows": [],
    }


def read(path: Path) -> dict[str, Any]:
    """A file of results: an object with a list of ``rows``. Raises DataError, naming the file, for anything else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(found, dict) or not isinstance(found.get("rows"), list):
        raise DataError(f"{path}: expected an object with a list 'rows', found none")
    return found


def source_hash(name: str) -> str:
    """SHA-256 of the code that an experiment runs, comments, docstrings and layout left out."""
    digest = hashlib.sha256()
    for source in (f"course_utils.experiments.{name}", *get(name).SOURCES):
        module, _, function = source.partition(":")
        try:
            spec = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            spec = None
        if spec is None or spec.origin is None:
            raise SettingsError(f"experiment {name!r} names a source that does not exist: {module}")
        digest.update(code_of(Path(spec.origin).read_text(encoding="utf-8"), function).encode())
    return digest.hexdigest()
