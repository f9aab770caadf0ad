"""``course run``: named long experiments."""

from __future__ import annotations

from pathlib import Path

import typer

from course_utils import experiments, runtime
from course_utils.runtime import SettingsError


def run(
    name: str = typer.Argument(help="Name of the experiment, such as digits."),
    size: str = typer.Option(None, help="reduced or full; default: COURSE_SIZE."),
    seeds: int = typer.Option(3, min=1, help="How many seeds."),
    seed_base: int = typer.Option(0, min=0, help="First seed."),
    rows: str = typer.Option("", help="Only these rows, separated by semicolons."),
    resume: bool = typer.Option(
        True,
        "--resume/--afresh",
        help="Keep finished rows of the same code and set-up (default), or measure those asked for anew.",
    ),
    out: Path = typer.Option(
        None,
        help="Where to write; default: results/NAME.json; other sizes than the committed one carry theirs in the name.",
    ),
) -> None:
    """Run a named experiment; finished rows are saved at once, so a killed run goes on when the command is given again."""
    experiments.must_know(name)
    if seed_base + seeds > 2**31:
        raise SettingsError(f"--seed-base {seed_base} --seeds {seeds}: seeds go from 0 to 2147483647")
    if size:
        runtime.choose_size(size)
    only = [row.strip() for row in rows.split(";") if row.strip()]
    path = experiments.run(name, seeds=range(seed_base, seed_base + seeds), only=only, out=out, resume=resume)
    print(path)
