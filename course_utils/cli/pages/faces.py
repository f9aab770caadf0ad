"""README's table and figure of Part 3, faces."""

from __future__ import annotations

import matplotlib.pyplot as plt

from course_utils import experiments, plotting
from course_utils.cli.pages.common import made_by, mean_and_range
from course_utils.rendering import face

COLUMNS = {
    "rendered faces": "rendered, drawn boxes",
    "LFPW photos": "photos, drawn boxes",
    "LFPW photos, a detector's boxes": "photos, detector's boxes",
}
ROWS = {
    "start shape: mean error (outer-eye distances)": ("start_error", "{:.3f}"),
    "start shape: AUC@0.08": ("start_auc", "{:.1%}"),
    "start shape: failures above 0.08": ("start_failures", "{:.1%}"),
    "four linear steps, right labels: mean error": ("right labels: error_4", "{:.3f}"),
    "… mirrored without the permutation": ("flip without permutation: error_4", "{:.3f}"),
    "… patches read at (y, x)": ("patches from (y, x): error_4", "{:.3f}"),
    "… labels in another order than images": ("labels in another order: error_4", "{:.3f}"),
}


def table() -> str:
    """Markdown table: the same measurements on rendered faces and on photographs."""
    result = experiments.load_result("faces_data")
    lines = ["| quantity | " + " | ".join(COLUMNS) + " |", "|---" * (1 + len(COLUMNS)) + "|"]
    for name, (value, form) in ROWS.items():
        cells = [mean_and_range(experiments.values(result, row, value), form) for row in COLUMNS.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    about = "Crops of 112 px; 1 200 + 400 rendered faces, 644 + 161 photos of LFPW's training set (its test set could not be had)"
    return "\n".join([*lines, "", made_by(result, about)])


def draw_faces() -> plt.Figure:
    """Seven rendered faces with their points, one for each expression."""
    images, points = face.render(7, seed=30, side=80, expression=range(7), strength=1.0, turned=0.6)
    figure, ax = plt.subplots(figsize=(7.4, 1.5))
    plotting.face_sheet(images, points, columns=7, titles=face.EXPRESSIONS, ax=ax)
    return figure


DRAWINGS = {"faces_rendered.png": draw_faces}
