"""Markdown: the features of posts, and that none of their content can be executed."""

from __future__ import annotations

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.sites.blog.markdown import Style, local_links, plain, render, summary

STYLE = Style()


def html(text: str, **style: object) -> str:
    """Render a text with unchanged links."""
    return render(text, Style(**style) if style else STYLE, lambda target: target).html


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("|a|b|\n|-|-|\n|1|2|", '<div class="table"><table>'),
        ("~~x~~", "<del>x</del>"),
        ("- [x] done", 'type="checkbox"'),
        ("a[^n]\n\n[^n]: note", '<a href="#fn-n">'),
        ("a[^n]\n\n[^n]: note", 'id="fn-n"'),
        ("## Über uns", '<h2 id="über-uns">'),
        ("## A {#own}", '<h2 id="own">'),
        ("```python\ndef f(): pass\n```", '<span class="k">def</span>'),
        ("```nosuchlanguage\n<b>\n```", "&lt;b&gt;"),
        ("{{ 7*7 }} {% raw %}", "{{ 7*7 }} {% raw %}"),
        ("a<br>b", "a<br>b"),
    ],
)
def test_markdown_and_its_extensions_are_supported(text, part):
    """CommonMark and its common extensions are supported."""
    assert part in html(text)


def test_headings_have_ids_of_their_own():
    """Headings of the same name get distinct anchors, which the table of contents uses."""
    made = render("## A\n\n## A\n\n### B *c*", STYLE, lambda target: target)

    assert [(heading.level, heading.id, heading.text) for heading in made.headings] == [
        (2, "a", "A"), (2, "a-1", "A"), (3, "b-c", "B c"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[a](javascript:alert(1)) <b>",
        "</pre><script>alert(1)</script>", "<iframe src=//x></iframe>", "<a href='javascript:x'>y</a>",
        "[a](javascript:alert(1))", "![a](JaVaScRiPt:alert(1))", "[a](<java&#10;script:alert(1)>)",
        "[a]\n\n[a]: vbscript:x", "<data:text/html,x>", "<svg onload=alert(1)>", "<style>*{}</style>", "<form action=x>",
    ],
)  # fmt: skip
@pytest.mark.parametrize("raw", ["safe", "escape"])
def test_nothing_can_be_executed(text, raw):
    """Raw HTML is cleaned or shown as text; links cannot execute code."""
    tree = html5lib.parseFragment(html(text, raw_html=raw), namespaceHTMLElements=False)

    for element in tree.iter():
        assert element.tag not in ("script", "iframe", "svg", "style", "form", "object", "embed")
        assert not any(name.startswith("on") for name in element.attrib)
        target = "".join((element.get("href") or element.get("src") or "").split()).lower()
        assert not target.startswith(("javascript:", "vbscript:", "data:"))


def test_trusted_raw_html_is_unchanged():
    """Raw HTML stays as it is only if the setting trusts it."""
    assert "<iframe" in html("<iframe src=x></iframe>", raw_html="trust")
    assert "&lt;iframe" in html("<iframe src=x></iframe>", raw_html="escape")


def test_an_open_element_is_closed():
    """Elements that a post leaves open are closed."""
    assert html("<div><b>x").count("</div>") == 1


def test_links_are_resolved():
    """Targets are resolved as written in the post, and the URLs escaped for HTML."""
    seen = []

    def resolve(target: str) -> str:
        seen.append(target)
        return "/a?x=1&y=2"

    made = render('[a](b.md "t") ![c](d.png) [e][f]\n\n[f]: g.md?a=1&b=2', STYLE, resolve).html

    assert seen == ["b.md", "d.png", "g.md?a=1&b=2"]
    assert made.count("/a?x=1&amp;y=2") == 3


def test_local_links():
    """Links that may be within the site are listed once, but not those in code."""
    text = "[a](b.md) [a](b.md) [c](https://x.y) [d](#e) [f](mailto:g@h) ![i](/j.png)\n\n`[k](l.md)`\n\n    [m](n.md)\n"

    assert local_links(text) == ["b.md", "/j.png"]
    assert local_links("[a]({{ x }}) [b](c d) [e]({%link f.md %})") == []
    assert local_links('[a](b.md "t") [c](<d.md>)\n\n[e]: f.md') == ["b.md", "d.md", "f.md"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# Title\n\nFirst *para* `x`.\n\nSecond.", "First para x."),
        ("One.\n\n<!--more-->\n\nTwo.", "One."),
        ("```\ncode\n```\n\nText.", "Text."),
        ("- a\n- b\n\nText.", "Text."),
        ("![only](a.png)", ""),
        ("word " * 100, "word " * 38 + "word…"),
    ],
)
def test_summary(text, words):
    """A summary is the text before the `more` comment, or the first paragraph of prose."""
    made = summary(text, 200)

    assert made == words or (made.endswith("…") and len(made) <= 201)


def test_plain():
    """The plain text of a post has no markup."""
    assert plain("*a* [b](c) `d`\ne") == "a b d e"


def test_typographic_quotes_are_a_setting():
    """Typographic quotes are off by default."""
    assert html('"a"') == "<p>&quot;a&quot;</p>\n" or '"a"' in html('"a"')
    assert "“a”" in html('"a"', typographer=True)


MARKS = st.sampled_from(
    [*list("<>&\"'`*_[](){}#|~!\\/=:;-+.0 \n\tax"), "<script>", "javascript:", "](", "```\n"]
)


@given(st.lists(MARKS, max_size=60).map("".join), st.sampled_from(["safe", "escape"]))
def test_any_text_makes_a_page(text, raw):
    """No text makes the renderer raise, or gives executable HTML."""
    test_nothing_can_be_executed(text, raw)
    summary(text, 50)
    local_links(text)
