"""Students' text, made harmless: on pages, in tables and in the teacher's terminal. Floor 6."""

from __future__ import annotations

from html import escape

import bleach
from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter

#: What a page may be built of; scripts, frames, forms and styles are not among it.
TAGS = frozenset(
    [
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "code",
        "dd",
        "del",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "span",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
ATTRIBUTES = {
    "*": ["class", "id", "align"],
    "a": ["href", "title"],
    "details": ["open"],
    "img": ["src", "alt", "title"],
    "td": ["colspan", "rowspan"],
    "th": ["colspan", "rowspan"],
}
#: Kinds of output that are kept as they are; HTML is cleaned, everything else is left out.
PLAIN_OUTPUTS = ("text/plain", "text/latex", "image/png", "image/jpeg")


def html(text: str) -> str:
    """HTML without anything that acts or loads: unknown tags become text, pictures stand in the page itself."""
    return bleach.clean(
        text, tags=TAGS, attributes=_attribute, protocols=["http", "https", "mailto", "data", "attachment"]
    )


def _attribute(tag: str, name: str, value: str) -> bool:
    if tag == "img" and name == "src":
        return value.startswith(("data:image/png;", "data:image/jpeg;", "attachment:"))
    return name in ATTRIBUTES["*"] or name in ATTRIBUTES.get(tag, ())


def line(text: object, most: int = 200) -> str:
    """One printable line: no control characters, no escape sequences, cut at ``most`` characters."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in str(text)[: 10 * most]).split())
    return clean if len(clean) <= most else clean[: most - 1] + "…"


@pass_context
def markdown2html(context, source: str) -> str:
    """nbconvert's filter of the same name, cleaned; nbgrader's templates use it on students' cells and do not clean."""
    try:
        return html(HTMLExporter().markdown2html(context, source))
    except Exception:  # a picture that was meant to be attached and is not, for one
        return f"<pre>{escape(source)}</pre>"


def output(found: dict) -> dict:
    """One output of a cell without kinds that act; a result becomes a display, which nbgrader does not take for points."""
    if found["output_type"] not in ("display_data", "execute_result"):
        return found
    data = {kind: value for kind, value in found["data"].items() if kind in PLAIN_OUTPUTS}
    if isinstance(found["data"].get("text/html"), str):
        data["text/html"] = html(found["data"]["text/html"])
    return {"output_type": "display_data", "data": data, "metadata": {}}
