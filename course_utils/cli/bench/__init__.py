"""``course bench``: what each lesson costs, and how fast the course's own parts are beside another way to the same result.

``timing``     ways that take turns, ratios, slopes, and the one kind of row
``record``     ``results/bench.json``, group by group, each with the run that measured it
``command``    the command and its table
``renderers`` · ``samplers`` · ``loaders`` · ``pipelines`` · ``compiled`` · ``scaling``   a group each, with ``measure()``
"""

from course_utils.cli.bench.command import bench

__all__ = ["bench"]
