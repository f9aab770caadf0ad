"""The program inside the sandbox: reads a job from standard input, executes its notebook, writes each cell's outputs as a line.

``python -m course_utils.classroom.runner``; started by ``sandbox.run`` and by nobody else.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

MOST_FILE_BYTES = 200_000_000


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
        return super().process_message(msg, cell, cell_index)


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


def _record_error(cell: nbformat.NotebookNode, cell_index: int, execute_reply: dict) -> None:
    """An error that reached no output (a time-out) becomes one, so that the cell counts as failed and says why."""
    reply = execute_reply["content"]
    if reply["status"] == "error" and not any(output.get("ename") == reply["ename"] for output in cell.outputs):
        cell.outputs = [output for output in cell.outputs if output.get("ename") != "KeyboardInterrupt"]
        cell.outputs.append(
            nbformat.v4.new_output(
                "error", ename=reply["ename"], evalue=reply["evalue"], traceback=list(reply["traceback"])
            )
        )


def main() -> None:
    """Run the job; every line of standard output is one cell's result or the reason why no more come."""
    job = json.load(sys.stdin)
    limits = job["limits"]
    _limit(limits["memory_gb"])
    if sys.argv[1:]:  # the assignment's own files, which lie read-only elsewhere
        shutil.copytree(sys.argv[1], "work")
        os.chdir("work")
    notebook = nbformat.from_dict(job["notebook"])
    too_long = f"ran longer than {limits['cell_seconds']} s and was interrupted"
    client = Client(
        notebook,
        timeout=limits["cell_seconds"],
        interrupt_on_timeout=True,
        error_on_timeout={
            "ename": "CellTimeoutError",
            "evalue": too_long,
            "traceback": [f"CellTimeoutError: {too_long}"],
        },
        allow_errors=True,
        kernel_name="python3",
        resources={"metadata": {"path": str(Path.cwd())}},
        extra_arguments=["--IPKernelApp.log_level=ERROR", "--HistoryManager.hist_file=:memory:"],
        on_cell_executed=_record_error,
    )
    client.most_output = int(limits["output_mb"] * 1e6)
    out = sys.stdout
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # the kernel has no hold of our lines
    with client.setup_kernel(**quiet):
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            client.printed = 0
            try:
                client.execute_cell(cell, index)
            except DeadKernelError:
                out.write(json.dumps({"stopped": f"its kernel died in cell {index + 1}"}) + "\n")
                return
            out.write(
                json.dumps({"cell": index, "outputs": cell.outputs, "cut": client.printed > client.most_output}) + "\n"
            )
            out.flush()


if __name__ == "__main__":
    main()
