"""Markdown as HTML that may stand in a page: no tags, no pictures, no links that run anything."""

from collections.abc import Collection

from markdown_it import MarkdownIt
from markdown_it.token import Token

DEEPER = 2  # levels by which headings sink: `##` is below a finding's title, an h3


def to_html(text: str, anchors: Collection[str]) -> str:
    """The page `text` without its title.

    Links to other such pages (`FW101.md`) lead to the part of this document with that id, if it is
    one of `anchors`; else they are plain text, as are all links but those of the web.
    """
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = reader.parse(text)
    if tokens and tokens[0].tag == "h1":
        tokens = tokens[3:]  # Its beginning, its text and its end.
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + DEEPER, 6)}"
        for inner in token.children or ():
            if inner.type == "link_open":
                inner.attrs = link(inner, anchors)
    return reader.renderer.render(tokens, reader.options, {})


def link(token: Token, anchors: Collection[str]) -> dict[str, str | int | float]:
    """The attributes of a link; without any it is plain text."""
    target = str(token.attrs.get("href", ""))
    if target.startswith(("https://", "http://")):
        return {"href": target, "rel": "noreferrer"}
    code = target.removesuffix(".md")
    return {"href": f"#{code}"} if code in anchors else {}
