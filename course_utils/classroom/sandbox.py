"""One submitted notebook executed in a process of its own, with limits, where it finds nothing of the class.

With bubblewrap (Linux) the process sees Python, this package, the assignment's own files and an empty home in memory:
no source, no gradebook, no other submission, no network; it runs as a user without rights, and everything that it started
ends with it. Without bubblewrap it still has its own process, folder and limits, but can read what the teacher can.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from course_utils import runtime
from course_utils.runtime import SettingsError

Isolation = Literal["bubblewrap", "process"]
HOME = "/home/student"
NOBODY = "65534"
POLL_SECONDS = 0.1
PATIENCE = 5
#: Name of the error of a cell that used up its time.
TOO_LONG = "CellTimeoutError"
#: Processes beyond the kernel's own are a bomb, not a solution.
MOST_PROCESSES = 64
INSTALL = "install it (Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap)"


@dataclass(frozen=True)
class Limits:
    """What one submission may use. cell_seconds: one cell; seconds: all cells; memory_gb: all its processes; output_mb: what
    one cell may print, more is cut. Seconds are processor time, so that a busy machine costs nobody points; who waits
    instead of computing is stopped after ``PATIENCE`` times as long on the clock.
    """

    cell_seconds: int = 60
    seconds: int = 300
    memory_gb: float = 4.0
    output_mb: float = 1.0


@dataclass
class Outcome:
    """What came of one execution.

    outputs: index of a code cell → its nbformat outputs, for the cells that ended. stopped: why the whole run was
    ended early, or None. seconds: wall time. memory_gb: peak of all processes. cut: cells whose output was cut.
    """

    outputs: dict[int, list] = field(default_factory=dict)
    stopped: str | None = None
    seconds: float = 0.0
    memory_gb: float = 0.0
    cut: list[int] = field(default_factory=list)


def choose(isolation: str = "auto") -> Isolation:
    """The kind of isolation to use. Raises SettingsError when bubblewrap is wanted and cannot be used here."""
    if isolation == "process":
        return "process"
    if isolation not in ("auto", "bubblewrap"):
        raise SettingsError(f"isolation {isolation!r}: expected auto, bubblewrap or process")
    reason = _bubblewrap_fails()
    if reason is None:
        return "bubblewrap"
    raise SettingsError(
        f"bubblewrap, which keeps submissions from your files, cannot be used here: {reason}; or grade submissions that "
        "you trust with --isolation process (own process, folder and limits; they could read what you can read)"
    )


def _bubblewrap_fails() -> str | None:
    if shutil.which("bwrap") is None:
        where = "" if sys.platform == "linux" else " on Linux, a virtual machine or a container"
        return f"the program bwrap is not found; {INSTALL}{where}"
    trial = [*_bubblewrap(Path(tempfile.gettempdir()), 1.0), "true"]
    done = subprocess.run(trial, capture_output=True, text=True)
    return None if done.returncode == 0 else f"bwrap says: {' '.join(done.stderr.split()) or done.returncode}"


def _bubblewrap(support: Path, memory_gb: float) -> list[str]:
    """The command up to the program that runs inside; ``support`` is seen read-only at /assignment."""
    package = Path(__file__).resolve().parent.parent
    size = str(int(memory_gb * 1e9 / 4))
    command = ["bwrap", "--die-with-parent", "--new-session", "--clearenv"]
    if os.geteuid() == 0:  # root sets up the view, then becomes nobody inside it
        command += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        command += ["--unshare-all"]
    command += ["--proc", "/proc", "--dev", "/dev", "--ro-bind-try", "/sys", "/sys"]
    for folder in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc"):
        command += ["--ro-bind-try", folder, folder]
    for folder in (HOME, "/tmp", "/dev/shm"):
        command += ["--perms", "1777", "--size", size, "--tmpfs", folder]
    # after /tmp: the environment or the package may lie there
    shown = dict.fromkeys((sys.base_prefix, sys.prefix, str(package)))
    empty = str(package.parent / "notebooks")  # what tells the package that it is in its checkout
    parents = {str(parent) for folder in (*shown, empty) for parent in Path(folder).parents}
    for folder in sorted(parents - {"/", "/usr", "/tmp", HOME}):  # else bubblewrap makes them for root alone
        command += [] if folder.startswith("/usr/") else ["--perms", "0755", "--dir", folder]
    for folder in shown:
        command += ["--ro-bind", folder, folder]
    command += ["--ro-bind", str(support), "/assignment", "--perms", "0755", "--dir", empty]
    command += ["--remount-ro", "/", "--chdir", HOME]
    if os.geteuid() == 0:
        command += ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--no-new-privs", "--"]
    return command


def run(
    notebook: dict,
    support: Path,
    limits: Limits,
    isolation: Isolation,
    settings: dict[str, str],
    stop: threading.Event | None = None,
) -> Outcome:
    """Execute the code cells of a notebook (nbformat 4, as JSON) and return their outputs; raises nothing the notebook causes.

    support: folder whose files the notebook may read. settings: environment variables, ``KERAS_BACKEND`` for one.
    stop: when it is set, the run is ended.
    """
    job = {"notebook": notebook, "limits": asdict(limits)}
    program = [sys.executable, "-m", "course_utils.classroom.runner"]
    with (
        tempfile.TemporaryDirectory(prefix="course-grade-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as answer,
    ):
        _copy(support, Path(folder))
        if isolation == "bubblewrap":
            inner = ["env", *(f"{name}={value}" for name, value in _environment(HOME, settings).items()), *program]
            start = {"args": [*_bubblewrap(Path(folder), limits.memory_gb), *inner, "/assignment"], "cwd": "/"}
        else:
            start = {"args": program, "cwd": folder, "env": _environment(folder, settings), "start_new_session": True}
        begin = time.monotonic()
        with subprocess.Popen(**start, stdin=subprocess.PIPE, stdout=answer, stderr=subprocess.PIPE) as child:
            feed = threading.Thread(target=_feed, args=(child, json.dumps(job).encode()), daemon=True)
            said: list[bytes] = []
            listen = threading.Thread(target=lambda: said.append(_tail(child.stderr)), daemon=True)
            feed.start(), listen.start()
            stopped, peak = _watch(child, limits, begin, stop or threading.Event())
            listen.join(5)
        outcome = _read(answer)
    outcome.seconds, outcome.memory_gb = time.monotonic() - begin, peak / 1e9
    if stopped is None and len(outcome.outputs) < sum(cell["cell_type"] == "code" for cell in notebook["cells"]):
        last = (b"".join(said).decode(errors="replace").strip().splitlines() or ["it ended without a word"])[-1]
        stopped = outcome.stopped or f"its process died ({last[:200]})"
    outcome.stopped = stopped or outcome.stopped
    return outcome


def _copy(support: Path, folder: Path) -> None:
    """The assignment's own files where a user without rights can read them."""
    shutil.copytree(support, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.ipynb", ".*"))
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _environment(home: str, settings: dict[str, str]) -> dict[str, str]:
    """Nothing of the teacher's environment but where programs are and how text is written."""
    result = {
        **runtime.bare_environment(Path(sys.executable).parent),
        "HOME": home,
        "TMPDIR": "/tmp" if home == HOME else home,
        "LANG": "C.UTF-8",
        runtime.GRADING: "autograde",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent.parent),
    }
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        result[name] = f"{home}/.{name.lower()}"
    if os.name == "nt":
        result |= {"USERPROFILE": home, "TEMP": home, "TMP": home}
    return result | settings


def _feed(child: subprocess.Popen, job: bytes) -> None:
    with contextlib.suppress(OSError):  # it died before it read its job; how is seen from what it left
        child.stdin.write(job)
        child.stdin.close()


def _tail(stream, most: int = 20_000) -> bytes:
    """The last bytes of a stream, however long it is."""
    kept = b""
    while part := stream.read1(65536):
        kept = (kept + part)[-most:]
    return kept


def _watch(child: subprocess.Popen, limits: Limits, begin: float, stop: threading.Event) -> tuple[str | None, int]:
    """Wait for the end of a child or of its limits. Returns why it was stopped (None: it ended itself), and its peak memory in bytes."""
    peak, spent, stopped = 0, 0.0, None
    while child.poll() is None and stopped is None:
        processes = family(child.pid)
        memory = sum(map(_memory, processes))
        peak, spent = max(peak, memory), max(spent, processor_seconds(processes))
        if memory > limits.memory_gb * 1e9:
            stopped = f"it used more memory than the limit of {limits.memory_gb:g} GB"
        elif spent > limits.seconds:
            stopped = f"it used more than {limits.seconds} s of processor time in all"
        elif time.monotonic() - begin > PATIENCE * limits.seconds:
            stopped = f"it ran longer than {PATIENCE * limits.seconds} s in all"
        elif len(processes) > MOST_PROCESSES:
            stopped = f"it started more than {MOST_PROCESSES} processes"
        elif stop.wait(POLL_SECONDS):
            stopped = "grading was interrupted"
    for process in family(child.pid) if stopped else ():
        with contextlib.suppress(psutil.Error):
            process.kill()
    child.wait()
    return stopped, peak


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it started, as far as they are still there."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return []


def _memory(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def processor_seconds(processes: list[psutil.Process]) -> float:
    """Processor time, user and system, that some processes have used."""
    spent = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            spent += sum(process.cpu_times()[:2])
    return spent


def _read(answer) -> Outcome:
    """What the child wrote, one JSON line for each cell in their order; what is cut off, out of order or odd is left out."""
    outcome, last = Outcome(), -1
    answer.seek(0)
    for line in answer:
        try:
            said = json.loads(line)
            if "stopped" in said:
                outcome.stopped = str(said["stopped"])[:300]
                break
            cell = int(said["cell"])
            if cell <= last:
                break
            last, outcome.outputs[cell] = cell, said["outputs"]
            outcome.cut += [cell] if said["cut"] else []
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
            break
    return outcome
