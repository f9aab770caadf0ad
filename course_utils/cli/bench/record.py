"""``results/bench.json``: the lessons at the top, every other group under ``groups``, each with the run that measured it."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from course_utils import runtime
from course_utils.cli.bench.timing import Row
from course_utils.runtime import CourseError

LESSONS = "lessons"


def path(size: runtime.Size) -> Path:
    """``bench.json``, or ``bench-`` and the size."""
    return runtime.results_dir() / ("bench.json" if size == runtime.REDUCED else f"bench-{size.name}.json")


def load(size: runtime.Size = runtime.REDUCED) -> dict[str, Any]:
    """What was saved; empty where nothing was. Raises CourseError for a file that is no JSON."""
    try:
        return json.loads(path(size).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise CourseError(f"{path(size)}: no JSON ({error}); move it away to measure anew") from error


def lessons(run: runtime.Run, rows: list[dict[str, Any]], command: str) -> dict[str, Any]:
    """The record of all lessons."""
    return {"what": "one execution of each lesson in a fresh kernel", **_made(run, command), "rows": rows}


def group(run: runtime.Run, about: str, rows: list[Row], command: str) -> dict[str, Any]:
    """The record of one other group."""
    return {"what": about, **_made(run, command), "rows": [row.record() for row in rows]}


def _made(run: runtime.Run, command: str) -> dict[str, Any]:
    when = datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes")
    return {"command": f"COURSE_SIZE={run.size.name} {command}", "when": when, **run.record()}


def merged(before: dict[str, Any], measured: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """``before`` with the groups that were measured in place of its own; all others stay as they are, record included."""
    groups = before.get("groups", {}) | {name: one for name, one in measured.items() if name != LESSONS}
    top = measured.get(LESSONS) or {key: value for key, value in before.items() if key != "groups"}
    return {**top, **({"groups": groups} if groups else {})}


def save(size: runtime.Size, measured: dict[str, dict[str, Any]]) -> Path:
    """Write the groups that were measured into the file of this size, the others as they are there."""
    place, found = path(size), merged(load(size), measured)
    if "rows" not in found:  # no lessons yet: the file is one of results all the same
        first = next(iter(found["groups"].values()))
        found = {**first, "what": "groups of the benchmark, without lessons", "rows": [], **found}
    runtime.write_text_atomically(place, runtime.to_json(found))
    return place
