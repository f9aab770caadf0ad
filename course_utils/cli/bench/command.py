"""The command ``course bench`` and its table."""

from __future__ import annotations

import importlib
from types import ModuleType

import typer

from course_utils import datasets, runtime
from course_utils.cli import lessons
from course_utils.cli.bench import record
from course_utils.cli.bench.timing import Row, is_undecided
from course_utils.runtime import SettingsError, nearest

CPU_LIMIT_S, MEMORY_LIMIT_GB = 60.0, 2.5
#: The groups in the order in which they are measured; the lessons, which take many minutes, come last.
GROUPS = ("renderers", "samplers", "loaders", "pipelines", "compiled", "scaling", record.LESSONS)


def bench(
    names: list[str] = typer.Argument(None, metavar="[LESSON]…", help="Numbers or names: these lessons alone."),
    only: str = typer.Option("", "--only", metavar="GROUP,…", help=f"Only these groups of {', '.join(GROUPS)}."),
    as_json: bool = typer.Option(False, "--json", help="Print as JSON."),
    save: bool = typer.Option(
        False, "--save", help="Write results/bench.json (groups left out stay as they are there) and its figure."
    ),
) -> None:
    """Measure what lessons cost, and the course's renderers, samplers, readers and pipelines beside other ways to the same result.

    Every row says what it is compared with. Ratios carry over to other machines, seconds do not.
    """
    if names and (save or only):
        option = "--save writes the table of all lessons" if save else "--only chooses among groups"
        raise SettingsError(f"{option}; leave out the names")
    groups = _groups(only) if only else (record.LESSONS,) if names else GROUPS
    wanted = [lessons.find(name) for name in names or lessons.names()] if record.LESSONS in groups else []
    size = runtime.size()
    runtime.seed()
    lessons.require_data(size, {name.split("_")[1] for name in wanted} & set(datasets.NAMES))
    run = runtime.start(quiet=True)
    chosen = ["--only", ",".join(groups)] if only else names or []
    command = " ".join(["course bench", *chosen, *(["--save"] if save else [])])
    measured, failed = {}, []
    for name in groups:
        if name == record.LESSONS:
            rows = [_lesson(lesson, quiet=as_json) for lesson in wanted]
            failed = [row["lesson"] for row in rows if "error" in row]
            found = record.lessons(run, rows, command)
            if size == runtime.REDUCED and not as_json:
                _print_budget(rows)
        else:
            module = _module(name)
            rows = module.measure()
            found = record.group(run, module.ABOUT, rows, command)
            if not as_json:
                _print_group(name, module, rows)
        measured[name] = found
        if save and not failed:  # at once: what was measured stays when a later group is stopped
            place = record.save(size, {name: found})
    if as_json:
        print(runtime.to_json(record.merged({}, measured)), end="")
    if save and size == runtime.REDUCED:
        from course_utils.cli import pages

        pages.save_figure("bench.png")
    if save and not as_json:
        print(f"saved: {place}" if not failed else "lessons were not saved: one or more did not reach their end")
    if failed:
        raise typer.Exit(1)


def _groups(text: str) -> tuple[str, ...]:
    """The groups that a list divided by commas names, in the order of ``GROUPS``. Raises SettingsError."""
    asked = [name.strip() for name in text.split(",")]
    for name in asked:
        if name not in GROUPS:
            raise SettingsError(nearest(name, GROUPS, "group"))
    return tuple(name for name in GROUPS if name in asked)


def _module(name: str) -> ModuleType:
    """A group's module; imported when it is asked for, since it loads the backend."""
    return importlib.import_module(f"course_utils.cli.bench.{name}")


def _lesson(name: str, *, quiet: bool) -> dict:
    ended = lessons.execute(name, {})
    spent = {key: round(value, 2) for key, value in ended.cost.items()} if ended.cost else {"error": ended.error}
    row = {"lesson": name, **spent}
    if not quiet:
        print(_line(row), flush=True)
    return row


def _line(row: dict) -> str:
    if "error" in row:
        return f"{row['lesson']:32} did not reach its end: {row['error']}"
    return (
        f"{row['lesson']:32} {row['wall_s']:7.1f} s  {row['cpu_s']:7.1f} CPU-s  (imports {row['imports_cpu_s']:.1f})  "
        f"{row['peak_gb']:.2f} GB"
    )


def _print_group(name: str, module: ModuleType, rows: list[Row]) -> None:
    print(f"{name}: {module.ABOUT}", flush=True)
    for number, row in enumerate(rows):
        print(f"  {row.what}\n    {numbers(row)}", flush=True)
        if number + 1 == len(rows) or rows[number + 1].why_fair != row.why_fair:
            print(f"    – fair, because: {row.why_fair}", flush=True)


def numbers(row: Row) -> str:
    """Value, ratio with its range, what it is compared with, goal and note, on one line."""
    ends = f"({row.ratio_range[0]:.3g} – {row.ratio_range[1]:.3g}, {row.rounds} rounds)"
    goal = ""
    if row.goal is not None:
        of = "" if row.goal_on == "ratio" else f" {row.unit}"
        goal = f"; goal {row.goal:g}{of}{'' if row.reached else ', NOT REACHED'}"
    note = f"; {row.note}" if row.note else ""
    if row.unit == "slope":
        return f"slope {row.value:.2f} {ends}{note}"
    open_ = "undecided, " if is_undecided(row.ratio_range) else ""
    return f"{row.value:.4g} {row.unit}, {open_}{row.ratio:.3g}× as fast {ends} as {row.compared_with}: {row.other:.4g} {row.unit}{goal}{note}"


def _print_budget(rows: list[dict]) -> None:
    over = [
        r["lesson"] for r in rows if "error" not in r and (r["cpu_s"] > CPU_LIMIT_S or r["peak_gb"] > MEMORY_LIMIT_GB)
    ]
    print(
        f"budget: {CPU_LIMIT_S:g} CPU-seconds after imports, {MEMORY_LIMIT_GB} GB; over it: {', '.join(over) or 'none'}"
    )
