"""The program inside the sandbox: reads a job from standard input, executes its notebook, writes each cell's outputs as a line.

``python -m course_utils.classroom.runner``; started by ``sandbox.run`` and by nobody else.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from course_utils.classroom.sandbox import PATIENCE, POLL_SECONDS, TOO_LONG, family, processor_seconds

MOST_FILE_BYTES = 200_000_000
MOST_ERROR = 5_000  # characters of an error's text, and of a line of its traceback


class Client(NotebookClient):
    """Executes like nbclient; what a cell prints beyond a limit is dropped as it comes, so that it never fills memory."""

    most_output = 1_000_000
    printed = 0

    def process_message(self, msg: dict, cell: nbformat.NotebookNode, cell_index: int) -> Any:
        """As nbclient's; counts what a cell prints."""
        if msg["msg_type"] in ("stream", "display_data", "execute_result", "update_display_data"):
            content = msg["content"]
            self.printed += (
                len(content["text"])
                if "text" in content
                else sum(len(str(value)) for value in content["data"].values())
            )
            if self.printed > self.most_output:
                return None
        if msg["msg_type"] == "error":
            _shorten(msg["content"])
        return super().process_message(msg, cell, cell_index)


def _shorten(error: dict) -> None:
    """Cut an error's texts; an exception's own may be of any length."""
    error["ename"], error["evalue"] = str(error["ename"])[:100], str(error["evalue"])[:MOST_ERROR]
    error["traceback"] = [str(line)[:MOST_ERROR] for line in error["traceback"][-20:]]


def _limit(memory_gb: float) -> None:
    """Hard limits that the kernel inherits, where the system has them; the parent watches the rest."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for what, height in (
        (resource.RLIMIT_DATA, int(memory_gb * 1e9)),
        (resource.RLIMIT_FSIZE, MOST_FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (height, height))


def _unseen() -> None:
    """Keep what the kernel runs, under the same user, out of this process and its files (Linux)."""
    if sys.platform == "linux":
        no_dumps = 4  # PR_SET_DUMPABLE
        ctypes.CDLL(None).prctl(no_dumps, 0, 0, 0, 0)


class Watch:
    """Interrupts the kernel when the cell that runs has used up its processor time; again every few seconds until it ends."""

    def __init__(self, kernel: int, cell_seconds: float) -> None:
        self.kernel, self.cell_seconds = kernel, cell_seconds
        self.interrupted = False
        self.start = self.warned = 0.0
        threading.Thread(target=self._run, daemon=True).start()

    def begin(self) -> None:
        """A new cell starts."""
        self.start, self.interrupted = processor_seconds(family(self.kernel)), False

    def _run(self) -> None:
        while True:
            time.sleep(POLL_SECONDS)
            spent = processor_seconds(family(self.kernel))
            again = not self.interrupted or spent > self.warned + 5
            if spent - self.start > self.cell_seconds and again:
                self.interrupted, self.warned = True, spent
                with contextlib.suppress(OSError):
                    os.kill(self.kernel, signal.SIGINT)


def _finish(cell: nbformat.NotebookNode, reply: dict, interrupted: bool, cell_seconds: float) -> None:
    """An error that reached no output becomes one; an interruption says what it was for."""
    reason = f"used more than {cell_seconds:g} s of processor time and was interrupted"
    if interrupted:
        reply = {"status": "error", "ename": TOO_LONG, "evalue": reason, "traceback": [f"{TOO_LONG}: {reason}"]}
        cell.outputs = [output for output in cell.outputs if output.get("ename") != "KeyboardInterrupt"]
    if reply["status"] == "error" and not any(output.get("ename") == reply["ename"] for output in cell.outputs):
        error = {name: reply[name] for name in ("ename", "evalue")} | {"traceback": list(reply["traceback"])}
        cell.outputs.append(nbformat.v4.new_output("error", **error))


def main() -> None:
    """Run the job; every line of standard output is one cell's result or the reason why no more come."""
    job = json.load(sys.stdin)
    limits = job["limits"]
    _limit(limits["memory_gb"])
    _unseen()
    if sys.argv[1:]:  # the assignment's own files, which lie read-only elsewhere
        shutil.copytree(sys.argv[1], "work")
        os.chdir("work")
    notebook = nbformat.from_dict(job["notebook"])
    clock = PATIENCE * limits["cell_seconds"]
    waited = f"ran longer than {clock:g} s and was interrupted"
    replies: dict[int, dict] = {}
    idle = 0
    client = Client(
        notebook,
        timeout=clock,
        interrupt_on_timeout=True,
        error_on_timeout={"ename": TOO_LONG, "evalue": waited, "traceback": [f"{TOO_LONG}: {waited}"]},
        allow_errors=True,
        kernel_name="python3",
        resources={"metadata": {"path": str(Path.cwd())}},
        extra_arguments=["--IPKernelApp.log_level=ERROR", "--HistoryManager.hist_file=:memory:"],
        on_cell_executed=lambda cell, cell_index, execute_reply: replies.update({cell_index: execute_reply["content"]}),
    )
    client.most_output = int(limits["output_mb"] * 1e6)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # the kernel has no hold of our lines
    with client.setup_kernel(**quiet):
        watch = Watch(client.km.provisioner.pid, limits["cell_seconds"])
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            client.printed = 0
            watch.begin()
            begin = time.monotonic()
            try:
                client.execute_cell(cell, index)
            except DeadKernelError:
                _say({"stopped": f"its kernel died in cell {index + 1}"})
                return
            except Exception as error:  # nbclient on a message that no sound kernel sends
                replies[index] = {
                    "status": "error",
                    "ename": type(error).__name__,
                    "evalue": str(error),
                    "traceback": [],
                }
            _finish(cell, replies.get(index, {"status": "ok"}), watch.interrupted, limits["cell_seconds"])
            idle += time.monotonic() - begin > clock and not watch.interrupted
            if idle == 2:
                _say({"stopped": f"cell {index + 1} is the second that did nothing for {clock:g} s"})
                return
            _say({"cell": index, "outputs": cell.outputs, "cut": client.printed > client.most_output})


def _say(line: dict) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
