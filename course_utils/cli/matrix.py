"""``course run lessons``: every lesson on every backend, on fresh seeds, one saved row an execution."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from course_utils import cases, runtime
from course_utils.cli import lessons
from course_utils.experiments import backends
from course_utils.runtime import BACKENDS, SettingsError, nearest

Job = tuple[str, str, int]  # lesson, backend, seed


def run(
    names: Sequence[str],
    wanted: Sequence[str],
    *,
    seeds: int,
    seed_base: int | None,
    resume: bool,
    jobs: int,
    out: Path | None,
) -> Path:
    """Execute lessons on backends and keep the rows; those measured with the same code and versions are not run again.

    names: lessons, all when empty. wanted: backends. seeds: how many for lessons that own a statistical case; the others
    run once. seed_base: first seed; default: the file's own, or drawn now. jobs: lessons at a time.
    Raises SettingsError for an unknown lesson or backend, or one that is not installed.
    """
    size = runtime.size()
    for backend in wanted:
        if backend not in BACKENDS:
            raise SettingsError(nearest(backend, BACKENDS, "backend"))
        if importlib.util.find_spec(backend) is None:
            raise SettingsError(f'backend {backend}: not installed here; pip install -e ".[{backend}]"')
    chosen = [lessons.find(name) for name in names] or lessons.names()
    lessons.require_data(size, {case.part for name in chosen for case in cases.of_lesson(name)})
    path = out or backends.path()
    result = _begun(path, size, seed_base, seeds)
    asked = list(_order(chosen, wanted, range(result["seed_base"], result["seed_base"] + seeds)))
    fresh = {name: backends.code_hash(name) for name in chosen}
    result["rows"] = [
        row
        for row in result["rows"]
        if (row["lesson"], row["backend"], row["seed"]) not in asked
        or (resume and row["code_sha256"] == fresh[row["lesson"]] and row["status"] == "passed")
    ]
    done = {(row["lesson"], row["backend"], row["seed"]) for row in result["rows"]}
    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(measure, job, size): job for job in asked if job not in done}
        try:
            for future in as_completed(running):
                row = future.result()
                result["rows"].append(row)
                result["rows"].sort(key=lambda r: (r["lesson"], BACKENDS.index(r["backend"]), r["seed"]))
                runtime.write_text_atomically(path, runtime.to_json(result))
                print(line(row), flush=True)
        finally:
            for future in running:
                future.cancel()
    return path


def _order(names: Sequence[str], wanted: Sequence[str], seeds: Sequence[int]) -> Iterator[Job]:
    """In order of value: every lesson once on every backend, then further seeds where a case is statistical."""
    for seed in seeds:
        for backend in wanted:
            for name in names:
                if seed == seeds[0] or any(case.kind == "statistical" for case in cases.of_lesson(name)):
                    yield name, backend, seed


def measure(job: Job, size: runtime.Size, *, deadline: float | None = None) -> dict[str, Any]:
    """One row: a lesson executed on a backend with a seed. deadline: see :func:`lessons.execute`."""
    lesson, backend, seed = job
    kept = runtime.compiled_programs(runtime.repo_root() / "build" / "jax")  # one seed's programs serve the next
    ended = lessons.execute(
        lesson,
        {"KERAS_BACKEND": backend, "COURSE_SEED": str(seed), "COURSE_SIZE": size.name, **kept},
        deadline=deadline,
    )
    return backends.judged(
        {
            "lesson": lesson,
            "backend": backend,
            "seed": seed,
            "code_sha256": backends.code_hash(lesson),
            "status": "failed" if ended.error else "passed",
            "why": ended.error,
            **{key: round(value, 2) for key, value in (ended.cost or {}).items()},
            "verdicts": ended.verdicts,
        }
    )


def line(row: dict[str, Any]) -> str:
    """A row in one line of text."""
    margins = [v["margin"] for v in row["verdicts"] if v["margin"] is not None]
    worst = f", {len(row['verdicts'])} cases, worst margin {min(margins):.2f}×" if margins else ""
    cost = f"{row['cpu_s']:6.1f} CPU-s" if "cpu_s" in row else ""
    return f"[{row['status']}] {row['lesson']:34} {row['backend']:10} seed {row['seed']:<10} {cost}{worst} {row['why'] or ''}"


def _begun(path: Path, size: runtime.Size, seed_base: int | None, seeds: int) -> dict[str, Any]:
    """The file's own rows where they were made with the same versions at the same size, else a fresh result."""
    base = runtime.seeds(seed_base, seeds)[0]
    fresh: dict[str, Any] = {
        "what": "lessons executed in a kernel of their own on each backend; statistical cases on fresh seeds",
        "command": f"course run lessons --seeds {seeds} --backend all",
        "size": asdict(size),
        "seed_base": base,
        "device": runtime.describe_devices([]),
        "versions": versions(),
        "rows": [],
    }
    old = backends.load(path)
    if old is None:
        return fresh
    known = {name: version for name, version in fresh["versions"].items() if version is not None}
    same = all(old["versions"].get(name) in (version, None) for name, version in known.items())
    if not same or old["size"] != fresh["size"] or old["device"] != fresh["device"]:
        print(f"{path.name}: made with another set-up; begun anew")
        return fresh
    if seed_base is None:
        fresh["seed_base"] = old["seed_base"]
    return {**fresh, "versions": {**old["versions"], **known}, "rows": old["rows"]}


def versions() -> dict[str, str | None]:
    """Versions of Python, Keras, NumPy and the backends; None for one that is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in ("keras", "numpy", *BACKENDS):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found
