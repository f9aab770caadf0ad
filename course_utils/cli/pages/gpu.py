"""What a machine with a GPU measured in its minutes: the table of ``results/gpu.json``, which ``course run gpu-suite`` writes."""

from __future__ import annotations

from collections import Counter
from typing import Any

from course_utils import runtime
from course_utils.cli import gpu_suite

COMMAND = "KERAS_BACKEND=jax course run gpu-suite --minutes 25 --size full"


def table() -> str:
    """Markdown: lessons and rows of experiments on a GPU, what each took, and what was not run and why."""
    result = gpu_suite.load(gpu_suite.default_path(runtime.FULL))
    if result is None:
        return f"Not yet measured: `gpu.json` is not there; `{COMMAND}` makes it."
    measured = [row for row in result["rows"] if row["status"] != "not run"]
    lines = ["| item | seeds passed | worst margin | seconds (median) |", "|---|---|---|---|"]
    for name in dict.fromkeys((row["kind"], row["name"], row["row"]) for row in measured):
        lines.append(_line(name, [row for row in measured if (row["kind"], row["name"], row["row"]) == name]))
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    made = f"{result['device']}, Keras on {result['backend']}; {versions}; `{result['command']}`."
    return "\n".join([*lines, "", *_not_run(result["rows"]), made])


def _line(name: tuple[str, str, str], rows: list[dict[str, Any]]) -> str:
    kind, item, row = name
    label = f"[{item}](../notebooks/{item}.ipynb)" if kind == "lesson" else f"`{item}`: {row}"
    good = [row for row in rows if row["status"] == "passed"]
    margins = [v["margin"] for row in rows for v in row.get("verdicts", ()) if v["margin"] is not None]
    worst = f"{min(margins):.2g}×" if margins else "–"
    stale = ", *stale*" if any(map(gpu_suite.is_stale, rows)) else ""
    seconds = sorted(row["seconds"] for row in rows)[len(rows) // 2]
    return f"| {label} | {len(good)} of {len(rows)}{stale} | {worst} | {seconds:.0f} |"


def _not_run(rows: list[dict[str, Any]]) -> list[str]:
    """How many items were not run, and why; the failed ones by name."""
    reasons = Counter(row["why"] for row in rows if row["status"] == "not run")
    lines = [f"- not run, {count}: {why}" for why, count in reasons.most_common()]
    lines += [
        f"- **failed**, {gpu_suite.Item(row['kind'], row['name'], row['row'], row['seed'])}: {row['why']}"
        for row in rows
        if row["status"] == "failed"
    ]
    return [*lines, ""] if lines else []
