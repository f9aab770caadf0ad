"""Write the tables of README and of the page of results, and the figures under results/figures/: ``python -m course_utils.cli.pages``."""

from __future__ import annotations

import matplotlib.pyplot as plt

from course_utils import runtime
from course_utils.cli.pages import DRAWINGS, FIGURES, PAGES, with_fresh_blocks


def main() -> None:
    """Write the tables of all pages and the figures under results/figures/."""
    for page in PAGES:
        path = runtime.repo_root() / page
        runtime.write_text_atomically(path, with_fresh_blocks(path.read_text(encoding="utf-8"), page))
    folder = runtime.repo_root() / FIGURES
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in DRAWINGS.items():
        figure = draw()
        figure.savefig(folder / name, dpi=80, bbox_inches="tight", metadata={"Software": None})
        plt.close(figure)
        print(folder / name)


if __name__ == "__main__":
    main()
