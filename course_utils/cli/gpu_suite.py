"""``course run gpu-suite``: what a machine with a GPU should measure first, for as many minutes as it is there.

Long rows of experiments and lessons at full size, in order of value; each finished item is a saved row, and what was not run
is told with the reason. It needs one backend (JAX will do), no TensorFlow.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils import cases, runtime
from course_utils.cli import lessons, matrix
from course_utils.runtime import SettingsError

#: Rows of the ladder whose documented figure nothing shorter can judge, in the order of the write-up's own steps.
LADDER = (
    "plain", "BN", "more dropout", "+ flip", "+ rotation", "L2 ×100, then ×10, then ×2.5",
    "disgust ×10, less dropout, L2 ×10", "LRN", "dropout", "BN and dropout", "BN on FC too", "L2 ×100",
    "BN with biases", "BN without γ",
)  # fmt: skip
#: Rows that every verdict on the ladder leans on: first, before any lesson.
FIRST = 7
SEEDS = 5
#: How an error begins where data, a package or minutes were missing: the item was not run, nothing failed.
LACKING = ("DataError:", "ModuleNotFoundError:", "CellTimeoutError:")
#: Exit code of ``course`` for what the user can mend, missing data for one.
MENDABLE = 2
COMMAND = "import sys; from course_utils.cli.app import main; sys.argv[0] = 'course'; main()"


@dataclass(frozen=True)
class Item:
    """One thing to run: a row of an experiment, or a lesson (row ""), with one seed."""

    kind: str
    name: str
    row: str
    seed: int

    def __str__(self) -> str:
        return f"{self.name}{': ' if self.row else ''}{self.row}, seed {self.seed}"


def items(size: runtime.Size) -> list[Item]:
    """All items, most valuable first: the ladder's chief rows, every statistical case once, the other rows, further seeds, the rest."""
    from course_utils.experiments import ladder

    known = ladder.rows(size)
    rows = [row + ladder.LONG if row + ladder.LONG in known else row for row in LADDER]
    long = [Item("experiment", "ladder", row, 0) for row in rows]
    statistical = list(dict.fromkeys(c.lesson for c in cases.all_cases().values() if c.kind == "statistical"))
    others = [name for name in lessons.names() if name not in statistical]
    return [
        *long[:FIRST],
        *(Item("lesson", name, "", 0) for name in statistical),
        *long[FIRST:],
        *(Item("lesson", name, "", seed) for seed in range(1, SEEDS) for name in statistical),
        *(Item("lesson", name, "", 0) for name in others),
        *(Item("experiment", "expressions_evaluation", "random re-split", seed) for seed in (2,)),
        *(Item("experiment", "expressions_beyond", row, 0) for row in ("documented", "beyond")),
    ]


def run(minutes: float, *, out: Path | None = None, resume: bool = True, only: Iterable[str] = ()) -> Path:
    """Run the items until ``minutes`` are over; returns the path of the JSON.

    out: default ``results/gpu.json``. resume: keep finished items of the same set-up. only: items whose name is one of these.
    Raises SettingsError when nothing is asked for.
    """
    deadline = time.monotonic() + 60 * minutes
    base = runtime.start(quiet=True)
    only = set(only)
    wanted = [item for item in items(base.size) if not only or item.name in only or item.name[:2] in only]
    if not wanted:
        raise SettingsError(f"--rows {'; '.join(sorted(only))}: expected ladder, another experiment, or lessons")
    path = out or runtime.results_dir() / "gpu.json"
    set_up = {"size": base.record()["size"], "backend": base.backend, "device": base.device}
    set_up["versions"] = dict(base.versions)
    result = {
        "what": "long rows of experiments and lessons, in order of value, until the minutes were over",
        "command": f"course run gpu-suite --minutes {minutes:g} --size {base.size.name}",
        **set_up,
        "rows": _finished(path, set_up) if resume else [],
    }
    done = {(row["kind"], row["name"], row["row"], row["seed"]) for row in result["rows"]}
    for number, item in enumerate(wanted):
        key = (item.kind, item.name, item.row, item.seed)
        if key in done:
            continue
        if time.monotonic() < deadline:
            print(f"{number + 1} of {len(wanted)}: {item} …", flush=True)
            row = _measure(item, base, deadline)
        else:
            row = {**item.__dict__, "status": "not run", "why": f"the {minutes:g} minutes were over"}
        result["rows"].append(row)
        _save(path, result, wanted)
        if row["status"] != "not run":
            print(line(row), flush=True)
    _save(path, result, wanted)
    counts = {s: sum(row["status"] == s for row in result["rows"]) for s in ("passed", "failed", "not run")}
    print(", ".join(f"{n} {status}" for status, n in counts.items()))
    return path


def _measure(item: Item, base: runtime.Run, deadline: float) -> dict[str, Any]:
    began = time.monotonic()
    measured = _experiment(item, base, deadline) if item.kind == "experiment" else _lesson(item, base, deadline)
    return {**item.__dict__, **measured, "seconds": round(time.monotonic() - began, 1)}


def _lesson(item: Item, base: runtime.Run, deadline: float) -> dict[str, Any]:
    row = matrix.measure((item.name, base.backend, item.seed), base.size, deadline=deadline)
    kept = {key: row[key] for key in ("code_sha256", "cpu_s", "peak_gb", "verdicts") if key in row}
    if row["status"] == "failed":
        return {"status": "not run" if row["why"].startswith(LACKING) else "failed", "why": row["why"], **kept}
    return {"status": "passed", "why": None, **kept}


def _experiment(item: Item, base: runtime.Run, deadline: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "row.json"
        arguments = [item.name, "--rows", item.row, "--seeds", "1", "--seed-base", str(item.seed), "--out", str(out)]
        settings = {"KERAS_BACKEND": base.backend, "COURSE_SIZE": base.size.name}
        try:
            ended = subprocess.run(
                [sys.executable, "-c", COMMAND, "run", *arguments],
                env=runtime.environment(Path(folder), **settings),
                capture_output=True,
                text=True,
                timeout=max(1.0, deadline - time.monotonic()),
            )
        except subprocess.TimeoutExpired:
            return {"status": "not run", "why": "begun, and stopped when the minutes were over"}
        if ended.returncode or not out.exists():
            last = (ended.stderr.strip().splitlines() or ["it ended without a word"])[-1]
            lacking = ended.returncode == MENDABLE or last.startswith(LACKING)
            return {"status": "not run" if lacking else "failed", "why": last.removeprefix("course: ")}
        made = json.loads(out.read_text(encoding="utf-8"))
    return {
        "status": "passed",
        "why": None,
        "source_sha256": made["source_sha256"],
        "measured": made["rows"][0]["measured"],
    }


def _finished(path: Path, set_up: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of an earlier call with the same set-up, but for those not run."""
    if not path.exists():
        return []
    old = json.loads(path.read_text(encoding="utf-8"))
    if any(old.get(key) != value for key, value in set_up.items()):
        print(f"{path.name}: made with another set-up; begun anew")
        return []
    return [row for row in old["rows"] if row["status"] == "passed"]


def _save(path: Path, result: dict[str, Any], wanted: list[Item]) -> None:
    """Write all rows in the order of value; items without a row yet are said to be not run."""
    rows = {(row["kind"], row["name"], row["row"], row["seed"]): row for row in result["rows"]}
    whole = [
        rows.pop((item.kind, item.name, item.row, item.seed), None)
        or {**item.__dict__, "status": "not run", "why": "not reached"}
        for item in wanted
    ]
    runtime.write_text_atomically(path, runtime.to_json({**result, "rows": [*whole, *rows.values()]}))


def line(row: dict[str, Any]) -> str:
    """A row in one line of text."""
    item = Item(row["kind"], row["name"], row["row"], row["seed"])
    return f"[{row['status']}] {item}, {row.get('seconds', 0):.0f} s {row['why'] or ''}"
