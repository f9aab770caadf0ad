"""``course check``: one page to paste into a bug report."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from typing import Literal

import psutil
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from course_utils import __version__, datasets, runtime
from course_utils.runtime import CourseError

PACKAGES = (
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "numpy",
    "matplotlib",
    "pandas",
    "scikit-learn",
    "jupyterlab",
    "nbmake",
)
NEEDED = ("keras", "numpy", "matplotlib", "pandas", "scikit-learn")
LEAST_MEMORY_GB, LEAST_DISK_GB = 2.5, 2.0


@dataclass(frozen=True)
class Line:
    """One finding."""

    level: Literal["OK", "WARN", "FAIL"]
    what: str
    detail: str


def check(as_json: bool = typer.Option(False, "--json", help="Print the findings as JSON.")) -> None:
    """Check Python, versions, backend, device, memory, disk and data; made to be pasted into a bug report."""
    lines = findings()
    if as_json:
        print(runtime.to_json([asdict(line) for line in lines]), end="")
    else:
        for line in lines:
            print(f"{f'[{line.level}]':6} {line.what:16} {line.detail}")
    if any(line.level == "FAIL" for line in lines):
        raise typer.Exit(1)


def findings() -> list[Line]:
    """All findings in the order they are printed; a broken backend is a FAIL line, never a traceback."""
    lines = [_python(), Line("OK", "course", __version__), *_versions(), _settings()]
    if lines[-1].level == "OK":
        lines += [*_device(), *_data()]
    return [*lines, _memory(), _disk()]


def _python() -> Line:
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    expected = "" if good else "; expected 3.11 to 3.13"
    return Line("OK" if good else "FAIL", "python", f"{platform.python_version()} on {platform.platform()}{expected}")


def tested_versions() -> dict[str, str]:
    """The tested version of each package on this Python and platform, from ``constraints.txt``."""
    path = runtime.repo_root() / "constraints.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    pins = [Requirement(line.partition("#")[0]) for line in lines if "==" in line.partition("#")[0]]
    pins = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}


def compare(name: str, found: str | None, tested: str | None) -> Line:
    """One version against the tested one: another or unknown is a warning, a missing needed package a failure."""
    if found is None:
        needed = name in NEEDED
        return Line("FAIL" if needed else "OK", name, "not installed" + ("" if needed else " (optional)"))
    if tested is None:
        return Line("WARN", name, f"{found}; no tested version recorded")
    if Version(found) == Version(tested):
        return Line("OK", name, found)
    relation = "newer" if Version(found) > Version(tested) else "older"
    return Line("WARN", name, f"{found}, {relation} than the tested {tested}")


def _versions() -> list[Line]:
    tested = tested_versions()
    lines = []
    for name in PACKAGES:
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found = None
        lines.append(compare(name, found, tested.get(canonicalize_name(name))))
    return lines


def _settings() -> Line:
    try:
        runtime.data_root()
        return Line(
            "OK", "settings", f"size {runtime.size().name}, seed {runtime.seed()}, backend {runtime.backend_name()}"
        )
    except CourseError as error:
        return Line("FAIL", "settings", str(error))


def _device() -> list[Line]:
    try:
        run = runtime.start(quiet=True)
        from course_utils.probes.device import self_test

        result = self_test()
    except Exception as error:  # whatever a broken backend raises is what the report is for
        return [Line("FAIL", "backend", f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")]
    devices = runtime.list_devices(run.backend)
    advice = runtime.device_advice(devices)
    return [
        Line("OK", "backend", run.backend),
        Line(
            "WARN" if advice and "GPU kernel" in advice else "OK",
            "device",
            run.device + (f" ({advice})" if advice else ""),
        ),
        Line(
            "OK" if result.passed else "FAIL",
            "self-test",
            f"one training step differs from NumPy float64 by {result.worst:.1e} at most (in the {result.where})",
        ),
    ]


def _data() -> list[Line]:
    lines = []
    for name in datasets.NAMES:
        status = datasets.get(name).status()
        damaged = status.found is not None and status.detail.startswith("damaged")
        where = f" in {status.found}" if status.found else ""
        lines.append(Line("FAIL" if damaged else "OK", f"data:{name}", status.detail + where))
    return lines


def _memory() -> Line:
    free = psutil.virtual_memory().available / 1e9
    return Line(
        "OK" if free >= LEAST_MEMORY_GB else "WARN",
        "memory",
        f"{free:.1f} GB free; a lesson needs up to {LEAST_MEMORY_GB}",
    )


def _disk() -> Line:
    free = shutil.disk_usage(runtime.repo_root()).free / 1e9
    return Line("OK" if free >= LEAST_DISK_GB else "WARN", "disk", f"{free:.1f} GB free beside the course")
