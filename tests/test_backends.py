"""Runs ``backend_checks.py`` on every backend that is installed, each in a process of its own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils import runtime
from course_utils.runtime import BACKENDS


def kept_programs(config):
    """JAX keeps what it compiles beside pytest's own cache: a second run checks the same numbers of the same programs."""
    cache = getattr(config, "cache", None)  # None with -p no:cacheprovider
    return {} if cache is None else runtime.compiled_programs(cache.mkdir("jax"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_probes_models_and_batches(backend, request):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is an optional extra and not installed here")
    checks = Path(__file__).with_name("backend_checks.py")
    kept = kept_programs(request.config) if backend == "jax" else {}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(checks)],
        env={**os.environ, "KERAS_BACKEND": backend, **kept},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    assert " passed" in ended.stdout
    assert " skipped" not in ended.stdout
