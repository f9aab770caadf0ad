"""What README says of speed: one table and one figure from ``results/bench.json``, which ``course bench --save`` writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from course_utils import plotting
from course_utils.cli.bench import record
from course_utils.cli.bench.command import CPU_LIMIT_S, MEMORY_LIMIT_GB
from course_utils.cli.bench.timing import STEEP, is_undecided, times_as_fast
from course_utils.experiments.claims.writing import rounded, written

#: Group → how its rows are called in table and figure; scaling has a panel of its own.
RATIOS = {
    "renderers": "renderers",
    "samplers": "patch samplers",
    "loaders": "readers",
    "pipelines": "input and training step",
    "compiled": "XLA on a CPU",
}

#: How the ratios are to be read.
READ = (
    "Ratios are those of the two medians beside them, in brackets the smallest and the largest of one round. "
    "Where some rounds lie below 1 and some above, which way is faster is *undecided*."
)


def _groups(result: dict[str, Any]) -> dict[str, Any]:
    """The groups, each ratio that of the medians which stand beside it: older records hold the median of the rounds' ratios."""
    groups = dict(result.get("groups", {}))
    for name in RATIOS.keys() & groups.keys():
        rows = [
            {**row, "ratio": times_as_fast(row["value"], row["other"], row["unit"])} for row in groups[name]["rows"]
        ]
        groups[name] = {**groups[name], "rows": rows}
    return groups


def table() -> str:
    """Markdown: lessons in one line, then one row for each comparison, its group's run below it. Groups not measured are left out."""
    result = record.load()
    groups = _groups(result)
    lines = [_lessons(result)] if result.get("rows") else []
    lines += ["", READ] if groups else []
    for name, title in {**RATIOS, "scaling": "time against work"}.items():
        one = groups.get(name)
        if one and one["rows"]:
            lines += ["", f"**{title}**: {one['what']}", "", *_rows(name, one), "", _made_by(one)]
    return "\n".join(lines).strip()


def _lessons(result: dict[str, Any]) -> str:
    rows = [row for row in result["rows"] if "error" not in row]
    slowest = max(rows, key=lambda row: row["wall_s"])
    over = [row["lesson"] for row in rows if row["cpu_s"] > CPU_LIMIT_S or row["peak_gb"] > MEMORY_LIMIT_GB]
    return (
        f"**lessons**, reduced size, each in a fresh kernel: {len(rows)} lessons, mean {np.mean([r['wall_s'] for r in rows]):.0f} s, slowest "
        f"{slowest['lesson']} with {slowest['wall_s']:.0f} s; at most {max(r['peak_gb'] for r in rows):.1f} GB; over the budget of {CPU_LIMIT_S:g} "
        f"CPU-seconds and {MEMORY_LIMIT_GB:g} GB: {', '.join(over) or 'none'}. {_made_by(result)}"
    )


def _rows(name: str, group: dict[str, Any]) -> Iterator[str]:
    if name == "scaling":
        yield "| what | slope (smallest – largest round) | N and times |"
        yield "|---|---|---|"
        for row in group["rows"]:
            yield f"| {row['what']} | {_spread(row, partial(written, '{:.2f}'))} | {row['note']} |"
        return
    yield "| what | measured | beside | times as fast (smallest – largest round) | why that is fair |"
    yield "|---|---|---|---|---|"
    before = None
    for row in group["rows"]:
        why = "as above" if row["why_fair"] == before else row["why_fair"]
        before = row["why_fair"]
        note = f"; {row['note']}" if row.get("note") else ""
        yield (
            f"| {row['what']} | {rounded(row['value'], 4)} {row['unit']}{note} | {row['compared_with']}: {rounded(row['other'], 4)} {row['unit']} "
            f"| {'*undecided*: ' * is_undecided(row['ratio_range'])}{_spread(row, partial(rounded, digits=3))}{_goal(row)} | {why} |"
        )


def _spread(row: dict[str, Any], write: Callable[[float], str]) -> str:
    low, high = row["ratio_range"]
    return f"{write(row['ratio'])} ({write(low)} – {write(high)})"


def _goal(row: dict[str, Any]) -> str:
    if "goal" not in row:
        return ""
    unit = "" if row["goal_on"] == "ratio" else f" {row['unit']}"
    return f"; goal {row['goal']:g}{unit}{'' if row[row['goal_on']] >= row['goal'] else ': **not reached**'}"


def _made_by(one: dict[str, Any]) -> str:
    versions, backend = one["versions"], one["backend"]
    when = f"; {one['when'][:10]}" if "when" in one else ""
    return f"{one['device']}, Keras {versions['keras']} on {backend} {versions[backend]}; `{one['command']}`{when}."


# ----------------------------------------------------------------------------------------------------- figure


def draw() -> plt.Figure:
    """CPU-seconds of the lessons beside their budget; ratios on a logarithmic axis with 1 marked; slopes with 1 marked."""
    result = record.load()
    groups = _groups(result)
    figure = plt.figure(figsize=(13.5, 10.2))
    grid = figure.add_gridspec(2, 2, height_ratios=(25, 19), width_ratios=(0.8, 1))
    _draw_lessons(figure.add_subplot(grid[0, 0]), result)
    _draw_slopes(figure.add_subplot(grid[1, 0]), groups.get("scaling", {}).get("rows", []))
    _draw_ratios(figure.add_subplot(grid[:, 1]), groups)
    return figure


def _draw_lessons(ax: plt.Axes, result: dict[str, Any]) -> None:
    rows = [row for row in result.get("rows", []) if "error" not in row]
    places = np.arange(len(rows))
    ax.barh(places, [row["cpu_s"] for row in rows], 0.75, color=plotting.COLOURS[5])
    ax.plot([row["wall_s"] for row in rows], places, ".", color=plotting.COLOURS[6])
    ax.axvline(CPU_LIMIT_S, color=plotting.BAD, linestyle="--", linewidth=1.4)
    _named(ax, [row["lesson"] for row in rows])
    over = sum(row["cpu_s"] > CPU_LIMIT_S for row in rows)
    ax.set(
        xlabel=f"bar: CPU-seconds after imports, at most {CPU_LIMIT_S:g} (dashed); dot: seconds on the clock",
        title=f"Lessons: {over or 'none'} of {len(rows)} over the budget",
    )


def _draw_slopes(ax: plt.Axes, rows: list[dict[str, Any]]) -> None:
    for place, row in enumerate(rows):
        _interval(ax, place, row, plotting.BAD if row["value"] > STEEP else plotting.COLOURS[0])
    ax.axvline(1, color=plotting.NEUTRAL, linewidth=1.2)
    ax.axvline(STEEP, color=plotting.BAD, linestyle="--", linewidth=1.2)
    _named(ax, [row["what"] for row in rows])
    steep = sum(row["value"] > STEEP for row in rows)
    ax.set(
        xlabel=f"slope of log time on log work (1: in proportion; dashed: {STEEP})",
        title=f"Work doubled four times: {steep or 'none'} of {len(rows)} grow faster than their work",
    )


def _draw_ratios(ax: plt.Axes, groups: dict[str, Any]) -> None:
    names, place, ticks, goals = [], 0.0, [], []
    for colour, (group, title) in zip(plotting.COLOURS, RATIOS.items(), strict=False):
        rows = groups.get(group, {}).get("rows", [])
        if not rows:
            continue
        ax.text(0.01, place - 0.1, title, transform=ax.get_yaxis_transform(), fontsize=9, color=colour, weight="bold")
        place += 0.8
        for row in rows:
            _interval(ax, place, row, colour)
            if "goal" in row:
                goals.append(row[row["goal_on"]] >= row["goal"])
            if "goal" in row and row["goal_on"] == "ratio":
                ax.plot(row["goal"], place, "|", color=plotting.COLOURS[6], markersize=9, markeredgewidth=2)
            names.append(row["what"])
            ticks.append(place)
            place += 1
        place += 0.4
    ax.axvline(1, color=plotting.NEUTRAL, linewidth=1.4)
    ax.set_xscale("log")
    ax.set_ylim(place, -1)
    ax.set_yticks(ticks, names, fontsize=7)
    ax.grid(axis="y", visible=False)
    ax.set(
        xlabel="times as fast as what it is compared with (line: all rounds; hollow: undecided; black mark: goal)",
        title=f"Right of 1: faster than the other way. Goals reached: {sum(goals)} of {len(goals)}",
    )


def _interval(ax: plt.Axes, place: float, row: dict[str, Any], colour: str) -> None:
    ax.plot(row["ratio_range"], [place, place], color=colour, linewidth=4, alpha=0.35, solid_capstyle="butt")
    open_ = row["unit"] != "slope" and is_undecided(row["ratio_range"])
    ax.plot(row["ratio"], place, "o", color=colour, markersize=5, markerfacecolor="white" if open_ else colour)


def _named(ax: plt.Axes, names: list[str]) -> None:
    ax.set_yticks(range(len(names)), names, fontsize=7)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)


DRAWINGS = {"bench.png": draw}
