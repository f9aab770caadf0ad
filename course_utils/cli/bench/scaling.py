"""How the time of each renderer, sampler, reader and input pipeline grows when the work is doubled four times."""

from __future__ import annotations

import tempfile
from pathlib import Path

from course_utils.cli.bench import loaders, pipelines, renderers, samplers
from course_utils.cli.bench.timing import STEEP, Row, growth

ABOUT = f"slope of log time on log work, N doubled four times; 1 is in proportion, above {STEEP} is a finding"
GROUPS = (renderers, samplers, loaders, pipelines)


def measure() -> list[Row]:
    """One row a thing: its slope, with the smallest and the largest of three rounds."""
    found = []
    for group in GROUPS:
        with tempfile.TemporaryDirectory() as folder:
            found += [growth(*one) for one in group.growing(Path(folder))]
    return found
