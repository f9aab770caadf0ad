"""``course bench``: what each lesson costs."""

from __future__ import annotations

from pathlib import Path

import typer

from course_utils import runtime
from course_utils.cli import lessons
from course_utils.runtime import CourseError

CPU_LIMIT_S, MEMORY_LIMIT_GB = 60.0, 2.5


def bench(
    names: list[str] = typer.Argument(None, metavar="[LESSON]…", help="Numbers or names; default: all lessons."),
    as_json: bool = typer.Option(False, "--json", help="Print as JSON."),
    save: bool = typer.Option(False, "--save", help="Write results/bench.json as well."),
) -> None:
    """Measure seconds, CPU-seconds and peak memory of lessons at the current size, each in a fresh kernel."""
    wanted = [lessons.find(name) for name in names or lessons.names()]
    size = runtime.size()
    rows = []
    for name in wanted:
        ended = lessons.execute(name, {})
        if ended.cost is None:
            raise CourseError(f"{name} did not reach its end: {ended.error}")
        rows.append({"lesson": name, **{key: round(value, 2) for key, value in ended.cost.items()}})
        if not as_json:
            print(_line(rows[-1]), flush=True)
    run = runtime.start(quiet=True)
    result = {
        "what": "one execution of each lesson in a fresh kernel",
        "command": "course bench --save",
        **run.record(),
        "rows": rows,
    }
    if as_json:
        print(runtime.to_json(result), end="")
    elif size == runtime.REDUCED:
        over = [r["lesson"] for r in rows if r["cpu_s"] > CPU_LIMIT_S or r["peak_gb"] > MEMORY_LIMIT_GB]
        print(
            f"budget: {CPU_LIMIT_S:g} CPU-seconds after imports, {MEMORY_LIMIT_GB} GB; over it: {', '.join(over) or 'none'}"
        )
    if save:
        runtime.write_text_atomically(_path(size), runtime.to_json(result))


def _path(size: runtime.Size) -> Path:
    return runtime.results_dir() / ("bench.json" if size == runtime.REDUCED else f"bench-{size.name}.json")


def _line(row: dict) -> str:
    return (
        f"{row['lesson']:28} {row['wall_s']:7.1f} s  {row['cpu_s']:7.1f} CPU-s  (imports {row['imports_cpu_s']:.1f})  "
        f"{row['peak_gb']:.2f} GB"
    )
