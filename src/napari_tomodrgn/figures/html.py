"""Pieces of the report's HTML: the page itself, tables, and pictures that need no other file."""

import base64
from collections.abc import Iterable, Mapping
from html import escape
from string import Template
from typing import Any

from napari_tomodrgn.figures.style import DPI

CSS_PIXELS = 96  # an inch
BROAD = 620  # wider pictures are scrolled in a narrow window, as their text would be too small to read
# Pictures are drawn on white: in the dark they lie on a white card.
_STYLE = """
:root{color-scheme:light dark;--ink:#1a1a1a;--soft:#555;--line:#d9d9d9;--rule:#767676;--card:#f6f6f2;--code:#eee;
--page:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e4e4e4;--soft:#b0b0b0;--line:#444;--rule:#888;--card:#26282b;
--code:#33363a;--page:#17191b}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:1080px;margin:2em auto;
padding:0 1em}
a{color:inherit} nav{margin:1em 0} nav a{margin-right:1.2em}
h1{font-size:1.6em;margin-bottom:.2em} h2{margin-top:2em;border-bottom:1px solid var(--line)}
p.sub{color:var(--soft);margin-top:0} p,ul,ol{max-width:52em}
table{border-collapse:collapse;margin:1em 0} td,th{padding:.25em .9em .25em 0;text-align:left;vertical-align:top}
th{border-bottom:1px solid var(--rule)} td.n,th.n{text-align:right} i{display:inline-block;width:.8em;height:.8em;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
td,th{white-space:nowrap} .wide{overflow-x:auto} summary{cursor:pointer;color:var(--soft)}
figure{margin:1.6em 0} figure img{max-width:100%;height:auto;background:#fff} figcaption{color:var(--soft);
max-width:48em}
@media(prefers-color-scheme:dark){figure img{padding:8px;border-radius:6px;box-sizing:border-box}}
code{background:var(--code);padding:0 .25em}
.note{background:var(--card);padding:.2em 1em;border-left:4px solid #e69f00}
.note code{white-space:nowrap} .paste{background:var(--card);padding:.6em 1em;user-select:all;max-width:52em}
ul.tree,ul.tree ul{list-style:none;padding-left:1.2em;border-left:2px solid var(--line)} ul.tree li{margin:.3em 0}
ul.tree b.here{border-bottom:3px solid #e69f00}
@media screen and (max-width:760px){img.broad{max-width:none!important}}
@media print{:root{color-scheme:light;--ink:#000;--soft:#333;--line:#bbb;--rule:#555;--card:#fff;--code:#fff;
--page:#fff} body{margin:0;max-width:none;font-size:10pt} nav{display:none} .wide{overflow:visible}
figure,.note,table tr{break-inside:avoid} h2,h3{break-after:avoid} td,th{white-space:normal}
details:not([open]){display:none}}
"""
_PAGE = Template(
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1">'
    "<title>$title</title>\n<style>$style</style></head>\n"
    '<body>\n<h1>$title</h1>\n<p class="sub">$subtitle</p>\n<nav>$links</nav>\n$sections\n</body></html>\n'
)


def page(title: str, subtitle: str, sections: Mapping[str, str]) -> str:
    """Return a whole page of sections, by their headings; links to them stand at its top."""
    links, parts = [], []
    for number, (heading, body) in enumerate(sections.items(), 1):
        links.append(f'<a href="#s{number}">{escape(heading)}</a>')
        parts.append(f'<h2 id="s{number}">{escape(heading)}</h2>\n{body}')
    return _PAGE.substitute(
        title=escape(title), subtitle=escape(subtitle), style=_STYLE, links="\n".join(links), sections="\n".join(parts)
    )


def table(head: str, rows: Iterable[str]) -> str:
    """Return a table that can be scrolled where it is too wide."""
    return f'<div class="wide"><table>{head}{"".join(rows)}</table></div>'


def settings_table(settings: Mapping[str, Any]) -> str:
    """Return settings and their values as a table."""
    rows = (f"<tr><td>{escape(str(name))}</td><td>{escape(shown(value))}</td></tr>" for name, value in settings.items())
    return table("<tr><th>setting</th><th>value</th></tr>", rows)


def shown(value: Any) -> str:
    """Return a setting's value in a person's words."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "not set" if value is None else str(value)


def folded(summary: str, body: str) -> str:
    """Return something that is unfolded by a click."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def picture(png: bytes, caption: str) -> str:
    """Return a picture at the size it was drawn for, so that all text on the page is of one size."""
    width = int.from_bytes(png[16:20], "big") * CSS_PIXELS / DPI  # the PNG header's own width
    data = base64.b64encode(png).decode("ascii")
    kind = ' class="broad"' if width > BROAD else ""
    tag = f'<img{kind} alt="{escape(caption)}" width="{width:.0f}" src="data:image/png;base64,{data}">'
    return f'<figure><div class="wide">{tag}</div><figcaption>{escape(caption)}</figcaption></figure>'
