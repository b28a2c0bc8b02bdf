"""Markdown, by pyromark: conversion to HTML, summaries, and the links within the site.

pyromark returns HTML as one string, so what it has no option for is changed in that string by
regular expressions. They rely on its output: attributes in a fixed order and in double quotes, and
`<`, `>` and `&` escaped in text. Raw HTML that does not match is left unchanged, which is safe
because nh3 cleans it first, unless the setting trusts it.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyromark
from pyromark import Options

from ledger.sites.blog.addresses import address

if TYPE_CHECKING:
    from collections.abc import Callable

    import nh3

_OPTIONS = (
    Options.ENABLE_TABLES
    | Options.ENABLE_FOOTNOTES
    | Options.ENABLE_STRIKETHROUGH
    | Options.ENABLE_TASKLISTS
    | Options.ENABLE_HEADING_ATTRIBUTES
)
# `<!-- more -->`: the end of a summary, in Hugo, Zola and WordPress.
_MORE = re.compile(r"<!--\s*more\s*-->")
# A blank line, which separates blocks: only the first few are needed, so they are not parsed.
_BLOCK = re.compile(r"\n[ \t]*\n")
# The beginning of a block that is no paragraph, and so no summary: heading, fenced or indented
# code, quotation, HTML, table, list, another generator's tag, picture, definition, or rule.
_NO_PROSE = re.compile(
    r"\s*(?:#|```|~~~|>|<|\||[-*+] |[0-9]+[.)] |\{[%{:]|!\[|\[[^\]]+\]:|    |\t|[-=*_ ]+$)"
)
# Lookahead that rejects targets outside of the site: a scheme, `//host`, or only a `#fragment`.
_ELSEWHERE = r"(?![A-Za-z][A-Za-z0-9+.-]*:|//|#)"
# The target of `](target)` or `](<target> "title")`: a link or picture, or code that resembles one.
# Not joined with the next pattern: each begins with a literal or a line start, which is fast to
# find, and the possessive quantifiers keep the search linear.
_MAY_LINK = re.compile(r"\]\([ \t]*+<?" + _ELSEWHERE + r"([^)\s>]++)(?=>?\s*(?:\)|[\"'(]))")
# The target of a definition, `[label]: target`, at the start of a line.
_MAY_DEFINE = re.compile(r"^ {0,3}\[[^\]\n]+\]:[ \t]*+<?" + _ELSEWHERE + r"([^\s>]+)", re.MULTILINE)
# The inverse of _ELSEWHERE, also for empty targets: applied to the targets that a parser found.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|#|$")
# The scheme of a target, to look up in _HARMLESS: `javascript:` must not get into a page.
_ANY_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
# Characters that browsers ignore in a scheme, so that `java\nscript:` executes as well.
_IGNORED = re.compile(r"[\x00-\x20]+")
_HARMLESS = frozenset(
    ["http", "https", "mailto", "tel", "sms", "ftp", "ftps", "sftp", "ssh", "git", "irc", "ircs",
     "xmpp", "matrix", "geo", "magnet", "urn", "doi", "isbn", "news", "nntp", "gopher", "gemini"]
)  # fmt: skip
# Inline pictures of types that cannot contain scripts; SVG can.
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp|avif);")
# Whatever may be raw HTML; a text without it needs neither escaping nor cleaning.
_RAW = re.compile(r"<(?:[A-Za-z/!?])")
# A heading with its level, its id and classes if the post gives them, and its inner HTML.
_HEADING = re.compile(r"<h([1-6])( id=\"[^\"]*\")?((?: class=\"[^\"]*\")?)>(.*?)</h\1>", re.DOTALL)
# Any tag, to remove from the inner HTML of a heading: the rest is its text.
_TAGS = re.compile(r"<[^>]*>")
# The tag of a link or picture up to its target, and the target, to resolve or to replace by `#`.
_TARGET = re.compile(r"(<(?:a|img)\b[^>]*?\b(?:href|src)=\")([^\"]*)")
# A code block with a language, to highlight; its text is escaped, so `</code>` can only end it.
_CODE = re.compile(r"<pre><code class=\"language-([^\"]+)\">(.*?)</code></pre>", re.DOTALL)
# References to footnotes and the notes: their ids are plain numbers or names, which could be the
# ids of headings too, so both get the prefix `fn-`.
_NOTE_LINK = re.compile(r"(<sup class=\"footnote-reference\"><a href=\"#)")
_NOTE = re.compile(r"(<div class=\"footnote-definition\" id=\")")
# A table, to wrap in an element that scrolls sideways.
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Style:
    """Settings for Markdown: typographic quotes, highlighting of code, treatment of raw HTML."""

    typographer: bool = False
    highlight: bool = True
    raw_html: str = "safe"


@dataclass(frozen=True, slots=True)
class Heading:
    """An entry of the table of contents."""

    level: int
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The HTML of a post and its headings."""

    html: str
    headings: list[Heading]


def render(text: str, style: Style, resolve: Callable[[str], str]) -> Rendered:
    """Render a text as HTML; `resolve` maps the target of each link or picture to a URL."""
    options = _OPTIONS | Options.ENABLE_SMART_PUNCTUATION if style.typographer else _OPTIONS
    raw = _RAW.search(text) is not None
    if raw and style.raw_html == "escape":
        text = _without_html(text, options)
    made = pyromark.html(text, options=options)
    if raw and style.raw_html == "safe":
        made = _cleaned(made)
    if style.highlight and "<pre><code class" in made:
        made = _CODE.sub(_highlighted, made)
    if "footnote-" in made:
        made = _NOTE.sub(r"\1fn-", _NOTE_LINK.sub(r"\1fn-", made))
    if "<table>" in made:  # a wide table scrolls, instead of the page
        made = _TABLE.sub(r'<div class="table">\g<0></div>', made)
    headings: list[Heading] = []
    if "<h" in made:
        made = _with_anchors(made, headings)
    trusted = style.raw_html == "trust"

    def led(found: re.Match[str]) -> str:
        target = html.unescape(found[2])
        return found[1] + html.escape(resolve(target) if trusted or is_harmless(target) else "#")

    made = _TARGET.sub(led, made)
    return Rendered(made, headings)


def is_harmless(target: str) -> bool:
    """Whether following a link or showing a picture cannot execute code."""
    scheme = _ANY_SCHEME.match(_IGNORED.sub("", target))
    return scheme is None or scheme[1].lower() in _HARMLESS or bool(_PICTURE.match(target))


def _without_html(text: str, options: Options) -> str:
    """Escape every `<` of raw HTML in a text, so that it is shown as text."""
    data = text.encode("utf-8")
    spans = [
        (place.start, place.stop) if isinstance(place, slice) else (place["start"], place["end"])
        for event, place in pyromark.events_with_range(text, options=options)
        if isinstance(event, dict) and ("Html" in event or "InlineHtml" in event)
    ]
    for first, last in reversed(spans):
        data = data[:first] + data[first:last].replace(b"<", b"&lt;") + data[last:]
    return data.decode("utf-8")


def _with_anchors(made: str, headings: list[Heading]) -> str:
    """Give every heading a unique id, and append all headings to `headings`."""
    taken: dict[str, int] = {}

    def anchored(found: re.Match[str]) -> str:
        level, given, classes, inner = int(found[1]), found[2], found[3], found[4]
        text = html.unescape(_TAGS.sub("", inner)).strip()
        wanted = html.unescape(given[5:-1]) if given else address(text or "section")
        count = taken.get(wanted, 0)
        taken[wanted] = count + 1
        anchor = f"{wanted}-{count}" if count else wanted
        headings.append(Heading(level, anchor, text))
        return f'<h{level} id="{html.escape(anchor)}"{classes}>{inner}</h{level}>'

    return _HEADING.sub(anchored, made)


@lru_cache(4096)
def _lexer(name: str) -> Any:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(name)
    except ClassNotFound:
        return None


def _highlighted(found: re.Match[str]) -> str:
    """Highlight a code block, if pygments knows its language."""
    name = html.unescape(found[1]).split(",")[0].split()[0] if found[1].strip() else ""
    lexer = _lexer(name) if name else None
    if lexer is None:
        return found[0]
    from pygments import highlight
    from pygments.formatters import HtmlFormatter

    marked = highlight(html.unescape(found[2]), lexer, HtmlFormatter(nowrap=True))
    return f'<pre class="code"><code class="language-{html.escape(name)}">{marked}</code></pre>'


def _cleaned(made: str) -> str:
    """Remove everything executable from HTML and close all elements, with nh3."""
    return _cleaner().clean(made)


@lru_cache(1)
def _cleaner() -> nh3.Cleaner:
    import nh3

    tags = nh3.ALLOWED_TAGS | {
        "input",
        "section",
        "figure",
        "figcaption",
        "video",
        "audio",
        "source",
    }
    attributes = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()}
    attributes.setdefault("*", set()).update({"class", "id", "title", "lang", "dir"})
    attributes.setdefault("input", set()).update({"type", "checked", "disabled"})
    for tag in ("video", "audio", "source"):
        attributes.setdefault(tag, set()).update(
            {"src", "type", "controls", "poster", "width", "height"}
        )
    for tag in ("th", "td"):
        attributes.setdefault(tag, set()).update({"style"})
    return nh3.Cleaner(
        tags=tags, attributes=attributes, link_rel=None, filter_style_properties={"text-align"}
    )


def summary(text: str, limit: int) -> str:
    """Return the plain text before `<!-- more -->`, or else the start of the first paragraph."""
    cut = _MORE.search(text)
    source = text[: cut.start()] if cut else _first_paragraph(text)
    if not source:
        return ""
    words = " ".join(plain(source).split())
    if cut or len(words) <= limit:
        return words
    return words[:limit].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"


def _first_paragraph(text: str) -> str:
    start = 0
    for _ in range(20):
        found = _BLOCK.search(text, start)
        block = text[start : found.start() if found else len(text)]
        if block.strip() and not _NO_PROSE.match(block.lstrip("\n")):
            return block
        if found is None:
            return ""
        start = found.end()
    return ""


def plain(text: str) -> str:
    """Return a text without its markup."""
    words: list[str] = []
    for event in pyromark.events(text, options=_OPTIONS):
        if isinstance(event, dict):
            words.append(str(event.get("Text") or event.get("Code") or ""))
        elif event in ("SoftBreak", "HardBreak"):
            words.append(" ")
    return "".join(words)


def local_links(text: str) -> list[str]:
    """Return the targets of links and pictures that may be files or pages of the site itself."""
    targets = _MAY_LINK.findall(text)
    if "]:" in text:
        targets += _MAY_DEFINE.findall(text)
    if not targets:
        return []
    if (
        "`" in text
        or "    " in text
        or "~~~" in text
        or "\\" in text
        or set("&{") & set("".join(targets))
    ):
        return _parsed_links(text)  # a match may be in code, or contain escapes or entities
    return list(dict.fromkeys(targets))


def _parsed_links(text: str) -> list[str]:
    """Return the same by parsing, which takes ten times as long."""
    found: dict[str, None] = {}
    for event in pyromark.events(text, options=_OPTIONS):
        start = event.get("Start") if isinstance(event, dict) else None
        if isinstance(start, dict):
            linked = start.get("Link") or start.get("Image")
            if linked and not _SCHEME.match(linked["dest_url"]):
                found[linked["dest_url"]] = None
    return list(found)
