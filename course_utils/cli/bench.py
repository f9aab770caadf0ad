"""``course bench``: what each lesson costs."""

from __future__ import annotations

from pathlib import Path

import typer

from course_utils import datasets, runtime
from course_utils.cli import lessons
from course_utils.runtime import SettingsError

CPU_LIMIT_S, MEMORY_LIMIT_GB = 60.0, 2.5


def bench(
    names: list[str] = typer.Argument(None, metavar="[LESSON]…", help="Numbers or names; default: all lessons."),
    as_json: bool = typer.Option(False, "--json", help="Print as JSON."),
    save: bool = typer.Option(False, "--save", help="Write results/bench.json as well."),
) -> None:
    """Measure seconds, CPU-seconds and peak memory of lessons at the current size, each in a fresh kernel."""
    if names and save:
        raise SettingsError("--save writes the table of all lessons; leave out the names")
    wanted = [lessons.find(name) for name in names or lessons.names()]
    size = runtime.size()
    runtime.seed()
    lessons.require_data(size, {name.split("_")[1] for name in wanted} & set(datasets.NAMES))
    rows = []
    for name in wanted:
        ended = lessons.execute(name, {})
        spent = {key: round(value, 2) for key, value in ended.cost.items()} if ended.cost else {"error": ended.error}
        rows.append({"lesson": name, **spent})
        if not as_json:
            print(_line(rows[-1]), flush=True)
    failed = [row["lesson"] for row in rows if "error" in row]
    run = runtime.start(quiet=True)
    result = {
        "what": "one execution of each lesson in a fresh kernel",
        "command": f"course bench --save, COURSE_SIZE={size.name}",
        **run.record(),
        "rows": rows,
    }
    if as_json:
        print(runtime.to_json(result), end="")
    elif size == runtime.REDUCED:
        done = [row for row in rows if "error" not in row]
        over = [r["lesson"] for r in done if r["cpu_s"] > CPU_LIMIT_S or r["peak_gb"] > MEMORY_LIMIT_GB]
        print(
            f"budget: {CPU_LIMIT_S:g} CPU-seconds after imports, {MEMORY_LIMIT_GB} GB; over it: {', '.join(over) or 'none'}"
        )
    if failed:
        raise typer.Exit(1)
    if save:
        runtime.write_text_atomically(_path(size), runtime.to_json(result))


def _path(size: runtime.Size) -> Path:
    return runtime.results_dir() / ("bench.json" if size == runtime.REDUCED else f"bench-{size.name}.json")


def _line(row: dict) -> str:
    if "error" in row:
        return f"{row['lesson']:28} did not reach its end: {row['error']}"
    return (
        f"{row['lesson']:28} {row['wall_s']:7.1f} s  {row['cpu_s']:7.1f} CPU-s  (imports {row['imports_cpu_s']:.1f})  "
        f"{row['peak_gb']:.2f} GB"
    )
