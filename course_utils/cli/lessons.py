"""Finding lessons by number or name, and executing one in a kernel of its own."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from course_utils import datasets, runtime
from course_utils.runtime import DataError, SettingsError, nearest

COST_CELL = "from pathlib import Path\nfrom course_utils import runtime\nPath({path!r}).write_text(runtime.to_json(runtime.cost()))"


def names() -> list[str]:
    """Names of all lessons, in order: ``00_start_here``, …"""
    return sorted(path.stem for path in runtime.lessons_dir().glob("[0-9][0-9]_*.ipynb"))


def find(text: str) -> str:
    """A lesson's name from its number (``11``) or name. Raises SettingsError, suggesting the nearest."""
    known = names()
    by_number = [name for name in known if name[:2] == text]
    if by_number:
        return by_number[0]
    if text not in known:
        raise SettingsError(nearest(text, known, "lesson"))
    return text


def require_data(size: runtime.Size, parts: Iterable[str]) -> None:
    """Raise now what each lesson of these parts would raise later: no data folder, or no real data in it."""
    runtime.data_root()
    for part in parts if size.data == "real" else ():
        status = datasets.get(part).status()
        if not status.found:
            raise DataError(f"{part}: {status.detail}; {status.how_to_get}")


@dataclass(frozen=True)
class Execution:
    """How the execution of a lesson ended: its verdicts, its cost (None when it did not reach the end), its error."""

    lesson: str
    verdicts: list[dict]
    cost: dict[str, float] | None
    error: str | None


def execute(
    lesson: str,
    environment: Mapping[str, str],
    *,
    timeout: int | None = None,
    deadline: float | None = None,
    prelude: str | None = None,
    working_folder: Path | None = None,
) -> Execution:
    """Execute a copy of a lesson with extra environment variables; the lesson's file is not changed.

    timeout: seconds a cell may take. deadline: on ``time.monotonic()``'s clock, when the lesson is stopped.
    prelude: code to run before the first cell. working_folder: where the kernel runs; default: beside the lesson.
    What the lesson raises is reported, not raised.
    """
    path = runtime.lessons_dir() / f"{lesson}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        verdicts, cost = Path(folder) / "verdicts.jsonl", Path(folder) / "cost.json"
        if prelude:
            notebook.cells.insert(0, nbformat.v4.new_code_cell(prelude))
        notebook.cells.append(nbformat.v4.new_code_cell(COST_CELL.format(path=str(cost))))
        client = NotebookClient(
            notebook,
            timeout=timeout,
            timeout_func=None if deadline is None else lambda cell: max(1, math.ceil(deadline - time.monotonic())),
            kernel_name="python3",
            resources={"metadata": {"path": str(working_folder or path.parent)}},
            extra_arguments=["--IPKernelApp.log_level=ERROR"],  # its start-up advice is not for our readers
        )
        error = None
        try:
            client.execute(env=runtime.environment(Path(folder), COURSE_VERDICTS=str(verdicts), **environment))
        except CellExecutionError as failure:
            error = f"{failure.ename}: {failure.evalue}"
        except (CellTimeoutError, DeadKernelError, NoSuchKernel, RuntimeError, OSError) as failure:
            error = f"{type(failure).__name__}: {(str(failure).strip().splitlines() or [''])[0]}"
        lines = verdicts.read_text(encoding="utf-8").splitlines() if verdicts.exists() else []
        spent = json.loads(cost.read_text(encoding="utf-8")) if cost.exists() else None
    return Execution(lesson, [json.loads(line) for line in lines], spent, error)
