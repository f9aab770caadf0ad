"""Reads finished pages as a browser without a network would: what comes from outside, what leads nowhere, what has no words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

RESOURCES = {
    "img": ("src", "srcset"),
    "script": ("src",),
    "link": ("href",),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "image": ("href", "xlink:href"),
    "form": ("action",),
}
_NAVIGATION = {"next", "prev", "index", "search", "author"}  # links of the page as a whole; nothing is loaded
_OUTSIDE = re.compile(r"(?:[a-z][a-z+.-]*:)?//", re.IGNORECASE)
_CSS = re.compile(r"""url\(\s*["']?(.*?)["']?\s*\)|@import\s+["'](.+?)["']""")
_SCRIPT = re.compile(r"""(?:import|fetch|importScripts)\s*\(?\s*["'`]((?:https?:)?//[^"'`]+)""")


@dataclass
class Page(HTMLParser):
    """What one HTML file takes, links to and names."""

    resources: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)
    silent: list[str] = field(default_factory=list)
    _inside: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        found = {name: value or "" for name, value in attrs}
        self._inside = tag
        self.places.update(found[name] for name in ("id", "name") if found.get(name))
        if "href" in found and (tag == "a" or (tag == "link" and found.get("rel") in _NAVIGATION)):
            self.links.append(found.pop("href"))
        for name in RESOURCES.get(tag, ()):
            if found.get(name):
                entries = found[name].split(",") if name == "srcset" else [found[name]]
                self.resources += [entry.split()[0] for entry in entries if entry.strip()]
        self.resources += taken_by_css(found.get("style", ""))
        if tag == "img" and not found.get("alt", "").strip():
            self.silent.append(found.get("src", ""))

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        self._inside = ""

    def handle_data(self, data: str) -> None:
        """Read style sheets and scripts that stand in the page."""
        if self._inside == "style":
            self.resources += taken_by_css(data)
        elif self._inside == "script":
            self.resources += _SCRIPT.findall(data)


def taken_by_css(text: str) -> list[str]:
    """Addresses that a style sheet takes something from."""
    return [address or imported for address, imported in _CSS.findall(text)]


def read(path: Path) -> Page:
    """One HTML file."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page


def problems(folder: Path) -> list[str]:
    """What a reader of this folder would stumble over, one line each: things from outside, dead links, figures without words."""
    pages = {path: read(path) for path in sorted(folder.rglob("*.html"))}
    return [line for path, page in pages.items() for line in _of_page(folder, path, page, pages)] + [
        f"{path.relative_to(folder)}: takes {address} from outside"
        for pattern, taken in (("*.css", taken_by_css), ("*.js", _SCRIPT.findall))
        for path in sorted(folder.rglob(pattern))
        for address in taken(path.read_text(encoding="utf-8"))
        if _OUTSIDE.match(address)
    ]


def _of_page(folder: Path, path: Path, page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    here = path.relative_to(folder).as_posix()
    for address in page.resources:
        if _OUTSIDE.match(address):
            yield f"{here}: takes {address} from outside"
        elif not address.startswith(("data:", "#")) and not (path.parent / _file(address)).is_file():
            yield f"{here}: takes {address}, which is not there"
    for link in page.links:
        if _OUTSIDE.match(link) or link.startswith(("mailto:", "data:")):
            continue
        target = (path.parent / _file(link)).resolve() if _file(link) else path.resolve()
        anchor = unquote(link.partition("#")[2])
        if not target.is_file():
            yield f"{here}: the link {link} leads nowhere"
        elif anchor and (there := pages.get(target)) and anchor not in there.places:
            yield f"{here}: the link {link} leads to a page that has no such place"
    for source in page.silent:
        yield f"{here}: the image {source[:60]} has no alt text"


def _file(address: str) -> str:
    return unquote(re.split("[?#]", address)[0])
