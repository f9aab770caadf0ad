"""Every lesson on every backend: what ``course run lessons`` measured, as ``results/backends.json`` holds it.

A row is one execution of a lesson: ``lesson, backend, seed, code_sha256, status, why, wall_s, cpu_s, imports_cpu_s, peak_gb,
verdicts``. ``status``: ``passed`` (it reached its end and judged every case of its own well) or ``failed`` with ``why``.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from course_utils import cases, runtime
from course_utils.cases import Case
from course_utils.experiments import sources
from course_utils.runtime import BACKENDS, DataError


def path(size: runtime.Size = runtime.REDUCED) -> Path:
    """Where the result lies: ``results/backends.json``; other sizes than the published one carry theirs in the name."""
    return runtime.results_dir() / ("backends.json" if size == runtime.REDUCED else f"backends-{size.name}.json")


def load(file: Path | None = None) -> dict[str, Any] | None:
    """The committed result, judged by the bars of today, or None where there is none. Raises DataError when it cannot be read."""
    file = file or path()
    if not file.exists():
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        found["rows"] = [judged(row) for row in found["rows"]]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{file}: expected JSON with 'rows', found {type(error).__name__}: {error}") from error
    return found


def judged(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its verdicts, ``status`` and ``why`` by the bars that stand in the registry now.

    A verdict keeps what was measured. One whose case or measures are no longer in the registry stays as it was; a lesson that
    raised an error stays failed. One that reached its end has to have judged each of its cases that is made for the backend.
    """
    known = {case.id: case for case in cases.of_lesson(row["lesson"])}
    verdicts = [_judged(v, known[v["id"]]) if v["id"] in known else v for v in row["verdicts"]]
    thin = [v["id"] for v in verdicts if not v.get("passed", True)]
    made = {case.id for case in known.values() if row["backend"] in case.backends}
    absent = sorted(made - {v["id"] for v in verdicts})
    faults = [f"less than {cases.MARGIN} times clear of a bar: {', '.join(thin)}"] if thin else []
    faults += [f"never judged: {', '.join(absent)}"] if absent else []
    error = row["why"] if "cpu_s" not in row else None
    why = error or "; ".join(faults) or None
    return {**row, "status": "failed" if why else "passed", "why": why, "verdicts": verdicts}


def _judged(verdict: dict[str, Any], case: Case) -> dict[str, Any]:
    numbers = {run: {found["measure"]: found[run] for found in verdict["evidence"]} for run in ("broken", "fixed")}
    same = set(numbers["broken"]) == {bar.measure for bar in case.bars}
    if same and None not in (
        *numbers["broken"].values(),
        *numbers["fixed"].values(),
    ):  # JSON has no NaN and no infinity
        verdict = {**verdict, **json.loads(runtime.to_json(cases.check(case, **numbers).record()))}
    return {**verdict, "passed": cases.passes(case, verdict)}


def code_hash(lesson: str) -> str:
    """SHA-256 of what a lesson's rows were measured with: its code cells, and the code of the course that they import.

    Comments, docstrings and layout do not count, nor do bars: kept rows are judged by those of today (:func:`judged`).
    """
    file = runtime.lessons_dir() / f"{lesson}.ipynb"
    return _code_hash(file, file.stat().st_mtime_ns)


@functools.lru_cache(maxsize=128)
def _code_hash(file: Path, changed: int) -> str:
    """Read once as long as the lesson's file stays: a page asks for every case and seed."""
    notebook = nbformat.read(file, as_version=4)
    lines = [line for cell in notebook.cells if cell.cell_type == "code" for line in cell.source.splitlines()]
    magics = [line for line in lines if line.lstrip().startswith(("%", "!"))]
    code = "\n".join(line for line in lines if line not in magics)
    digest = hashlib.sha256("\n".join([*magics, sources.code_of(code)]).encode())
    for name, path in sources.imported(code).items():
        digest.update(f"{name}\n{sources.code_of_file(path)}".encode())
    return digest.hexdigest()


def is_stale(row: dict[str, Any]) -> bool:
    """Whether the lesson's code has changed since the row was measured, or the lesson is gone."""
    try:
        return row["code_sha256"] != code_hash(row["lesson"])
    except FileNotFoundError:
        return True


@dataclass(frozen=True)
class Kept:
    """How a case did on one backend.

    passed, run: seeds. worst: the smallest margin over the seeds, None for an exact one. stale: whether the lesson has
    changed since. made: whether the case is made for the backend at all.
    """

    passed: int
    run: int
    worst: float | None
    stale: bool
    made: bool


def kept(case: Case, backend: str, rows: Iterable[dict[str, Any]]) -> Kept:
    """What the rows say of a case on a backend: a seed passes when its verdict does, statistical ones 1.5 times clear of each bar."""
    mine = [row for row in rows if row["lesson"] == case.lesson and row["backend"] == backend]
    verdicts = [next((v for v in row["verdicts"] if v["id"] == case.id), None) for row in mine]
    found = [v for v in verdicts if v is not None]
    margins = [v["margin"] for v in found if v["margin"] is not None]
    return Kept(
        passed=sum(cases.passes(case, v) for v in found),
        run=len(mine) if backend in case.backends else 0,
        worst=min(margins) if margins else None,
        stale=any(is_stale(row) for row in mine),
        made=backend in case.backends,
    )


def lesson_table(result: dict[str, Any]) -> str:
    """Markdown table lesson × backend: seeds passed of those run, and CPU-seconds after imports (median)."""
    lines = ["| lesson | " + " | ".join(BACKENDS) + " |", "|---" * (len(BACKENDS) + 1) + "|"]
    for lesson in dict.fromkeys(row["lesson"] for row in sorted(result["rows"], key=lambda row: row["lesson"])):
        cells = []
        for backend in BACKENDS:
            mine = [row for row in result["rows"] if (row["lesson"], row["backend"]) == (lesson, backend)]
            good = [row for row in mine if row["status"] == "passed"]
            if not mine:
                cells.append("not yet run")
                continue
            spent = sorted(row["cpu_s"] for row in good)
            cost = f", {spent[len(spent) // 2]:.0f} CPU-s" if spent else ""
            stale = ", *stale*" if any(is_stale(row) for row in mine) else ""
            cells.append(f"{len(good)} of {len(mine)}{cost}{stale}")
        lines.append(f"| {lesson} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
