"""``course run gpu-suite``: what a machine with a GPU should measure first, for as many minutes as it is there.

Long rows of experiments and lessons at full size, in order of value; each finished item is a saved row of ``results/gpu.json``,
and what was not run is told with the reason. Rows of experiments go into their own results too, where pages and claims read
them. It needs one backend (JAX will do), no TensorFlow.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils import cases, experiments, runtime
from course_utils.cli import lessons, matrix, set_up
from course_utils.experiments import backends
from course_utils.runtime import DataError, SettingsError, nearest

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

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What tells items and rows apart."""
        return self.kind, self.name, self.row, self.seed

    def __str__(self) -> str:
        return f"{self.name}{': ' if self.row else ''}{self.row}, seed {self.seed}"


def items(size: runtime.Size) -> list[Item]:
    """All items, most valuable first: the ladder's chief rows, every statistical case once, the other rows, further seeds, the rest.

    Of rows that a documented claim holds against each other (BN against LRN, γ, biases), a second seed follows the first ones:
    a difference of two networks with one seed each is not judged.
    """
    from course_utils.experiments import ladder, ladder_verdicts

    known = ladder.rows(size)
    named = {row: row + ladder.LONG if row + ladder.LONG in known else row for row in LADDER}
    long = [Item("experiment", "ladder", row, 0) for row in named.values()]
    pairs = [(c.row, c.against[0]) for c in ladder_verdicts.CLAIMS if c.against and c.against[0] != c.row]
    compared = {row for pair in pairs for row in pair}
    statistical = list(dict.fromkeys(c.lesson for c in cases.all_cases().values() if c.kind == "statistical"))
    others = [name for name in lessons.names() if name not in statistical]
    return [
        *long[:FIRST],
        *(Item("lesson", name, "", 0) for name in statistical),
        *long[FIRST:],
        *(Item("experiment", "ladder", row, 1) for short, row in named.items() if short in compared),
        *(Item("lesson", name, "", seed) for seed in range(1, SEEDS) for name in statistical),
        *(Item("lesson", name, "", 0) for name in others),
        *(Item("experiment", "expressions_evaluation", "random re-split", seed) for seed in (2,)),
        *(Item("experiment", "expressions_beyond", row, 0) for row in ("documented", "beyond")),
    ]


def default_path(size: runtime.Size) -> Path:
    """``results/gpu.json``; other sizes than ``full`` carry theirs in the name."""
    return runtime.results_dir() / ("gpu.json" if size == runtime.FULL else f"gpu-{size.name}.json")


def load(path: Path) -> dict[str, Any] | None:
    """What was measured, or None where nothing was. Raises DataError for a file that cannot be read."""
    return experiments.read(path) if path.exists() else None


def run(minutes: float, *, out: Path | None = None, resume: bool = True, only: Iterable[str] = ()) -> Path:
    """Run the items until ``minutes`` are over; returns the path of the JSON.

    out: default :func:`default_path`; results of experiments go into the same folder. resume: keep finished items of the same
    code; False measures those asked for anew, and begins a new file where the set-up is another. only: items whose name, or
    its number, is one of these; rows of others stay as they are.
    Raises SettingsError for a name that no item has, or a file with rows of another set-up; DataError for a damaged file.
    """
    deadline = time.monotonic() + 60 * minutes
    base = runtime.start(quiet=True)
    every = items(base.size)
    wanted = _chosen(every, list(only))
    path = out or default_path(base.size)
    made = {"size": base.record()["size"], "backend": base.backend, "device": base.device}
    made["versions"] = dict(base.versions)
    kept = _kept(path, made, {item.key for item in wanted}, resume)
    result = {
        "what": "long rows of experiments and lessons, in order of value, until the minutes were over",
        "command": _command(minutes, base.size, wanted, kept, list(only)),
        **made,
        "rows": kept,
    }
    for row in kept:
        row |= _add_to_its_result(row, base, path.parent, replace_own=False)
    done = {_key(row) for row in kept}
    for number, item in enumerate(wanted):
        if item.key in done:
            continue
        if time.monotonic() < deadline:
            print(f"{number + 1} of {len(wanted)}: {item} …", flush=True)
            row = _measure(item, base, deadline)
            row |= _add_to_its_result(row, base, path.parent)
        else:
            row = {**item.__dict__, "status": "not run", "why": f"the {minutes:g} minutes were over"}
        result["rows"].append(row)
        _save(path, result, every, wanted)
        if row["status"] != "not run":
            print(line(row), flush=True)
    rows = _save(path, result, every, wanted)
    counts = {s: sum(row["status"] == s for row in rows) for s in ("passed", "failed", "not run")}
    print(", ".join(f"{n} {status}" for status, n in counts.items()))
    return path


def _chosen(every: list[Item], only: list[str]) -> list[Item]:
    """The items that are asked for. Raises SettingsError, suggesting the nearest, for a name that none has."""
    for name in only:
        if not any(name in (item.name, item.name[:2]) for item in every):
            raise SettingsError(nearest(name, dict.fromkeys(item.name for item in every), "item"))
    return [item for item in every if not only or item.name in only or item.name[:2] in only]


def _command(
    minutes: float, size: runtime.Size, wanted: list[Item], kept: list[dict[str, Any]], only: list[str]
) -> str:
    """The command that makes the rows; names are left out where rows of other items are there too."""
    alone = only and {_key(row) for row in kept} <= {item.key for item in wanted}
    named = "; ".join(only)
    return f"course run gpu-suite --minutes {minutes:g} --size {size.name}" + (f' --rows "{named}"' if alone else "")


def _add_to_its_result(
    row: dict[str, Any], base: runtime.Run, folder: Path, *, replace_own: bool = True
) -> dict[str, str | None]:
    """Put a finished row of an experiment into that experiment's own result; gives ``why`` where it has to stay out, else None."""
    if row["kind"] != "experiment" or row["status"] != "passed" or is_stale(row):
        return {}
    plain = {"row": row["row"], "seed": row["seed"], "measured": row["measured"], "seconds": row["seconds"]}
    made = {"backend": base.backend, "versions": dict(base.versions), "device": base.device}
    try:
        left = experiments.add_rows(row["name"], base.size, [plain], made, folder=folder, replace_own=replace_own)
    except DataError as error:  # the minutes go on
        left = str(error)
    return {"why": f"kept here alone: {left}" if left else None}


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
        made = experiments.read(out)
    return {
        "status": "passed",
        "why": None,
        "source_sha256": made["source_sha256"],
        "measured": made["rows"][0]["measured"],
    }


def _key(row: dict[str, Any]) -> tuple[str, str, str, int]:
    return row["kind"], row["name"], row["row"], row["seed"]


def is_stale(row: dict[str, Any]) -> bool:
    """Whether the code behind a measured row has changed since."""
    if row["kind"] == "experiment":
        known = row["name"] in experiments.NAMES
        return not known or row.get("source_sha256") != experiments.source_hash(row["name"])
    return backends.is_stale({"lesson": row["name"], "code_sha256": row.get("code_sha256")})


def _kept(path: Path, made: dict[str, Any], asked: set[tuple], resume: bool) -> list[dict[str, Any]]:
    """What an earlier call measured with the same set-up: of the items asked for what passed with today's code, of others all."""
    old = load(path)
    measured = [row for row in old["rows"] if row["status"] != "not run"] if old else []
    if not measured:
        return []
    there, here = (_flat(some) for some in (old, made))
    if not set_up.goes_on(path, len(measured), there, here, resume=resume):
        return []
    return [
        row
        for row in measured
        if _key(row) not in asked or (resume and row["status"] == "passed" and not is_stale(row))
    ]


def _flat(made: dict[str, Any]) -> dict[str, str | None]:
    """A set-up by name, as :func:`set_up.goes_on` compares it."""
    size = runtime.Size(**made["size"]).name if "size" in made else "unknown"
    return {"size": size, "device": made.get("device"), "backend": made.get("backend"), **made.get("versions", {})}


def _save(path: Path, result: dict[str, Any], every: list[Item], wanted: list[Item]) -> list[dict[str, Any]]:
    """Write all rows in the order of value, and give them; items without a row yet are said to be not run."""
    rows = {_key(row): row for row in result["rows"]}
    whole = [
        rows.pop(item.key, None)
        or {**item.__dict__, "status": "not run", "why": "not reached" if item in wanted else "not asked for"}
        for item in every
    ]
    whole += rows.values()
    runtime.write_text_atomically(path, runtime.to_json({**result, "rows": whole}))
    return whole


def line(row: dict[str, Any]) -> str:
    """A row in one line of text."""
    item = Item(row["kind"], row["name"], row["row"], row["seed"])
    return f"[{row['status']}] {item}, {row.get('seconds', 0):.0f} s {row['why'] or ''}"
