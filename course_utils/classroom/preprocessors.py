"""The course's own steps in nbgrader's pipelines: execution in a sandbox, and feedback that keeps hidden checks hidden."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import nbformat
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Dict, Float, Integer, Unicode

from course_utils.classroom import sandbox
from course_utils.classroom.staging import KEY

#: Held while nbgrader works on its gradebook; given up while a submission runs, so that several run at once.
gradebook_lock: Any = None


@contextlib.contextmanager
def _gradebook_free():
    if gradebook_lock is None:
        yield
        return
    gradebook_lock.release()
    try:
        yield
    finally:
        gradebook_lock.acquire()


class IsolatedExecute(NbGraderPreprocessor):
    """Takes the place of nbgrader's Execute: runs a submission in ``sandbox.run`` and records what happened.

    A graded cell that did not run, or did not end, gets an error output, because nbgrader gives full points to a cell
    without one. What was written to standard error becomes standard output, because nbgrader takes a mere warning for
    a failure.
    """

    cell_seconds = Integer(60, help="seconds of processor time that one cell may use").tag(config=True)
    seconds = Integer(300, help="seconds of processor time that all cells may use").tag(config=True)
    memory_gb = Float(4.0, help="memory of all its processes, in GB").tag(config=True)
    output_mb = Float(1.0, help="what one cell may print, in MB; more is cut").tag(config=True)
    isolation = Unicode("auto", help="auto, bubblewrap or process").tag(config=True)
    settings = Dict({"COURSE_SIZE": "reduced"}, help="environment of the submission").tag(config=True)

    def preprocess(self, nb: nbformat.NotebookNode, resources: dict) -> tuple[nbformat.NotebookNode, dict]:
        """Execute ``nb`` and put the outputs into its cells; raises nothing that the notebook causes."""
        record = dict(nb.metadata.get(KEY, {}))
        limits = sandbox.Limits(self.cell_seconds, self.seconds, self.memory_gb, self.output_mb)
        outcome = sandbox.Outcome(stopped=record.get("not_run"))
        if not record.get("not_run"):
            support = Path(resources["metadata"]["path"]).resolve()
            plain = json.loads(nbformat.v4.writes(nb, split_lines=False))
            isolation = sandbox.choose(self.isolation)
            with _gradebook_free():
                outcome = sandbox.run(plain, support, limits, isolation, dict(self.settings))
        notes = list(record.get("notes", ()))
        for index, cell in enumerate(nb.cells):
            if cell.cell_type == "code":
                cell.outputs = _checked(outcome.outputs.get(index), outcome.stopped or "it was not reached")
                notes += _note(cell, index, index in outcome.cut, self.output_mb)
        record |= {"notes": notes, "stopped": None if record.get("not_run") else outcome.stopped}
        record |= {"seconds": round(outcome.seconds, 1), "memory_gb": round(outcome.memory_gb, 2)}
        nb.metadata[KEY] = nbformat.from_dict(record)
        return nb, resources


def _not_run(reason: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_output("error", ename="NotRun", evalue=reason, traceback=[f"NotRun: {reason}"])


def _checked(outputs: list | None, reason: str) -> list:
    """Outputs as nbformat has them; of a cell that did not run, or that are misshapen: one error."""
    if outputs is None:
        return [_not_run(reason)]
    try:
        result = [nbformat.from_dict(output) for output in outputs]
        for output in result:
            nbformat.validate(output, ref="output", version=4)
            if output.output_type == "stream":
                output.name = "stdout"
    except Exception as error:  # the process that wrote them is not ours to trust
        return [_not_run(f"its outputs cannot be read ({type(error).__name__})")]
    return result


def _note(cell: nbformat.NotebookNode, index: int, cut: bool, most: float) -> list[str]:
    """What a teacher should know about one executed cell: cut output, and any failure but a wrong or a missing answer."""
    name = cell.metadata.get("nbgrader", {}).get("grade_id") or f"number {index + 1}"
    notes = [f"cell {name} printed more than {most:g} MB; the rest was cut"] if cut else []
    quiet = ("NotRun", "NotImplementedError", *(("AssertionError",) if utils.is_grade(cell) else ()))
    for output in cell.outputs:
        if output.output_type == "error" and output.ename not in quiet:
            notes.append(f"cell {name} failed: {output.ename}: {output.evalue[:150]}".rstrip(": "))
    return notes


class ShortErrors(NbGraderPreprocessor):
    """For feedback: of a failed check only the message, because a traceback shows the lines of hidden checks."""

    def preprocess_cell(self, cell: nbformat.NotebookNode, resources: dict, cell_index: int) -> tuple:
        """Shorten the errors of graded code cells."""
        if cell.cell_type == "code" and utils.is_grade(cell):
            for output in cell.outputs:
                if output.output_type == "error":
                    text = output.evalue or (
                        "this task is not written yet" if output.ename == "NotImplementedError" else ""
                    )
                    output.traceback = [f"{output.ename}: {text}" if text else output.ename]
        return cell, resources


class Remarks(NbGraderPreprocessor):
    """For feedback: what was noticed while grading, as a first cell."""

    def preprocess(self, nb: nbformat.NotebookNode, resources: dict) -> tuple[nbformat.NotebookNode, dict]:
        """Put the remarks in front."""
        record = nb.metadata.get(KEY, {})
        lines = [f"**Not run, 0 points:** {record['not_run']}"] if record.get("not_run") else []
        lines += [f"**Stopped early:** {record['stopped']}"] if record.get("stopped") else []
        lines += [f"- {note}" for note in record.get("notes", ())]
        if lines:
            text = "### Remarks of the grader\n\n" + "\n\n".join(line.replace("<", "&lt;") for line in lines)
            nb.cells.insert(0, nbformat.v4.new_markdown_cell(text))
        return nb, resources
