"""The two ways to install say the same, every dependency has a reason, and CI runs what the README promises."""

import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import course_utils
from course_utils.runtime import repo_root

ROOT = repo_root()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [
    Requirement(line) for line in [*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]
]
PYTHONS = ["3.11.9", "3.12.9", "3.13.2"]
PLATFORMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
}


def lines_of(name: str) -> list[str]:
    """The lines of a file of the checkout that say something to a program."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def marker_environment(python: str, platform: str) -> dict[str, str]:
    """What environment markers are judged by for one Python on one platform."""
    names = {"implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": ""}
    return {"python_version": python.rpartition(".")[0], "python_full_version": python} | names | PLATFORMS[platform]


def pip_lines() -> list[str]:
    """What environment.yml hands to pip."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (section,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    return section


# -------------------------------------------------------------------------- environment.yml and pyproject.toml


def test_conda_installs_this_project_with_extras_that_exist_under_the_tested_versions():
    (project,) = [line for line in pip_lines() if line.startswith("-e")]
    found = re.fullmatch(r"-e \.\[([\w,]+)\]", project)
    assert found, project
    assert found[1] == "lab,test,jax,classroom"
    assert set(found[1].split(",")) <= set(EXTRAS)
    assert "-c constraints.txt" in pip_lines()


def test_conda_and_make_install_the_same_extras():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    extras = dict(re.findall(r"^(\S+)/\.installed: EXTRAS := (\S+)$", makefile, flags=re.MULTILINE))
    assert f"-e .[{extras['$(VENV)']}]" in pip_lines()
    assert set(extras[".venv-gpu"].split(",")) == {*extras["$(VENV)"].split(","), "gpu"} <= set(EXTRAS)


def test_environment_yml_names_no_package_of_its_own():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    named = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    assert sorted(re.split(r"[=<>]", entry)[0] for entry in named) == ["pip", "python"]
    assert [line for line in pip_lines() if not line.startswith(("-c ", "-e "))] == []
    assert environment["name"] == PROJECT["name"]
    assert environment["channels"][0] == "conda-forge"


def test_condas_python_is_one_the_project_supports():
    (python,) = [line for line in lines_of("environment.yml") if "python=" in line]
    version = python.partition("=")[2]
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{version}.1")


def test_supported_pythons_are_the_tested_ones():
    supported = SpecifierSet(PROJECT["requires-python"])
    minors = [f"3.{minor}" for minor in range(8, 20) if supported.contains(f"3.{minor}.1")]
    assert minors == [python.rpartition(".")[0] for python in PYTHONS]


def test_every_dependency_has_its_reason_beside_it():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for requirement in [*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]:
        (line,) = [line for line in text.splitlines() if f'"{requirement}"' in line]
        assert re.search(r'"\]?,?\s+# \w', line), f"pyproject.toml says no reason for {requirement}"


# --------------------------------------------------------------------------------------------- constraints.txt


def test_constraints_are_nothing_but_exact_versions():
    for line in lines_of("constraints.txt"):
        requirement = Requirement(line)  # an option, a path or an address is none
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], line
        assert requirement.url is None, line
        assert not requirement.extras, line


@pytest.mark.parametrize("name", ["constraints.txt", "environment.yml"])
def test_no_registry_and_no_machine_is_named(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert (
        re.findall(
            r"\w+://|index-url|find-links|trusted-host|\B/[a-z]+/|\b[A-Za-z]:\\|\b[\w-]+\.(?:com|org|io|net|dev)\b",
            text,
        )
        == []
    )


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_direct_dependency_has_one_tested_version_inside_its_range(python, platform):
    environment = marker_environment(python, platform)
    pins: dict[str, list[str]] = {}
    for line in lines_of("constraints.txt"):
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate(environment):
            (specifier,) = pin.specifier
            pins.setdefault(canonicalize_name(pin.name), []).append(specifier.version)
    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}
    for dependency in DIRECT:
        if dependency.marker is None or dependency.marker.evaluate(environment):
            (version,) = pins.get(canonicalize_name(dependency.name), ["none"])
            assert version != "none", f"constraints.txt has no version of {dependency.name}"
            assert dependency.specifier.contains(version), (
                f"{dependency.name} {version} is outside {dependency.specifier}"
            )


# ----------------------------------------------------------------------------------------------- make and CI

TARGETS = [
    "help",
    "env",
    "lab",
    "test",
    "test-deep",
    "gpu-kernel",
    "newest",
    "backends",
    "bench",
    "pages",
    "book",
    "format",
    "clean",
]
needs_make = pytest.mark.skipif(shutil.which("make") is None or sys.platform == "win32", reason="needs make")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in the checkout as if from a shell, also where make runs this test."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "VENV", "PYTHON"))
    }
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)


@needs_make
@pytest.mark.parametrize("target", TARGETS)
def test_every_target_can_be_read_by_make(target):
    planned = make("-n", target)
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.strip()


@needs_make
def test_help_is_the_default_and_lists_every_target():
    listed = re.findall(r"^make (\S+) +\S", make().stdout, flags=re.MULTILINE)
    assert listed == TARGETS


@needs_make
def test_an_unsuitable_python_is_refused_in_one_line_and_leaves_nothing(tmp_path):
    environment = tmp_path / "venv"
    refused = make("env", f"VENV={environment}", "PYTHON=false")
    assert refused.returncode != 0
    (line,) = [line for line in refused.stderr.splitlines() if not line.startswith("make")]
    assert line.startswith("false is not Python 3.11, 3.12 or 3.13")
    assert not environment.exists()


@needs_make
def test_clean_takes_neither_data_nor_a_students_lessons():
    planned = make("-n", "clean").stdout
    assert "rm -rf" in planned
    assert not re.search(r"\b(lab|data|runs)\b|\.venv", planned)


@needs_make
def test_make_test_runs_the_lessons_and_leaves_the_assignments_out():
    planned = make("-n", "test").stdout
    assert re.search(r"pytest --nbmake .* notebooks/\*\.ipynb$", planned, flags=re.MULTILINE)
    assert re.search(r"ruff check \. && .*ruff format --check \. && .*lint-imports && .*pytest -n 2 tests", planned)


@pytest.mark.skipif(sys.platform == "win32" or shutil.which("bash") is None, reason="needs bash")
def test_ci_runs_make_test_then_make_test_deep():
    script = ROOT / ".ci" / "run"
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0
    assert os.access(script, os.X_OK)
    stages = re.findall(r"\bmake (test\S*)", "\n".join(lines_of(".ci/run")))
    assert stages == ["test", "test-deep"]


# ---------------------------------------------------------------------------------------------------- release


def test_citation_and_changelog_know_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == course_utils.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(course_utils.__version__)}\b", changelog, flags=re.MULTILINE)


def test_both_licences_are_there():
    for name in PROJECT["license-files"]:
        assert "The authors of Why won't it learn?" in (ROOT / name).read_text(encoding="utf-8")
    assert PROJECT["license"] == "MIT AND CC-BY-4.0"
