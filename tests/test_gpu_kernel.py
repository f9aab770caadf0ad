"""What can be seen of the GPU kernel without a GPU: its spec, what it sets, and the report on faked devices."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from course_utils import runtime
from course_utils.cli import gpu_kernel


def test_the_kernel_runs_this_python_with_the_settings_of_the_course(tmp_path, capsys):
    assert gpu_kernel.main(["--prefix", str(tmp_path)]) == 0
    folder = tmp_path / "share" / "jupyter" / "kernels" / runtime.GPU_KERNEL_NAME
    spec = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))
    assert spec["argv"][0] == sys.executable
    assert spec["display_name"] == "Why won't it learn? (GPU)"
    assert spec["language"] == "python"
    assert spec["env"] == {
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "COURSE_KERNEL": "gpu",
    }
    shown = capsys.readouterr().out
    assert str(folder) in shown
    assert "pytest --nbmake --nbmake-kernel=why-wont-it-learn-gpu notebooks/*.ipynb" in shown


def test_installing_twice_replaces_the_kernel(tmp_path):
    folder = gpu_kernel.install_gpu_kernel(tmp_path)
    (folder / "kernel.json").write_text("{}", encoding="utf-8")
    assert gpu_kernel.install_gpu_kernel(tmp_path) == folder
    assert json.loads((folder / "kernel.json").read_text(encoding="utf-8"))["argv"][0] == sys.executable


def test_without_a_prefix_it_is_installed_for_this_user(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    assert gpu_kernel.install_gpu_kernel() == tmp_path / "kernels" / runtime.GPU_KERNEL_NAME


def test_json_says_what_was_installed(tmp_path, capsys):
    assert gpu_kernel.main(["--prefix", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert json.loads((Path(said["folder"]) / "kernel.json").read_text(encoding="utf-8")) == said["spec"]
    assert said["kernel"] in said["test_command"]


def test_a_folder_that_cannot_be_made_is_one_line_and_exit_code_2(tmp_path, capsys):
    (tmp_path / "share").write_text("a file where a folder has to be", encoding="utf-8")
    assert gpu_kernel.main(["--prefix", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "the GPU kernel was not installed" in error
    assert error.count("\n") == 1


def test_a_read_only_folder_is_one_line_and_exit_code_2(tmp_path, capsys):
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("a permission does not bind this user, or this platform")
    assert gpu_kernel.main(["--prefix", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "cannot be written" in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def run_on_gpu_kernel(notebook: Path, source: str, prefix: Path) -> subprocess.CompletedProcess[str]:
    """Run a one-cell notebook through nbmake on the GPU kernel that is installed under ``prefix``."""
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), notebook)
    # a setting that stands in the user's environment must not be what makes this pass
    environment = {name: value for name, value in os.environ.items() if name not in runtime.GPU_ENVIRONMENT}
    environment["JUPYTER_PATH"] = str(prefix / "share" / "jupyter")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbmake",
        f"--nbmake-kernel={runtime.GPU_KERNEL_NAME}",
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run(
        [*command, str(notebook)], cwd=notebook.parent, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.deep
def test_a_lesson_runs_on_the_kernel_and_sees_its_settings(tmp_path):
    gpu_kernel.install_gpu_kernel(tmp_path)
    seen = f"import os\nseen = {{name: os.environ.get(name) for name in {list(runtime.GPU_ENVIRONMENT)}}}\n"
    right = run_on_gpu_kernel(
        tmp_path / "right.ipynb", f"{seen}assert seen == {runtime.GPU_ENVIRONMENT}, seen", tmp_path
    )
    assert right.returncode == 0, right.stdout
    assert "1 passed" in right.stdout
    wrong = run_on_gpu_kernel(tmp_path / "wrong.ipynb", f"{seen}assert seen == {{}}, seen", tmp_path)
    assert wrong.returncode == 1, wrong.stdout


# -------------------------------------------------------------------------------------- faked device lists


def fake_tensorflow(names: list[str]) -> SimpleNamespace:
    """As much of TensorFlow as ``list_devices`` asks."""
    gpus = [SimpleNamespace(name=f"/physical_device:GPU:{i}") for i in range(len(names))]
    details = {gpu.name: {"device_name": name} if name else {} for gpu, name in zip(gpus, names, strict=True)}
    experimental = SimpleNamespace(get_device_details=lambda gpu: details[gpu.name])
    return SimpleNamespace(
        config=SimpleNamespace(
            list_physical_devices=lambda kind: gpus if kind == "GPU" else [], experimental=experimental
        )
    )


def fake_jax(names: list[str]) -> SimpleNamespace:
    """As much of JAX as ``list_devices`` asks; JAX lists the CPU only where there is nothing better."""
    gpus = [SimpleNamespace(platform="gpu", device_kind=name) for name in names]
    return SimpleNamespace(devices=lambda: gpus or [SimpleNamespace(platform="cpu", device_kind="cpu")])


def fake_torch(names: list[str]) -> SimpleNamespace:
    """As much of PyTorch as ``list_devices`` asks."""
    return SimpleNamespace(
        cuda=SimpleNamespace(device_count=lambda: len(names), get_device_name=lambda index: names[index])
    )


FAKES = {"tensorflow": fake_tensorflow, "jax": fake_jax, "torch": fake_torch}


@pytest.mark.parametrize("backend", FAKES)
def test_two_gpus_are_listed_described_and_need_no_advice(backend, monkeypatch):
    monkeypatch.setitem(sys.modules, backend, FAKES[backend](["NVIDIA A", "NVIDIA B"]))
    devices = runtime.list_devices(backend)
    assert [name for kind, name in devices if kind == "gpu"] == ["NVIDIA A", "NVIDIA B"]
    assert runtime.describe_devices(devices) == "GPU: NVIDIA A (the first of 2: NVIDIA A, NVIDIA B)"
    assert runtime.describe_devices([device for device in devices if device[1] != "NVIDIA B"]) == "GPU: NVIDIA A"
    assert runtime.device_advice(devices) is None


@pytest.mark.parametrize("backend", FAKES)
def test_without_a_gpu_the_report_names_the_cpu_and_what_to_do(backend, monkeypatch):
    monkeypatch.setitem(sys.modules, backend, FAKES[backend]([]))
    devices = runtime.list_devices(backend)
    assert [kind for kind, _ in devices] == ["cpu"]
    assert runtime.describe_devices(devices) == f"CPU, {os.cpu_count()} cores"
    assert "make gpu-kernel" in runtime.device_advice(devices)


def test_a_gpu_without_details_goes_by_tensorflows_own_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", fake_tensorflow([""]))
    assert runtime.list_devices("tensorflow")[1] == ("gpu", "/physical_device:GPU:0")
