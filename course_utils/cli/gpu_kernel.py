"""Register the kernel "Why won't it learn? (GPU)": the Python that runs this, with the GPU settings of the course.

``make gpu-kernel`` runs it with the Python of the environment that holds TensorFlow's CUDA build. First met in lesson 00_start_here.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from course_utils.runtime import (
    GPU_KERNEL_DISPLAY_NAME,
    GPU_KERNEL_ENVIRONMENT,
    GPU_KERNEL_NAME,
    SettingsError,
    to_json,
)

TEST_COMMAND = f"pytest --nbmake --nbmake-kernel={GPU_KERNEL_NAME} notebooks/*.ipynb"


def install_gpu_kernel(prefix: Path | None = None) -> Path:
    """Write the kernel spec for this Python, for this user or under ``prefix``, and return its folder.

    Raises SettingsError when the folder cannot be written.
    """
    from ipykernel.kernelspec import install  # loads half of Jupyter

    try:
        folder = install(
            user=prefix is None,
            prefix=None if prefix is None else str(prefix),
            kernel_name=GPU_KERNEL_NAME,
            display_name=GPU_KERNEL_DISPLAY_NAME,
            env=dict(GPU_KERNEL_ENVIRONMENT),
        )
    except OSError as error:
        place = error.filename or prefix or "the user's Jupyter folder"
        raise SettingsError(
            f"the GPU kernel was not installed: {place} cannot be written ({error.strerror or error})"
        ) from error
    return Path(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a program; return the exit code: 0 installed, 2 the folder cannot be written."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.cli.gpu_kernel", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--prefix", type=Path, metavar="DIR", help="install under DIR/share/jupyter instead of for this user"
    )
    parser.add_argument("--json", action="store_true", help="say what was installed as JSON")
    options = parser.parse_args(arguments)
    try:
        folder = install_gpu_kernel(options.prefix)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if options.json:
        spec = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))
        print(
            to_json({"kernel": GPU_KERNEL_NAME, "folder": folder, "spec": spec, "test_command": TEST_COMMAND}), end=""
        )
        return 0
    print(f"{GPU_KERNEL_DISPLAY_NAME}: installed in {folder}")
    print("In JupyterLab: Kernel > Change Kernel. Every lesson on it:")
    print(f"  {TEST_COMMAND}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
