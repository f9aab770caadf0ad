"""What one run stands on: size, seed, backend, device, and where data are looked for. Floor 0.

This is the only module that reads the environment:

``COURSE_SIZE``      ``reduced`` (default) or ``full``; axes can be overridden: ``full,budget=smoke``
``COURSE_DATA``      folder with real data (default: ``data/`` in the checkout)
``COURSE_SEED``      seed of the run (default 0)
``COURSE_VERDICTS``  file to which ``cases.judge`` appends one JSON line a verdict
``KERAS_BACKEND``    ``tensorflow`` (default), ``jax`` or ``torch``; read by Keras itself
``NBGRADER_EXECUTION``  ``autograde`` while an assignment is graded; set by the grading itself
``SOURCE_DATE_EPOCH``   seconds since 1970: the time that what is built says of itself, instead of now
``OMP_NUM_THREADS``  threads of lessons that share the cores, where the user has set it; else the run that starts them does
``COURSE_KERNEL``    ``gpu`` on the kernel that ``make gpu-kernel`` makes; set by the kernel itself

First met in lesson 00_start_here.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

BACKENDS = ("tensorflow", "jax", "torch")
#: Of one seed up to a hundred others are made (100 · seed + k). JAX takes none beyond 32 bits; in PyTorch the state of Keras'
#: generators is a number with a sign, so none beyond 31.
LARGEST_SEEDS = {"tensorflow": 2**25 - 1, "jax": 2**25 - 1, "torch": 2**24 - 1}
GRADING = "NBGRADER_EXECUTION"  #: nbgrader's own variable
GPU_ENVIRONMENT = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # TensorFlow takes GPU memory as it needs it, not all at once
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # the same for JAX
}
QUIET_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "2",  # start-up messages of TensorFlow's C++ side; errors still show
}
#: NumPy's products are small here: a second thread only waits (64 drawn faces: 0.8 CPU-seconds with two, 0.24 with one),
#: and another number of cores would change the last bits of what is drawn. Keras' backends have threads of their own.
THREADS_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}
for _name, _value in {**GPU_ENVIRONMENT, **QUIET_ENVIRONMENT, **THREADS_ENVIRONMENT}.items():
    os.environ.setdefault(_name, _value)

T = TypeVar("T")


class CourseError(Exception):
    """A mistake that the user can mend; its text is one clear line. The command line prints it and exits with 2."""


class SettingsError(CourseError):
    """A setting (an environment variable, an argument, a name) has a value the course does not know."""


class DataError(CourseError):
    """A data file is missing or damaged; the text names the file, what was found and what was expected."""


def nearest(name: str, known: Iterable[str], what: str) -> str:
    """One line that says ``name`` is unknown, suggests the nearest known name and lists the rest."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"unknown {what} {name!r}{hint} Known: {', '.join(known)}"


# ---------------------------------------------------------------------------------------------------- size

AXES: dict[str, tuple[str, ...]] = {
    "data": ("stand-in", "real"),
    "network": ("small", "documented"),
    "budget": ("smoke", "lesson", "full"),
}


@dataclass(frozen=True)
class Size:
    """How large a run is, on three axes. Every recorded result carries it.

    data: ``stand-in`` (ships with the course) or ``real``; network: ``small`` or ``documented``;
    budget: ``smoke`` (does the code run at all), ``lesson`` (minutes on a laptop) or ``full``.
    """

    data: Literal["stand-in", "real"] = "stand-in"
    network: Literal["small", "documented"] = "small"
    budget: Literal["smoke", "lesson", "full"] = "lesson"

    def __post_init__(self) -> None:
        for axis, allowed in AXES.items():
            value = getattr(self, axis)
            if value not in allowed:
                raise SettingsError(nearest(str(value), allowed, f"size on axis {axis!r}"))

    def by_budget(self, *, smoke: T, lesson: T, full: T) -> T:
        """The value that belongs to this run's budget."""
        return {"smoke": smoke, "lesson": lesson, "full": full}[self.budget]

    def by_network(self, *, small: T, documented: T) -> T:
        """The value that belongs to this run's network."""
        return {"small": small, "documented": documented}[self.network]

    def by_data(self, *, stand_in: T, real: T) -> T:
        """The value that belongs to this run's data."""
        return {"stand-in": stand_in, "real": real}[self.data]

    @property
    def name(self) -> str:
        """``reduced`` or ``full``; a preset with the axis that differs (``full,data=stand-in``); else the three axes."""
        axes = asdict(self)
        for name, preset in PRESETS.items():
            other = [f"{axis}={value}" for axis, value in axes.items() if value != getattr(preset, axis)]
            if len(other) <= 1:
                return ",".join([name, *other])
        return ",".join(f"{axis}={value}" for axis, value in axes.items())


REDUCED = Size("stand-in", "small", "lesson")
FULL = Size("real", "documented", "full")
PRESETS = {"reduced": REDUCED, "full": FULL}


def parse_size(text: str) -> Size:
    """Turn ``reduced``, ``full``, or a preset followed by axes (``full,budget=smoke``) into a :class:`Size`.

    Raises SettingsError, naming the nearest known word.
    """
    axes = asdict(REDUCED)
    for position, part in enumerate(text.split(",")):
        part = part.strip()
        key, equals, value = part.partition("=")
        if not equals:
            if part in PRESETS and position:
                raise SettingsError(f"COURSE_SIZE={text}: {part!r} has to come first, before the axes")
            if part not in PRESETS:
                raise SettingsError(f"COURSE_SIZE={text}: " + nearest(part, PRESETS, "size"))
            axes = asdict(PRESETS[part])
        elif key not in AXES:
            raise SettingsError(f"COURSE_SIZE={text}: " + nearest(key, AXES, "axis"))
        elif value not in AXES[key]:
            raise SettingsError(f"COURSE_SIZE={text}: " + nearest(value, AXES[key], f"value of {key!r}"))
        else:
            axes[key] = value
    return Size(**axes)


def size() -> Size:
    """The size that ``COURSE_SIZE`` asks for; ``reduced`` where it is not set."""
    return parse_size(os.environ.get("COURSE_SIZE") or "reduced")


# --------------------------------------------------------------------------------------------------- places


def repo_root() -> Path:
    """The checkout: the folder that holds ``notebooks/``, ``results/`` and this package.

    Raises SettingsError when the package was installed without its checkout.
    """
    root = Path(__file__).resolve().parent.parent
    if not (root / "notebooks").is_dir():
        raise SettingsError(f"{root}: no notebooks/ here; install the course from its checkout: pip install -e .")
    return root


def lessons_dir() -> Path:
    """Where the numbered lessons lie."""
    return repo_root() / "notebooks"


def results_dir() -> Path:
    """Where measured results lie, as JSON."""
    return repo_root() / "results"


def data_root() -> Path:
    """The folder in which real data are looked for: ``COURSE_DATA``, or ``data/`` in the checkout.

    Raises SettingsError when ``COURSE_DATA`` is set to something that is not a readable folder.
    """
    asked = os.environ.get("COURSE_DATA")
    if not asked:
        return repo_root() / "data"
    root = Path(os.path.expanduser(asked))  # noqa: PTH111 – Path's own raises for the home of an unknown user
    if not os.path.exists(root):  # noqa: PTH110 – Path's own raises for a name that is too long
        raise SettingsError(f"COURSE_DATA={asked}: no such folder; make it, or unset COURSE_DATA")
    if not root.is_dir():
        raise SettingsError(f"COURSE_DATA={asked}: found a file, expected a folder")
    if not os.access(root, os.R_OK | os.X_OK):
        raise SettingsError(f"COURSE_DATA={asked}: the folder cannot be read by this user")
    return root


def choose_size(text: str) -> None:
    """Set the size of this process and of those it starts, as ``COURSE_SIZE`` would. Raises SettingsError."""
    parse_size(text)
    os.environ["COURSE_SIZE"] = text


def environment(scratch: Path, **settings: str) -> dict[str, str]:
    """This process's environment with other settings, for a kernel or program that it starts in another folder.

    A relative ``COURSE_DATA`` is made absolute. Where the home folder cannot be written, Jupyter and Matplotlib keep their files in ``scratch`` instead.
    """
    result = {**os.environ, **settings}
    if result.get("COURSE_DATA"):
        result["COURSE_DATA"] = os.path.abspath(os.path.expanduser(result["COURSE_DATA"]))  # noqa: PTH100, PTH111
    if not os.access(os.path.expanduser("~"), os.W_OK):  # noqa: PTH111 – bears a user without a home
        for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
            result.setdefault(name, str(scratch / name.lower()))
    return result


def bare_environment(programs: Path) -> dict[str, str]:
    """The least that a program needs to start: a ``PATH`` with ``programs`` in front, and on Windows the system's folders."""
    kept = ("SYSTEMROOT", "COMSPEC", "APPDATA") if os.name == "nt" else ()
    result = {name: os.environ[name] for name in kept if name in os.environ}
    return {**result, "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])}


def compiled_programs(folder: Path) -> dict[str, str]:
    """Settings with which JAX keeps what it compiles in a folder, for the next process.

    Three quarters of its time on a small network go into compiling. Programs are looked up by all that they depend on, versions
    and flags too. For other backends the settings mean nothing.
    """
    limits = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}
    return {"JAX_COMPILATION_CACHE_DIR": str(folder), **limits}


def threads(count: int) -> dict[str, str]:
    """Settings that give a process which shares the cores this many OpenMP threads; empty where the user has set a number."""
    return {} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": str(count)}


def find_programs_in(folder: Path) -> None:
    """Let this process, and those it starts, find the programs of ``folder`` by their bare names."""
    if str(folder) not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = bare_environment(folder)["PATH"]


def grading() -> bool:
    """Whether this kernel runs for a grade; nbgrader says so in the environment."""
    return os.environ.get(GRADING) == "autograde"


def verdict_log() -> Path | None:
    """Where verdicts are to be appended, or None when no one asked."""
    asked = os.environ.get("COURSE_VERDICTS")
    return Path(asked) if asked else None


def build_time() -> datetime:
    """The time that a built page or archive says of itself, in UTC: ``SOURCE_DATE_EPOCH`` where it is set, else now.

    Raises SettingsError when it is set to anything but seconds since 1980, where zip archives begin.
    """
    asked = os.environ.get("SOURCE_DATE_EPOCH")
    if not asked:
        return datetime.now(UTC)
    if not asked.isdecimal() or not 315_532_800 <= int(asked) < 4_102_444_800:
        raise SettingsError(f"SOURCE_DATE_EPOCH={asked}: expected seconds since 1970, of a time between 1980 and 2100")
    return datetime.fromtimestamp(int(asked), UTC)


@contextlib.contextmanager
def atomically(path: Path) -> Iterator[Path]:
    """A temporary path to write to; it becomes ``path`` when the block ends well, and vanishes when it does not.

    Makes the folder of ``path`` where it is missing. Raises OSError when the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text_atomically(path: Path, text: str) -> None:
    """Write a whole file or nothing, as UTF-8 with plain newlines on every platform."""
    with atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


# ------------------------------------------------------------------------------------------ backend, device


def backend_name() -> str:
    """The backend Keras uses, if it is loaded, or will use: ``KERAS_BACKEND``, else TensorFlow (``keras.json`` is not asked).

    Raises SettingsError for a name Keras 3 does not train with.
    """
    loaded = sys.modules["keras"].backend.backend() if "keras" in sys.modules else None
    asked = loaded or os.environ.get("KERAS_BACKEND") or "tensorflow"
    if asked not in BACKENDS:
        raise SettingsError(f"KERAS_BACKEND={asked}: " + nearest(asked, BACKENDS, "backend"))
    return asked


def list_devices(backend: str) -> list[tuple[str, str]]:
    """Devices a backend sees, as (kind, name) pairs; kind is ``cpu`` or ``gpu``. Raises ImportError where it is not installed."""
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        names = [(tf.config.experimental.get_device_details(gpu) or {}).get("device_name", gpu.name) for gpu in gpus]
        return [("cpu", platform.processor() or platform.machine())] + [("gpu", name) for name in names]
    if backend == "jax":
        import jax

        return [("cpu" if d.platform == "cpu" else "gpu", d.device_kind) for d in jax.devices()]
    import torch

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return [("cpu", platform.processor() or platform.machine())] + [("gpu", name) for name in names]


def describe_devices(devices: Iterable[tuple[str, str]]) -> str:
    """Which device a run will use, in a few words."""
    gpus = [name for kind, name in devices if kind == "gpu"]
    if len(gpus) == 1:
        return f"GPU: {gpus[0]}"
    if gpus:
        return f"GPU: {gpus[0]} (the first of {len(gpus)}: {', '.join(gpus)})"
    return f"CPU, {os.cpu_count()} cores"


def device_advice(devices: Iterable[tuple[str, str]]) -> str | None:
    """What to do when there is no GPU, or None where there is one. On the GPU kernel: what the backend said while loading."""
    if any(kind == "gpu" for kind, _ in devices):
        return None
    if os.environ.get("COURSE_KERNEL") == "gpu":
        said = "\n".join(line for line in _held_messages if re.search("cuda|gpu", line, re.IGNORECASE))
        return "this is the GPU kernel, but no GPU answers; is the NVIDIA driver there (nvidia-smi)?" + (
            f"\n{said}" if said else ""
        )
    return "no GPU seen, which is fine for the reduced size; with an NVIDIA card see: make gpu-kernel"


def versions() -> dict[str, str]:
    """Versions that a result depends on: Python, Keras, NumPy and the backend in use."""
    wanted = ["keras", "numpy", {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}[backend_name()]]
    found = {"python": platform.python_version()}
    for name in wanted:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


# --------------------------------------------------------------------------------------------------- a run


@dataclass(frozen=True)
class Run:
    """One run of a lesson or an experiment: everything needed to say how a number came about."""

    size: Size
    seed: int
    backend: str
    device: str
    versions: Mapping[str, str] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """The run as plain values for JSON."""
        return {
            "size": asdict(self.size),
            "seed": self.seed,
            "backend": self.backend,
            "device": self.device,
            "versions": dict(self.versions),
        }

    def __str__(self) -> str:
        packages = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        s = self.size
        return (
            f"size     {s.name}: {s.data} data, {s.network} network, {s.budget} budget\n"
            f"seed     {self.seed}\n"
            f"backend  {self.backend} ({packages})\n"
            f"device   {self.device}"
        )


def seed() -> int:
    """The seed ``COURSE_SEED`` asks for, 0 where it is not set.

    Raises SettingsError for anything but 0 … the largest that the backend takes (``LARGEST_SEEDS``).
    """
    text, largest = os.environ.get("COURSE_SEED") or "0", LARGEST_SEEDS[backend_name()]
    if not text.isdecimal() or len(text) > 10 or int(text) > largest:
        raise SettingsError(f"COURSE_SEED={text}: expected a whole number from 0 to {largest}, on {backend_name()}")
    return int(text)


def seeds(first: int | None, many: int, backend: str | None = None) -> range:
    """``many`` seeds from ``first`` on, or from one drawn now, which every backend takes.

    backend: that they are for, default :func:`backend_name`. Raises SettingsError when they go beyond its ``LARGEST_SEEDS``.
    """
    backend = backend or backend_name()
    if first is None:
        first = secrets.randbelow(min(LARGEST_SEEDS.values()) + 2 - many)
    if first + many > LARGEST_SEEDS[backend] + 1:
        raise SettingsError(
            f"--seed-base {first} --seeds {many}: seeds go from 0 to {LARGEST_SEEDS[backend]}, on {backend}"
        )
    return range(first, first + many)


_cost_at_start: dict[str, float] = {}
_held_messages: list[str] = []
_current: list[Run] = []


def current() -> Run | None:
    """The run that :func:`start` began in this process, or None before the first call."""
    return _current[-1] if _current else None


def start(*, quiet: bool = False) -> Run:
    """Begin a run: seed Python, NumPy and the backend, set GPU memory growth, say what the run stands on.

    The first line of every lesson. It may be called again, to start over from the same seed.
    How training data are shuffled is decided in one other place, ``training.shuffled_batches``.

    Raises SettingsError for a wrong ``COURSE_SIZE``, ``COURSE_SEED``, ``COURSE_DATA`` or ``KERAS_BACKEND``.
    """
    data_root()
    chosen_size, chosen_seed, backend = size(), seed(), backend_name()
    if importlib.util.find_spec(backend) is None:
        raise SettingsError(f"KERAS_BACKEND={backend}: the package {backend!r} is not installed in this environment")
    os.environ["KERAS_BACKEND"] = backend
    with _start_up_messages_held_back():
        import keras

        devices = list_devices(backend)
    keras.utils.set_random_seed(chosen_seed)
    run = Run(chosen_size, chosen_seed, backend, describe_devices(devices), versions())
    if not quiet:
        print(run)
        if advice := device_advice(devices):
            print(f"         ({advice})")
    _current[:] = [run]
    _cost_at_start.update(cpu=time.process_time(), wall=time.time())
    return run


@contextlib.contextmanager
def _start_up_messages_held_back() -> Iterator[None]:
    """Keep what a backend's C++ side writes to standard error while it loads; show it only when loading fails."""
    if sys.stderr is None:  # a program without a console, as pythonw on Windows
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, contextlib.ExitStack() as restore:
        kept = os.dup(2)
        restore.callback(os.close, kept)
        restore.callback(os.dup2, kept, 2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        held.seek(0)
        _held_messages.extend(held.read().decode(errors="replace").splitlines())


def cost() -> dict[str, float]:
    """What this process has used since :func:`start`: CPU-seconds, wall seconds, and peak memory in GB since its birth."""
    if not _cost_at_start:
        raise CourseError("runtime.cost() was called before runtime.start()")
    return {
        "cpu_s": time.process_time() - _cost_at_start["cpu"],
        "wall_s": time.time() - _cost_at_start["wall"],
        "imports_cpu_s": _cost_at_start["cpu"],
        "peak_gb": peak_memory_gb(),
    }


def peak_memory_gb() -> float:
    """Largest resident memory of this process so far, in GB (10**9 bytes)."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e9


def to_json(value: Any, indent: int | None = 1) -> str:
    """JSON as the course writes it: keys in their order, one newline at the end, NumPy numbers made plain, NaN as null."""
    return json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Plain values throughout; NaN and infinity, for which JSON has no word, become None."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else _finite(_plain(value))


def _plain(value: Any) -> Any:
    for method in ("tolist", "item"):
        if hasattr(value, method):
            return getattr(value, method)()
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


# ------------------------------------------------------------------------------------------ kernel of a GPU

#: What the GPU kernel's specification sets; COURSE_KERNEL lets a run say that a GPU was meant to be there.
GPU_KERNEL_ENVIRONMENT = {**GPU_ENVIRONMENT, "COURSE_KERNEL": "gpu"}
GPU_KERNEL_NAME = "why-wont-it-learn-gpu"
GPU_KERNEL_DISPLAY_NAME = "Why won't it learn? (GPU)"


# ---------------------------------------------------------------------------------------------- for lessons


@contextlib.contextmanager
def expect_error(kind: type[BaseException], match: str = "") -> Iterator[None]:
    """Run a lesson's cell that is meant to fail: show the error as one line, and fail when it does not come.

    match: a regular expression that the message must contain. Raises AssertionError when nothing is raised or the
    message does not match; an error of another kind passes through. Lesson 00_start_here.
    """
    try:
        yield
    except kind as error:
        if not re.search(match, str(error)):
            raise AssertionError(f"{kind.__name__} came, but {str(error)!r} does not match {match!r}") from error
        print(f"{kind.__name__}: {error}")
    else:
        raise AssertionError(f"expected {kind.__name__}, but nothing was raised")
