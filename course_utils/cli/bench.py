"""``course bench``: what each lesson costs, and how fast the renderers, the patch samplers and the readers of FER2013 are."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import typer

from course_utils import datasets, runtime
from course_utils.cli import lessons
from course_utils.rendering import face, hand
from course_utils.runtime import SettingsError

CPU_LIMIT_S, MEMORY_LIMIT_GB = 60.0, 2.5
#: What is rendered → (the call that renders, frames a second it should reach on 2 cores).
RENDERING = {
    "hands, 60×80": (partial(hand.render, every=4), 500),
    "hands, 240×320": (partial(hand.render, every=1), 60),
    "faces, 48×48, grey": (partial(face.render, side=48, colour=False), 250),
    "faces, 128×128": (partial(face.render, side=128), 200),
}


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
    run = runtime.start(quiet=True)
    # Before the lessons, which take minutes: a damaged file of data costs nothing that was measured.
    samplers = [] if names else _samplers()
    loaders = [] if names else _loaders()
    rows = []
    for name in wanted:
        ended = lessons.execute(name, {})
        spent = {key: round(value, 2) for key, value in ended.cost.items()} if ended.cost else {"error": ended.error}
        rows.append({"lesson": name, **spent})
        if not as_json:
            print(_line(rows[-1]), flush=True)
    rendering = [] if names else [_rate(what, *how) for what, how in RENDERING.items()]
    failed = [row["lesson"] for row in rows if "error" in row]
    result = {
        "what": "one execution of each lesson in a fresh kernel",
        "command": f"course bench --save, COURSE_SIZE={size.name}",
        **run.record(),
        "rows": rows,
        **({"rendering": rendering} if rendering else {}),
        **({"samplers": samplers} if samplers else {}),
        **({"loaders": loaders} if loaders else {}),
    }
    if as_json:
        print(runtime.to_json(result), end="")
    else:
        for row in rendering:
            below = "" if row["frames_per_s"] >= row["goal"] else ", NOT REACHED"
            print(f"{row['what']:28} {row['frames_per_s']:7.0f} frames/s (goal: {row['goal']}{below})")
        for table, ratio in ((samplers, "times_faster_than_two_axes"), (loaders, "times_faster_than_documented")):
            for row in table:
                reached = row[ratio] >= row.get("goal", 0)
                goal = f" (goal: {row['goal']:g}{'' if reached else ', NOT REACHED'})" if "goal" in row else ""
                print(f"{row['what']:68} {row['ms']:7.1f} ms  {row[ratio]:6.2f}×{goal}")
        if size == runtime.REDUCED:
            _print_budget(rows)
    if failed:
        raise typer.Exit(1)
    if save:
        runtime.write_text_atomically(_path(size), runtime.to_json(result))


def _rate(what: str, render: Callable[..., object], goal: int, seconds: float = 2.0) -> dict:
    """Frames a second of a renderer, over at least ``seconds`` after one block to warm up."""
    render(64, seed=0)
    began, blocks = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        blocks += 1
        render(64, seed=blocks)
    return {"what": what, "frames_per_s": round(64 * blocks / (time.perf_counter() - began), 1), "goal": goal}


def _samplers() -> list[dict]:
    from course_utils.cli import bench_samplers  # loads the backend

    return bench_samplers.measure()


def _loaders() -> list[dict]:
    from course_utils.cli import bench_loaders

    return bench_loaders.measure()


def _print_budget(rows: list[dict]) -> None:
    over = [
        r["lesson"] for r in rows if "error" not in r and (r["cpu_s"] > CPU_LIMIT_S or r["peak_gb"] > MEMORY_LIMIT_GB)
    ]
    print(
        f"budget: {CPU_LIMIT_S:g} CPU-seconds after imports, {MEMORY_LIMIT_GB} GB; over it: {', '.join(over) or 'none'}"
    )


def _path(size: runtime.Size) -> Path:
    return runtime.results_dir() / ("bench.json" if size == runtime.REDUCED else f"bench-{size.name}.json")


def _line(row: dict) -> str:
    if "error" in row:
        return f"{row['lesson']:28} did not reach its end: {row['error']}"
    return (
        f"{row['lesson']:28} {row['wall_s']:7.1f} s  {row['cpu_s']:7.1f} CPU-s  (imports {row['imports_cpu_s']:.1f})  "
        f"{row['peak_gb']:.2f} GB"
    )
