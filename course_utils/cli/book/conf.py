"""What Sphinx is told about the book. Nothing is taken from a network, neither to build it nor to read it."""

from course_utils import __version__

project = "Why won't it learn?"
author = "The authors of Why won't it learn?"
copyright = f"{author} Text and figures: CC BY 4.0; code: MIT"
version = release = __version__
language = "en"

extensions = ["myst_nb", "course_utils.cli.book.mathml"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_disable_syntax = [
    "myst_line_comment",
    "myst_block_break",
    "myst_target",
    "myst_role",
]  # lessons are plain Markdown
myst_heading_anchors = 4
myst_update_mathjax = False
html_math_renderer = "mathml"

nb_execution_mode = "off"  # the lessons come executed, as tests
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_render_markdown_format = "gfm"

html_theme = "furo"
html_title = f"{project} <small>{__version__}</small>"
html_short_title = project
html_static_path = ["static"]
html_css_files = ["book.css"]
html_last_updated_fmt = "%Y-%m-%d"  # of SOURCE_DATE_EPOCH, where it is set
html_copy_source = False
html_show_sourcelink = False
html_use_index = False
html_theme_options = {"top_of_page_buttons": []}
