"""The course's own steps in nbgrader's pipelines: execution in a sandbox, and feedback that keeps hidden checks hidden."""

from __future__ import annotations

import html
import json
import re
import threading
from pathlib import Path

import nbformat
from nbgrader import utils
from nbgrader.preprocessors import ClearHiddenTests, NbGraderPreprocessor
from traitlets import Dict, Float, Integer, Unicode

from course_utils.classroom import safe, sandbox
from course_utils.classroom.staging import KEY

#: (assignment, student) → what came of a run that was made before nbgrader asked for it, several at once.
finished: dict[tuple[str, str], sandbox.Outcome] = {}


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

    def execute(self, nb: nbformat.NotebookNode, support: Path, stop: threading.Event | None = None) -> sandbox.Outcome:
        """Run a notebook with this class's limits; one that staging found unusable is not run."""
        if reason := nb.metadata.get(KEY, {}).get("not_run"):
            return sandbox.Outcome(stopped=reason)
        limits = sandbox.Limits(self.cell_seconds, self.seconds, self.memory_gb, self.output_mb)
        plain = json.loads(nbformat.v4.writes(nb, split_lines=False))
        return sandbox.run(plain, support, limits, sandbox.choose(self.isolation), dict(self.settings), stop)

    def preprocess(self, nb: nbformat.NotebookNode, resources: dict) -> tuple[nbformat.NotebookNode, dict]:
        """Execute ``nb`` and put the outputs into its cells; raises nothing that the notebook causes."""
        record = dict(nb.metadata.get(KEY, {}))
        told = resources["nbgrader"]
        outcome = finished.pop((told["assignment"], told["student"]), None) or self.execute(
            nb, Path(resources["metadata"]["path"]).resolve()
        )
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
        result = [nbformat.from_dict(safe.output(output)) for output in outputs]
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
            notes.append(safe.line(f"cell {name} failed: {output.ename}: {output.evalue}").rstrip(": "))
    return notes


class WithoutHidden(ClearHiddenTests):
    """For feedback: hidden checks cut out of the checks, and their lines out of everything that was printed."""

    def preprocess(self, nb: nbformat.NotebookNode, resources: dict) -> tuple[nbformat.NotebookNode, dict]:
        """Cut first the text, then what outputs repeat of it."""
        graded = [cell for cell in nb.cells if cell.cell_type == "code" and utils.is_grade(cell)]
        hidden = {line.strip() for cell in graded for part in HIDDEN.findall(cell.source) for line in part.splitlines()}
        hidden = {line for line in hidden if len(line) > 8}
        for cell in graded:
            self._remove_hidden_test_region(cell)
        for cell in nb.cells:
            for output in cell.get("outputs", ()):
                if output.output_type == "error":
                    output.traceback = _traceback(output, hidden, utils.is_grade(cell))
                elif any(line in str(output) for line in hidden):
                    output.clear()
                    output.update(nbformat.v4.new_output("stream", text="(left out: it repeats hidden checks)\n"))
        return nb, resources


HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", re.DOTALL)


def _traceback(output: nbformat.NotebookNode, hidden: set[str], graded: bool) -> list[str]:
    """Of a failed check only the message, because a traceback shows the lines around it; of other cells what shows none."""
    text = output.evalue or ("this task is not written yet" if output.ename == "NotImplementedError" else "")
    lines = "\n".join(output.traceback)
    if graded or "HIDDEN TESTS" in lines or any(line in lines for line in hidden):
        return [f"{output.ename}: {text}" if text else output.ename]
    return list(output.traceback)


class Remarks(NbGraderPreprocessor):
    """For feedback: what was noticed while grading, as a first cell."""

    def preprocess(self, nb: nbformat.NotebookNode, resources: dict) -> tuple[nbformat.NotebookNode, dict]:
        """Put the remarks in front."""
        record = nb.metadata.get(KEY, {})
        lines = [f"Not run, 0 points: {record['not_run']}"] if record.get("not_run") else []
        lines += [f"Stopped early: {record['stopped']}"] if record.get("stopped") else []
        lines += record.get("notes", ())
        if lines:
            items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
            nb.cells.insert(0, nbformat.v4.new_markdown_cell(f"### Remarks of the grader\n\n<ul>{items}</ul>"))
        return nb, resources
