"""Write the tables of README and of the page of results, and the figures under results/figures/: ``python -m course_utils.cli.pages``."""

from __future__ import annotations

from course_utils import runtime
from course_utils.cli.pages import DRAWINGS, PAGES, save_figure, with_fresh_blocks


def main() -> None:
    """Write the tables of all pages and the figures under results/figures/."""
    for page in PAGES:
        path = runtime.repo_root() / page
        runtime.write_text_atomically(path, with_fresh_blocks(path.read_text(encoding="utf-8"), page))
    for name in DRAWINGS:
        print(save_figure(name))


if __name__ == "__main__":
    main()
