"""Named long runs whose measured results are committed as JSON and read by lessons. Floor 5.

An experiment is a module of this package with

``TITLE``              one line
``SOURCES``            what else makes its results *stale* when it changes: ``module`` or ``module:function``
``rows(size)``         names of its rows, in order of value
``measure(row, run)``  one row for one seed: a flat dict of plain numbers

``course run NAME`` runs it; each finished row is saved at once, so a killed run goes on where it stopped.
First met in lesson 11_digits_frozen_filters.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from course_utils import runtime
from course_utils.runtime import DataError, Run, SettingsError, nearest

NAMES = ("digits",)


def get(name: str) -> ModuleType:
    """The module of one experiment. Raises SettingsError for an unknown name, suggesting the nearest."""
    if name not in NAMES:
        raise SettingsError(nearest(name, NAMES, "experiment"))
    return importlib.import_module(f"course_utils.experiments.{name}")


def result_path(name: str, size: runtime.Size = runtime.FULL) -> Path:
    """Where the result of an experiment lies: ``results/NAME.json``; other sizes than full carry theirs in the name."""
    return runtime.results_dir() / (f"{name}.json" if size == runtime.FULL else f"{name}-{size.name}.json")


def load_result(name: str) -> dict[str, Any]:
    """The committed full-size result of an experiment, with ``stale`` set when its source has changed since.

    Raises DataError when there is no result or it cannot be read.
    """
    path = result_path(name)
    if not path.exists():
        raise DataError(f"{path}: no such result; make it with 'course run {name} --size full'")
    result = _read(path)
    result["stale"] = result["source_sha256"] != source_hash(name)
    return result


def values(result: dict[str, Any], row: str, value: str) -> list[float]:
    """One measured value of one row, a number per seed, in the order of the seeds. Raises KeyError when not measured."""
    found = [r["measured"][value] for r in result["rows"] if r["row"] == row]
    if not found:
        raise KeyError(f"row {row!r} is not in the result of {result['experiment']!r}")
    return found


def run(
    name: str,
    *,
    seeds: Iterable[int],
    only: Iterable[str] = (),
    out: Path | None = None,
    progress: Callable[[str], None] = print,
) -> Path:
    """Run an experiment for each seed and write its JSON; rows already in the file from the same source are kept.

    The size, backend and device are the run's own (:func:`runtime.start`). Returns the path of the JSON.
    Raises SettingsError for an unknown experiment or row.
    """
    module, seeds = get(name), list(seeds)
    base = runtime.start(quiet=True)
    rows = list(module.rows(base.size))
    for row in only:
        if row not in rows:
            raise SettingsError(nearest(row, rows, f"row of {name}"))
    path = out or result_path(name, base.size)
    result = _fresh(name, base)
    if path.exists():
        old = _read(path)
        same = all(old.get(key) == result[key] for key in ("source_sha256", "size", "backend", "versions", "device"))
        result["rows"] = old["rows"] if same else []
        progress(
            f"{path.name}: " + (f"{len(old['rows'])} finished rows kept" if same else "another set-up; starting afresh")
        )
    done = {(r["row"], r["seed"]) for r in result["rows"]}
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
            result["command"] = (
                f"course run {name} --size {base.size.name} --seeds {len(result['seeds'])} --seed-base {min(result['seeds'])}"
            )
            runtime.write_text_atomically(path, runtime.to_json(result))
            progress(f"{row} · seed {seed} · {time.time() - began:.0f} s")
    return path


def _fresh(name: str, base: Run) -> dict[str, Any]:
    return {
        "experiment": name,
        "title": get(name).TITLE,
        "command": "",
        "size": asdict(base.size),
        "backend": base.backend,
        "device": base.device,
        "versions": dict(base.versions),
        "seeds": [],
        "source_sha256": source_hash(name),
        "rows": [],
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(found, dict) or not isinstance(found.get("rows"), list):
        raise DataError(f"{path}: expected a result with 'rows', found {type(found).__name__}")
    return found


def source_hash(name: str) -> str:
    """SHA-256 of the code that an experiment runs, comments, docstrings and layout left out."""
    digest = hashlib.sha256()
    for source in (f"course_utils.experiments.{name}", *get(name).SOURCES):
        module, _, function = source.partition(":")
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise SettingsError(f"experiment {name!r} names a source that does not exist: {module}")
        digest.update(_code_of(Path(spec.origin).read_text(encoding="utf-8"), function).encode())
    return digest.hexdigest()


def _code_of(text: str, function: str = "") -> str:
    tree = ast.parse(text)
    if function:
        tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function]
        if not tree.body:
            raise SettingsError(f"an experiment names a source that does not exist: function {function!r}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return repr(_essence(tree))


def _essence(node: object) -> object:
    """A syntax tree as nested lists that come out the same on every Python version (``ast.dump`` and ``unparse`` do not)."""
    if isinstance(node, ast.AST):
        filled = [_essence(value) for _, value in ast.iter_fields(node) if value is not None and value != []]
        return [type(node).__name__, *filled]
    if isinstance(node, list):
        return [_essence(item) for item in node]
    return repr(node)
