"""``course run``: named long experiments, the overnight run, the lessons on every backend, and what a GPU should measure first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import typer

from course_utils import experiments, runtime
from course_utils.runtime import BACKENDS, DataError, SettingsError

TRAIN, LESSONS, GPU_SUITE = "train", "lessons", "gpu-suite"


def run(
    name: str = typer.Argument(
        help="Name of the experiment, such as digits; train, for one overnight run; lessons, for every lesson on every "
        "backend; or gpu-suite, for what a GPU should measure first."
    ),
    size: str = typer.Option(None, help="reduced or full; default: COURSE_SIZE."),
    seeds: int = typer.Option(None, min=1, help="How many seeds; default: 3; of lessons: 5."),
    seed_base: int = typer.Option(
        None,
        min=0,
        help="First seed, default 0; of train: its seed; of lessons: default as in the result, or drawn now.",
    ),
    rows: str = typer.Option(
        "",
        help="Only these rows (with lessons: numbers or names; with gpu-suite: of experiments too), separated by semicolons.",
    ),
    resume: bool = typer.Option(
        None,
        "--resume/--afresh",
        help="Keep finished rows of the same code and set-up (default), or measure those asked for anew; lessons and "
        "gpu-suite drop rows of another set-up only with --afresh. With train: go on with the latest run of the recipe, "
        "or begin a new one (default).",
    ),
    out: Path = typer.Option(
        None,
        help="Where to write; default: results/NAME.json (of lessons: backends.json, of gpu-suite: gpu.json); other sizes "
        "than the committed one carry theirs in the name. With train: the folder that holds one folder a run; default: runs/.",
    ),
    recipe: str = typer.Option(None, help="With train: documented or beyond."),
    epochs: int = typer.Option(None, min=1, help="With train: passes through the pictures; default: the recipe's."),
    width: int = typer.Option(
        None, min=1, help="With train --recipe beyond: filters of the first block; 16 suits a CPU."
    ),
    backend: str = typer.Option(None, help="With lessons: tensorflow, jax, torch, several with commas, or all."),
    jobs: int = typer.Option(None, min=1, help="With lessons: how many at a time; default 1."),
    minutes: float = typer.Option(None, min=0.1, help="With gpu-suite: when to stop; default 25."),
) -> None:
    """Run a named experiment; finished rows are saved at once, so a killed run goes on when the command is given again."""
    _belongs(name, TRAIN, {"--recipe": recipe, "--epochs": epochs, "--width": width})
    _belongs(name, LESSONS, {"--backend": backend, "--jobs": jobs})
    _belongs(name, GPU_SUITE, {"--minutes": minutes})
    if name == TRAIN:
        if recipe is None or rows or seeds is not None:
            raise SettingsError(
                "course run train: expected --recipe documented or --recipe beyond, and no --rows or --seeds"
            )
        return train(recipe, size, runtime.seeds(seed_base or 0, 1)[0], bool(resume), out, epochs, width)
    if name not in (LESSONS, GPU_SUITE):
        experiments.must_know(name)
    if size:
        runtime.choose_size(size)
    only = [row.strip() for row in rows.split(";") if row.strip()]
    if name == LESSONS:
        from course_utils.cli import matrix

        named = (backend or runtime.backend_name()).split(",")
        wanted = BACKENDS if backend == "all" else [one.strip() for one in named]
        many = {"seeds": seeds or 5, "seed_base": seed_base, "jobs": jobs or 1}
        print(matrix.run(only, wanted, **many, resume=resume is not False, out=out))
        return None
    if name == GPU_SUITE:
        from course_utils.cli import gpu_suite

        if seeds is not None or seed_base is not None:
            raise SettingsError("course run gpu-suite: it has its own seeds; expected no --seeds and no --seed-base")
        print(gpu_suite.run(minutes or 25.0, out=out, resume=resume is not False, only=only))
        return None
    path = experiments.run(
        name, seeds=runtime.seeds(seed_base or 0, seeds or 3), only=only, out=out, resume=resume is not False
    )
    print(path)
    return None


def _belongs(name: str, owner: str, options: dict[str, object]) -> None:
    for option, value in options.items():
        if value is not None and name != owner:
            raise SettingsError(f"{option} goes with 'course run {owner}', not with {name!r}")


def train(
    name: str, size: str | None, seed: int, resume: bool, out: Path | None, epochs: int | None, width: int | None
) -> None:
    """One run of a recipe, with a progress bar, in a folder of its own; prints where its report lies."""
    if size:
        runtime.choose_size(size)
    base = replace(runtime.start(quiet=True), seed=seed)  # before Keras is loaded below
    from course_utils.datasets import expressions
    from course_utils.experiments import recipes
    from course_utils.experiments.train import REPORT
    from course_utils.experiments.train import train as train_recipe
    from course_utils.training import latest_run_folder, new_run_folder

    recipe = recipes.fitted(recipes.get(name), base.size)
    if width is not None:
        recipe = recipes.narrow(recipe, width)
    if base.device.startswith("GPU") and name == "beyond":
        recipe = replace(recipe, precision="mixed_bfloat16")
    if epochs is not None:
        snapshots = next(n for n in range(min(recipe.snapshots, epochs), 0, -1) if epochs % n == 0)
        recipe = replace(recipe, epochs=epochs, snapshots=snapshots)
    root = out or runtime.repo_root() / "runs"
    data = expressions.load(base.size)
    label = f"{name}-seed{seed}"
    folder = latest_run_folder(root, label) if resume else new_run_folder(root, label)
    if folder is None:
        raise DataError(f"{root}: no run of {label} to go on with; give the command without --resume")
    print(base, f"folder   {folder}", sep="\n")
    command = f"course run train --recipe {name} --size {base.size.name} --seed-base {seed}"
    command += f" --epochs {epochs}" * (epochs is not None) + f" --width {width}" * (width is not None)
    report = train_recipe(recipe, base, data, folder, resume=resume, command=command)
    for split, found in report["results"].items():
        shares = ", ".join(
            f"{what} {100 * found[key]:.1f} %"
            for what, key in (
                ("", "accuracy"),
                ("without leaked pictures", "clean"),
                ("ten views", "ten_views"),
                (f"{found['snapshots_kept']} snapshots", "snapshots"),
                ("both", "snapshots_ten_views"),
            )
            if key in found
        )
        print(f"{split:8}{shares}")
    print(folder / REPORT)
