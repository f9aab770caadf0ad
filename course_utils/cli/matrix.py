"""``course run lessons``: every lesson on every backend, on fresh seeds, one saved row an execution."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from course_utils import cases, runtime
from course_utils.cli import lessons, set_up
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
    """Execute lessons on backends and keep the rows; those measured with the same code are not run again.

    names: lessons, all when empty. wanted: backends. seeds: how many for lessons that own a statistical case; the others
    run once. seed_base: first seed; default: the file's own, or drawn now. resume: False measures those asked for anew, and
    begins a new file where the set-up is another. jobs: lessons at a time. out: default :func:`backends.path` of the size.
    Raises SettingsError for an unknown lesson or backend, one that is not installed, or a file with rows of another set-up.
    """
    size, wanted = runtime.size(), list(dict.fromkeys(wanted))
    for backend in wanted:
        if backend not in BACKENDS:
            raise SettingsError(nearest(backend, BACKENDS, "backend"))
        if importlib.util.find_spec(backend) is None:
            raise SettingsError(f'backend {backend}: not installed here; pip install -e ".[{backend}]"')
    chosen = list(dict.fromkeys(lessons.find(name) for name in names)) or lessons.names()
    lessons.require_data(size, {case.part for name in chosen for case in cases.of_lesson(name)})
    path = out or backends.path(size)
    result = _begun(path, size, {backend: device(backend) for backend in wanted}, resume)
    result["seed_base"] |= _first_seeds(result["seed_base"], wanted, seeds, seed_base)
    asked = list(_order(chosen, {backend: result["seed_base"][backend] for backend in wanted}, seeds))
    fresh = {name: backends.code_hash(name) for name in chosen}
    result["rows"] = [
        row
        for row in result["rows"]
        if (row["lesson"], row["backend"], row["seed"]) not in asked
        or (resume and row["code_sha256"] == fresh[row["lesson"]] and row["status"] == "passed")
    ]
    done = {(row["lesson"], row["backend"], row["seed"]) for row in result["rows"]}
    with ThreadPoolExecutor(jobs) as pool:
        threads = max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 else None
        running = {pool.submit(measure, job, size, threads=threads): job for job in asked if job not in done}
        try:
            for future in as_completed(running):
                row = future.result()
                result["rows"].append(row)
                result["rows"].sort(key=lambda r: (r["lesson"], BACKENDS.index(r["backend"]), r["seed"]))
                _save(path, result, size)
                print(line(row), flush=True)
        finally:
            for future in running:
                future.cancel()
    _save(path, result, size)  # where nothing was run: the verdicts and the head as they are today
    return path


def _save(path: Path, result: dict[str, Any], size: runtime.Size) -> None:
    result["command"] = commands(result["rows"], size)
    runtime.write_text_atomically(path, runtime.to_json(result))


def _first_seeds(known: dict[str, int], wanted: Sequence[str], many: int, seed_base: int | None) -> dict[str, int]:
    """The first seed of each backend: as asked for, else its own in the file, else another backend's that it takes, else a new one."""
    found: dict[str, int] = {}
    for backend in wanted:
        others = [seed for seed in (known | found).values() if seed + many <= runtime.LARGEST_SEEDS[backend] + 1]
        own = known.get(backend) if known.get(backend) in others else None
        first = seed_base if seed_base is not None else own if own is not None else others[-1] if others else None
        found[backend] = runtime.seeds(first, many, backend)[0]
    return found


def _order(names: Sequence[str], firsts: dict[str, int], many: int) -> Iterator[Job]:
    """In order of value: every lesson once on every backend, then further seeds where a case is statistical."""
    for n in range(many):
        for backend, first in firsts.items():
            for name in names:
                if n == 0 or _is_statistical(name):
                    yield name, backend, first + n


def _is_statistical(lesson: str) -> bool:
    return any(case.kind == "statistical" for case in cases.of_lesson(lesson))


def measure(
    job: Job, size: runtime.Size, *, deadline: float | None = None, threads: int | None = None
) -> dict[str, Any]:
    """One row: a lesson executed on a backend with a seed. deadline: see :func:`lessons.execute`.

    threads: of OpenMP, for lessons that share the cores; PyTorch's wait by running on (lesson 00, two lessons on two cores:
    9.2 CPU-seconds with two threads each, 1.4 with one).
    """
    lesson, backend, seed = job
    shared = {} if threads is None else runtime.threads(threads)
    kept = runtime.compiled_programs(runtime.repo_root() / "build" / "jax")  # one seed's programs serve the next
    code = backends.code_hash(lesson)  # before: whoever edits the lesson meanwhile has another
    ended = lessons.execute(
        lesson,
        {"KERAS_BACKEND": backend, "COURSE_SEED": str(seed), "COURSE_SIZE": size.name, **kept, **shared},
        deadline=deadline,
    )
    return backends.judged(
        {
            "lesson": lesson,
            "backend": backend,
            "seed": seed,
            "code_sha256": code,
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


def commands(rows: Iterable[dict[str, Any]], size: runtime.Size) -> str:
    """The commands that make these rows, each with its backends, seeds and, where not all were run, lessons."""
    seeds: dict[tuple[str, str], set[int]] = {}
    for row in rows:
        seeds.setdefault((row["lesson"], row["backend"]), set()).add(row["seed"])
    alike: dict[tuple[str, tuple[int, ...]], set[str]] = {}
    for (lesson, backend), some in seeds.items():
        alike.setdefault((lesson, tuple(sorted(some))), set()).add(backend)
    calls: dict[tuple[str, int, int], list[str]] = {}
    for (lesson, some), on in sorted(alike.items(), key=lambda item: not _is_statistical(item[0][0])):
        named = "all" if on == set(BACKENDS) else ",".join(backend for backend in BACKENDS if backend in on)
        for first, many in _stretches(some) if _is_statistical(lesson) else [(seed, 0) for seed in some]:
            # a lesson that runs once goes with those that run on several seeds from the same one on
            longest = max((n for b, f, n in calls if (b, f) == (named, first)), default=1)
            calls.setdefault((named, first, many or longest), []).append(lesson)
    texts = []
    for (named, first, many), chosen in calls.items():
        numbers = "; ".join(sorted(lesson[:2] for lesson in chosen))
        only = "" if set(chosen) == set(lessons.names()) else f' --rows "{numbers}"'
        seeded = f"--seeds {many} --seed-base {first}"
        texts.append(f"course run lessons --size {size.name} --backend {named} {seeded}{only}")
    return " && ".join(texts)


def _stretches(seeds: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First seed and length of each stretch of consecutive seeds; rising."""
    firsts = [seed for seed in seeds if seed - 1 not in seeds]
    for first in firsts:
        yield first, next(n for n in range(1, len(seeds) + 1) if first + n not in seeds)


def _begun(path: Path, size: runtime.Size, devices: dict[str, str], resume: bool) -> dict[str, Any]:
    """The file's own rows where they were made with the same set-up, else a fresh result.

    devices: of the backends that will run. Raises SettingsError when there are rows of another set-up and ``resume``.
    """
    fresh: dict[str, Any] = {
        "what": "lessons executed in a kernel of their own on each backend; statistical cases on fresh seeds",
        "command": "",
        "size": asdict(size),
        "seed_base": {},
        "device": _in_words(devices),
        "devices": devices,
        "versions": versions(),
        "rows": [],
    }
    old = backends.load(path)
    if old is None or not old["rows"]:
        return fresh
    before, measured_on = _known(old.get("versions", {})), _devices_of(old)
    here = {"size": size.name, **_known(fresh["versions"]), **{f"device of {name}": devices[name] for name in devices}}
    there = {**before, **{f"device of {name}": measured_on[name] for name in measured_on}}
    both = {name: value for name, value in there.items() if name in here}  # another backend may join later
    both["size"] = runtime.Size(**old["size"]).name if "size" in old else "unknown"
    if not set_up.goes_on(path, len(old["rows"]), both, {name: here[name] for name in both}, resume=resume):
        return fresh
    devices = {**measured_on, **devices}
    first = old.get("seed_base") or {}
    if isinstance(first, int):  # of older files, one for all
        first = {row["backend"]: first for row in old["rows"]}
    kept = {"seed_base": first, "versions": before | _known(fresh["versions"]), "rows": old["rows"]}
    return {**fresh, "device": _in_words(devices), "devices": devices, **kept}


def _known(numbers: dict[str, str | None]) -> dict[str, str]:
    """Versions of what is installed."""
    return {name: number for name, number in numbers.items() if number is not None}


def _devices_of(result: dict[str, Any]) -> dict[str, str]:
    """The device of each backend that rows were measured on; of older files as verdicts say it, or the file for all."""
    said = {row["backend"]: result.get("device", "unknown") for row in result["rows"]}
    kernels = ((row["backend"], verdict.get("device")) for row in result["rows"] for verdict in row["verdicts"])
    return said | {backend: named for backend, named in kernels if named} | result.get("devices", {})


def _in_words(devices: dict[str, str]) -> str:
    """``CPU, 2 cores``; where backends use different ones, each with its backend."""
    if len(set(devices.values())) == 1:
        return next(iter(devices.values()))
    return "; ".join(f"{backend} on {devices[backend]}" for backend in BACKENDS if backend in devices)


def device(backend: str) -> str:
    """The device that a kernel started here would use, as the backend says it, asked in a process of its own.

    Raises SettingsError when the backend does not load.
    """
    ask = f"from course_utils import runtime; print(runtime.describe_devices(runtime.list_devices({backend!r})))"
    with tempfile.TemporaryDirectory() as folder:
        surroundings = runtime.environment(Path(folder), KERAS_BACKEND=backend)
        ended = subprocess.run([sys.executable, "-c", ask], env=surroundings, capture_output=True, text=True)
    if ended.returncode:
        said = (ended.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise SettingsError(f"backend {backend}: does not load here ({said})")
    return ended.stdout.strip().splitlines()[-1]


def versions() -> dict[str, str | None]:
    """Versions of Python, Keras, NumPy and the backends; None for one that is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in ("keras", "numpy", *BACKENDS):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found
